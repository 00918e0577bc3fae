"""Shocks to channels and those who serve them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.network import Censorship as Rule

if TYPE_CHECKING:
    from abm.scenario.shocks import (
        Censorship,
        ChannelDelay,
        ChannelHalt,
        ChannelLoss,
        RelayerExit,
        RelayerStrike,
    )
    from abm.simulation.shocks.occurrences import Occurrence
    from abm.simulation.world import World


def halt_channels(world: World, shock: ChannelHalt, when: Occurrence) -> None:
    """Stop channels until the end."""
    for channel in shock.channels:
        world.transport.halt_channel(channel, world.now, when.end_second)


def slow_channels(world: World, shock: ChannelDelay, when: Occurrence) -> None:  # noqa: ARG001
    """Stretch what channels are sent in this step."""
    for channel in shock.channels:
        world.transport.channels[channel].slowdown *= shock.factor


def lose_messages(world: World, shock: ChannelLoss, when: Occurrence) -> None:  # noqa: ARG001
    """Let channels swallow some of what they are sent in this step."""
    for channel in shock.channels:
        state = world.transport.channels[channel]
        state.loss = 1.0 - (1.0 - state.loss) * (1.0 - shock.probability)


def censor(world: World, shock: Censorship, when: Occurrence) -> None:
    """Leave messages out until the end."""
    subjects = tuple(f"account {account}" for account in shock.accounts)
    rule = Rule(shock.message_kinds, subjects, when.end_second, shock.by, shock.share)
    for channel in shock.channels:
        world.transport.channels[channel].censorships.append(rule)


def stop_relayers(world: World, shock: RelayerExit, when: Occurrence) -> None:  # noqa: ARG001
    """Keep a share of the relayers from working in this step."""
    world.strains.relayers_gone = max(world.strains.relayers_gone, shock.fraction)


def strike(world: World, shock: RelayerStrike, when: Occurrence) -> None:  # noqa: ARG001
    """Keep relayers from serving channels in this step."""
    world.strains.struck.update(shock.channels)
