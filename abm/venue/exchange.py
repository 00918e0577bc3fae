"""The options exchange: matches orders by price, then time, and settles what trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.units import MICRO
from abm.venue.book import OrderBook, Resting
from abm.venue.orders import SIDES, Lifetime, Order, Side, Trade, TradeKind
from abm.venue.quotes import NO_ASK, NO_BID, MassQuote, QuoteBoard

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.ledger import CashBook
    from abm.margin import PositionTable


class Exchange:
    """Books of every series with the market makers' quotes, and the settlement of trades.

    Matching knows nothing of collateral: whether an account may trade is asked before.

    Parameters
    ----------
    positions : PositionTable
        Updated by every trade.
    cash : CashBook
        Premiums move in it at once; the taker's fee goes to ``house``.
    makers : tuple of int
        Accounts of the market makers, in the order of the quote board.
    house : int
        The venue's own account.
    levels : int
        Levels of a ladder.
    tick_usd : float
        Dollars in one tick.
    taker_fee : float
        Fraction of the underlying's price, for each contract.

    Attributes
    ----------
    trades : list of Trade
        All of them, in order.
    maker_moved : list of bool
        Market makers, in the order of the quote board, whose position changed since it was
        last cleared.
    resting_lots : int
        Contracts of all resting orders, both sides; quotes are not among them.
    """

    def __init__(
        self,
        positions: PositionTable,
        cash: CashBook,
        *,
        makers: tuple[int, ...],
        house: int,
        levels: int,
        tick_usd: float,
        taker_fee: float,
    ) -> None:
        instruments = positions.shape[1]
        self.positions = positions
        self.books = [OrderBook() for _ in range(instruments)]
        self.quotes = QuoteBoard(len(makers), instruments, levels)
        self.tick_usd = tick_usd
        self.trades: list[Trade] = []
        self.resting_lots = 0
        self.maker_moved = [False] * len(makers)
        self._cash = cash
        self._makers = makers
        self._maker_of = {account: maker for maker, account in enumerate(makers)}
        self._house = house
        self._tick_micro = round(tick_usd * MICRO)
        self._taker_fee = taker_fee
        self._sequence = 0
        # Best resting premium of each series in ticks, as `QuoteBoard.best` has it for quotes.
        self._resting = {
            Side.BUY: np.full(instruments, NO_BID, dtype=np.int64),
            Side.SELL: np.full(instruments, NO_ASK, dtype=np.int64),
        }

    def submit(self, order: Order, price_usd: float, kind: TradeKind = TradeKind.ORDER) -> int:
        """Match an order; return the contracts that traded.

        Parameters
        ----------
        order : Order
        price_usd : float
            Price of the underlying that the venue believes, for the fee.
        kind : TradeKind
            Why it is sent.
        """
        self._sequence += 1
        left = order.lots
        while left:
            found = self._best_against(order)
            if found is None:
                break
            left -= self._fill(order, found, left, price_usd, kind)
        if left and order.lifetime is Lifetime.REST:
            self.books[order.instrument].rest(order, self._sequence, left)
            self.resting_lots += left
            self._refresh(order.side, order.instrument)
        return order.lots - left

    def quote(self, maker: int, quote: MassQuote, price_usd: float) -> None:
        """Replace a maker's ladder; what crosses the book trades first, at the book's prices."""
        self.quotes.withdraw(maker)
        account = self._makers[maker]
        crossed = False
        left = {side: quote.lots(side) for side in SIDES}
        for side in SIDES:
            crossing = self._crossing(side, quote)
            if crossing:
                left[side] = left[side].copy()
            for instrument, level in crossing:
                wanted = int(left[side][instrument, level])
                limit = int(quote.ticks(side)[instrument, level])
                order = Order(account, instrument, side, wanted, limit)
                traded = self.submit(order, price_usd)
                left[side][instrument, level] -= traded
                crossed = crossed or traded > 0
        self._sequence += 1
        if crossed:
            quote = MassQuote(quote.bid_ticks, quote.ask_ticks, left[Side.BUY], left[Side.SELL])
        self.quotes.replace(maker, quote, self._sequence)

    def refill(self, maker: int, price_usd: float) -> None:
        """Quote what traded of a maker's ladder again; what then crosses the book trades first."""
        self._sequence += 1
        sequence = self._sequence
        for (side, instrument, level), lots in list(self.quotes.taken[maker].items()):
            ticks = int(self.quotes.ticks[side][instrument, maker, level])
            left = lots
            if self._meets(side, instrument, ticks):
                order = Order(self._makers[maker], instrument, side, lots, ticks)
                left -= self.submit(order, price_usd)
            self.quotes.put_back(maker, side, instrument, level, left, sequence)
        self.quotes.taken[maker] = {}

    def _meets(self, side: Side, instrument: int, ticks: int) -> bool:
        """Return whether a premium reaches what stands on the other side of a series."""
        other = side.opposite
        quoted, resting = self.quotes.best_of(other, instrument), self._resting[other][instrument]
        if side is Side.BUY:
            return ticks >= min(quoted, int(resting))
        return ticks <= max(quoted, int(resting))

    def _crossing(self, side: Side, quote: MassQuote) -> list[tuple[int, int]]:
        """Return the (instrument, level) pairs of a ladder side that the book can fill."""
        other = side.opposite
        if side is Side.BUY:
            against = np.minimum(self.quotes.best(other), self._resting[other])
            meets = quote.best[side] >= against
        else:
            against = np.maximum(self.quotes.best(other), self._resting[other])
            meets = quote.best[side] <= against
        pairs = []
        for instrument in meets.nonzero()[0].tolist():
            reaches = side * (quote.ticks(side)[instrument] - against[instrument]) >= 0
            reaches &= quote.lots(side)[instrument] > 0
            pairs += [(instrument, level) for level in reaches.nonzero()[0].tolist()]
        return pairs

    def _refresh(self, side: Side, instrument: int) -> None:
        """Note the best resting premium of a series after it changed."""
        best = self.books[instrument].best(side)
        nothing = NO_BID if side is Side.BUY else NO_ASK
        self._resting[side][instrument] = nothing if best is None else best.order.limit_ticks

    def _best_against(self, order: Order) -> Resting | tuple[int, int, int] | None:
        """Return the resting order, or the (maker, level, ticks) of the quote, to trade with."""
        side = order.side.opposite
        quote = self._quote_against(order, side)
        while True:
            resting = self._resting_against(order, side)
            if resting is None or (quote is not None and self._is_first(quote, resting)):
                return quote
            if resting.order.account != order.account:
                return resting
            # Self-trade prevention: where an account would meet itself, its older order goes.
            self.resting_lots -= resting.lots_left
            self.books[order.instrument].take(resting, resting.lots_left)
            self._refresh(side, order.instrument)

    def _is_first(self, quote: tuple[int, int, int], resting: Resting) -> bool:
        """Return whether a quote trades before a resting order of its side."""
        maker, _, ticks = quote
        better = resting.order.side * (ticks - resting.order.limit_ticks)
        return better > 0 or (better == 0 and self._quoted_before(maker, resting))

    def _quoted_before(self, maker: int, resting: Resting) -> bool:
        return int(self.quotes.sequence[resting.order.instrument, maker]) < resting.sequence

    def _resting_against(self, order: Order, side: Side) -> Resting | None:
        """Return the best resting order that an order can pay, its own account's included."""
        resting = self.books[order.instrument].best(side)
        if resting is None or order.side * (order.limit_ticks - resting.order.limit_ticks) < 0:
            return None
        return resting

    def _quote_against(self, order: Order, side: Side) -> tuple[int, int, int] | None:
        for price, _, maker, level in self.quotes.ranked(side, order.instrument):
            if order.side * order.limit_ticks < price:
                return None
            if self._makers[maker] != order.account:
                return maker, level, order.side * price
        return None

    def _fill(
        self,
        order: Order,
        found: Resting | tuple[int, int, int],
        wanted: int,
        price_usd: float,
        kind: TradeKind,
    ) -> int:
        """Trade with one counterparty and return the contracts."""
        if isinstance(found, Resting):
            lots = min(wanted, found.lots_left)
            self.books[order.instrument].take(found, lots)
            self.resting_lots -= lots
            self._refresh(order.side.opposite, order.instrument)
            other, ticks = found.order.account, found.order.limit_ticks
        else:
            maker, level, ticks = found
            side = order.side.opposite
            lots = self.quotes.take(side, order.instrument, maker, level, wanted)
            other = self._makers[maker]
        buyer, seller = (order.account, other) if order.side is Side.BUY else (other, order.account)
        trade = Trade(order.instrument, buyer, seller, lots, ticks, order.side, kind)
        self.settle(trade)
        fee = round(self._taker_fee * price_usd * lots * MICRO)
        self._cash.move(order.account, self._house, fee)
        return lots

    def settle(self, trade: Trade) -> None:
        """Exchange contracts for premium."""
        self.positions.trade(trade.buyer, trade.seller, trade.instrument, trade.lots)
        premium = trade.lots * trade.price_ticks * self._tick_micro
        self._cash.move(trade.buyer, trade.seller, premium)
        self.trades.append(trade)
        for account in (trade.buyer, trade.seller):
            if account in self._maker_of:
                self.maker_moved[self._maker_of[account]] = True

    def offers(self, side: Side, instrument: int) -> bool:
        """Return whether anything is quoted or rests on a side of a series."""
        ranked = self.quotes.ranked(side, instrument)
        return bool(ranked) or self.books[instrument].lots[side] > 0

    def ticks(self, premium_usd: float) -> int:
        """Return a premium in whole ticks, at least 1."""
        return max(round(premium_usd / self.tick_usd), 1)

    def cancel(self, account: int) -> None:
        """Cancel every resting order of an account."""
        for instrument, book in enumerate(self.books):
            if cancelled := book.cancel(account):
                self.resting_lots -= cancelled
                for side in SIDES:
                    self._refresh(side, instrument)

    def expire(self, instruments: NDArray[np.int64], payoff_micro: NDArray[np.int64]) -> None:
        """Settle series in cash and remove them.

        Parameters
        ----------
        instruments : ndarray of int64, shape (expiring,)
        payoff_micro : ndarray of int64, shape (instruments,)
            Micro-dollars that one contract of each series pays; only the expiring ones are read.
        """
        expiring = np.zeros_like(payoff_micro)
        expiring[instruments] = payoff_micro[instruments]
        self._cash.settle(self.positions.settle(expiring))
        self.positions.expire(instruments)
        self.quotes.expire(instruments)
        self.maker_moved = [True] * len(self._makers)
        for instrument in instruments.tolist():
            self.resting_lots -= sum(self.books[instrument].lots.values())
            self.books[instrument] = OrderBook()
            for side in SIDES:
                self._refresh(side, instrument)
