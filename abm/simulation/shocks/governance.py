"""Decisions of those who govern venues, and of those who hold what is the owners'."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.margin import METHODS
from abm.scenario.governance import with_parameter
from abm.scenario.shocks import ParameterChange
from abm.units import seconds

if TYPE_CHECKING:
    from abm.scenario.shocks import CustodianFreeze, EmergencyPause
    from abm.simulation.shocks.occurrences import Occurrence
    from abm.simulation.world import World


def freeze_custody(world: World, shock: CustodianFreeze, when: Occurrence) -> None:  # noqa: ARG001
    """Pay nothing out until the end, and take nothing in."""
    world.withdrawals.freeze(when.end_second)
    world.strains.custody_frozen = True


def pause_venue(world: World, shock: EmergencyPause, when: Occurrence) -> None:
    """Stop venues in this step, if their guardian has acted."""
    if world.now >= when.start_second + seconds(shock.detection_hours):
        names = shock.venues or world.venue_names[:1]
        world.strains.paused.update(
            world.venue_chains[world.venue_names.index(name)] for name in names
        )


def enact(world: World) -> None:
    """Put the parameters in force that votes have set for this step."""
    in_force: list[tuple[str, float]] = []
    for when in world.path.occurrences:
        shock = when.shock
        if isinstance(shock, ParameterChange):
            lock = seconds(shock.timelock_hours)
            if when.start_second + lock <= world.now < when.end_second + lock:
                in_force.append((shock.parameter, shock.value))
                if (when.name, when.number) not in world.enacted:
                    world.enacted.append((when.name, when.number))
                    world.log.add(
                        world.now,
                        "parameter_changed",
                        world.started_shocks[when.name],
                        place=shock.parameter,
                        value_usd=shock.value,
                    )
    if tuple(in_force) == world.in_force:
        return
    world.in_force = tuple(in_force)
    rules = world.place.scenario
    for parameter, value in in_force:
        rules = with_parameter(rules, parameter, value)
    world.scenario = rules
    world.desk.rule = rules.liquidation
    world.margin_method = METHODS[rules.margin.grid](rules.margin)
    for book in world.books:
        book.margin = world.margin_method.prepare(world.instruments, book.marks, world.now)
        book.revalued = None
