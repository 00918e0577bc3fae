"""Market makers hedge the delta of their options, after the venue has settled a step."""

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
    from abm.simulation.world import World
    from abm.venue import HedgeBook


def open_hedges(world: World) -> None:
    """Let every maker start the run hedged, at the opening price and without moving it."""
    if world.local is None or world.local.hedges is None:
        return
    for account in world.makers:
        delta = float(world.positions.row(account) @ world.marks.delta)
        lots = choose_hedge(delta, 0, band_lots=0.0, most_lots=abs(delta) + 1.0)
        world.local.hedges.open(account, lots, float(world.marks.price_usd))


def hedge(world: World) -> None:
    """Let every maker that is there trade back to its band, and settle all hedges.

    Makers whose account is being liquidated only reduce their hedge, as their options go. Nothing
    trades on a chain that makes no blocks.
    """
    rule = world.scenario.market_makers.hedging
    if world.local is None or world.local.hedges is None or rule is None:
        return
    book, chain = world.local.hedges, world.scenario.venue.chain
    step_seconds = world.scenario.clock.step_seconds
    depth_usd = float(world.local.depth_usd(stress(world))[world.local.chains[chain]])
    most_usd = rule.depth_share_per_minute * depth_usd * step_seconds / SECONDS_PER_MINUTE
    if not world.transport.is_halted(chain, world.now):
        for maker, account in enumerate(world.makers):
            if world.maker_is_gone(maker):
                continue
            row = world.positions.row(account)
            band = rule.band_lots if row.any() else 0.0
            delta = float(row @ world.marks.delta)
            lots = choose_hedge(
                delta,
                int(book.lots[account]),
                band_lots=band,
                most_lots=most_usd / float(world.marks.price_usd),
                only_reduces=world.desk.is_open(account),
            )
            if lots:
                book.trade(account, lots, trade_locally(world, "hedge", chain, lots))
    book.settle(float(world.marks.price_usd), step_seconds)


def hedge_value(world: World, price_usd: float) -> NDArray[np.float64] | float:
    """Return what hedges are worth at a price beyond settlement, in dollars, by account."""
    if world.local is None or world.local.hedges is None:
        return 0.0
    return world.local.hedges.value_usd(float(price_usd))


def with_hedges(world: World, book: HedgeBook) -> Requirements:
    """Return the step's requirements with those of makers' hedges, and their value, in them."""
    makers = np.array(world.makers)
    fresh = world.margin.with_perpetuals(
        world.positions.sparse_rows(makers), book.lots[makers].astype(np.float64)
    )
    found = world.requirements
    value, maintenance, initial = (
        array.copy() for array in (found.position_value, found.maintenance, found.initial)
    )
    worth = book.value_usd(float(world.marks.price_usd))
    value[makers] = fresh.position_value + worth[makers]
    maintenance[makers] = fresh.maintenance
    initial[makers] = fresh.initial
    return replace(found, position_value=value, maintenance=maintenance, initial=initial)


def record_hedges(world: World) -> None:
    """Add a row for every maker, where makers hedge."""
    if world.local is None or world.local.hedges is None:
        return
    book = world.local.hedges
    up = mark_instruments(
        world.instruments,
        scaled(world.marks.price_usd, 1.01),
        world.board[world.scenario.venue.chain].level,
        world.now,
        world.scenario.market.volatility,
    )
    worth = book.value_usd(float(world.price_usd))
    for account in world.makers:
        row = world.positions.row(account)
        delta = float(row @ world.marks.delta)
        world.recorder.add(
            "hedges",
            world.now,
            account,
            delta,
            float(row @ np.where(world.marks.alive, up.delta, 0.0)) - delta,
            int(book.lots[account]),
            float(worth[account]),
        )
