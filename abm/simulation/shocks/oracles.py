"""Shocks to oracles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from abm.scenario.shocks import OracleDeviation, OracleFreeze, OracleManipulation
    from abm.simulation.shocks.occurrences import Occurrence
    from abm.simulation.world import World


def freeze_feeds(world: World, shock: OracleFreeze, when: Occurrence) -> None:  # noqa: ARG001
    """Let nothing be published in this step."""
    world.strains.frozen_feeds.update(shock.chains)


def deviate(world: World, shock: OracleDeviation, when: Occurrence) -> None:  # noqa: ARG001
    """Let feeds observe a multiple of the price in this step."""
    _observe(world, shock.chains, shock.factor)


def manipulate(world: World, shock: OracleManipulation, when: Occurrence) -> None:
    """Let feeds observe a market that comes back to the price."""
    half_life = shock.recovery_half_life_hours * SECONDS_PER_HOUR
    left = 0.5 ** ((world.now - when.start_second) / half_life)
    _observe(world, shock.chains, 1.0 + (shock.factor - 1.0) * left)


def _observe(world: World, chains: tuple[str, ...], factor: float) -> None:
    observed = world.strains.observed
    for chain in chains:
        observed[chain] = observed.get(chain, 1.0) * factor
