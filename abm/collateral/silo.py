"""`silo`: all collateral stands on the venue's own chain, wallets too: nothing travels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from abm.collateral.at_venue import AtVenue

if TYPE_CHECKING:
    from abm.network import Message


class Silo(AtVenue):
    """Collateral on the venue's chain, brought there before the run: capital split by venue."""

    held_at_venue: ClassVar[bool] = True

    def deliver(self, message: Message, now: int) -> None:  # noqa: ARG002
        """Refuse: a silo sends no messages."""
        raise TypeError(f"message {message.id} ({message.kind}) reached a silo")

    def expire(self, message: Message, now: int) -> None:
        """Refuse: a silo sends no messages."""
        self.deliver(message, now)
