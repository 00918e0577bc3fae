"""Shocks to those who act at the venue."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abm.scenario.shocks import AgentOutage, LiquidatorExit, MarketMakerWithdrawal
    from abm.simulation.shocks.occurrences import Occurrence
    from abm.simulation.world import World


def stop_liquidators(world: World, shock: LiquidatorExit, when: Occurrence) -> None:  # noqa: ARG001
    """Keep a share of the liquidators from bidding in this step."""
    world.strains.liquidators_gone = max(world.strains.liquidators_gone, shock.fraction)


def withdraw_makers(world: World, shock: MarketMakerWithdrawal, when: Occurrence) -> None:  # noqa: ARG001
    """Take the quotes of a share of the market makers away, and keep them away in this step."""
    world.strains.makers_gone = max(world.strains.makers_gone, shock.fraction)
    _take_quotes_away(world)


def stop_agents(world: World, shock: AgentOutage, when: Occurrence) -> None:  # noqa: ARG001
    """Keep some relayers and market makers from acting in this step."""
    world.strains.relayers_out.update(shock.relayers)
    world.strains.makers_out.update(shock.market_makers)
    _take_quotes_away(world)


def _take_quotes_away(world: World) -> None:
    """Withdraw the quotes of all market makers that are gone."""
    for number, seat in enumerate(world.seats):
        if world.maker_is_gone(seat.firm) and number in world.quoted:
            world.exchanges[seat.venue].quotes.withdraw(seat.firm)
            del world.quoted[number]
