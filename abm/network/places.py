"""What changes about chains and channels during a run: halts, gas, failures."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from abm.network.messages import Message, Transit


class Halt(NamedTuple):
    """A time of standing still; ``forced_after`` is how long it can hold one thing at most."""

    start: int
    end: int
    forced_after: int | None = None

    def works_again(self, second: int) -> int:
        """Return when what falls into the halt at a second goes on."""
        if not self.start <= second < self.end:
            return second
        if self.forced_after is None:
            return self.end
        return min(self.end, second + self.forced_after)


@dataclass
class Haltable:
    """Something that can stand still, with the times at which it did."""

    halts: list[Halt] = field(default_factory=list)
    halted_until: int = 0
    blocked_until: int = 0

    def halt(self, start: int, end: int, forced_after: int | None = None) -> None:
        """Stand still from one second to another.

        With ``forced_after``, only so long for what is forced through, such as a transaction that
        is sent to a rollup by its settlement chain: such a halt blocks nobody who can wait.
        """
        self.halts.append(Halt(start, end, forced_after))
        self.halted_until = max(self.halted_until, end)
        if forced_after is None:
            self.blocked_until = max(self.blocked_until, end)

    def goes_on(self, second: int, *, forced: bool = True) -> int:
        """Return when what comes at a second can go on.

        Without ``forced``, halts that it has been forced through stop it no more.
        """
        for halt in self.halts:
            if forced or halt.forced_after is None:
                second = halt.works_again(second)
        return second

    def halted_seconds(self, start: int, end: int) -> int:
        """Return how many seconds of an interval fall into its halts, overlapping ones once."""
        if not self.halts:
            return 0
        total, counted_to = 0, start
        for halt in sorted(self.halts, key=lambda halt: (halt.start, halt.end)):
            first, last = max(halt.start, counted_to), min(halt.end, end)
            if last > first:
                total += last - first
                counted_to = last
        return total


@dataclass
class ChainState(Haltable):
    """What changes about a chain during a run.

    ``finality_stalled_until`` is when its blocks become final again; ``freezes`` are the times at
    which its assets may not move.
    """

    gas_multiple: float = 1.0
    finality_stalled_until: int = 0
    freezes: Haltable = field(default_factory=Haltable)


@dataclass(frozen=True, slots=True)
class Censorship:
    """Who leaves which messages out, until a second.

    Empty ``kinds`` or ``subjects`` mean all. ``share`` of the relayers refuse them, or, for
    ``verifiers``, so many do not sign that no quorum is left.
    """

    kinds: tuple[str, ...]
    subjects: tuple[str, ...]
    until: int
    by: str
    share: float = 1.0

    def hits(self, message: Message) -> bool:
        """Return whether a message is one of those left out."""
        return (not self.kinds or message.kind in self.kinds) and (
            not self.subjects or message.subject in self.subjects
        )


@dataclass
class ChannelState(Haltable):
    """What changes about a channel during a run.

    ``awaiting`` are its messages that no relayer carries yet; none of them expires before
    ``expires_from``. ``loss`` is the probability that the
    channel swallows a message, ``slowdown`` a multiple of its finality and attestation.
    """

    awaiting: dict[int, Transit] = field(default_factory=dict)
    expires_from: float = inf
    loss: float = 0.0
    slowdown: float = 1.0
    censorships: list[Censorship] = field(default_factory=list)

    def wait(self, transit: Transit) -> None:
        """Let a message wait for a relayer."""
        self.awaiting[transit.message.id] = transit
        self.expires_from = min(self.expires_from, transit.expiry_second)

    def take_expired(self, now: int) -> list[Transit]:
        """Take out the messages that have waited too long, in the order of sending."""
        if now < self.expires_from:
            return []
        late = [transit for transit in self.awaiting.values() if transit.expiry_second <= now]
        for transit in late:
            del self.awaiting[transit.message.id]
        waiting = (transit.expiry_second for transit in self.awaiting.values())
        self.expires_from = min(waiting, default=inf)
        return late
