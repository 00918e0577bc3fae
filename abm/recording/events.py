"""The log of what happened and what caused it: every entry points to an earlier one."""

from __future__ import annotations

from dataclasses import dataclass, field

ROOT = 0
"""The start of the run, which caused itself."""

THEFTS = ("stolen", "minted_unbacked", "spent_twice")
"""Kinds of events after which tokens may stand for nothing."""

ROBBED = "vault_robbed"
"""Kind of the event that says what one account lost of what was stolen on a chain."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    ``cause`` is the id of the earlier event that led to it; ``place`` names a chain, a channel or
    a shock where the event has one.
    """

    id: int
    second: int
    kind: str
    cause: int
    account: int | None = None
    place: str | None = None
    value_usd: float = 0.0


@dataclass
class EventLog:
    """All events of a run, in order."""

    events: list[Event] = field(default_factory=lambda: [Event(ROOT, 0, "start", ROOT)])

    def add(
        self,
        second: int,
        kind: str,
        cause: int = ROOT,
        *,
        account: int | None = None,
        place: str | None = None,
        value_usd: float = 0.0,
    ) -> int:
        """Note an event and return its id."""
        event = Event(len(self.events), second, kind, cause, account, place, value_usd)
        self.events.append(event)
        return event.id
