"""Phase 1: what fails, starts and ends in this step.

A new kind is one function in the module of its family, and one line below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from abm.scenario import shocks as kinds
from abm.simulation.shocks.agents import stop_agents, stop_liquidators, withdraw_makers
from abm.simulation.shocks.bridges import accept_forged, exploit, forge, pause_when_found
from abm.simulation.shocks.chains import (
    drop_blocks,
    freeze_assets,
    halt_chains,
    lose_finality,
    raise_gas,
    stop_sequencers,
)
from abm.simulation.shocks.effects import Strains
from abm.simulation.shocks.governance import enact, freeze_custody, pause_venue
from abm.simulation.shocks.market import depeg
from abm.simulation.shocks.oracles import deviate, freeze_feeds, manipulate
from abm.simulation.shocks.transport import (
    censor,
    halt_channels,
    lose_messages,
    slow_channels,
    stop_relayers,
    strike,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from abm.simulation.shocks.occurrences import Occurrence
    from abm.simulation.world import World

    Effect = Callable[[World, Any, Occurrence], None]

ON_START: dict[type[kinds.TimedShock], Effect] = {
    kinds.BridgeExploit: exploit,
    kinds.Censorship: censor,
    kinds.ChainHalt: halt_chains,
    kinds.ChannelHalt: halt_channels,
    kinds.FinalityLoss: lose_finality,
    kinds.JurisdictionFreeze: freeze_assets,
    kinds.Reorg: drop_blocks,
    kinds.SequencerOutage: stop_sequencers,
}
"""What a kind does once."""

WHILE_ACTIVE: dict[type[kinds.TimedShock], Effect] = {
    kinds.AgentOutage: stop_agents,
    kinds.BridgeExploit: pause_when_found,
    kinds.ChannelDelay: slow_channels,
    kinds.ChannelLoss: lose_messages,
    kinds.CustodianFreeze: freeze_custody,
    kinds.EmergencyPause: pause_venue,
    kinds.GasSpike: raise_gas,
    kinds.LiquidatorExit: stop_liquidators,
    kinds.MarketMakerWithdrawal: withdraw_makers,
    kinds.OracleDeviation: deviate,
    kinds.OracleFreeze: freeze_feeds,
    kinds.OracleManipulation: manipulate,
    kinds.RelayerExit: stop_relayers,
    kinds.RelayerStrike: strike,
    kinds.StablecoinDepeg: depeg,
    kinds.VerifierCompromise: forge,
}
"""What a kind does at every step while it lasts."""

ELSEWHERE: frozenset[type[kinds.TimedShock]] = frozenset(
    {kinds.ParameterChange, kinds.PriceJump, kinds.VolatilityJump}
)
"""Kinds that act later than their start (`enact`), or before the run (`draw_market`)."""

__all__ = ["ELSEWHERE", "ON_START", "WHILE_ACTIVE", "Strains", "accept_forged", "apply_shocks"]


def apply_shocks(world: World) -> None:
    """Start the shocks that are due, and do what active ones do."""
    now = world.now
    _calm_down(world)
    for when in world.path.occurrences:
        key = (when.name, when.number)
        if when.start_second <= now and key not in world.begun:
            world.begun[key] = world.log.add(now, f"shock_{when.shock.kind}", place=when.name)
            world.started_shocks[when.name] = world.begun[key]
            if type(when.shock) in ON_START:
                ON_START[type(when.shock)](world, when.shock, when)
        if when.shock.is_drawn and when.end_second <= now and key not in world.over:
            world.over.add(key)
            world.log.add(now, f"shock_{when.shock.kind}_over", world.begun[key], place=when.name)
        if when.is_active(now) and type(when.shock) in WHILE_ACTIVE:
            WHILE_ACTIVE[type(when.shock)](world, when.shock, when)
    if not world.scenario.contagion.congestion:
        _decongest(world)
    enact(world)


def _decongest(world: World) -> None:
    """Keep gas, and what the market adds to delays, those of calm."""
    world.transport.conditions.stress = 1.0
    for chain in world.transport.chains.values():
        chain.gas_multiple = 1.0


def _calm_down(world: World) -> None:
    """Set everything to what it is without shocks."""
    world.strains = Strains()
    calm = world.scenario.market.volatility.base
    world.transport.conditions.stress = max(float(world.path.realised[world.step]) / calm, 1.0)
    world.place.tokens.restore_pegs()
    for name, chain in world.transport.chains.items():
        chain.gas_multiple = float(world.path.gas[name][world.step])
    for channel in world.transport.channels.values():
        channel.loss, channel.slowdown = 0.0, 1.0
