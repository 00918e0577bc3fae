"""Phase 6 with orders on their way: settles what the queue gives out, and notes what came of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from abm.simulation.order_checks import BatchCheck
from abm.simulation.order_flow import (
    ask,
    flow_of,
    is_from_home,
    order_of,
    refuse,
    send_from_home,
    venue_of,
)
from abm.simulation.world import Ladder, Refill
from abm.units import MICRO
from abm.venue import Lifetime, Order, SelfTrade
from abm.venue.batch_market import hold_auctions, refill_ladder, replace_ladder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from abm.simulation.order_flow import Asked, OrderFlow
    from abm.simulation.world import Intent, World
    from abm.venue import Exchange
    from abm.venue.sequencer import Pending

    Settle = Callable[[World, Intent], None]


def settle_order_flow(world: World, works: Sequence[bool], settle: Settle) -> None:
    """Send what is asked at home, queue the rest, and settle what its rule lets be settled now.

    While a venue takes no orders, what is asked of it is refused, and what is under way waits.

    Parameters
    ----------
    world : World
    works : sequence of bool
        Whether each venue takes orders.
    settle : callable
        Settles one thing against the books.
    """
    flow = flow_of(world)
    for intent in world.intents.trading:
        if isinstance(intent, Order) and is_from_home(world, flow, intent):
            send_from_home(world, flow, intent)
        elif works[venue_of(world, intent)]:
            ask(world, flow, intent)
        else:
            refuse(world, flow, intent)
    world.intents.trading.clear()
    closed = [venue for venue, open_ in enumerate(works) if not open_]
    for moment in flow.sequencer.take(world.now, closed):
        if flow.sequencer.rule.rule == "batch_auction":
            _settle_batch(world, flow, moment, settle)
        else:
            _withdraw_old(world, moment)
            _settle_in_turn(world, moment, settle)


def _withdraw_old(world: World, moment: Iterable[Pending[Asked]]) -> None:
    """Take away what a moment replaces, ladders and a searcher's offers: cancels go first."""
    for pending in moment:
        exchange = world.exchanges[pending.place]
        if isinstance(pending.content.intent, Ladder):
            seat = world.seats[pending.content.intent.maker]
            exchange.quotes.withdraw(seat.firm)
        elif pending.content.replaces:
            exchange.cancel(pending.account)


def _settle_in_turn(world: World, moment: list[Pending[Asked]], settle: Settle) -> None:
    """Settle what is asked against the books, one after the other."""
    for pending in moment:
        exchange = world.exchanges[pending.place]
        intent = _intent_now(world, pending.content)
        if intent is None:
            continue
        before, sequence = len(exchange.trades), exchange.sequence
        settle(world, intent)
        refused = exchange.sequence == sequence
        trades = exchange.trades[before:]
        lots = sum(trade.lots for trade in trades)
        ticks = sum(trade.lots * trade.price_ticks for trade in trades)
        _note(world, pending, refused=refused, lots=lots, lot_ticks=ticks)


def _intent_now(world: World, asked: Asked) -> Intent | None:
    """Return what is to be settled of something asked, now that its turn has come."""
    if not isinstance(asked.intent, Order):
        return asked.intent
    order = asked.intent
    if not asked.only_reduces:
        return order
    held = int(world.positions.row(order.account)[order.instrument])
    lots = min(order.lots, max(-order.side * held, 0))
    if lots:
        return replace(order, lots=lots)
    if asked.way is not None:
        asked.way.outcome, asked.way.sequenced_second = "refused", world.now
    return None


def _settle_batch(
    world: World, flow: OrderFlow, moment: list[Pending[Asked]], settle: Settle
) -> None:
    """Settle a batch of a venue: ladders are replaced, then all that crosses trades at one premium.

    Every order is checked as if those before it had traded in full. What may only reduce a position
    that its account has not got, as the resale of what the auction is to bring it, comes after it.
    """
    venue = moment[0].place
    exchange = world.exchanges[venue]
    began = exchange.sequence
    _withdraw_old(world, moment)
    check = BatchCheck(world, exchange)
    taken: list[tuple[Pending[Asked], Order]] = []
    later: list[Pending[Asked]] = []
    for pending in moment:
        intent = _intent_now(world, pending.content)
        if isinstance(intent, Ladder | Refill):
            _post_for_batch(world, exchange, intent)
            continue
        if intent is None:
            later.append(pending)
            continue
        order = order_of(intent)
        if order is not None and check.takes(order):
            taken.append((pending, order))
        elif order is not None:
            _note(world, pending, refused=True, lots=0, lot_ticks=0)
    clearing = world.clearings[venue if len(world.clearings) > 1 else 0]
    found = hold_auctions(
        exchange,
        [order for _, order in taken],
        world.books[venue if len(world.books) > 1 else 0].marks.price_usd,
        makers=clearing.makers,
        began=began,
        margin=flow.sequencer.rule.batch_margin,
        self_trade=SelfTrade(world.scenario.venue.self_trade),
    )
    for (pending, _), (lots, ticks) in zip(taken, found, strict=True):
        _note(world, pending, refused=False, lots=lots, lot_ticks=lots * ticks)
    _settle_in_turn(world, later, settle)


def _post_for_batch(world: World, exchange: Exchange, intent: Ladder | Refill) -> None:
    """Replace a ladder for the next auction, or fill it up, unless its account is liquidated."""
    seat = world.seats[intent.maker]
    if world.desk.is_open(seat.account):
        return
    if isinstance(intent, Ladder) and world.adverse_selection is not None:
        world.adverse_selection.replace(world, intent)
    if isinstance(intent, Refill):
        refill_ladder(exchange, seat.firm)
    elif intent.quote is not None:
        replace_ladder(exchange, seat.firm, intent.quote)


def _note(
    world: World, pending: Pending[Asked], *, refused: bool, lots: int, lot_ticks: int
) -> None:
    """Note what became of an order; let it pay for its place where it trades or comes to rest."""
    way = pending.content.way
    if way is None:
        return
    marks = world.book_of(way.order.account).marks
    way.sequenced_second = world.now
    way.mark_sequenced_usd = float(marks.value[way.order.instrument])
    way.traded_lots = lots
    if lots:
        way.premium_usd = lot_ticks / lots * world.exchange.tick_usd
        way.taker_fee_usd = world.scenario.venue.taker_fee * marks.price_usd * lots
    rests = way.order.lifetime is not Lifetime.IMMEDIATE
    way.outcome = "refused" if refused else "traded" if lots else "rests" if rests else "no_trade"
    if way.outcome in ("traded", "rests") and pending.fee_usd:
        fee = round(pending.fee_usd * MICRO)
        house = world.clearings[int(world.clearing_of[way.order.account])].house
        world.cash.move(way.order.account, house, fee)
        way.fee_usd = fee / MICRO


def record_orders(world: World) -> None:
    """Add a row for every order, where the scenario says how orders reach the venue."""
    if world.order_flow is None or not world.order_flow.recorded:
        return
    for number, way in enumerate(world.order_flow.ways):
        order = way.order
        limit = None if order.is_market else order.limit_ticks * world.exchange.tick_usd
        world.recorder.add(
            "orders",
            number,
            order.account,
            way.purpose,
            way.chain,
            world.venue_names[way.venue],
            world.series_names[order.instrument],
            "buy" if order.side > 0 else "sell",
            order.lots,
            limit,
            way.asked_second,
            way.arrived_second,
            way.released_second,
            way.sequenced_second,
            way.outcome,
            way.traded_lots,
            way.premium_usd,
            way.mark_asked_usd,
            way.mark_sequenced_usd,
            way.fee_usd,
            way.taker_fee_usd,
            world.order_flow.sequencer.rule.rule,
        )
