"""Phase 7: the margin core revalues every account from what the venue believes."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from abm.margin import (
    Marks,
    counted_value,
    mark_instruments,
    renewed,
    total_value,
)
from abm.market import list_near
from abm.simulation.hedging import true_hedge_value, with_hedges
from abm.simulation.local_market import worth_where_it_stands
from abm.units import MICRO
from abm.venue import Beliefs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.simulation.world import World


REMARK_SECONDS = 600
"""Marks are renewed after this time even if no round was published."""


def believed_marks(world: World, clearing: int = 0) -> Marks:
    """Return a clearing house's marks: of the price and volatility last published on its chain.

    Series that are not listed yet are valued, but not alive.
    """
    listed = world.books[clearing].listed
    published = world.board[world.clearings[clearing].chain]
    marks = mark_instruments(
        world.instruments,
        published.price_usd,
        published.level,
        world.now,
        world.scenario.market.volatility,
    )
    return marks if listed.all() else replace(marks, alive=marks.alive & listed)


def list_series(world: World, clearing: int) -> None:
    """List the strikes that the published price has come near to."""
    book = world.books[clearing]
    if book.listed.all():
        return
    price_usd = world.board[world.clearings[clearing].chain].price_usd
    nearest = world.scenario.market.nearest_strikes
    listed = list_near(world.instruments, book.listed, price_usd, nearest)
    if world.now and (listed != book.listed).any():
        world.log.add(world.now, "listing", value_usd=price_usd)
    book.listed = listed


def mark(world: World) -> None:
    """Renew the marks and their stressed changes when there is a reason to.

    Marks follow the published rounds; between rounds they are renewed for the time that passes,
    every ten minutes, and when a series expires.
    """
    for clearing, book in enumerate(world.books):
        published = world.board[world.clearings[clearing].chain]
        due = world.now >= min(book.second + REMARK_SECONDS, book.first_expiry)
        if published is book.round and not due:
            continue
        list_series(world, clearing)
        book.marks = believed_marks(world, clearing)
        book.margin = world.margin_method.prepare(world.instruments, book.marks, world.now)
        book.round = published
        book.second = world.now
        alive = world.instruments.expiry_second[book.marks.alive]
        book.first_expiry = int(alive.min()) if len(alive) else inf


def revalue(world: World) -> None:
    """Recompute requirements and believed equity of all accounts at the step's marks."""
    touched = world.positions.take_touched()
    for clearing, book in enumerate(world.books):
        if book.revalued is book.marks:
            changed = touched[world.clearing_of[touched] == clearing]
        elif len(world.books) == 1:
            world.requirements = book.margin.requirements(world.positions.sparse())
            changed = touched[:0]
        else:
            changed = np.flatnonzero(world.clearing_of == clearing)
        book.revalued = book.marks
        if len(changed):
            world.requirements = renewed(world.requirements, book.margin, world.positions, changed)
    if world.local is not None and world.local.hedges is not None:
        world.requirements = with_hedges(world, world.local.hedges)
    own = world.cash.balances / MICRO + world.requirements.position_value
    counted, claim_usd = _claims(world)
    world.beliefs = Beliefs(
        marks=tuple(book.marks for book in world.books),
        equity=own + counted,
        equity_before_haircuts=own + claim_usd,
        maintenance=world.requirements.maintenance,
        initial=world.requirements.initial,
        claim_usd=claim_usd,
    )


def _claims(world: World) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what claims count for as margin, and before haircuts, in dollars.

    Kept while neither claims nor marks nor pegs change, all is backed, and no claim grows too old.
    Each account's are priced as its clearing house sees it.
    """
    claims, rule = world.architecture.claims, world.scenario.collateral
    grows_old = rule.stale_haircut > 0 or rule.refused_after_seconds is not None
    unbacked = world.architecture.bridge.unbacked
    key = (
        claims.version,
        tuple(book.marks.price_usd for book in world.books),
        world.now if grows_old or unbacked.any() else 0,
        world.place.tokens.seen_peg.tobytes(),
    )
    if world.valued_claims is None or world.valued_claims[0] != key:
        priced = [_claims_at(world, book.marks.price_usd) for book in world.books]
        counted, claim_usd = priced[0]
        for clearing, (counted_there, claim_there) in enumerate(priced[1:], start=1):
            there = world.clearing_of == clearing
            counted[there], claim_usd[there] = counted_there[there], claim_there[there]
        world.valued_claims = key, counted, claim_usd
    return world.valued_claims[1:]


def _claims_at(world: World, price_usd: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what claims count for, and before haircuts, at one price of the underlying."""
    claims, rule = world.architecture.claims, world.scenario.collateral
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
    return counted, total_value(claims.units, world.place.counted_unit_usd(price_usd))


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
    positions = world.positions.sparse() @ world.true_values.now()
    equity: NDArray[np.float64] = world.cash.balances / MICRO + positions + owned_usd
    return equity + true_hedge_value(world)
