"""The pure decision of an arbitrageur."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from abm.agents import Arbitrage, ArbitrageView, choose_arbitrages
from abm.scenario.agents import Arbitrageurs
from abm.venue import NO_ASK, NO_BID

RULE = Arbitrageurs(
    count=1, capital_usd=1_000.0, minimum_gain_usd=1.0, largest_lots=10, keep_free=0.2
)


def view_of(
    bids: list[list[int]],
    asks: list[list[int]],
    *,
    held: list[list[int]] | None = None,
    free: tuple[float, ...] = (1.0, 1.0),
    fee_usd: float = 0.25,
    quoted: int = 1_000,
    marks: list[list[float]] | None = None,
    tradable: list[list[bool]] | None = None,
) -> ArbitrageView:
    shape = (len(bids), len(bids[0]))
    return ArbitrageView(
        np.array(bids, dtype=np.int64),
        np.array(asks, dtype=np.int64),
        np.full(shape, quoted),
        np.full(shape, 1_000),
        np.array(marks) if marks else (np.array(bids) + np.array(asks)) / 2.0,
        np.array(tradable) if tradable else np.ones(shape, dtype=np.bool_),
        np.array(held, dtype=np.int64) if held else np.zeros(shape, dtype=np.int64),
        np.array(free),
        fee_usd,
        tick_usd=0.5,
    )


def test_it_buys_at_the_lowest_ask_and_sells_at_the_highest_bid() -> None:
    # 10 ticks of 50 cents are 5 dollars, less 50 cents of fees.
    found = choose_arbitrages(view_of([[80], [110]], [[100], [130]]), RULE)
    assert found == [Arbitrage(0, 10, buy_at=0, ask_ticks=100, sell_at=1, bid_ticks=110)]


def test_fees_and_the_minimum_gain_must_be_covered() -> None:
    # 3 ticks are 1.50 dollars: exactly the minimum and both fees; 2 ticks are not.
    assert choose_arbitrages(view_of([[80], [103]], [[100], [130]]), RULE)
    assert not choose_arbitrages(view_of([[80], [102]], [[100], [130]]), RULE)


def test_nothing_is_traded_with_an_empty_side_or_a_venue_that_stands_still() -> None:
    assert not choose_arbitrages(view_of([[NO_BID], [NO_BID]], [[100], [NO_ASK]]), RULE)
    still = [[True], [False]]
    assert not choose_arbitrages(view_of([[80], [110]], [[100], [130]], tradable=still), RULE)


def test_the_largest_gain_goes_first() -> None:
    found = choose_arbitrages(view_of([[80, 150], [110, 80]], [[100, 170], [130, 90]]), RULE)
    assert [(item.instrument, item.buy_at) for item in found] == [(1, 1), (0, 0)]


def test_quotes_that_their_own_venue_has_left_behind_are_not_traded_with() -> None:
    assert not choose_arbitrages(
        view_of([[80], [110]], [[100], [130]], marks=[[105.0], [120.0]]), RULE
    )
    assert not choose_arbitrages(
        view_of([[80], [110]], [[100], [130]], marks=[[90.0], [105.0]]), RULE
    )


def test_it_trades_no_more_than_is_quoted_on_both_sides() -> None:
    found = choose_arbitrages(view_of([[80], [110]], [[100], [130]], quoted=3), RULE)
    assert [item.lots for item in found] == [3]


def test_without_free_equity_at_a_venue_it_only_closes_what_it_holds_there() -> None:
    asked = ([[80], [110]], [[100], [130]])
    assert not choose_arbitrages(view_of(*asked, free=(0.1, 1.0)), RULE)
    short = view_of(*asked, free=(0.1, 1.0), held=[[-4], [4]])
    assert [item.lots for item in choose_arbitrages(short, RULE)] == [4]
    long = view_of(*asked, free=(1.0, 0.1), held=[[-3], [3]])
    assert [item.lots for item in choose_arbitrages(long, RULE)] == [3]


ticks = st.integers(0, 50)


@given(st.lists(st.tuples(ticks, ticks, ticks, ticks), min_size=1, max_size=5))
def test_every_trade_gains_more_than_both_fees(rows: list[tuple[int, int, int, int]]) -> None:
    view = view_of(
        [[r[0] for r in rows], [r[1] for r in rows]], [[r[2] for r in rows], [r[3] for r in rows]]
    )
    for item in choose_arbitrages(view, RULE):
        assert item.buy_at != item.sell_at
        assert (item.bid_ticks - item.ask_ticks) * 0.5 - 0.5 >= RULE.minimum_gain_usd
