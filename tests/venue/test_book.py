"""Resting orders of one series."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.venue import Lifetime, Order, SelfTrade, Side, market_order
from abm.venue.book import OrderBook, Rival


def rest(
    book: OrderBook, side: Side, ticks: int, lots: int, sequence: int, account: int = 0
) -> None:
    book.rest(Order(account, 0, side, lots, ticks, Lifetime.REST), sequence, lots)


def drained(book: OrderBook, side: Side) -> list[tuple[int, int]]:
    """Take all orders of a side out and return their ticks and sequences."""
    taken = []
    while (resting := book.best(side)) is not None:
        taken.append((resting.order.limit_ticks, resting.sequence))
        book.cancel_order(resting.sequence)
    return taken


def test_bids_trade_from_the_highest_and_asks_from_the_lowest() -> None:
    book = OrderBook()
    for sequence, ticks in enumerate((5, 9, 7)):
        rest(book, Side.BUY, ticks, 1, sequence)
        rest(book, Side.SELL, 10 + ticks, 1, 10 + sequence)
    assert drained(book, Side.BUY) == [(9, 1), (7, 2), (5, 0)]
    assert drained(book, Side.SELL) == [(15, 10), (17, 12), (19, 11)]


def test_at_one_price_the_first_trades_first() -> None:
    book = OrderBook()
    for sequence in range(3):
        rest(book, Side.SELL, 10, 1, sequence)
    assert drained(book, Side.SELL) == [(10, 0), (10, 1), (10, 2)]


def test_what_is_left_of_an_order_keeps_its_place() -> None:
    book = OrderBook()
    rest(book, Side.BUY, 10, 5, 0)
    rest(book, Side.BUY, 10, 5, 1)
    fills, left = book.match(Order(1, 0, Side.SELL, 4, 10), 4)
    assert ([lots for _, lots in fills], left) == ([4], 0)
    first = book.best(Side.BUY)
    assert first is not None
    assert (first.sequence, first.lots_left) == (0, 1)
    assert book.lots == {Side.BUY: 6, Side.SELL: 0}


def test_an_order_is_cancelled_by_its_place_and_only_once() -> None:
    book = OrderBook()
    for sequence in range(3):
        rest(book, Side.SELL, 10, sequence + 1, sequence)
    assert book.cancel_order(1) == 2
    assert book.cancel_order(1) == 0
    assert book.cancel_order(7) == 0
    assert book.lots == {Side.BUY: 0, Side.SELL: 4}
    assert drained(book, Side.SELL) == [(10, 0), (10, 2)]


def test_a_market_order_trades_at_any_price_and_never_rests() -> None:
    book = OrderBook()
    for side in (Side.BUY, Side.SELL):
        rest(book, side, 10**6 if side is Side.SELL else 1, 2, int(side) + 1)
    for sequence, side in enumerate((Side.BUY, Side.SELL), 10):
        fills = book.submit(market_order(5, 0, side, 3), sequence)
        assert [lots for _, lots in fills] == [2]
    assert book.lots == {Side.BUY: 0, Side.SELL: 0}


def test_a_post_only_order_rests_whole_or_not_at_all() -> None:
    book = OrderBook()
    rest(book, Side.SELL, 10, 1, 0)
    assert book.submit(Order(1, 0, Side.BUY, 3, 10, Lifetime.POST_ONLY), 1) == []
    assert book.lots == {Side.BUY: 0, Side.SELL: 1}
    assert book.submit(Order(1, 0, Side.BUY, 3, 9, Lifetime.POST_ONLY), 2) == []
    assert drained(book, Side.BUY) == [(9, 2)]


# Account 0 asks 2 at 10 before account 1 asks 2 at 10; then account 0 bids for 5. What trades and
# what then stands there, as (ticks, sequence), by rule.
SELF_TRADES = {
    SelfTrade.CANCEL_RESTING: ([2], [(10, 2)], []),
    SelfTrade.CANCEL_INCOMING: ([], [], [(10, 0), (10, 1)]),
    SelfTrade.CANCEL_BOTH: ([], [], [(10, 1)]),
}


@pytest.mark.parametrize("self_trade", list(SelfTrade))
def test_an_account_that_meets_itself_loses_the_older_order_the_newer_or_both(
    self_trade: SelfTrade,
) -> None:
    traded, bids, asks = SELF_TRADES[self_trade]
    book = OrderBook(self_trade)
    for account in (0, 1):
        rest(book, Side.SELL, 10, 2, account, account)
    fills = book.submit(Order(0, 0, Side.BUY, 5, 10, Lifetime.REST), 2)
    assert [lots for _, lots in fills] == traded
    assert drained(book, Side.BUY) == bids
    assert drained(book, Side.SELL) == asks


def test_of_a_rival_at_the_same_price_the_older_trades_first() -> None:
    for arrival, traded in ((0, []), (5, [2])):
        book = OrderBook()
        rest(book, Side.SELL, 10, 2, 3)
        rest(book, Side.SELL, 11, 2, 1)
        fills, left = book.match(Order(1, 0, Side.BUY, 9, 12), 9, Rival(10, arrival))
        assert [lots for _, lots in fills] == traded
        assert left == 9 - sum(traded)


def test_an_empty_side_has_no_best_order() -> None:
    book = OrderBook()
    assert book.best(Side.BUY) is None
    rest(book, Side.SELL, 10, 1, 0)
    assert book.best(Side.BUY) is None


def test_a_cancel_takes_every_order_of_one_account_away_and_no_others() -> None:
    book = OrderBook()
    rest(book, Side.BUY, 9, 2, 0, account=1)
    rest(book, Side.BUY, 8, 3, 1, account=2)
    rest(book, Side.SELL, 11, 4, 2, account=1)
    assert book.cancel(1) == 6
    assert book.lots == {Side.BUY: 3, Side.SELL: 0}
    assert drained(book, Side.BUY) == [(8, 1)]
    assert book.best(Side.SELL) is None
    assert book.cancel(1) == 0
    assert book.lots == {Side.BUY: 0, Side.SELL: 0}


def test_a_price_may_be_used_again_after_it_ran_empty() -> None:
    book = OrderBook()
    for sequence in range(3):
        rest(book, Side.SELL, 10, 1, sequence)
        assert drained(book, Side.SELL) == [(10, sequence)]
        # Cancelled rather than traded, and not looked at in between.
        rest(book, Side.SELL, 10, 1, 100)
        book.cancel(0)


@pytest.mark.parametrize("side", list(Side))
@given(
    orders=st.lists(
        st.tuples(st.integers(1, 6), st.integers(1, 4), st.integers(0, 2)), max_size=15
    ),
    cancelled=st.sets(st.integers(0, 2)),
)
@settings(deadline=None, max_examples=50)
def test_orders_come_out_by_price_and_then_by_time(
    side: Side, orders: list[tuple[int, int, int]], cancelled: set[int]
) -> None:
    book = OrderBook()
    for sequence, (ticks, lots, account) in enumerate(orders):
        rest(book, side, ticks, lots, sequence, account)
    for account in sorted(cancelled):
        book.cancel(account)
    kept = [
        (ticks, sequence, lots)
        for sequence, (ticks, lots, account) in enumerate(orders)
        if account not in cancelled
    ]
    kept.sort(key=lambda order: (-side * order[0], order[1]))
    assert book.lots[side] == sum(lots for _, _, lots in kept)
    assert drained(book, side) == [(ticks, sequence) for ticks, sequence, _ in kept]
    assert book.lots[side] == 0
