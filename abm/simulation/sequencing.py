"""Phase 6 with orders on their way: settles what the queue gives out, and notes what came of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from abm.simulation.order_checks import BatchCheck
from abm.simulation.order_flow import ask, flow_of, is_from_home, refuse, send_from_home
from abm.simulation.world import Ladder, Refill
from abm.units import MICRO
from abm.venue import Lifetime, Order, SelfTrade
from abm.venue.batch_market import hold_auctions, refill_ladder, replace_ladder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from abm.simulation.order_flow import Asked, OrderFlow
    from abm.simulation.world import World
    from abm.venue.sequencer import Pending

    Settle = Callable[[World, Order | Ladder | Refill], None]


def settle_order_flow(world: World, settle: Settle) -> None:
    """Send what is asked at home, queue the rest, and settle what its rule lets be settled now.

    While the venue takes no orders, what is asked of it is refused, and what is under way waits.

    Parameters
    ----------
    world : World
    settle : callable
        Settles one order or ladder against the book.
    """
    flow = flow_of(world)
    standing_still = world.trading_stands_still()
    for intent in world.intents.trading:
        if isinstance(intent, Order) and is_from_home(world, flow, intent.account):
            send_from_home(world, flow, intent)
        elif not standing_still:
            ask(world, flow, intent)
        elif isinstance(intent, Order):
            refuse(world, flow, intent)
    world.intents.trading.clear()
    if standing_still:
        return
    for moment in flow.sequencer.take(world.now):
        if flow.sequencer.rule.rule == "batch_auction":
            _settle_batch(world, flow, moment)
        else:
            _settle_in_turn(world, moment, settle)


def _withdraw_old(world: World, moment: Iterable[Pending[Asked]]) -> None:
    """Take away what a moment replaces, ladders and a searcher's offers: cancels go first."""
    for pending in moment:
        if isinstance(pending.content.intent, Ladder):
            world.exchange.quotes.withdraw(pending.content.intent.maker)
        elif pending.content.replaces:
            world.exchange.cancel(pending.account)


def _settle_in_turn(world: World, moment: list[Pending[Asked]], settle: Settle) -> None:
    """Settle a moment against the book, one after the other."""
    _withdraw_old(world, moment)
    for pending in moment:
        order = _order_now(world, pending.content)
        if order is None:
            continue
        before, sequence = len(world.exchange.trades), world.exchange.sequence
        settle(world, order)
        refused = world.exchange.sequence == sequence
        trades = world.exchange.trades[before:]
        lots = sum(trade.lots for trade in trades)
        ticks = sum(trade.lots * trade.price_ticks for trade in trades)
        _note(world, pending, refused=refused, lots=lots, lot_ticks=ticks)


def _order_now(world: World, asked: Asked) -> Order | Ladder | Refill | None:
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


def _settle_batch(world: World, flow: OrderFlow, moment: list[Pending[Asked]]) -> None:
    """Settle a batch: ladders are replaced, then all that crosses trades at one premium."""
    exchange, began = world.exchange, world.exchange.sequence
    _withdraw_old(world, moment)
    check = BatchCheck(world)
    taken: list[tuple[Pending[Asked], Order]] = []
    for pending in moment:
        intent = _order_now(world, pending.content)
        match intent:
            case Ladder(maker, quote):
                if quote is not None and not world.desk.is_open(world.makers[maker]):
                    replace_ladder(exchange, maker, quote)
            case Refill(maker):
                if not world.desk.is_open(world.makers[maker]):
                    refill_ladder(exchange, maker)
            case Order():
                if check.takes(intent):
                    taken.append((pending, intent))
                else:
                    _note(world, pending, refused=True, lots=0, lot_ticks=0)
    found = hold_auctions(
        exchange,
        [order for _, order in taken],
        world.marks.price_usd,
        makers=world.makers,
        began=began,
        margin=flow.sequencer.rule.batch_margin,
        self_trade=SelfTrade(world.scenario.venue.self_trade),
    )
    for (pending, _), (lots, ticks) in zip(taken, found, strict=True):
        _note(world, pending, refused=False, lots=lots, lot_ticks=lots * ticks)


def _note(
    world: World, pending: Pending[Asked], *, refused: bool, lots: int, lot_ticks: int
) -> None:
    """Note what became of an order; let it pay for its place where it trades or comes to rest."""
    way = pending.content.way
    if way is None:
        return
    way.sequenced_second = world.now
    way.mark_sequenced_usd = float(world.marks.value[way.order.instrument])
    way.traded_lots = lots
    if lots:
        way.premium_usd = lot_ticks / lots * world.exchange.tick_usd
        way.taker_fee_usd = world.scenario.venue.taker_fee * world.marks.price_usd * lots
    rests = way.order.lifetime is not Lifetime.IMMEDIATE
    way.outcome = "refused" if refused else "traded" if lots else "rests" if rests else "no_trade"
    if way.outcome in ("traded", "rests") and pending.fee_usd:
        fee = round(pending.fee_usd * MICRO)
        world.cash.move(pending.account, world.house, fee)
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
