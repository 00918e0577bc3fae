"""`layer2_aggregation`: everything stands on one settlement layer, which is the venue's chain.

There it is counted and reached at once. Entry waits for the layer's bridge; exit waits in a queue
of limited speed, then for the time in which it can be challenged or proved, then for its message.
While the layer's sequencer stands still, nothing on it moves.

References
----------
Canonical withdrawals: 7 days on OP Stack chains (optimism docs), 3 h and more on zkSync Era.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from abm.collateral.at_venue import AtVenue, Transfer
from abm.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from abm.collateral.architecture import Surroundings


class Layer2Aggregation(AtVenue):
    """Native collateral on the settlement layer, behind an exit queue."""

    def __init__(self, place: Surroundings) -> None:
        super().__init__(place)
        self._exits: list[tuple[float, int, Transfer, int]] = []
        self._gate_free_second: dict[str, float] = {}

    def _send_out(self, transfer: Transfer, *, cause: int, now: int) -> None:
        """Let a withdrawal stand in the exit queue: first come, so much value an hour."""
        rule = self._place.scenario.collateral
        length = transfer.move.value_usd / rule.exit_usd_per_hour * SECONDS_PER_HOUR
        layer = self._venue_of(transfer.move.account)
        free = max(self._gate_free_second.get(layer, 0.0), float(now)) + length
        self._gate_free_second[layer] = free
        due = free + rule.exit_delay_seconds
        heapq.heappush(self._exits, (due, transfer.move.id, transfer, cause))

    def advance(self, now: int) -> None:
        """Send the withdrawals whose wait is over; none while the layer stands still."""
        super().advance(now)
        still = []
        while self._exits and self._exits[0][0] <= now:
            leaving = heapq.heappop(self._exits)
            _, _, transfer, cause = leaving
            if self._place.transport.is_halted(self._venue_of(transfer.move.account), now):
                still.append(leaving)
            else:
                super()._send_out(transfer, cause=cause, now=now)
        for leaving in still:
            heapq.heappush(self._exits, leaving)
