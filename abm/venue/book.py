"""Resting orders of one series, by price, then by time."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass

from abm.venue.orders import Order, Side


@dataclass(slots=True, eq=False)
class Resting:
    """What is left of an order, with its place in the order of arrival."""

    order: Order
    sequence: int
    lots_left: int


class OrderBook:
    """Price-time priority for the resting orders of one series.

    Prices are integer ticks. Each side keeps a heap of its prices and a queue at each price; a
    price whose queue ran empty is dropped when it comes to the top.

    Attributes
    ----------
    lots : dict of Side to int
        Contracts resting on either side.
    """

    def __init__(self) -> None:
        self._queues: dict[Side, dict[int, deque[Resting]]] = {Side.BUY: {}, Side.SELL: {}}
        self._heaps: dict[Side, list[int]] = {Side.BUY: [], Side.SELL: []}
        self._by_account: dict[int, list[Resting]] = {}
        self.lots: dict[Side, int] = {Side.BUY: 0, Side.SELL: 0}

    def rest(self, order: Order, sequence: int, lots: int) -> None:
        """Add the remainder of an order behind all others at its price."""
        queues = self._queues[order.side]
        if order.limit_ticks not in queues:
            queues[order.limit_ticks] = deque()
            heapq.heappush(self._heaps[order.side], -order.side * order.limit_ticks)
        resting = Resting(order, sequence, lots)
        self.lots[order.side] += lots
        queues[order.limit_ticks].append(resting)
        self._by_account.setdefault(order.account, []).append(resting)

    def best(self, side: Side) -> Resting | None:
        """Return the order that trades first on a side, if any."""
        heap, queues = self._heaps[side], self._queues[side]
        while heap:
            queue = queues[-side * heap[0]]
            while queue and queue[0].lots_left == 0:
                queue.popleft()
            if queue:
                return queue[0]
            del queues[-side * heapq.heappop(heap)]
        return None

    def cancel(self, account: int) -> int:
        """Cancel every order of an account; return how many contracts were left of them."""
        orders = self._by_account.pop(account, [])
        cancelled = sum(resting.lots_left for resting in orders)
        for resting in orders:
            self.take(resting, resting.lots_left)
        return cancelled

    def take(self, resting: Resting, lots: int) -> None:
        """Remove contracts of a resting order, because they traded or were cancelled."""
        resting.lots_left -= lots
        self.lots[resting.order.side] -= lots
