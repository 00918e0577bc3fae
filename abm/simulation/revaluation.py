"""Phase 7: the margin core revalues every account from what the venue believes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from abm.margin import (
    Marks,
    counted_value,
    mark_instruments,
    option_values,
    renewed,
    total_value,
)
from abm.market import list_near
from abm.simulation.hedging import hedge_value, with_hedges
from abm.simulation.local_market import worth_where_it_stands
from abm.units import MICRO
from abm.venue import Beliefs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from abm.simulation.world import World


REMARK_SECONDS = 600
"""Marks are renewed after this time even if no round was published."""


def believed_marks(world: World) -> Marks:
    """Return the venue's marks: of the price and volatility last published on its chain.

    Series that are not listed yet are valued, but not alive.
    """
    published = world.board[world.scenario.venue.chain]
    marks = mark_instruments(
        world.instruments,
        published.price_usd,
        published.level,
        world.now,
        world.scenario.market.volatility,
    )
    return marks if world.listed.all() else replace(marks, alive=marks.alive & world.listed)


def list_series(world: World) -> None:
    """List the strikes that the published price has come near to."""
    if world.listed.all():
        return
    price_usd = world.board[world.scenario.venue.chain].price_usd
    nearest = world.scenario.market.nearest_strikes
    listed = list_near(world.instruments, world.listed, price_usd, nearest)
    if world.now and (listed != world.listed).any():
        world.log.add(world.now, "listing", value_usd=price_usd)
    world.listed = listed


def mark(world: World) -> None:
    """Renew the marks and their stressed changes when there is a reason to.

    Marks follow the published rounds; between rounds they are renewed for the time that passes,
    every ten minutes, and when a series expires.
    """
    published = world.board[world.scenario.venue.chain]
    expired = bool((world.instruments.expiry_second[world.marks.alive] <= world.now).any())
    due = world.now - world.marked_second >= REMARK_SECONDS
    if published is world.marked_round and not due and not expired:
        return
    list_series(world)
    world.marks = believed_marks(world)
    world.margin = world.margin_method.prepare(world.instruments, world.marks, world.now)
    world.marked_round = published
    world.marked_second = world.now


def revalue(world: World) -> None:
    """Recompute requirements and believed equity of all accounts at the step's marks."""
    touched = world.positions.take_touched()
    if world.revalued_marks is world.marks:
        world.requirements = renewed(world.requirements, world.margin, world.positions, touched)
    else:
        world.requirements = world.margin.requirements(world.positions.sparse())
        world.revalued_marks = world.marks
    if world.local is not None and world.local.hedges is not None:
        world.requirements = with_hedges(world, world.local.hedges)
    own = world.cash.balances / MICRO + world.requirements.position_value
    counted, claim_usd = _claims(world)
    world.beliefs = Beliefs(
        marks=world.marks,
        equity=own + counted,
        equity_before_haircuts=own + claim_usd,
        maintenance=world.requirements.maintenance,
        initial=world.requirements.initial,
        claim_usd=claim_usd,
    )


def _claims(world: World) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what claims count for as margin, and before haircuts, in dollars.

    Kept while neither claims nor marks nor pegs change, all is backed, and no claim grows too old.
    """
    claims, rule = world.architecture.claims, world.scenario.collateral
    grows_old = rule.stale_haircut > 0 or rule.refused_after_seconds is not None
    unbacked = world.architecture.bridge.unbacked
    key = (
        claims.version,
        world.marks.price_usd,
        world.now if grows_old or unbacked.any() else 0,
        world.place.tokens.seen_peg.tobytes(),
    )
    if world.valued_claims is None or world.valued_claims[0] != key:
        price_usd = world.marks.price_usd
        counted = counted_value(
            claims.units,
            world.now - claims.as_of_second,
            world.place.tokens.rules,
            price_usd,
            rule,
            world.place.counted_share(),
        )
        if rule.proof_haircuts:
            counted *= claims.proven_share(rule.proof_haircuts)
        claim_usd = total_value(claims.units, world.place.counted_unit_usd(price_usd))
        world.valued_claims = key, counted, claim_usd
    return world.valued_claims[1:]


def owned_value(world: World) -> NDArray[np.float64]:
    """Return what every account's collateral is really worth, wherever it is, in dollars."""
    return worth_where_it_stands(world, world.owned_units())


def true_equity(world: World, owned_usd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what every account is really worth at the true price, before haircuts.

    ``owned_usd`` is from `owned_value`.

    Returns
    -------
    ndarray, shape (accounts,)
        Cash, positions, and collateral wherever it is, in dollars.
    """
    scenario = world.scenario
    level = float(world.path.level[world.step])
    value = option_values(
        world.instruments, world.price_usd, level, world.now, scenario.market.volatility
    )
    positions = world.positions.sparse() @ value
    equity: NDArray[np.float64] = world.cash.balances / MICRO + positions + owned_usd
    return equity + hedge_value(world, world.price_usd)
