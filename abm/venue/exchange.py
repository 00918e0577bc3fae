"""The options exchange: matches orders by price, then time, and settles what trades."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from abm.units import MICRO
from abm.venue.book import OrderBook, Rival
from abm.venue.orders import BUY, SELL, SIDES, Lifetime, Order, SelfTrade, Side, Trade, TradeKind
from abm.venue.quotes import NO_ASK, NO_BID, ROW, MassQuote, QuoteBoard, best_of_ladders

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.ledger import CashBook
    from abm.margin import PositionTable


Counterpart = tuple[int, int, int]
"""Account on the other side of an order, contracts, and their premium in ticks."""


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
    self_trade : SelfTrade
        What happens where an account's order would trade with a resting one of its own; a market
        maker's orders pass by its own quotes.

    Attributes
    ----------
    trades : list of Trade
        All of them, in order.
    maker_moves : list of int
        How often each market maker's position changed, in the order of the quote board.
    sequence : int
        Arrival of the last order or ladder, by which `cancel_order` knows an order.
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
        self_trade: SelfTrade = SelfTrade.CANCEL_RESTING,
    ) -> None:
        instruments = positions.shape[1]
        self.positions = positions
        self.books = [OrderBook(self_trade) for _ in range(instruments)]
        self.quotes = QuoteBoard(len(makers), instruments, levels)
        self.tick_usd = tick_usd
        self.trades: list[Trade] = []
        self.maker_moves = [0] * len(makers)
        self._cash = cash
        self._makers = makers
        self._maker_of = {account: maker for maker, account in enumerate(makers)}
        self._house = house
        self._tick_micro = round(tick_usd * MICRO)
        self._taker_fee = taker_fee
        self._self_trade = self_trade
        self.sequence = 0
        # Best resting premium of each series in ticks, as `QuoteBoard.best` has it for quotes.
        self._resting = {
            BUY: np.full(instruments, NO_BID, dtype=np.int64),
            SELL: np.full(instruments, NO_ASK, dtype=np.int64),
        }
        # Series in which orders of an account have come to rest, wherever they are by now.
        self._rested: dict[int, dict[int, None]] = defaultdict(dict)
        # Contracts of all resting orders of each series.
        self._resting_lots = [0] * instruments

    @property
    def resting_lots(self) -> int:
        """Contracts of all resting orders, both sides; quotes are not among them."""
        return sum(self._resting_lots)

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
        self.sequence += 1
        lifetime = order.lifetime
        if lifetime is Lifetime.POST_ONLY and self._reaches(order):
            return 0
        traded, left = self._match(order, price_usd, kind)
        if left and lifetime is not Lifetime.IMMEDIATE:
            self._rest(order, left)
        return traded

    def quote(self, maker: int, quote: MassQuote, price_usd: float) -> None:
        """Replace a maker's ladder; what crosses the book trades first, at the book's prices."""
        self.quotes.withdraw(maker)
        account = self._makers[maker]
        left = quote.both_lots
        for row, side in enumerate(SIDES):
            for instrument, level in self._crossing(side, quote):
                wanted = int(left[row, instrument, level])
                limit = int(quote.both_ticks[row, instrument, level])
                order = Order(account, instrument, side, wanted, limit)
                _, rest = self._match(order, price_usd)
                if rest < wanted:
                    if left is quote.both_lots:
                        left = left.copy()
                    left[row, instrument, level] = rest
        self.sequence += 1
        if left is not quote.both_lots:
            quote = MassQuote.of(quote.both_ticks, left, best_of_ladders(quote.both_ticks, left))
        self.quotes.replace(maker, quote, self.sequence)

    def refill(self, maker: int, price_usd: float) -> None:
        """Quote what traded of a maker's ladder again; what then crosses the book trades first."""
        self.sequence += 1
        for (side, instrument, level), lots in list(self.quotes.taken[maker].items()):
            ticks = int(self.quotes.ticks[side][instrument, maker, level])
            left = lots
            if self._meets(side, instrument, ticks):
                order = Order(self._makers[maker], instrument, side, lots, ticks)
                _, left = self._match(order, price_usd)
            self.quotes.put_back(maker, side, instrument, level, left, self.sequence)
        self.quotes.taken[maker] = {}

    def _meets(self, side: Side, instrument: int, ticks: int) -> bool:
        """Return whether a premium reaches what stands on the other side of a series."""
        other = side.opposite
        quoted, resting = self.quotes.best_of(other, instrument), self._resting[other][instrument]
        if side is BUY:
            return ticks >= min(quoted, int(resting))
        return ticks <= max(quoted, int(resting))

    def _crossing(self, side: Side, quote: MassQuote) -> list[tuple[int, int]]:
        """Return the (instrument, level) pairs of a ladder side that the book can fill."""
        against, best = self.best(side.opposite), quote.best_ticks[ROW[side]]
        meets = best >= against if side is BUY else best <= against
        pairs = []
        for instrument in meets.nonzero()[0].tolist():
            # A ladder has few levels: whole numbers are faster than arrays here.
            limit = side * int(against[instrument])
            ticks, lots = quote.ticks(side)[instrument], quote.lots(side)[instrument]
            pairs += [
                (instrument, level)
                for level, (at, left) in enumerate(zip(ticks.tolist(), lots.tolist(), strict=True))
                if left > 0 and side * at >= limit
            ]
        return pairs

    def _refresh(self, side: Side, instrument: int) -> None:
        """Note what rests in a series after a side of it changed."""
        book = self.books[instrument]
        best = book.best_ticks(side)
        nothing = NO_BID if side is BUY else NO_ASK
        self._resting[side][instrument] = nothing if best is None else best
        self._resting_lots[instrument] = book.lots_in_all

    def _match(
        self, order: Order, price_usd: float, kind: TradeKind = TradeKind.ORDER
    ) -> tuple[int, int]:
        """Trade an order, and return the contracts that traded and those that found nobody."""
        book, other = self.books[order.instrument], order.side.opposite
        fills: list[Counterpart] = []
        left = order.lots
        while left and book.reaches(order):
            quote = self._quote_against(order, other)
            rival = None if quote is None else self._rival(order.instrument, quote)
            found, left = book.match(order, left, rival)
            self._refresh(other, order.instrument)
            fills += [(resting.account, lots, resting.limit_ticks) for resting, lots in found]
            if quote is None or not left:
                break
            maker, level, ticks = quote
            lots = self.quotes.take(other, order.instrument, maker, level, left)
            fills.append((self._makers[maker], lots, ticks))
            left -= lots
        if left:
            own = self._maker_of.get(order.account)
            taken = self.quotes.sweep(other, order.instrument, left, order.limit_ticks, without=own)
            for maker, lots, ticks in taken:
                fills.append((self._makers[maker], lots, ticks))
                left -= lots
        return (self._fill(order, fills, price_usd, kind) if fills else 0), left

    def prospect(self, order: Order) -> tuple[int, int]:
        """Return the contracts an order would trade now, and the worst premium of them in ticks.

        Whatever the rule of self-trades, the account's own orders and quotes do not count. The
        premium is 0 where nothing would trade.
        """
        sign = int(order.side)
        traded, worst = 0, 0
        for ticks, lots in self.levels(
            order.side.opposite, order.instrument, without=order.account
        ):
            if traded == order.lots or sign * (ticks - order.limit_ticks) > 0:
                break
            traded, worst = min(traded + lots, order.lots), ticks
        return traded, worst

    def levels(self, side: Side, instrument: int, *, without: int) -> list[tuple[int, int]]:
        """Return the premiums in ticks and contracts on a side of a series, the best first.

        One premium has one entry. What an account has there itself is left out.
        """
        quoted = self.quotes.lots[side][instrument]
        lots_at: dict[int, int] = {}
        for price, _, maker, level in self.quotes.ranked(side, instrument):
            if self._makers[maker] != without:
                ticks = -side * price
                lots_at[ticks] = lots_at.get(ticks, 0) + int(quoted[maker, level])
        for resting in self.books[instrument].resting(side):
            if resting.order.account != without:
                ticks = resting.order.limit_ticks
                lots_at[ticks] = lots_at.get(ticks, 0) + resting.lots_left
        return sorted(lots_at.items(), reverse=side is BUY)

    def _rival(self, instrument: int, quote: tuple[int, int, int]) -> Rival:
        maker, _, ticks = quote
        return Rival(ticks, int(self.quotes.sequence[instrument, maker]))

    def _reaches(self, order: Order) -> bool:
        """Return whether anything stands there that an order could trade with."""
        quoted = self._quote_against(order, order.side.opposite) is not None
        return quoted or self.books[order.instrument].reaches(order)

    def _quote_against(self, order: Order, side: Side) -> tuple[int, int, int] | None:
        """Return the (maker, level, ticks) of the quote that an order trades with first."""
        for price, _, maker, level in self.quotes.ranked(side, order.instrument):
            if order.side * order.limit_ticks < price:
                return None
            if self._makers[maker] != order.account:
                return maker, level, order.side * price
        return None

    def _fill(
        self, order: Order, fills: list[Counterpart], price_usd: float, kind: TradeKind
    ) -> int:
        """Settle what traded of an order, which pays the fees; return how many contracts did."""
        account, instrument, side = order.account, order.instrument, order.side
        paid = [(other, lots * ticks * self._tick_micro) for other, lots, ticks in fills]
        if side is BUY:
            self._cash.pay(account, paid)
        else:
            self._cash.collect(account, paid)
        fees = sum(self._fee(lots, price_usd) for _, lots, _ in fills)
        self._cash.move(account, self._house, fees)
        moved = [(other, lots if side is BUY else -lots) for other, lots, _ in fills]
        self.positions.trade_with(account, instrument, moved)
        for other, lots, ticks in fills:
            buyer, seller = (account, other) if side is BUY else (other, account)
            self.trades.append(Trade(instrument, buyer, seller, lots, ticks, side, kind))
            self._note_move(other)
        self._note_move(account)
        return sum(lots for _, lots, _ in fills)

    def _fee(self, lots: int, price_usd: float) -> int:
        return round(self._taker_fee * price_usd * lots * MICRO)

    def _note_move(self, account: int) -> None:
        maker = self._maker_of.get(account)
        if maker is not None:
            self.maker_moves[maker] += 1

    def charge(self, account: int, lots: int, price_usd: float) -> None:
        """Take the taker's fee for contracts."""
        self._cash.move(account, self._house, self._fee(lots, price_usd))

    def settle(self, trade: Trade) -> None:
        """Exchange contracts for premium."""
        self.positions.trade(trade.buyer, trade.seller, trade.instrument, trade.lots)
        premium = trade.lots * trade.price_ticks * self._tick_micro
        self._cash.move(trade.buyer, trade.seller, premium)
        self.trades.append(trade)
        self._note_move(trade.buyer)
        self._note_move(trade.seller)

    def best(self, side: Side) -> NDArray[np.int64]:
        """Return the best premium of each series in ticks, quoted or resting, shape (instruments,).

        The highest bid or the lowest ask; `NO_BID` or `NO_ASK` where there is none.
        """
        both = np.maximum if side is BUY else np.minimum
        found: NDArray[np.int64] = both(self.quotes.best(side), self._resting[side])
        return found

    def best_resting(self, side: Side) -> NDArray[np.int64]:
        """Return the same as `best` of resting orders alone."""
        return self._resting[side]

    def offers(self, side: Side, instrument: int) -> bool:
        """Return whether anything is quoted or rests on a side of a series."""
        return self.books[instrument].lots_of(side) > 0 or self.quotes.offers(side, instrument)

    def rest(self, order: Order, lots: int) -> None:
        """Let contracts of an order rest without matching them."""
        self.sequence += 1
        self._rest(order, lots)

    def _rest(self, order: Order, lots: int) -> None:
        self.books[order.instrument].rest(order, self.sequence, lots)
        self._rested[order.account][order.instrument] = None
        self._refresh(order.side, order.instrument)

    def take_resting(self, instrument: int, sequence: int, lots: int) -> None:
        """Take contracts off a resting order, wherever it stands in its queue."""
        side = self.books[instrument].reduce(sequence, lots)
        self._refresh(side, instrument)

    def ticks(self, premium_usd: float) -> int:
        """Return a premium in whole ticks, at least 1."""
        return max(round(premium_usd / self.tick_usd), 1)

    def cancel(self, account: int) -> None:
        """Cancel every resting order of an account."""
        for instrument in self._rested.pop(account, ()):
            if self.books[instrument].cancel(account):
                for side in SIDES:
                    self._refresh(side, instrument)

    def cancel_order(self, instrument: int, sequence: int) -> int:
        """Cancel the order that arrived at this place; return the contracts left of it, if any."""
        cancelled = self.books[instrument].cancel_order(sequence)
        if cancelled:
            for side in SIDES:
                self._refresh(side, instrument)
        return cancelled

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
        self.clear(instruments)

    def clear(self, instruments: NDArray[np.int64]) -> None:
        """Take everything that is quoted or rests in some series off the books."""
        self.quotes.expire(instruments)
        self.maker_moves = [moves + 1 for moves in self.maker_moves]
        for instrument in instruments.tolist():
            self.books[instrument] = OrderBook(self._self_trade)
            for side in SIDES:
                self._refresh(side, instrument)
