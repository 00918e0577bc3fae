"""Resting orders of one series, by price, then by time."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from abm.venue.orders import SIDES, Lifetime, Order, SelfTrade, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

# Looked up by every order: a name of a module is several times faster than a member of a class.
BUY = Side.BUY
IMMEDIATE, POST_ONLY = Lifetime.IMMEDIATE, Lifetime.POST_ONLY
CANCEL_RESTING, CANCEL_INCOMING = SelfTrade.CANCEL_RESTING, SelfTrade.CANCEL_INCOMING

# Rank of the best price where nothing rests.
NOTHING = 2**63


@dataclass(frozen=True, slots=True)
class Resting:
    """What is left of an order, with its place in the order of arrival, which is also its name."""

    order: Order
    sequence: int
    lots_left: int


@dataclass(frozen=True, slots=True)
class Rival:
    """What an order could trade with elsewhere, at a premium in ticks, since an arrival."""

    ticks: int
    sequence: int


class OrderBook:
    """Price-time priority for the orders of one series.

    Prices are integer ticks. Each side keeps a heap of its prices and a queue at each, which
    forgets an order that trades or is cancelled at once, wherever it stands.

    Parameters
    ----------
    self_trade : SelfTrade
        What happens where an account's order would trade with its own.
    """

    def __init__(self, self_trade: SelfTrade = SelfTrade.CANCEL_RESTING) -> None:
        self._bids, self._asks = _BookSide(), _BookSide()
        self._orders: dict[int, Order] = {}
        self._self_trade = self_trade

    @property
    def lots(self) -> dict[Side, int]:
        """Contracts resting on either side."""
        return {side: self._side(side).lots for side in SIDES}

    @property
    def lots_in_all(self) -> int:
        """Contracts resting on both sides together."""
        return self._bids.lots + self._asks.lots

    def lots_of(self, side: Side) -> int:
        """Return the contracts resting on one side."""
        return self._side(side).lots

    def _side(self, side: Side) -> _BookSide:
        return self._bids if side is BUY else self._asks

    def submit(self, order: Order, sequence: int) -> list[tuple[Order, int]]:
        """Match an order and let what is left of it rest, as its lifetime says.

        Parameters
        ----------
        order : Order
        sequence : int
            Its place in the order of arrival, above that of all earlier orders.

        Returns
        -------
        list of (Order, int)
            Resting orders that traded, each at its own limit, and the contracts of each.
        """
        lifetime, left = order.lifetime, order.lots
        fills: list[tuple[Order, int]] = []
        # As `reaches` does, without the call: most orders come by here.
        if order.side is BUY:
            reaches = self._asks.best <= order.limit_ticks
        else:
            reaches = self._bids.best <= -order.limit_ticks
        if reaches:
            if lifetime is POST_ONLY:
                return fills
            fills, left = self.match(order, left)
        if left and lifetime is not IMMEDIATE:
            self.rest(order, sequence, left)
        return fills

    def reaches(self, order: Order) -> bool:
        """Return whether anything rests that an order could trade with, its own orders included."""
        if order.side is BUY:
            return self._asks.best <= order.limit_ticks
        return self._bids.best <= -order.limit_ticks

    def match(
        self, order: Order, lots: int, rival: Rival | None = None
    ) -> tuple[list[tuple[Order, int]], int]:
        """Trade contracts of an order with those that rest, the best first.

        Parameters
        ----------
        order : Order
        lots : int
            Contracts of it that are to trade.
        rival : Rival, optional
            Something outside this book, before which only what is better or older trades.

        Returns
        -------
        fills : list of (Order, int)
            As `submit` returns them.
        left : int
            Contracts that found nobody; 0 where the order ends by self-trade prevention.
        """
        # Prices of the side that is traded with, by rank.
        against, sign = (self._asks, 1) if order.side is BUY else (self._bids, -1)
        worst = sign * order.limit_ticks
        fills: list[tuple[Order, int]] = []
        while lots and against.best <= worst:
            sequence, resting_lots = against.first()
            if rival is not None and (against.best, sequence) > (
                sign * rival.ticks,
                rival.sequence,
            ):
                break
            resting = self._orders[sequence]
            if resting.account == order.account:
                if self._self_trade is not CANCEL_INCOMING:
                    self.cancel_order(sequence)
                if self._self_trade is not CANCEL_RESTING:
                    return fills, 0
            elif lots < resting_lots:
                against.take(sequence, lots)
                fills.append((resting, lots))
                return fills, 0
            else:
                lots -= resting_lots
                fills.append((resting, resting_lots))
                del self._orders[sequence]
                against.remove(against.best, sequence)
        return fills, lots

    def rest(self, order: Order, sequence: int, lots: int) -> None:
        """Add contracts of an order behind all others at its price."""
        self._orders[sequence] = order
        if order.side is BUY:
            side, rank = self._bids, -order.limit_ticks
        else:
            side, rank = self._asks, order.limit_ticks
        queue = side.queues.get(rank)
        if queue is None:
            side.queues[rank] = queue = OrderedDict()
            heapq.heappush(side.heap, rank)
        queue[sequence] = lots
        side.lots += lots
        if rank < side.best:  # noqa: PLR1730 - several times faster than min()
            side.best = rank

    def best(self, side: Side) -> Resting | None:
        """Return the order that trades first on a side, if any."""
        return next(self.resting(side), None)

    def best_ticks(self, side: Side) -> int | None:
        """Return the best premium on a side, if anything rests there."""
        best = self._side(side).best
        return None if best == NOTHING else abs(best)

    def resting(self, side: Side) -> Iterator[Resting]:
        """Iterate over the orders of a side as they would trade."""
        for sequence, lots in self._side(side).entries():
            yield Resting(self._orders[sequence], sequence, lots)

    def cancel(self, account: int) -> int:
        """Cancel every order of an account; return how many contracts were left of them."""
        if not self._orders:
            return 0
        mine = [sequence for sequence, order in self._orders.items() if order.account == account]
        return sum(map(self.cancel_order, mine))

    def cancel_order(self, sequence: int) -> int:
        """Cancel the order that arrived at this place; return the contracts that were left of it.

        None were where it traded, was cancelled before, or never came to rest.
        """
        order = self._orders.pop(sequence, None)
        if order is None:
            return 0
        if order.side is BUY:
            return self._bids.remove(-order.limit_ticks, sequence)
        return self._asks.remove(order.limit_ticks, sequence)

    def reduce(self, sequence: int, lots: int) -> Side:
        """Take contracts off the order that arrived at this place; return its side.

        It keeps its place in its queue, and leaves the book with its last contract.
        """
        order = self._orders[sequence]
        side = self._side(order.side)
        rank = -order.side * order.limit_ticks
        if side.queues[rank][sequence] == lots:
            self.cancel_order(sequence)
        else:
            side.queues[rank][sequence] -= lots
            side.lots -= lots
        return order.side


class _BookSide:
    """Queues of one side by the rank of their price: the lower it is, the sooner they trade.

    Attributes
    ----------
    best : int
        Lowest rank at which anything rests; `NOTHING` where nothing does.
    lots : int
        Contracts of all queues.
    """

    __slots__ = ("best", "heap", "lots", "queues")

    def __init__(self) -> None:
        self.best = NOTHING
        self.lots = 0
        # Contracts by order. An ordered dictionary gives its first entry in one step however many
        # came before it. A queue that runs empty stays until its price comes to the top.
        self.queues: dict[int, OrderedDict[int, int]] = {}
        self.heap: list[int] = []

    def first(self) -> tuple[int, int]:
        """Return the order that trades first, where there is one, and its contracts."""
        queue = self.queues[self.best]
        sequence = next(iter(queue))
        return sequence, queue[sequence]

    def entries(self) -> Iterator[tuple[int, int]]:
        """Iterate over orders and their contracts as they would trade."""
        if self.best < NOTHING:
            yield from self.queues[self.best].items()
        for rank in sorted(self.queues):
            if rank > self.best:
                yield from self.queues[rank].items()

    def take(self, sequence: int, lots: int) -> None:
        """Take some of the contracts of an order at the best price."""
        self.queues[self.best][sequence] -= lots
        self.lots -= lots

    def remove(self, rank: int, sequence: int) -> int:
        """Take an order out and return its contracts."""
        queue = self.queues[rank]
        lots = queue.pop(sequence)
        self.lots -= lots
        if rank == self.best and not queue:
            self._find_best()
        return lots

    def _find_best(self) -> None:
        """Drop prices at which nothing rests until one is best at which something does."""
        heap, queues = self.heap, self.queues
        while heap and not queues[heap[0]]:
            del queues[heapq.heappop(heap)]
        self.best = heap[0] if heap else NOTHING
