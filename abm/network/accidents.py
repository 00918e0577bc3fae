"""What happens to messages when the chain they come from fails: reorganisations, lost finality."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from abm.network.messages import Fate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abm.network.messages import Transit
    from abm.network.transport import Transport


class Reorg(NamedTuple):
    """What a reorganisation did.

    Attributes
    ----------
    undone : list of Transit
        Void now, and their senders must be told: the protocol had taken their source for final.
    unbacked : list of Transit
        Delivered and acted upon, though their source never happened.
    delayed : int
        Messages that their protocol was still waiting for: included again, from the start.
    """

    undone: list[Transit]
    unbacked: list[Transit]
    delayed: int


def reorganise(transport: Transport, chain: str, now: int, depth_seconds: float) -> Reorg:
    """Drop the last blocks of a chain, and what was sent in them.

    A protocol that waits for finality has attested nothing of them, so their messages are included
    again later; one that did not wait is left with messages that nobody sent.
    """
    undone: list[Transit] = []
    unbacked: list[Transit] = []
    delayed = 0
    for transit in _sent_from(transport, chain):
        if transit.included_second < now - depth_seconds or transit.included_second > now:
            continue
        transit.reorged = True
        if transit.fate is Fate.DELIVERED:
            if transit.applied:
                unbacked.append(transit)
        elif transit.final_second > now:
            _delay(transit, now - transit.included_second)
            transit.included_second = now
            delayed += 1
        elif transport.void(transit, "reorg", now):
            undone.append(transit)
    return Reorg(undone, unbacked, delayed)


def stall_finality(transport: Transport, chain: str, now: int, until: int) -> None:
    """Let a chain's blocks go on without becoming final until a second.

    Protocols that wait for finality wait so much longer; those content with soft blocks go on.
    """
    state = transport.chains[chain]
    held = until - max(now, state.finality_stalled_until)
    state.finality_stalled_until = max(state.finality_stalled_until, until)
    if held <= 0:
        return
    for transit in _sent_from(transport, chain):
        waits = transport.lanes[transit.message.channel].protocol.confidence != "soft"
        if waits and transit.fate is Fate.IN_FLIGHT and transit.final_second > now:
            _delay(transit, held)


def _sent_from(transport: Transport, chain: str) -> Iterator[Transit]:
    """Yield the messages that a chain sent and that were attested or may still be."""
    for transit in transport.transits:
        channel = transport.lanes[transit.message.channel].channel
        if (
            channel.source == chain
            and transit.fate in (Fate.IN_FLIGHT, Fate.DELIVERED)
            and not transit.doomed
            and not transit.message.forged
        ):
            yield transit


def _delay(transit: Transit, seconds: float) -> None:
    transit.final_second += seconds
    transit.ready_second += ceil(seconds)
