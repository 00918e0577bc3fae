"""The tables that are known when a run ends, its outcomes among them."""

from __future__ import annotations

from math import (
    ceil,
    fsum,  # exact: `sum` of floats rounds otherwise from Python 3.12 on
)
from typing import TYPE_CHECKING

import numpy as np

from abm.network import Fate, Transit
from abm.recording.events import THEFTS
from abm.scenario.waterfall import FUNDED, LAYERS
from abm.simulation.balance_sheets import record_moves
from abm.simulation.sequencing import record_orders
from abm.simulation.snapshots import record_accounts
from abm.units import SECONDS_PER_HOUR, dollars
from abm.venue import Outcome

if TYPE_CHECKING:
    from abm.simulation.world import World

LAST = tuple(layer for layer in LAYERS if layer not in FUNDED)
"""Layers that take from accounts."""

LATE_MULTIPLE = 2.0
"""A message is late when it took more than this many times what its medians make."""


def record_end(world: World) -> None:
    """Add every table that a run has at its end."""
    record_accounts(world, "end")
    _record_messages(world)
    _record_liquidations(world)
    _record_auctions(world)
    record_moves(world)
    record_orders(world)
    _record_cuts(world)
    _record_shortfalls(world)
    for token, name in enumerate(world.ledger.tokens):
        issued, held = world.ledger.issued()[token], world.ledger.totals()[token]
        world.recorder.add("tokens", name, int(issued), int(held))
    for event in world.log.events:
        world.recorder.add(
            "events",
            event.id,
            event.second,
            event.kind,
            event.cause,
            event.account,
            event.place,
            event.value_usd,
        )
    _record_run(world)


def _record_messages(world: World) -> None:
    for transit in world.transport.transits:
        message = transit.message
        world.recorder.add(
            "messages",
            message.id,
            message.channel,
            message.kind,
            message.subject,
            message.nonce,
            message.repeat_of,
            message.cause,
            message.sent_second,
            transit.expected_second,
            transit.ready_second,
            ceil(transit.final_second),
            transit.limited_seconds,
            transit.picked_second,
            transit.end_second,
            transit.fate,
            transit.reason,
            transit.applied,
            transit.stuck,
            transit.reorged,
            message.forged,
            transit.relayer,
            transit.fee_paid_usd,
            transit.halted_seconds,
            message.value_usd,
        )


def _record_liquidations(world: World) -> None:
    for item in world.desk.liquidations:
        loss = item.bad_debt
        world.recorder.add(
            "liquidations",
            item.id,
            item.account,
            item.chain,
            item.cause,
            item.breach_second,
            item.shortfall_usd,
            item.called_second,
            item.first_seizure_second,
            item.first_seized_second,
            item.proceeds_second,
            item.closing_second,
            item.ended_second,
            item.stage,
            item.outcome,
            item.seizure_due_second,
            item.seizures,
            item.failed_auctions,
            dollars(item.proceeds),
            item.closing_cost_usd,
            dollars(loss.total) if loss is not None else 0.0,
        )
        if loss is not None:
            world.recorder.add(
                "waterfall",
                item.ended_second,
                item.id,
                item.account,
                item.chain,
                world.clearings[int(world.clearing_of[item.account])].name,
                *(dollars(loss.of(layer)) for layer in LAYERS),
                dollars(loss.uncovered),
            )


def _record_cuts(world: World) -> None:
    for layer in (layer for waterfall in world.waterfalls for layer in waterfall.cutting):
        for account in np.flatnonzero(layer.cut).tolist():
            world.recorder.add("cuts", account, layer.name, dollars(int(layer.cut[account])))


def _record_shortfalls(world: World) -> None:
    if world.band is None:
        return
    for account in np.flatnonzero(world.band.shortfall).tolist():
        world.recorder.add("shortfalls", account, float(world.band.shortfall[account]))


def _record_auctions(world: World) -> None:
    for auction in world.auctions.auctions:
        world.recorder.add(
            "auctions",
            auction.id,
            auction.seized.liquidation,
            auction.seized.chain,
            world.ledger.tokens[auction.token],
            auction.units,
            auction.units - auction.units_left,
            auction.opened_second,
            auction.ended_second,
            auction.bids,
            auction.last_factor,
            dollars(auction.proceeds),
            auction.published_value_usd,
            auction.backed_value_usd,
        )


def _efficiency(world: World) -> tuple[float | None, ...]:
    """Return how much capital the run needed, what balance sheets said, what moving it cost."""
    locked, transit, counted, required, interest, price = (
        np.array(world.recorder.column("steps", name), dtype=np.float64)
        for name in (
            "locked_usd",
            "in_transit_usd",
            "counted_usd",
            "required_usd",
            "open_interest_lots",
            "price_usd",
        )
    )
    idle = 1.0 - required[counted > 0] / counted[counted > 0]
    moves = world.architecture.passage.moves
    return (
        float(locked.mean()),
        float(required.mean()),
        float(np.clip(idle, 0.0, 1.0).mean()) if len(idle) else 0.0,
        float(transit.mean()),
        float((interest * price)[locked > 0].mean() / locked[locked > 0].mean()),
        world.band.clearing_usd if world.band is not None else None,
        world.band.debtrank_usd if world.band is not None else None,
        fsum(move.gas_usd + move.fee_usd for move in moves),
        fsum(move.value_usd for move in moves if move.kind == "withdrawal"),
        fsum(event.value_usd for event in world.log.events if event.kind in THEFTS),
        float(world.place.bridge.backing().min(initial=1.0)),
    )


def late_messages(transits: list[Transit]) -> int:
    """Count delivered messages that took far longer than the medians of their parts."""
    return sum(
        transit.end_second - transit.message.sent_second
        > LATE_MULTIPLE * (transit.expected_second - transit.message.sent_second)
        for transit in transits
        if transit.fate is Fate.DELIVERED and transit.end_second is not None
    )


def _exhausted_second(world: World, layer: str) -> int | None:
    """Return when a layer first was empty at any clearing house."""
    found = [
        waterfall.exhausted[layer] for waterfall in world.waterfalls if layer in waterfall.exhausted
    ]
    return min(found, default=None)


def _record_run(world: World) -> None:
    scenario = world.scenario
    liquidations = world.desk.liquidations
    losses = [item.bad_debt for item in liquidations if item.bad_debt is not None]
    outcomes = [item.outcome for item in liquidations]
    ended = [
        seconds
        for item in liquidations
        if not item.is_cured and (seconds := item.seconds_to_end()) is not None
    ]
    limit = scenario.liquidation.late_seconds
    horizon = scenario.clock.horizon_seconds
    lasted = [
        (horizon if item.ended_second is None else item.ended_second) - item.breach_second
        for item in liquidations
        if not item.is_cured
    ]
    late = sum(length > limit for length in lasted)
    fates = [transit.fate for transit in world.transport.transits]
    second, depth, shortfall, gap = (
        np.array(world.recorder.column("steps", name), dtype=np.float64)
        for name in ("second", "depth_lots", "shortfall_usd", "belief_gap_usd")
    )
    opened = second >= min(SECONDS_PER_HOUR, second[-1])
    auction_cost = fsum(
        auction.published_value_usd - dollars(auction.proceeds)
        for auction in world.auctions.auctions
    )
    paid = [waterfall.paid for waterfall in world.waterfalls]
    world.recorder.add(
        "runs",
        scenario.name,
        scenario.seed,
        len(scenario.shocks),
        scenario.collateral.architecture,
        len(world.traders),
        scenario.clock.hours,
        dollars(sum(loss.total for loss in losses)),
        *(dollars(sum(use.of(layer) for use in paid)) for layer in LAYERS),
        dollars(sum(use.uncovered for use in paid)),
        *(_exhausted_second(world, layer) for layer in LAYERS),
        sum(any(use.of(layer) for layer in LAST) or use.uncovered > 0 for use in paid),
        float(shortfall[-1]),
        auction_cost + fsum(item.closing_cost_usd for item in liquidations),
        len(liquidations),
        outcomes.count(Outcome.TOPPED_UP),
        outcomes.count(Outcome.RECOVERED),
        outcomes.count(Outcome.CLOSED),
        outcomes.count(Outcome.BAD_DEBT) + outcomes.count(Outcome.OPEN),
        late,
        sum(item.failed_auctions for item in liquidations),
        len(fates),
        fates.count(Fate.DELIVERED),
        late_messages(world.transport.transits),
        fates.count(Fate.LOST),
        fates.count(Fate.EXPIRED),
        fates.count(Fate.VOID),
        fates.count(Fate.IN_FLIGHT),
        float(np.percentile(ended, 50)) if ended else None,
        float(np.percentile(ended, 95)) if ended else None,
        float(depth[opened].min()),
        float(np.median(depth[opened])),
        float(shortfall.max()),
        float(np.abs(gap).max()),
        *_efficiency(world),
        len(world.log.events),
    )
