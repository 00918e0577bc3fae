"""The queue in front of the exchange: what was asked waits until its rule lets it be settled."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

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
        Whose it is: what it asks never overtakes what it asked before.
    content : Content
        What for.
    asked_second : int
        When.
    arrival_second : float
        When it is at the sequencer; its commitment, where contents are encrypted.
    release_second : float
        When its rule lets it be settled.
    place : int
        Number of the venue that it is for.
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
    place: int
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
    block_seconds : sequence of float
        Between two blocks of each venue's chain.
    """

    def __init__(self, rule: Ordering, block_seconds: Sequence[float]) -> None:
        self.rule = rule
        self._block_seconds = tuple(block_seconds)
        self._waiting: list[tuple[float, int, Pending[Content]]] = []
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
        place: int = 0,
        fee_usd: float = 0.0,
        is_quote: bool = False,
    ) -> Pending[Content]:
        """Put something into the queue and return it with its times."""
        arrival = self.arrival_second(account, arrival_second)
        self._last_arrival[account] = arrival
        pending = Pending(
            number=self._count,
            account=account,
            content=content,
            asked_second=asked_second,
            arrival_second=arrival,
            release_second=self.release_second(arrival, place),
            place=place,
            fee_usd=fee_usd,
            is_quote=is_quote,
        )
        self._count += 1
        heapq.heappush(self._waiting, (pending.release_second, pending.number, pending))
        return pending

    def arrival_second(self, account: int, arrival_second: float) -> float:
        """Return when something of an account arrives, which is not before what it asked before."""
        return max(arrival_second, self._last_arrival.get(account, 0.0))

    def release_second(self, arrival: float, place: int = 0) -> float:
        """Return when the rule lets be settled what arrives at a second, for a venue."""
        match self.rule.rule:
            case "first_come":
                return arrival
            case "encrypted":
                return arrival + self.rule.decryption_delay_seconds
            case "priority_fee":
                length = self._block_seconds[place]
            case _:
                length = self.rule.batch_seconds
        return ceil(arrival / length - ROUNDING) * length

    def take(self, now: int, closed: Collection[int] = ()) -> list[list[Pending[Content]]]:
        """Take out what may be settled by now, but for venues that are closed.

        Returns
        -------
        list of list of Pending
            Moments in their order, each with what is settled at it, in order: a second of all
            venues, or a block or a batch of one.
        """
        found: list[Pending[Content]] = []
        kept: list[tuple[float, int, Pending[Content]]] = []
        while self._waiting and self._waiting[0][0] <= now + ROUNDING:
            entry = heapq.heappop(self._waiting)
            if entry[-1].place in closed:
                kept.append(entry)
            else:
                found.append(entry[-1])
        for entry in kept:
            heapq.heappush(self._waiting, entry)
        found.sort(key=lambda pending: (*self._moment(pending), *self._rank(pending)))
        return [list(group) for _, group in groupby(found, key=self._moment)]

    def _moment(self, pending: Pending[Content]) -> tuple[float, int]:
        """Return what things have in common that are settled at one moment."""
        together = self.rule.rule in ("first_come", "encrypted")
        return pending.release_second, 0 if together else pending.place

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
                for release, _, pending in self._waiting
                if self.rule.rule != "encrypted" or release <= now
            ),
            key=lambda pending: pending.number,
        )

    def waiting(self) -> Iterable[Pending[Content]]:
        """Iterate over all that waits, readable or not, in no order that matters."""
        return (entry[-1] for entry in self._waiting)

    def goes_ahead(self, arrival_second: float, of: Pending[Content]) -> bool:
        """Return whether something of another account would be settled before it, without a fee."""
        return self.release_second(arrival_second, of.place) < of.release_second

    def shares_block(self, arrival_second: float, of: Pending[Content]) -> bool:
        """Return whether only the higher fee would decide between them."""
        together = self.release_second(arrival_second, of.place) == of.release_second
        return self.rule.rule == "priority_fee" and together
