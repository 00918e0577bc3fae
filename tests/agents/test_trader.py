"""What traders ask for when they arrive, and deposit when they are called."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.agents import DRAWS_PER_ARRIVAL, LiveSeries, TraderView, choose_orders, choose_top_up
from abm.agents.strategies import STRATEGIES as KNOWN
from abm.agents.trader import choose_instrument
from abm.margin import Marks
from abm.market import InstrumentTable
from abm.scenario.agents import Traders
from abm.venue import Lifetime, Order, Side

if TYPE_CHECKING:
    from collections.abc import Sequence

Strategy = Literal["buy_options", "sell_options", "sell_leveraged", "trade_spreads"]
STRATEGIES: list[Strategy] = ["buy_options", "sell_options", "sell_leveraged", "trade_spreads"]

# Series 0-2 are calls at 110, 120 and 130 and 3-5 puts at 70, 80 and 90, all in one day; 6 and 7
# a call at 120 and a put at 80 in two days.
EXPIRY = np.array([86_400] * 6 + [172_800] * 2)
STRIKE = np.array([110.0, 120.0, 130.0, 70.0, 80.0, 90.0, 120.0, 80.0])
CALL = np.array([True, True, True, False, False, False, True, False])
DELTA = np.array([0.45, 0.30, 0.15, -0.15, -0.30, -0.45, 0.35, -0.35])
VALUE = np.array([4.0, 2.0, 1.0, 1.0, 2.0, 4.0, 3.0, 3.0])


def view(
    *,
    value: Sequence[float] | None = None,
    alive: Sequence[bool] | None = None,
    free: float = 10_000.0,
    wealth: float = 20_000.0,
) -> TraderView:
    values = VALUE if value is None else np.array(value)
    living = np.ones(8, dtype=np.bool_) if alive is None else np.array(alive)
    marks = Marks(100.0, values, DELTA, np.zeros(8), np.full(8, 0.8), living)
    table = InstrumentTable(EXPIRY, STRIKE, CALL)
    return TraderView(table, marks, np.full(8, 25.0), free, wealth, tick_usd=0.05)


def rule(strategy: Strategy, market_order_share: float = 1.0) -> Traders:
    return Traders(
        strategy=strategy,
        count=1,
        wealth_median_usd=1.0,
        home_chains={"far": 1.0},
        collateral_tokens={"USDC": 1.0},
        orders_per_day=1.0,
        market_order_share=market_order_share,
    )


def draws(
    expiry: float = 0.0,
    put: float = 0.99,
    delta: float = 0.5,
    size: float = 0.5,
    market: float = 0.5,
    distance: float = 0.5,
) -> list[float]:
    """Return the uniforms of an arrival: calls of the first expiry, unless told otherwise."""
    return [expiry, put, delta, size, market, distance]


def orders(
    strategy: Strategy,
    uniforms: list[float],
    seen: TraderView | None = None,
    market_order_share: float = 1.0,
) -> list[Order]:
    chosen = rule(strategy, market_order_share)
    return choose_orders(7, chosen, seen or view(), uniforms)


def test_an_arrival_takes_the_draws_it_says() -> None:
    assert len(draws()) == DRAWS_PER_ARRIVAL


# --- which series


@pytest.mark.parametrize(
    ("expiry", "put", "delta", "series"),
    [
        # Buyers look for an absolute delta between 0.10 and 0.50, and for puts half of the time.
        (0.0, 0.5, 0.0, 2),
        (0.0, 0.5, 0.5, 1),
        (0.0, 0.5, 0.99, 0),
        (0.0, 0.49, 0.0, 3),
        (0.0, 0.49, 0.99, 5),
        (0.49, 0.5, 0.5, 1),
        (0.5, 0.5, 0.5, 6),
        (0.99, 0.0, 0.5, 7),
    ],
)
def test_draws_choose_expiry_type_and_delta(
    expiry: float, put: float, delta: float, series: int
) -> None:
    (order,) = orders("buy_options", draws(expiry=expiry, put=put, delta=delta))
    assert order.instrument == series


@pytest.mark.parametrize(
    ("strategy", "lowest", "highest"),
    [
        ("buy_options", 0.10, 0.50),
        ("sell_options", 0.10, 0.35),
        ("sell_leveraged", 0.20, 0.50),
        ("trade_spreads", 0.20, 0.45),
    ],
)
def test_every_strategy_has_its_range_of_deltas(
    strategy: Strategy, lowest: float, highest: float
) -> None:
    # Calls at every hundredth of delta.
    delta = np.arange(0.99, 0.0, -0.01)
    count = len(delta)
    ones = np.ones(count)
    strikes = 100.0 + np.arange(count, dtype=np.float64)
    table = InstrumentTable(np.full(count, 86_400), strikes, ones == 1)
    marks = Marks(100.0, ones, delta, ones, ones, ones == 1)
    seen = TraderView(table, marks, ones, 10_000.0, 20_000.0, tick_usd=0.05)
    for uniform, expected in ((0.0, lowest), (0.9999, highest)):
        chosen = orders(strategy, draws(delta=uniform), seen)[-1]
        assert delta[chosen.instrument] == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize(
    ("strategy", "share"),
    [("buy_options", 0.5), ("sell_options", 0.6), ("sell_leveraged", 0.75)],
)
def test_sellers_look_for_puts_more_often_than_buyers(strategy: Strategy, share: float) -> None:
    (put,) = orders(strategy, draws(put=share - 0.01))
    (call,) = orders(strategy, draws(put=share + 0.01))
    assert not CALL[put.instrument]
    assert CALL[call.instrument]


def test_an_expired_or_worthless_series_is_passed_over() -> None:
    # The call of delta 0.30 is next to the target; it has expired, or is worth a tick.
    alive = [series != 1 for series in range(8)]
    value = [0.05 if series == 1 else float(VALUE[series]) for series in range(8)]
    for seen in (view(alive=alive), view(value=value)):
        (order,) = orders("buy_options", draws(), seen)
        assert order.instrument in (0, 2)


def test_where_no_series_is_alive_nobody_trades() -> None:
    for strategy in STRATEGIES:
        assert orders(strategy, draws(), view(alive=[False] * 8)) == []


def test_where_no_series_of_the_type_is_alive_nobody_trades() -> None:
    puts_only = (~CALL).tolist()
    assert orders("buy_options", draws(), view(alive=puts_only)) == []


# --- how much


def test_a_buyer_spends_a_drawn_share_of_three_percent_of_its_deposit() -> None:
    # 20,000 * 0.03 * 0.5 = 300 dollars, at 2 dollars a contract.
    (order,) = orders("buy_options", draws(size=0.5))
    assert (order.account, order.side, order.lots) == (7, Side.BUY, 150)


@pytest.mark.parametrize(
    ("strategy", "lots"),
    [
        # 10,000 dollars of free margin, a drawn half of 25 %, 60 % or 20 % of it, 25 a contract.
        ("sell_options", 50),
        ("sell_leveraged", 120),
        ("trade_spreads", 40),
    ],
)
def test_a_seller_uses_a_drawn_share_of_its_free_margin(strategy: Strategy, lots: int) -> None:
    order = orders(strategy, draws(size=0.5))[-1]
    assert (order.side, order.lots) == (Side.SELL, lots)


@pytest.mark.parametrize("strategy", STRATEGIES[1:])
def test_a_seller_without_free_margin_does_nothing(strategy: Strategy) -> None:
    for free in (0.0, -500.0, 24.0):
        assert orders(strategy, draws(size=0.99), view(free=free)) == []


def test_a_buyer_who_cannot_pay_for_one_contract_does_nothing() -> None:
    # 3 % of 60 dollars is 1.80; a contract costs 2.
    assert orders("buy_options", draws(size=0.99), view(wealth=60.0)) == []


# --- spreads


def test_a_spread_buys_the_next_strike_out_of_the_money_first() -> None:
    bought, sold = orders("trade_spreads", draws())
    assert (bought.side, bought.instrument) == (Side.BUY, 2)
    assert (sold.side, sold.instrument) == (Side.SELL, 1)
    assert bought.lots == sold.lots
    bought, sold = orders("trade_spreads", draws(put=0.0))
    assert (bought.instrument, sold.instrument) == (3, 4)


def test_without_a_strike_further_out_there_is_no_spread() -> None:
    # In two days only one call is listed.
    assert orders("trade_spreads", draws(expiry=0.99)) == []


# --- at what price


def test_a_market_order_reaches_a_quarter_beyond_the_mark() -> None:
    (bought,) = orders("buy_options", draws(market=0.69), market_order_share=0.7)
    (sold,) = orders("sell_options", draws(delta=0.8, market=0.69), market_order_share=0.7)
    # 2 dollars times 1.25 and 0.75, in ticks of 0.05.
    assert (bought.limit_ticks, bought.lifetime) == (50, Lifetime.IMMEDIATE)
    assert (sold.limit_ticks, sold.lifetime) == (30, Lifetime.IMMEDIATE)


def test_another_order_rests_up_to_a_tenth_inside_the_mark() -> None:
    (bought,) = orders("buy_options", draws(market=0.7), market_order_share=0.7)
    (sold,) = orders("sell_options", draws(delta=0.8, market=0.7), market_order_share=0.7)
    # Half of a tenth: 2 dollars times 0.95 and 1.05.
    assert (bought.limit_ticks, bought.lifetime) == (38, Lifetime.REST)
    assert (sold.limit_ticks, sold.lifetime) == (42, Lifetime.REST)


UNIFORMS = st.lists(st.floats(0.0, 1.0, exclude_max=True), min_size=6, max_size=6)


@given(
    strategy=st.sampled_from(STRATEGIES),
    uniforms=UNIFORMS,
    value=st.lists(st.floats(0.0, 50.0), min_size=8, max_size=8),
    alive=st.lists(st.booleans(), min_size=8, max_size=8),
    free=st.floats(-1e4, 1e5),
)
@settings(deadline=None, max_examples=120)
def test_every_order_is_for_a_live_series_with_contracts_and_a_price(
    strategy: Strategy, uniforms: list[float], value: list[float], alive: list[bool], free: float
) -> None:
    # Series of one expiry expire together.
    living = [alive[0]] * 6 + [alive[1]] * 2
    seen = view(value=value, alive=living, free=free)
    chosen = orders(strategy, uniforms, seen, market_order_share=0.5)
    sides = [order.side for order in chosen]
    if strategy == "buy_options":
        assert sides in ([], [Side.BUY])
    elif strategy == "trade_spreads":
        assert sides in ([], [Side.BUY, Side.SELL])
    else:
        assert sides in ([], [Side.SELL])
    for order in chosen:
        assert living[order.instrument]
        assert order.account == 7
        assert order.lots >= 1
        assert order.limit_ticks >= 1
    if chosen and strategy != "buy_options":
        assert chosen[-1].lots * 25.0 <= free


# --- top-ups


def test_a_top_up_is_the_shortfall_and_a_tenth_more() -> None:
    # 110 dollars at half a dollar a unit, and one unit for what rounding leaves.
    assert choose_top_up(100.0, [1_000], [0.5]) == [221]


def test_a_top_up_uses_tokens_in_turn_and_no_more_than_the_wallet_holds() -> None:
    # 50 dollars of the first token leave 60 of 110: all 100 units of the second are worth 50.
    assert choose_top_up(100.0, [50, 100], [1.0, 0.5]) == [50, 100]


def test_a_token_that_is_not_needed_stays_in_the_wallet() -> None:
    assert choose_top_up(10.0, [1_000, 1_000], [1.0, 1.0])[1] == 0


@pytest.mark.parametrize("shortfall", [0.0, -25.0])
def test_without_a_shortfall_nothing_is_deposited(shortfall: float) -> None:
    assert choose_top_up(shortfall, [50, 1_000], [1.0, 0.5]) == [0, 0]


@given(
    shortfall=st.floats(0.01, 1e6),
    wallet=st.lists(st.integers(0, 10**9), min_size=2, max_size=2),
    worth=st.lists(st.floats(1e-6, 10.0), min_size=2, max_size=2),
)
@settings(deadline=None, max_examples=80)
def test_a_top_up_is_enough_or_all_there_is_and_hardly_more_than_enough(
    shortfall: float, wallet: list[int], worth: list[float]
) -> None:
    units = choose_top_up(shortfall, wallet, worth)
    assert all(0 <= moved <= held for moved, held in zip(units, wallet, strict=True))
    value = sum(moved * each for moved, each in zip(units, worth, strict=True))
    assert value >= 1.1 * shortfall * (1 - 1e-9) or units == wallet
    assert value <= 1.1 * shortfall + max(worth) + 1e-6 * shortfall


@given(
    st.lists(st.booleans(), min_size=8, max_size=8),
    st.lists(st.sampled_from([0.01, 0.05, 1.0]), min_size=8, max_size=8),
    st.lists(st.floats(0.0, 0.999), min_size=6, max_size=6),
)
def test_the_series_chosen_is_the_live_one_of_the_drawn_kind_that_is_nearest(
    alive: list[bool], value: list[float], uniforms: list[float]
) -> None:
    seen = view(alive=alive, value=value)
    found = choose_instrument(seen, rule("buy_options"), uniforms)
    live = [series for series in range(8) if alive[series] and value[series] > seen.tick_usd]
    expiries = sorted(set(EXPIRY[live].tolist()))
    if not expiries:
        assert found is None
        return
    strategy = KNOWN["buy_options"]
    expiry = expiries[int(uniforms[0] * len(expiries))]
    put = uniforms[1] < strategy.put_share
    low, high = strategy.delta
    distance = {
        series: abs(abs(DELTA[series]) - (low + uniforms[2] * (high - low)))
        for series in live
        if EXPIRY[series] == expiry and CALL[series] != put
    }
    assert found == min(distance, key=distance.__getitem__, default=None)
    shared = replace(seen, known_live=LiveSeries(seen.instruments, seen.marks, seen.tick_usd))
    assert choose_instrument(shared, rule("buy_options"), uniforms) == found


def test_a_trader_whose_marks_are_replaced_looks_for_what_lives_by_them() -> None:
    seen = view()
    shared = replace(seen, known_live=LiveSeries(seen.instruments, seen.marks, seen.tick_usd))
    assert shared.live is shared.known_live
    only_later = replace(seen.marks, alive=EXPIRY > 86_400)
    assert replace(shared, marks=only_later).live.expiries == [172_800]
    assert replace(shared, tick_usd=3.5).live.expiries == [86_400]
