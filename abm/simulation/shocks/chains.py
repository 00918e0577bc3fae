"""Shocks to chains."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from abm.network import reorganise, stall_finality
from abm.simulation.given_up import give_up
from abm.simulation.shocks.bridges import spend_twice

if TYPE_CHECKING:
    from abm.scenario.shocks import (
        ChainHalt,
        FinalityLoss,
        GasSpike,
        JurisdictionFreeze,
        Reorg,
        SequencerOutage,
    )
    from abm.simulation.shocks.occurrences import Occurrence
    from abm.simulation.world import World


def halt_chains(world: World, shock: ChainHalt, when: Occurrence) -> None:
    """Stop chains until the end."""
    for chain in shock.chains:
        world.transport.halt_chain(chain, world.now, when.end_second)


def stop_sequencers(world: World, shock: SequencerOutage, when: Occurrence) -> None:
    """Stop chains until the end, but for what is forced in."""
    for chain in shock.chains:
        forced = ceil(world.scenario.chains[chain].forced_inclusion_seconds)
        world.transport.halt_chain(chain, world.now, when.end_second, forced)


def drop_blocks(world: World, shock: Reorg, when: Occurrence) -> None:
    """Undo what chains sent in their last blocks, and tell the senders."""
    for chain in shock.chains:
        cause = world.started_shocks[when.name]
        done = reorganise(world.transport, chain, world.now, shock.depth_seconds)
        for transit in done.undone:
            world.log.add(
                world.now,
                "message_undone",
                cause,
                place=transit.message.channel,
                value_usd=transit.message.value_usd,
            )
            give_up(world, transit.message)
        for transit in done.unbacked:
            # Acted upon already: what it moved has no source on the chain any more.
            world.log.add(
                world.now,
                "message_unbacked",
                cause,
                place=transit.message.channel,
                value_usd=transit.message.value_usd,
            )
            spend_twice(world, transit, cause)


def lose_finality(world: World, shock: FinalityLoss, when: Occurrence) -> None:
    """Keep the blocks of chains from becoming final until the end."""
    for chain in shock.chains:
        stall_finality(world.transport, chain, world.now, when.end_second)


def raise_gas(world: World, shock: GasSpike, when: Occurrence) -> None:  # noqa: ARG001
    """Multiply gas in this step."""
    for chain in shock.chains:
        world.transport.chains[chain].gas_multiple *= shock.factor


def freeze_assets(world: World, shock: JurisdictionFreeze, when: Occurrence) -> None:
    """Let no assets move on the chains of jurisdictions until the end."""
    for name, chain in world.scenario.chains.items():
        if chain.jurisdiction in shock.jurisdictions:
            world.transport.chains[name].freezes.halt(world.now, when.end_second)
