"""The ladder that a market maker quotes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.agents import MakerView, choose_ladders, choose_quotes
from abm.agents.market_maker import half_spreads
from abm.margin import Marks
from abm.scenario.agents import MarketMakers
from abm.venue import MassQuote, best_of_ladders

DAY = 86_400
RULE = MarketMakers(
    count=1,
    capital_usd=1e6,
    half_spread_volatility=0.0075,
    wing_width=1.5,
    deep_width=15.0,
    exposure_seconds=0.0,
    quote_lots=20,
    inventory_limit_lots=100,
    inventory_skew_volatility=0.0075,
    stress_width=8.0,
    withdraw_below=0.1,
)


def view(
    *,
    value: float = 10.0,
    vega: float = 21.0,
    inventory: int = 0,
    days: float = 2.0,
    free: float = 1.0,
    stress: float = 1.0,
    alive: bool = True,
    funding_seconds: float = 0.0,
) -> MakerView:
    """Return a view of one series with ticks of 0.05 dollars."""
    marks = Marks(
        100.0,
        np.array([value]),
        np.array([0.5]),
        np.array([vega]),
        np.array([0.8]),
        np.array([alive]),
    )
    left = np.array([round(days * DAY)])
    return MakerView(
        marks,
        left,
        np.array([inventory]),
        free,
        stress,
        levels=3,
        tick_usd=0.05,
        funding_seconds=funding_seconds,
    )


def ladder(seen: MakerView) -> MassQuote:
    quote = choose_quotes(seen, RULE)
    assert quote is not None
    return quote


@pytest.mark.parametrize(
    ("delta", "further"),
    [
        # wing_width 1.5: at 0.2, half way to 0.4, a quarter of it; at 0.4 and above nothing.
        (0.0, 1.5),
        (0.2, 0.375),
        (-0.2, 0.375),
        (0.4, 0.0),
        (0.6, 0.0),
        # deep_width 15: at 0.8 half of it.
        (0.8, 7.5),
        (-1.0, 15.0),
    ],
)
def test_wings_and_deep_options_have_a_wider_part_that_stress_does_not_grow(
    delta: float, further: float
) -> None:
    seen = view()
    seen = replace(seen, marks=replace(seen.marks, delta=np.array([delta])))
    for stress in (1.0, 3.0):
        half = half_spreads(seen, RULE, stress)
        assert half == pytest.approx(0.015 * (stress + further))


def test_gamma_costs_half_the_variance_of_a_stale_quote_over_that_to_expiry() -> None:
    # One hour of two days is 1 / 48; half of a volatility of 0.8 times it is 0.00833, and four
    # times as much where volatility is twice as high.
    rule = RULE.model_copy(update={"exposure_seconds": 3_600.0})
    calm, wild = (half_spreads(view(), rule, stress) for stress in (1.0, 2.0))
    assert calm == pytest.approx(0.015 + 0.8 / 96)
    assert wild == pytest.approx(0.030 + 4 * 0.8 / 96)


# With two days left the half-spread is 0.0075 * sqrt(1 + 6 / 2) = 0.015 in volatility, times a
# vega of 21 is 0.315 dollars: (10 - 0.315) / 0.05 = 193.7 ticks, and 206.3 on the other side.


def test_a_ladder_stands_around_the_mark_by_the_half_spread_rounded_outwards() -> None:
    quote = ladder(view())
    assert quote.bid_ticks[0, 0] == 193
    assert quote.ask_ticks[0, 0] == 207


def test_further_levels_are_half_a_spread_apart_and_larger() -> None:
    quote = ladder(view())
    # 207 - 193 = 14 ticks of spread: 7 between levels.
    assert quote.bid_ticks[0].tolist() == [193, 186, 179]
    assert quote.ask_ticks[0].tolist() == [207, 214, 221]
    assert quote.bid_lots[0].tolist() == quote.ask_lots[0].tolist() == [20, 40, 60]


def test_stress_widens_the_spread_and_shrinks_the_size_by_the_same_factor() -> None:
    # Twice the half-spread is 0.63 dollars: 187.4 and 212.6 ticks.
    quote = ladder(view(stress=2.0))
    assert (quote.bid_ticks[0, 0], quote.ask_ticks[0, 0]) == (187, 213)
    assert quote.bid_lots[0].tolist() == [10, 20, 30]


def test_stress_widens_no_further_than_the_widest_spread() -> None:
    widest, beyond = ladder(view(stress=8.0)), ladder(view(stress=50.0))
    assert beyond.bid_ticks.tolist() == widest.bid_ticks.tolist()
    # 20 / 8 is 2.5.
    assert beyond.bid_lots[0].tolist() == [2, 4, 6]


def test_a_maker_always_quotes_one_contract() -> None:
    rule = RULE.model_copy(update={"quote_lots": 3})
    quote = choose_quotes(view(stress=8.0), rule)
    assert quote is not None
    assert quote.ask_lots[0].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("inventory", "bid", "ask"),
    [
        # Half full shifts by half of 0.0075, times 21 is 0.07875 dollars: 192.1 and 204.7 ticks.
        (50, 192, 205),
        (-50, 195, 208),
        # Never further than the whole shift of 0.1575: 190.55 and 203.15; 196.85 and 209.45.
        (100, 190, 204),
        (900, 190, 204),
        (-900, 196, 210),
    ],
)
def test_inventory_moves_both_sides_against_itself(inventory: int, bid: int, ask: int) -> None:
    quote = ladder(view(inventory=inventory))
    assert (quote.bid_ticks[0, 0], quote.ask_ticks[0, 0]) == (bid, ask)


@pytest.mark.parametrize(
    ("inventory", "buys", "sells"),
    [(99, True, True), (100, False, True), (-99, True, True), (-100, True, False)],
)
def test_a_full_inventory_stops_the_side_that_would_add_to_it(
    inventory: int, *, buys: bool, sells: bool
) -> None:
    quote = ladder(view(inventory=inventory))
    assert bool(quote.bid_lots.any()) is buys
    assert bool(quote.ask_lots.any()) is sells


def test_an_expired_series_is_not_quoted() -> None:
    quote = ladder(view(alive=False))
    assert not quote.bid_lots.any()
    assert not quote.ask_lots.any()


def test_an_hour_is_the_shortest_time_that_widens_a_spread() -> None:
    # sqrt(1 + 6 * 24) at an hour and at a second.
    hour, second = ladder(view(days=1 / 24)), ladder(view(days=1 / DAY))
    assert hour.bid_ticks.tolist() == second.bid_ticks.tolist()
    half = 21.0 * 0.0075 * math.sqrt(1 + 6 * 24)
    assert hour.bid_ticks[0, 0] == math.floor((10.0 - half) / 0.05)


def test_a_worthless_series_is_offered_for_a_tick_and_not_bid_for() -> None:
    quote = ladder(view(value=0.0, vega=0.0))
    assert quote.ask_ticks[0, 0] == 1
    assert not quote.bid_lots.any()
    assert quote.ask_lots.all()


@pytest.mark.parametrize(("free", "quotes"), [(0.1, True), (0.0999, False), (-1.0, False)])
def test_quotes_are_pulled_when_too_little_equity_is_free(free: float, *, quotes: bool) -> None:
    assert (choose_quotes(view(free=free), RULE) is not None) is quotes


@given(
    value=st.floats(0.0, 500.0),
    vega=st.floats(0.0, 200.0),
    inventory=st.integers(-300, 300),
    days=st.floats(0.0, 400.0),
    stress=st.floats(1.0, 20.0),
)
@settings(deadline=None, max_examples=100)
def test_a_ladder_never_crosses_itself_and_never_bids_below_a_tick(
    value: float, vega: float, inventory: int, days: float, stress: float
) -> None:
    quote = ladder(view(value=value, vega=vega, inventory=inventory, days=days, stress=stress))
    assert quote.bid_ticks[0, 0] < quote.ask_ticks[0, 0]
    assert (np.diff(quote.bid_ticks[0]) < 0).all()
    assert (np.diff(quote.ask_ticks[0]) > 0).all()
    assert (quote.bid_ticks[quote.bid_lots > 0] >= 1).all()
    assert (quote.ask_ticks >= 1).all()
    assert (quote.bid_lots >= 0).all()
    assert (quote.ask_lots >= 0).all()
    if inventory == 0:
        assert quote.bid_ticks[0, 0] * 0.05 <= value + 1e-9
        assert quote.ask_ticks[0, 0] * 0.05 >= value - 1e-9


@pytest.mark.parametrize(("hours", "times"), [(0.0, 1.0), (0.25, 1.5), (1.0, 2.0), (9.0, 3.0)])
def test_the_spread_widens_with_the_root_of_the_time_that_dollars_need_up_to_four_hours(
    hours: float, times: float
) -> None:
    # Ticks so small that rounding to them is nothing.
    rule = RULE.model_copy(update={"funding_width": 1.0, "exposure_seconds": 0.0})

    def width(funding_seconds: float) -> float:
        seen = replace(view(value=50.0, funding_seconds=funding_seconds), tick_usd=1e-4)
        quote = choose_quotes(seen, rule)
        assert quote is not None
        return float(quote.ask_ticks[0, 0] - quote.bid_ticks[0, 0])

    assert width(hours * 3_600) / width(0.0) == pytest.approx(times, rel=1e-3)


@pytest.mark.parametrize(("share", "further_usd"), [(0.0, 0.0), (0.5, 0.05), (1.0, 0.1)])
def test_a_quote_is_further_away_by_delta_times_the_move_that_faster_ones_have_taken(
    share: float, further_usd: float
) -> None:
    rule = RULE.model_copy(update={"adverse_selection_share": share})

    def half_usd(adverse_move: float) -> float:
        fine = replace(view(value=50.0), tick_usd=1e-4, adverse_move=adverse_move)
        quote = choose_quotes(fine, rule)
        assert quote is not None
        return float(quote.ask_ticks[0, 0] - quote.bid_ticks[0, 0]) * 1e-4 / 2

    # Two thousandths of a price of 100, at a delta of 0.5.
    assert half_usd(0.002) - half_usd(0.0) == pytest.approx(further_usd, abs=1.1e-4)


@given(
    st.lists(
        st.builds(
            view,
            inventory=st.integers(-150, 150),
            free=st.sampled_from([0.05, 1.0]),
            funding_seconds=st.sampled_from([0.0, 1_800.0]),
        ),
        min_size=1,
        max_size=4,
    ),
    st.lists(st.sampled_from([0.0, 0.002]), min_size=4, max_size=4),
)
@settings(deadline=None, max_examples=60)
def test_makers_who_decide_together_decide_as_each_would(
    views: list[MakerView], moves: list[float]
) -> None:
    rule = RULE.model_copy(update={"funding_width": 1.0, "adverse_selection_share": 0.5})
    views = [
        replace(
            seen,
            marks=views[0].marks,
            seconds_left=views[0].seconds_left,
            adverse_move=move,
        )
        for seen, move in zip(views, moves, strict=False)
    ]
    for seen, together in zip(views, choose_ladders(views, rule), strict=True):
        alone = choose_quotes(seen, rule)
        assert (alone is None) == (together is None)
        if alone is not None and together is not None:
            np.testing.assert_array_equal(together.both_ticks, alone.both_ticks)
            np.testing.assert_array_equal(together.both_lots, alone.both_lots)
            best = best_of_ladders(together.both_ticks, together.both_lots)
            np.testing.assert_array_equal(together.best_ticks, best)


def test_makers_who_see_different_markets_do_not_decide_together() -> None:
    calm = view()
    with pytest.raises(ValueError, match="the same marks at the same time"):
        choose_ladders([calm, replace(calm, stress=2.0)], RULE)


def test_a_ladder_that_was_decided_cannot_be_written_to() -> None:
    quote = ladder(view())
    with pytest.raises(ValueError, match="read-only"):
        quote.bid_lots[:] = 0
    # But another one can be made of it.
    one_sided = replace(quote, bid_lots=np.zeros_like(quote.bid_lots))
    assert one_sided.best_ticks[0].tolist() == [0]
    assert one_sided.best_ticks[1].tolist() == quote.best_ticks[1].tolist()
