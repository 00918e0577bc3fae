"""The queue in front of the exchange: what was asked waits until its rule lets it be settled."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abm.scenario.ordering import Ordering

Content = TypeVar("Content")

ROUNDING = 1e-9
"""Of the quotient of two times in seconds, below which it counts as whole."""


@dataclass(frozen=True, slots=True)
class Pending(Generic[Content]):
    """Something that waits.

    Attributes
    ----------
    number : int
        Its place in the order of asking.
    account : int
        Who asked.
    content : Content
        What for.
    asked_second : int
        When.
    arrival_second : float
        When it is at the sequencer; its commitment, where contents are encrypted.
    release_second : float
        When its rule lets it be settled.
    moment : float
        What has the same is settled together: a second, a block or a batch, by number.
    fee_usd : float
        Bid for a place ahead of others.
    is_quote : bool
        A market maker's ladder: at the head of a block, whatever others bid.
    """

    number: int
    account: int
    content: Content
    asked_second: int
    arrival_second: float
    release_second: float
    moment: float
    fee_usd: float
    is_quote: bool


class Sequencer(Generic[Content]):
    """Holds what is under way to the venue, and gives it out in the order of a rule.

    First come: by arrival. Priority fee: by block of the venue's chain, and within it by fee, then
    arrival; ladders first. Batch auction: by batch, all of a batch together. Encrypted: by arrival
    of the commitment, each after the decryption delay; the order is fixed when nobody can read
    what it orders. What one account asks never overtakes what it asked before.

    Parameters
    ----------
    rule : abm.scenario.ordering.Ordering
    block_seconds : float
        Between two blocks of the venue's chain.
    """

    def __init__(self, rule: Ordering, block_seconds: float) -> None:
        self.rule = rule
        self._block_seconds = block_seconds
        self._waiting: list[tuple[float, float, int, Pending[Content]]] = []
        self._last_arrival: dict[int, float] = {}
        self._count = 0

    def __len__(self) -> int:
        """Return how much waits."""
        return len(self._waiting)

    def add(
        self,
        content: Content,
        *,
        account: int,
        asked_second: int,
        arrival_second: float,
        fee_usd: float = 0.0,
        is_quote: bool = False,
    ) -> Pending[Content]:
        """Put something into the queue and return it with its times."""
        arrival = max(arrival_second, self._last_arrival.get(account, 0.0))
        self._last_arrival[account] = arrival
        moment = self._moment(arrival)
        pending = Pending(
            number=self._count,
            account=account,
            content=content,
            asked_second=asked_second,
            arrival_second=arrival,
            release_second=self._release(moment),
            moment=moment,
            fee_usd=fee_usd,
            is_quote=is_quote,
        )
        self._count += 1
        heapq.heappush(self._waiting, (pending.release_second, moment, pending.number, pending))
        return pending

    def _interval(self) -> float | None:
        """Return the length of a block or batch, where the rule has any."""
        if self.rule.rule == "priority_fee":
            return self._block_seconds
        return self.rule.batch_seconds if self.rule.rule == "batch_auction" else None

    def _moment(self, arrival: float) -> float:
        length = self._interval()
        return arrival if length is None else float(ceil(arrival / length - ROUNDING))

    def _release(self, moment: float) -> float:
        length = self._interval()
        if length is not None:
            return moment * length
        encrypted = self.rule.rule == "encrypted"
        return moment + (self.rule.decryption_delay_seconds if encrypted else 0.0)

    def take(self, now: int) -> list[list[Pending[Content]]]:
        """Take out what may be settled by now.

        Returns
        -------
        list of list of Pending
            Moments in their order, each with what is settled at it, in order.
        """
        released = []
        while self._waiting and self._waiting[0][0] <= now + ROUNDING:
            released.append(heapq.heappop(self._waiting)[-1])
        released.sort(key=lambda pending: (pending.moment, *self._rank(pending)))
        return [list(group) for _, group in groupby(released, key=lambda pending: pending.moment)]

    def _rank(self, pending: Pending[Content]) -> tuple[float, ...]:
        if self.rule.rule == "priority_fee":
            first = 0.0 if pending.is_quote else 1.0
            return first, -pending.fee_usd, pending.arrival_second, pending.number
        return pending.arrival_second, pending.number

    def readable(self, now: int) -> list[Pending[Content]]:
        """Return what waits and can be read by anybody, in the order of asking."""
        return sorted(
            (
                pending
                for release, _, _, pending in self._waiting
                if self.rule.rule != "encrypted" or release <= now
            ),
            key=lambda pending: pending.number,
        )

    def waiting(self) -> Iterable[Pending[Content]]:
        """Iterate over all that waits, readable or not, in no order that matters."""
        return (entry[-1] for entry in self._waiting)

    def goes_ahead(self, arrival_second: float, of: Pending[Content]) -> bool:
        """Return whether something of another account would be settled before it, without a fee."""
        return self._moment(arrival_second) < of.moment

    def shares_block(self, arrival_second: float, of: Pending[Content]) -> bool:
        """Return whether only the higher fee would decide between them."""
        return self.rule.rule == "priority_fee" and self._moment(arrival_second) == of.moment
