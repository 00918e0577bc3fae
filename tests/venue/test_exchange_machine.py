"""Any orders and ladders, against a matcher that looks through one list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from abm.venue import Lifetime, MassQuote, Order, SelfTrade, Side, Trade, TradeKind
from abm.venue.quotes import NO_ASK, NO_BID

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.venue.conftest import Floor

TRADERS, MAKERS, HOUSE = (0, 1, 2), (3, 4), 5
SERIES, LEVELS = 2, 2
TICK = FEE = 50_000

SIDES = st.sampled_from(list(Side))
LOTS = st.integers(1, 5)
# Few prices, so that orders and ladders meet at equal ones.
TICKS = st.integers(1, 6)


@dataclass
class Entry:
    """A resting order or one level of a ladder."""

    order: Order
    place: tuple[int, int]
    quoted: bool
    left: int


class PlainMatcher:
    """Price, then time, by sorting everything that stands there for every single fill."""

    def __init__(self, self_trade: SelfTrade) -> None:
        self.self_trade = self_trade
        self.entries: list[Entry] = []
        self.trades: list[Trade] = []
        self.arrivals = 0

    def against(self, order: Order) -> list[Entry]:
        """Return what an order can trade with, the first first."""
        return sorted(
            (
                entry
                for entry in self.entries
                if entry.order.instrument == order.instrument
                and entry.order.side is not order.side
                and order.side * (order.limit_ticks - entry.order.limit_ticks) >= 0
                and not (entry.quoted and entry.order.account == order.account)
            ),
            key=lambda entry: (order.side * entry.order.limit_ticks, entry.place),
        )

    def match(self, order: Order) -> int:
        """Trade an order against what stands there and return what is left of it."""
        left = order.lots
        while left and (found := self.against(order)):
            first = found[0]
            if first.order.account == order.account:
                if self.self_trade is not SelfTrade.CANCEL_INCOMING:
                    self.entries.remove(first)
                if self.self_trade is not SelfTrade.CANCEL_RESTING:
                    return 0
                continue
            lots = min(left, first.left)
            accounts = (order.account, first.order.account)
            buyer, seller = accounts if order.side is Side.BUY else accounts[::-1]
            self.trades.append(
                Trade(
                    order.instrument,
                    buyer,
                    seller,
                    lots,
                    first.order.limit_ticks,
                    order.side,
                    TradeKind.ORDER,
                )
            )
            left -= lots
            first.left -= lots
            self.entries = [entry for entry in self.entries if entry.left]
        return left

    def submit(self, order: Order) -> int:
        """Match an order, let the rest of it rest, and return what traded."""
        self.arrivals += 1
        if order.lifetime is Lifetime.POST_ONLY and self.against(order):
            return 0
        before = len(self.trades)
        left = self.match(order)
        if left and order.lifetime is not Lifetime.IMMEDIATE:
            self.entries.append(Entry(order, (self.arrivals, 0), quoted=False, left=left))
        return sum(trade.lots for trade in self.trades[before:])

    def quote(self, account: int, orders: list[tuple[int, Order]]) -> None:
        """Replace an account's ladder by (level, order) pairs, after they traded what they can."""
        self.remove(account)
        rests = [(level, order, self.match(order)) for level, order in orders]
        self.arrivals += 1
        self.entries += [
            Entry(order, (self.arrivals, level), quoted=True, left=left)
            for level, order, left in rests
            if left
        ]

    def refill(self, account: int, orders: list[tuple[int, Order]]) -> None:
        """Quote (level, order) pairs again, with the rest of their series behind all others."""
        self.arrivals += 1
        arrival = self.arrivals
        for level, order in orders:
            left = self.match(order)
            if left:
                self.entries.append(Entry(order, (arrival, level), quoted=True, left=left))
            for entry in self.entries:
                mine = entry.quoted and entry.order.account == account
                if mine and entry.order.instrument == order.instrument:
                    entry.place = (arrival, entry.place[1])

    def remove(self, account: int) -> None:
        """Take everything of an account away."""
        self.entries = [entry for entry in self.entries if entry.order.account != account]

    def best(self, side: Side, series: int, *, quoted: bool) -> int | None:
        """Return the best price in ticks of the quotes or of the orders on a side."""
        ticks = [
            entry.order.limit_ticks
            for entry in self.entries
            if (entry.order.side, entry.order.instrument, entry.quoted) == (side, series, quoted)
        ]
        return max(ticks, key=lambda price: side * price, default=None)


@st.composite
def ladders(draw: st.DrawFn) -> MassQuote:
    """Draw a ladder of two levels on two series, some of its contracts zero."""
    shape = (SERIES, LEVELS)
    bid, ask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for series in range(SERIES):
        best_bid = draw(st.integers(2, 5))
        best_ask = best_bid + draw(st.integers(1, 2))
        step = draw(st.integers(0, 1))
        bid[series] = best_bid, best_bid - step
        ask[series] = best_ask, best_ask + step
    lots = [np.array(draw(st.lists(st.integers(0, 3), min_size=4, max_size=4))) for _ in range(2)]
    return MassQuote(bid, ask, lots[0].reshape(shape), lots[1].reshape(shape))


def as_orders(account: int, quote: MassQuote) -> list[tuple[int, Order]]:
    """Return a ladder as (level, order) pairs, bids before asks."""
    return [
        (level, Order(account, series, side, int(lots[series, level]), int(ticks[series, level])))
        for side, ticks, lots in (
            (Side.BUY, quote.bid_ticks, quote.bid_lots),
            (Side.SELL, quote.ask_ticks, quote.ask_lots),
        )
        for series in range(SERIES)
        for level in range(LEVELS)
        if lots[series, level]
    ]


class ExchangeAgainstPlainMatcher(RuleBasedStateMachine):
    """Traders send orders, makers send ladders; both matchers must agree on everything."""

    def __init__(self, make_floor: Callable[[SelfTrade], Floor], self_trade: SelfTrade) -> None:
        super().__init__()
        self.floor = make_floor(self_trade)
        self.exchange = self.floor.exchange
        self.plain = PlainMatcher(self_trade)
        self.sent: list[tuple[int, Order]] = []
        self.paid_off = np.zeros(6, dtype=np.int64)
        self.expired: list[tuple[int, int]] = []

    @rule(
        account=st.sampled_from(TRADERS),
        series=st.integers(0, SERIES - 1),
        side=SIDES,
        lots=LOTS,
        ticks=TICKS,
        lifetime=st.sampled_from(list(Lifetime)),
    )
    def order(
        self, account: int, series: int, side: Side, lots: int, ticks: int, lifetime: Lifetime
    ) -> None:
        order = Order(account, series, side, lots, ticks, lifetime)
        assert self.exchange.submit(order, 100.0) == self.plain.submit(order)
        self.sent.append((self.exchange.sequence, order))

    @precondition(lambda self: bool(self.sent))
    @rule(data=st.data())
    def cancel_order(self, data: st.DataObject) -> None:
        """Cancel an order that rests, traded, or was cancelled before."""
        sequence, order = data.draw(st.sampled_from(self.sent))
        mine = [entry for entry in self.plain.entries if entry.order is order]
        self.plain.entries = [entry for entry in self.plain.entries if entry.order is not order]
        left = sum(entry.left for entry in mine)
        assert self.exchange.cancel_order(order.instrument, sequence) == left

    @rule(account=st.sampled_from(MAKERS), series=st.integers(0, 1), side=SIDES, ticks=TICKS)
    def maker_closes(self, account: int, series: int, side: Side, ticks: int) -> None:
        order = Order(account, series, side, 2, ticks)
        assert self.exchange.submit(order, 100.0) == self.plain.submit(order)

    @rule(maker=st.integers(0, 1), quote=ladders())
    def ladder(self, maker: int, quote: MassQuote) -> None:
        self.plain.quote(MAKERS[maker], as_orders(MAKERS[maker], quote))
        self.exchange.quote(maker, quote, 100.0)

    @rule(maker=st.integers(0, 1))
    def refill(self, maker: int) -> None:
        """Quote what traded again, as single orders that rest as quotes."""
        account = MAKERS[maker]
        ticks = self.exchange.quotes.ticks
        again = [
            (
                level,
                Order(account, series, side, lots, int(ticks[side][series, maker, level])),
            )
            for (side, series, level), lots in self.exchange.quotes.taken[maker].items()
        ]
        self.plain.refill(account, again)
        self.exchange.refill(maker, 100.0)

    @rule(maker=st.integers(0, 1))
    def withdraw(self, maker: int) -> None:
        self.exchange.quotes.withdraw(maker)
        self.plain.remove(MAKERS[maker])

    @rule(account=st.sampled_from(TRADERS))
    def cancel(self, account: int) -> None:
        self.exchange.cancel(account)
        self.plain.remove(account)

    @rule(series=st.integers(0, SERIES - 1), payoff=st.integers(0, 10**7))
    def expire(self, series: int, payoff: int) -> None:
        self.paid_off += self.positions()[:, series] * payoff
        self.exchange.expire(np.array([series]), np.full(SERIES, payoff))
        self.expired.append((series, len(self.plain.trades)))
        self.plain.entries = [
            entry for entry in self.plain.entries if entry.order.instrument != series
        ]

    def positions(self) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """Return the positions that the plain matcher's trades make."""
        held = np.zeros((6, SERIES), dtype=np.int64)
        for number, trade in enumerate(self.plain.trades):
            gone = any(
                series == trade.instrument and number < until for series, until in self.expired
            )
            if not gone:
                held[trade.buyer, trade.instrument] += trade.lots
                held[trade.seller, trade.instrument] -= trade.lots
        return held

    @invariant()
    def every_trade_is_the_same(self) -> None:
        assert self.exchange.trades == self.plain.trades
        assert all(trade.buyer != trade.seller for trade in self.exchange.trades)

    @invariant()
    def the_same_stands_there(self) -> None:
        assert self.floor.depth() == sum(entry.left for entry in self.plain.entries)
        quotes = self.exchange.quotes
        for side in Side:
            for series in range(SERIES):
                quoted = self.plain.best(side, series, quoted=True)
                nothing = NO_BID if side is Side.BUY else NO_ASK
                assert int(quotes.best(side)[series]) == (nothing if quoted is None else quoted)
                resting = self.exchange.books[series].best(side)
                ticks = None if resting is None else resting.order.limit_ticks
                assert ticks == self.plain.best(side, series, quoted=False)
        lots = dict.fromkeys(MAKERS, 0)
        for entry in self.plain.entries:
            if entry.quoted:
                lots[entry.order.account] += entry.left
        assert quotes.lots_by_maker().tolist() == list(lots.values())

    @invariant()
    def the_book_is_never_crossed(self) -> None:
        for series in range(SERIES):
            bids, asks = (
                [
                    ticks
                    for quoted in (True, False)
                    if (ticks := self.plain.best(side, series, quoted=quoted)) is not None
                ]
                for side in (Side.BUY, Side.SELL)
            )
            if bids and asks:
                assert max(bids) < min(asks)

    @invariant()
    def contracts_and_money_went_where_the_trades_say(self) -> None:
        held = self.positions()
        cash = self.paid_off.copy()
        for trade in self.plain.trades:
            premium = trade.lots * trade.price_ticks * TICK
            taker = trade.buyer if trade.aggressor is Side.BUY else trade.seller
            cash[trade.buyer] -= premium
            cash[trade.seller] += premium
            cash[taker] -= trade.lots * FEE
            cash[HOUSE] += trade.lots * FEE
        for account in range(6):
            np.testing.assert_array_equal(self.floor.positions.row(account), held[account])
        np.testing.assert_array_equal(self.floor.cash.balances, cash)


@pytest.mark.parametrize("self_trade", list(SelfTrade))
def test_the_exchange_is_a_plain_matcher_of_price_and_time(
    make_floor: Callable[[SelfTrade], Floor], self_trade: SelfTrade
) -> None:
    class Here(ExchangeAgainstPlainMatcher):
        def __init__(self) -> None:
            super().__init__(make_floor, self_trade)

    run_state_machine_as_test(
        Here,
        settings=settings(deadline=None, max_examples=50, stateful_step_count=30),
    )


INCOMING = st.lists(
    st.builds(
        Order,
        account=st.sampled_from(TRADERS[1:]),
        instrument=st.integers(0, SERIES - 1),
        side=SIDES,
        lots=LOTS,
        limit_ticks=TICKS,
    ),
    max_size=6,
)
RESTING = st.lists(
    st.builds(
        Order,
        account=st.just(0),
        instrument=st.integers(0, SERIES - 1),
        side=SIDES,
        lots=LOTS,
        limit_ticks=TICKS,
        lifetime=st.just(Lifetime.REST),
    ),
    max_size=3,
)


@given(resting=RESTING, quote=ladders(), incoming=INCOMING)
@settings(deadline=None, max_examples=80)
def test_a_ladder_is_the_same_single_orders_at_once(
    make_floor: Callable[[], Floor], resting: list[Order], quote: MassQuote, incoming: list[Order]
) -> None:
    maker = MAKERS[0]
    singles = [replace(order, lifetime=Lifetime.REST) for _, order in as_orders(maker, quote)]
    floors = make_floor(), make_floor()
    quoted, single = (floor.exchange for floor in floors)
    for order in resting:
        quoted.submit(order, 100.0)
        single.submit(order, 100.0)
    quoted.quote(0, quote, 100.0)
    for order in singles:
        single.submit(order, 100.0)
    for order in incoming:
        quoted.submit(order, 100.0)
        single.submit(order, 100.0)
    assert quoted.trades == single.trades
    assert floors[0].depth() == floors[1].depth()
