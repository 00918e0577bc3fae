"""What becomes of a message that its protocol gave up, or that a chain dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.collateral.at_venue import resend
from abm.network.messages import ONCE_KINDS
from abm.simulation.firms import Remittance
from abm.simulation.replenishing import Replenishment

if TYPE_CHECKING:
    from abm.network import Message
    from abm.simulation.world import World


def give_up(world: World, message: Message) -> None:
    """Send dollars of a firm again, leave orders undone, and tell the architecture of the rest."""
    if isinstance(message.payload, Remittance | Replenishment):
        resend(world.transport, message, world.now)
    elif message.kind not in ONCE_KINDS:
        world.architecture.expire(message, world.now)
