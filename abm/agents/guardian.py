"""Guardians: vote for a pause once they have noticed a theft."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import mesa

if TYPE_CHECKING:
    from abm.scenario.watchers import Guardians


def choose_vote(seconds_since_theft: float, notice_seconds: float) -> bool:
    """Decide whether to vote for a pause: once the guardian has had the time to notice.

    Examples
    --------
    >>> choose_vote(600.0, 900.0), choose_vote(900.0, 900.0)
    (False, True)
    """
    return seconds_since_theft >= notice_seconds


class PauseDesk(Protocol):
    """What the simulation offers a guardian."""

    def seconds_since_theft(self) -> float | None:
        """Return how long ago the theft was that nobody has paused for yet; None without one."""
        ...

    def notice_seconds(self, guardian: int) -> float:
        """Return how long this guardian takes to notice that theft."""
        ...

    def vote(self, guardian: int) -> None:
        """Vote for a pause."""
        ...


class Guardian(mesa.Agent):
    """One guardian; ``slot`` is its number."""

    def __init__(
        self, model: mesa.Model, slot: int, parameters: Guardians, desk: PauseDesk
    ) -> None:
        super().__init__(model)
        self.slot = slot
        self.parameters = parameters
        self.desk = desk

    def step(self) -> None:
        """Vote once it has noticed."""
        since = self.desk.seconds_since_theft()
        if since is not None and choose_vote(since, self.desk.notice_seconds(self.slot)):
            self.desk.vote(self.slot)
