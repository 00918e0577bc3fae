"""What balance sheets alone say a run can lose, taken once, before its shocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from abm.contagion import loss_band
from abm.margin import option_values, total_value
from abm.simulation.hedging import hedge_value
from abm.simulation.layers import left_by_layer
from abm.units import MICRO, dollars

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.simulation.world import World

# A member or a venue without equity is given a micro-dollar, so that any loss takes all of it.
SMALLEST_EQUITY_USD = 1.0 / MICRO


@dataclass(frozen=True)
class StaticBand:
    """What others lose by members that cannot pay, in dollars.

    Attributes
    ----------
    clearing_usd : float
        If all is closed and cleared at once (Eisenberg-Noe): no delay, no cost of selling.
    debtrank_usd : float
        If claims lose value with their debtor's equity, before any default (linear DebtRank).
    shortfall : ndarray, shape (accounts,)
        What each member could not pay in the first case.
    """

    clearing_usd: float
    debtrank_usd: float
    shortfall: NDArray[np.float64] = field(repr=False)


def measure_band(world: World) -> None:
    """Measure the band at the first step in which a left-out shock can start, or at the first step.

    The price moves at once to the lowest or the highest of the rest of the run, whichever costs
    more by either rule; positions and collateral are those of now.
    """
    if world.band is not None:
        return
    scenario = world.scenario
    if world.now < (scenario.first_shock_second if scenario.left_out_shocks else 0):
        return
    rest = world.path.price_usd[world.step :]
    steps = {world.step + int(rest.argmin()), world.step + int(rest.argmax())}
    found = [_band_at(world, step) for step in sorted(steps)]
    worst = max(found, key=lambda band: band.clearing_usd)
    world.band = StaticBand(
        worst.clearing_usd, max(band.debtrank_usd for band in found), worst.shortfall
    )


def _band_at(world: World, step: int) -> StaticBand:
    """Let the price and the level of volatility of another step come at once."""
    before = _members(world, world.step)
    after = _members(world, step)
    own, collateral = after
    equity = own + collateral
    start = np.maximum(np.maximum(before[0] + before[1], equity), SMALLEST_EQUITY_USD)
    # Variation margin as owed after the move; the loss is what it took from each member.
    # The venue is the last node, between all members.
    of_members = sparse.coo_array(np.maximum(own, 0.0)[:, np.newaxis])
    of_venue = sparse.coo_array(np.maximum(-own, 0.0)[np.newaxis, :])
    claims = sparse.block_array([[None, of_members], [of_venue, None]], format="csr")
    loss = start - equity
    # Its assets outside the network make its equity what is set aside for losses.
    set_aside = dollars(sum(left_by_layer(world).values()))
    outside = float(own.sum()) + max(set_aside, SMALLEST_EQUITY_USD)
    found = loss_band(
        claims,
        np.append(collateral + loss, outside),
        np.zeros(len(own) + 1),
        np.append(loss, 0.0),
    )
    return StaticBand(
        float((found.clearing - found.shock).sum()),
        float((found.debtrank - found.shock).sum()),
        np.maximum(-equity, 0.0),
    )


def _members(world: World, step: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return cash and positions, and collateral, of every account at the market of a step."""
    price = world.path.spot(step)
    value = option_values(
        world.instruments,
        price,
        float(world.path.level[step]),
        world.now,
        world.scenario.market.volatility,
    )
    own: NDArray[np.float64] = world.cash.balances / MICRO + world.positions.sparse() @ value
    return own + hedge_value(world, price), total_value(world.owned_units(), world.unit_usd(price))
