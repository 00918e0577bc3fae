"""Market makers hedge the delta of their options, after the venues have settled a step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from abm.agents import choose_hedge
from abm.margin import mark_instruments
from abm.market import scaled
from abm.simulation.local_market import stress, trade_locally
from abm.units import SECONDS_PER_MINUTE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.margin import Requirements
    from abm.scenario.hedge_market import Hedging
    from abm.simulation.world import World
    from abm.venue import HedgeBook


def open_hedges(world: World) -> None:
    """Let every maker start the run hedged, at the opening price and without moving it."""
    if world.local is None or world.local.hedges is None:
        return
    for account in world.makers:
        marks = world.book_of(account).marks
        delta = float(world.positions.row(account) @ marks.delta)
        lots = choose_hedge(delta, 0, band_lots=0.0, most_lots=abs(delta) + 1.0)
        world.local.hedges.open(account, lots, float(marks.price_usd))


def hedge(world: World) -> None:
    """Let every maker that is there trade back to its band, and settle all hedges.

    Each hedges what it has at a venue on that venue's chain; nothing trades on one that makes no
    blocks. Makers whose account is being liquidated only reduce their hedge, as their options go.
    """
    rule = world.scenario.market_makers.hedging
    if world.local is None or world.local.hedges is None or rule is None:
        return
    book = world.local.hedges
    # A firm's accounts, one at each clearing house, stand in a row.
    for place, account in enumerate(world.makers):
        chain = world.place.venue_of(account)
        halted = world.transport.is_halted(chain, world.now)
        if halted or world.maker_is_gone(place // len(world.clearings)):
            continue
        depth_usd = float(world.local.depth_usd(stress(world))[world.local.chains[chain]])
        lots = _chosen(world, rule, account, int(book.lots[account]), depth_usd)
        if lots:
            book.trade(account, lots, trade_locally(world, "hedge", chain, lots))
    book.settle(_marked_prices(world), world.scenario.clock.step_seconds)


def _chosen(world: World, rule: Hedging, account: int, held: int, depth_usd: float) -> int:
    """Return how many contracts a maker trades now."""
    marks, row = world.book_of(account).marks, world.positions.row(account)
    minutes = world.scenario.clock.step_seconds / SECONDS_PER_MINUTE
    return choose_hedge(
        float(row @ marks.delta),
        held,
        band_lots=rule.band_lots if row.any() else 0.0,
        most_lots=rule.depth_share_per_minute * minutes * depth_usd / float(marks.price_usd),
        only_reduces=world.desk.is_open(account),
    )


def _marked_prices(world: World) -> NDArray[np.float64]:
    """Return the price by which each account is marked, in dollars, shape (accounts,)."""
    return np.array([float(book.marks.price_usd) for book in world.books])[world.clearing_of]


def true_hedge_value(world: World) -> NDArray[np.float64] | float:
    """Return what hedges are worth beyond settlement where they stand, in dollars, by account."""
    if world.local is None or world.local.hedges is None:
        return 0.0
    prices = np.array([float(world.price_at(clearing.chain)) for clearing in world.clearings])
    return world.local.hedges.value_usd(prices[world.clearing_of])


def hedge_value(world: World, price_usd: float) -> NDArray[np.float64] | float:
    """Return the same at one price everywhere."""
    if world.local is None or world.local.hedges is None:
        return 0.0
    return world.local.hedges.value_usd(float(price_usd))


def with_hedges(world: World, book: HedgeBook) -> Requirements:
    """Return the step's requirements with those of makers' hedges, and their value, in them."""
    found = world.requirements
    value, maintenance, initial = (
        array.copy() for array in (found.position_value, found.maintenance, found.initial)
    )
    worth = book.value_usd(_marked_prices(world))
    for clearing, marked in enumerate(world.books):
        makers = np.array(world.makers)
        makers = makers[world.clearing_of[makers] == clearing]
        lots = book.lots[makers].astype(np.float64)
        fresh = marked.margin.with_perpetuals(world.positions.sparse_rows(makers), lots)
        value[makers] = fresh.position_value + worth[makers]
        maintenance[makers] = fresh.maintenance
        initial[makers] = fresh.initial
    return replace(found, position_value=value, maintenance=maintenance, initial=initial)


def record_hedges(world: World) -> None:
    """Add a row for every maker's account, where makers hedge."""
    if world.local is None or world.local.hedges is None:
        return
    book = world.local.hedges
    risen = [
        mark_instruments(
            world.instruments,
            scaled(marked.marks.price_usd, 1.01),
            world.board[clearing.chain].level,
            world.now,
            world.scenario.market.volatility,
        )
        for clearing, marked in zip(world.clearings, world.books, strict=True)
    ]
    worth = np.broadcast_to(true_hedge_value(world), len(book.lots))
    for account in world.makers:
        row, marks = world.positions.row(account), world.book_of(account).marks
        delta = float(row @ marks.delta)
        up = risen[int(world.clearing_of[account])].delta
        world.recorder.add(
            "hedges",
            world.now,
            account,
            delta,
            float(row @ np.where(marks.alive, up, 0.0)) - delta,
            int(book.lots[account]),
            float(worth[account]),
        )
