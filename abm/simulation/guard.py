"""Guardians' front on the world: the theft they look at, their votes, and the pause."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

from abm.randomness import standard_normal
from abm.recording.events import THEFTS
from abm.simulation.shocks.bridges import pause_protocol
from abm.units import seconds

if TYPE_CHECKING:
    from abm.recording.events import Event
    from abm.simulation.world import World


class GuardDesk:
    """Serves guardians; a pause stops the protocols by which the stolen value came.

    What is stolen on a chain came by a channel to it; what is minted for nothing, by the channel
    that told to. Thefts during a pause, or before it, call for no further one.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        rule = world.scenario.guardians
        self.count = 0 if rule is None else rule.count
        self._read = 0
        self._theft: Event | None = None
        self._votes: dict[int, None] = {}

    def look(self) -> bool:
        """Return whether there is a theft that nobody has paused for yet."""
        rule = self._world.scenario.guardians
        if rule is None:
            return False
        events = self._world.log.events
        for event in events[self._read :]:
            large = event.kind in THEFTS and event.value_usd >= rule.alarm_usd
            if large and self._theft is None and self._running(event):
                self._theft = event
        self._read = len(events)
        return self._theft is not None

    def _protocols(self, theft: Event) -> list[str]:
        """Return the protocols of the channels that a theft came by, in the scenario's order."""
        return list(
            dict.fromkeys(
                channel.protocol
                for name, channel in self._world.scenario.channels.items()
                if theft.place in (name, channel.destination)
            )
        )

    def _running(self, theft: Event) -> bool:
        """Return whether any channel that a theft came by is not paused already."""
        transport, now = self._world.transport, self._world.now
        protocols = self._protocols(theft)
        return any(
            channel.protocol in protocols and transport.blocked_until(name) <= now
            for name, channel in self._world.scenario.channels.items()
        )

    def seconds_since_theft(self) -> float | None:
        """Return how long ago the theft was that nobody has paused for yet; None without one."""
        return None if self._theft is None else float(self._world.now - self._theft.second)

    def notice_seconds(self, guardian: int) -> float:
        """Return how long this guardian takes to notice that theft."""
        rule, theft = self._world.scenario.guardians, self._theft
        if rule is None or theft is None:
            return 0.0
        draw = self._world.streams.uniforms("guardian", str(guardian), str(theft.second), count=1)
        return rule.notice_median_seconds * exp(rule.notice_ln_sigma * standard_normal(draw[0]))

    def vote(self, guardian: int) -> None:
        """Count a vote; the last one of a quorum pauses."""
        rule, theft = self._world.scenario.guardians, self._theft
        if rule is None or theft is None:
            return
        self._votes[guardian] = None
        if len(self._votes) < rule.quorum:
            return
        until = self._world.now + seconds(rule.pause_hours)
        for protocol in self._protocols(theft):
            pause_protocol(self._world, protocol, until, theft.id)
        self._theft, self._votes = None, {}
