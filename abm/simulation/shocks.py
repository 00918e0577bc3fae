"""Phase 1: what the scenario schedules to fail; a new kind is one function and one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from abm.scenario.shocks import (
    ChainHalt,
    ChannelHalt,
    GasSpike,
    LiquidatorExit,
    RelayerExit,
    TimedShock,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from abm.scenario.shocks import Shock
    from abm.simulation.world import World


def _halt_channels(world: World, shock: ChannelHalt) -> None:
    for channel in shock.channels:
        world.transport.halt_channel(channel, world.now, shock.end_second)


def _halt_chains(world: World, shock: ChainHalt) -> None:
    for chain in shock.chains:
        world.transport.halt_chain(chain, world.now, shock.end_second)


def _nothing(world: World, shock: TimedShock) -> None:
    """Gas and exits are read off the active shocks at every step."""


ON_START: dict[type[TimedShock], Callable[[World, Any], None]] = {
    ChannelHalt: _halt_channels,
    ChainHalt: _halt_chains,
    GasSpike: _nothing,
    LiquidatorExit: _nothing,
    RelayerExit: _nothing,
}


def apply_shocks(world: World) -> None:
    """Start the shocks that are due and set what active ones change."""
    now = world.now
    active = []
    for name, shock in world.scenario.shocks.items():
        if name not in world.started_shocks and shock.start_second <= now:
            world.started_shocks[name] = world.log.add(now, f"shock_{shock.kind}", place=name)
            ON_START[type(shock)](world, shock)
        if shock.start_second <= now < shock.end_second:
            active.append(shock)
    for name, state in world.transport.chains.items():
        factor = 1.0
        for shock in active:
            if isinstance(shock, GasSpike) and name in shock.chains:
                factor *= shock.factor
        state.gas_multiple = float(world.path.gas[name][world.step]) * factor
    world.liquidators_gone = _gone(active, LiquidatorExit)
    world.relayers_gone = _gone(active, RelayerExit)


def _gone(active: list[Shock], kind: type[LiquidatorExit | RelayerExit]) -> float:
    """Return the largest share that the active exits of one kind take away."""
    return max((shock.fraction for shock in active if isinstance(shock, kind)), default=0.0)
