"""Which close-outs are coming: anybody can tell from the accounts of an open venue."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from abm.simulation.order_flow import flow_of
from abm.venue import Order, Stage
from abm.venue.liquidation import close_out_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abm.simulation.world import World
    from abm.venue import Liquidation


def coming_close_outs(world: World, delay_seconds: float) -> list[Order]:
    """Return what the first venue will close after an order sent now is settled.

    And before an order sent in the next step is: each close-out is named once, as late as may be.
    Close-outs of a step come after its orders, and after its auction. Accounts that were closed
    before, as far as the book went, are no news. What waits for proceeds from another chain is
    closed in the step in which they come: nobody can tell in time.

    Parameters
    ----------
    world : World
    delay_seconds : float
        Time of the order to the sequencer.

    Returns
    -------
    list of Order
        One for each side of a series, by series; the premium is the worst that the venue takes at
        its present marks, the account one of those that are closed.
    """
    flow, step = world.order_flow, world.scenario.clock.step_seconds
    if flow is None or world.liquidation_stands_still(world.clearings[0].chain):
        return []
    now, then = (
        ceil(flow.sequencer.release_second(second + delay_seconds) / step) * step
        for second in (world.now, world.now + step)
    )
    found: dict[tuple[int, int], list[int]] = {}
    for account in first_closed(world, now, then - step):
        for instrument, held in world.positions.held(account):
            found.setdefault((instrument, 1 if held > 0 else -1), []).append(account)
    return [
        _together(world, instrument, accounts)
        for (instrument, _), accounts in sorted(found.items())
        if world.marks.alive[instrument]
    ]


def first_closed(world: World, first: int, last: int) -> Iterator[int]:
    """Yield the accounts at the first venue whose first close-out is settled in a span of steps.

    Both seconds are of steps, and belong to it. As things stand: those that are called may yet be
    cured.
    """
    flow, step = flow_of(world), world.scenario.clock.step_seconds
    for liquidation in world.desk.open_liquidations():
        if world.clearing_of[liquidation.account] != 0:
            continue
        begins = _begins(world, liquidation)
        if begins is not None and first <= flow.first_close_out_second(begins, step) <= last:
            yield liquidation.account


def _begins(world: World, liquidation: Liquidation) -> int | None:
    """Return when the venue begins to close an account; None where that hangs on other chains."""
    if liquidation.closing_second is not None:
        return liquidation.closing_second
    if liquidation.stage is Stage.CLOSING:
        return world.now
    account, beliefs, desk = liquidation.account, world.beliefs, world.desk
    if liquidation.stage is not Stage.CALLED:
        return None
    if beliefs.equity[account] >= beliefs.maintenance[account]:
        return None
    if desk.rule.close_out != "at_once" and desk.seizure_usd(account, beliefs):
        return None
    step = world.scenario.clock.step_seconds
    return max(ceil(liquidation.seizure_due_second / step) * step, world.now)


def _together(world: World, instrument: int, accounts: list[int]) -> Order:
    """Return one order for all that is closed on one side of a series."""
    lots = sum(int(world.positions.row(account)[instrument]) for account in accounts)
    return close_out_order(
        world.exchange,
        accounts[0],
        instrument,
        lots,
        float(world.marks.value[instrument]),
        world.desk.rule.close_slippage,
    )
