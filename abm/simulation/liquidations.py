"""Phases 3, 8 and 9: messages arrive; breaches become calls, seizures, auctions and losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.simulation.decisions import schedule_top_up
from abm.simulation.firms import Remittance, receive
from abm.simulation.given_up import give_up
from abm.simulation.layers import tell_standing
from abm.simulation.order_flow import Way, receive_order
from abm.simulation.replenishing import (
    Replenishment,
    receive_replenishment,
    replenish,
)
from abm.simulation.settlement import settle_bids, settle_resales
from abm.simulation.shocks import accept_forged

if TYPE_CHECKING:
    from abm.simulation.world import World


def deliver_messages(world: World) -> None:
    """Hand over what is due, give up what is too late, and let vaults report."""
    for transit in world.transport.deliver_due(world.now):
        if not transit.applied:
            continue
        if transit.message.forged:
            accept_forged(world, transit)
        elif isinstance(transit.message.payload, Way):
            receive_order(world, transit.message.payload, transit.end_second or world.now)
        elif isinstance(transit.message.payload, Remittance):
            receive(world, transit.message, transit.message.payload)
        elif isinstance(transit.message.payload, Replenishment):
            receive_replenishment(world, transit.message, transit.message.payload)
        else:
            world.architecture.deliver(transit.message, world.now)
    for transit in world.transport.expire_and_repeat(world.now):
        give_up(world, transit.message)
    world.architecture.advance(world.now)
    take_events(world)


def take_events(world: World) -> None:
    """Let the desk act on what came back from the collateral's chains."""
    for call in world.desk.take_events(world.now):
        schedule_top_up(world, call.account, call.liquidation, call.second)


def liquidate(world: World) -> None:
    """Settle bids, send proceeds home, call new breaches, take liquidations one step on."""
    settle_bids(world)
    settle_resales(world)
    replenish(world)
    world.desk.finish_auctions(world.now)
    stands = [world.liquidation_stands_still(clearing.chain) for clearing in world.clearings]
    if not all(stands):
        works = ~np.array(stands)[world.clearing_of] if any(stands) else None
        world.desk.call_breaches(world.beliefs, world.now, works)
        tell_standing(world)
        world.desk.advance(world.beliefs, world.now, works)
    take_events(world)
