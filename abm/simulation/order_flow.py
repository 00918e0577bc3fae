"""What is asked of the venue, on its way: by message from home, in the sequencer's queue."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from math import exp, floor
from statistics import NormalDist
from typing import TYPE_CHECKING

from abm.network import channel_between
from abm.recording.events import ROOT
from abm.scenario.ordering import Ordering
from abm.simulation.order_checks import BatchCheck
from abm.simulation.world import Ladder, Refill
from abm.units import MICRO
from abm.venue import Order
from abm.venue.batch_market import hold_auctions, refill_ladder, replace_ladder
from abm.venue.orders import Lifetime, SelfTrade
from abm.venue.sequencer import Pending, Sequencer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from abm.network import Transit
    from abm.simulation.world import World

    Settle = Callable[[World, Order | Ladder | Refill], None]

STANDARD_NORMAL = NormalDist()
IMMEDIATELY = Ordering(rule="first_come")


@dataclass(slots=True, eq=False)
class Way:
    """What becomes of one order between asking and settlement, for the table of orders.

    Times are seconds from the start of the run, None until they happen; ``arrived_second`` is that
    of its commitment where contents are encrypted.
    """

    order: Order
    purpose: str
    chain: str
    asked_second: int
    mark_asked_usd: float
    arrived_second: float | None = None
    released_second: float | None = None
    sequenced_second: int | None = None
    mark_sequenced_usd: float | None = None
    outcome: str = "waiting"
    traded_lots: int = 0
    premium_usd: float | None = None
    fee_usd: float = 0.0
    taker_fee_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands in the queue.

    Attributes
    ----------
    intent : Order, Ladder or Refill
    way : Way or None
        Of an order.
    only_reduces : bool
        Whether an order may only bring its account's position towards zero: it is cut to it.
    replaces : bool
        Whether all that rests of its account goes first.
    """

    intent: Order | Ladder | Refill
    way: Way | None = None
    only_reduces: bool = False
    replaces: bool = False


@dataclass(slots=True)
class OrderFlow:
    """Everything under way to the venue, and what became of what was.

    Attributes
    ----------
    sequencer : Sequencer
    from_home : frozenset of str
        Kinds of traders whose orders travel as messages.
    ways : list of Way
        Of all orders, in the order of asking.
    recorded : bool
        Whether they become a table.
    """

    sequencer: Sequencer[Asked]
    from_home: frozenset[str]
    recorded: bool
    ways: list[Way] = field(default_factory=list)
    _asked_now: dict[str, int] = field(default_factory=dict)
    _asked_second: int = -1

    def occurrence(self, who: str, now: int) -> int:
        """Return how many things of somebody have come before at this second."""
        if self._asked_second != now:
            self._asked_now, self._asked_second = {}, now
        self._asked_now[who] = self._asked_now.get(who, -1) + 1
        return self._asked_now[who]

    def close_out_is_settled(self, closing_second: int, now: int, step_seconds: int) -> bool:
        """Return whether a close-out that the venue asks for at every step is settled at this one.

        It waits for its decryption, or for a batch, like what anybody asks; the venue's own orders
        have no way to it.
        """
        rule = self.sequencer.rule
        if rule.rule == "encrypted":
            return now - closing_second >= rule.decryption_delay_seconds
        if rule.rule == "batch_auction":
            before = floor((now - step_seconds) / rule.batch_seconds)
            return floor(now / rule.batch_seconds) > before
        return True


def open_order_flow(world: World) -> None:
    """Open the order flow of a run, unless all is settled in the step of asking."""
    scenario, rule = world.scenario, world.scenario.venue.ordering
    from_home = frozenset(
        kind for kind, traders in scenario.traders.items() if traders.orders_from_home
    )
    if rule is None and not from_home:
        return
    block_seconds = scenario.chains[scenario.venue.chain].block_seconds
    sequencer: Sequencer[Asked] = Sequencer(rule or IMMEDIATELY, block_seconds)
    world.order_flow = OrderFlow(sequencer, from_home, rule is not None)
    step = scenario.clock.step_seconds
    world.desk.close_out_is_settled = partial(
        world.order_flow.close_out_is_settled, step_seconds=step
    )


def settle_order_flow(world: World, settle: Settle) -> None:
    """Send what is asked at home, queue the rest, and settle what its rule lets be settled now.

    While the venue takes no orders, what is asked of it is refused, and what is under way waits.

    Parameters
    ----------
    world : World
    settle : callable
        Settles one order or ladder against the book.
    """
    flow = _flow(world)
    standing_still = world.trading_stands_still()
    for intent in world.intents.trading:
        if isinstance(intent, Order) and _is_from_home(world, flow, intent.account):
            _send(world, flow, intent)
        elif not standing_still:
            _ask(world, flow, intent)
        elif isinstance(intent, Order):
            way = _way(world, flow, intent, "trade", world.scenario.venue.chain)
            way.outcome = "refused"
    world.intents.trading.clear()
    if standing_still:
        return
    for moment in flow.sequencer.take(world.now):
        if flow.sequencer.rule.rule == "batch_auction":
            _settle_batch(world, flow, moment)
        else:
            _settle_in_turn(world, moment, settle)


def _flow(world: World) -> OrderFlow:
    if world.order_flow is None:
        raise RuntimeError("this run has no orders on their way")
    return world.order_flow


def _is_from_home(world: World, flow: OrderFlow, account: int) -> bool:
    traders = world.traders
    return (
        account < len(traders)
        and traders.kinds[account] in flow.from_home
        and traders.chains[account] != world.scenario.venue.chain
    )


def _way(world: World, flow: OrderFlow, order: Order, purpose: str, chain: str) -> Way:
    way = Way(order, purpose, chain, world.now, float(world.marks.value[order.instrument]))
    flow.ways.append(way)
    return way


def _send(world: World, flow: OrderFlow, order: Order) -> None:
    """Send an order from its account's home chain."""
    home, venue = world.traders.chains[order.account], world.scenario.venue.chain
    way = _way(world, flow, order, "trade", home)
    world.transport.send(
        channel_between(world.graph, home, venue),
        "order",
        way,
        subject=f"account {order.account}",
        cause=ROOT,
        now=world.now,
    )


def receive_order(world: World, transit: Transit) -> None:
    """Queue an order that a message brought, at the second of its delivery."""
    way = transit.message.payload
    if not isinstance(way, Way) or transit.end_second is None:
        raise TypeError(f"message {transit.message.id} brings no order")
    flow = _flow(world)
    _, fee_usd = _draw(world, flow, f"account {way.order.account}", way.asked_second)
    arrived = float(transit.end_second)
    _queue(flow, Asked(way.order, way), way.order.account, way.asked_second, arrived, fee_usd)


def _ask(world: World, flow: OrderFlow, intent: Order | Ladder | Refill) -> None:
    """Queue what is asked on the venue's own chain."""
    if isinstance(intent, Order):
        delay, fee_usd = _draw(world, flow, f"account {intent.account}", world.now)
        way = _way(world, flow, intent, "trade", world.scenario.venue.chain)
        _queue(flow, Asked(intent, way), intent.account, world.now, world.now + delay, fee_usd)
    else:
        delay, _ = _draw(world, flow, f"maker {intent.maker}", world.now, quote=True)
        flow.sequencer.add(
            Asked(intent),
            account=world.makers[intent.maker],
            asked_second=world.now,
            arrival_second=world.now + delay,
            is_quote=True,
        )


def ask_as_searcher(
    world: World,
    order: Order,
    purpose: str,
    *,
    delay_seconds: float,
    fee_usd: float = 0.0,
    behind: int | None = None,
    only_reduces: bool = False,
    replaces: bool = False,
) -> None:
    """Queue an order of a searcher, who knows its own delay and chooses its fee.

    ``behind`` is the number of something that waits, behind which it should come at the earliest.
    """
    flow = _flow(world)
    way = _way(world, flow, order, purpose, world.scenario.venue.chain)
    arrival = world.now + delay_seconds
    for pending in flow.sequencer.waiting():
        if pending.number == behind:
            arrival = max(arrival, pending.arrival_second)
    asked = Asked(order, way, only_reduces=only_reduces, replaces=replaces)
    _queue(flow, asked, order.account, world.now, arrival, fee_usd)


def _queue(
    flow: OrderFlow, asked: Asked, account: int, second: int, arrival: float, fee_usd: float
) -> None:
    pending = flow.sequencer.add(
        asked,
        account=account,
        asked_second=second,
        arrival_second=arrival,
        fee_usd=fee_usd,
    )
    if asked.way is not None:
        asked.way.arrived_second = pending.arrival_second
        asked.way.released_second = pending.release_second


def _draw(
    world: World, flow: OrderFlow, who: str, asked_second: int, *, quote: bool = False
) -> tuple[float, float]:
    """Draw how long something takes to the sequencer, in seconds, and what it bids, in dollars.

    Both are drawn by its own name: who asked, when, and how many of its own went before it in this
    step.
    """
    rule = flow.sequencer.rule
    number = flow.occurrence(who, world.now)
    median = rule.delay_median_seconds
    if quote and rule.quote_delay_median_seconds is not None:
        median = rule.quote_delay_median_seconds
    bid_usd = 0.0 if quote or rule.rule != "priority_fee" else rule.fee_median_usd
    if not median and not bid_usd:
        return 0.0, 0.0
    first, second = world.streams.uniforms("order", who, str(asked_second), str(number), count=2)
    return (
        median * exp(rule.delay_ln_sigma * _normal(first)),
        bid_usd * exp(rule.fee_ln_sigma * _normal(second)),
    )


def _normal(uniform: float) -> float:
    return STANDARD_NORMAL.inv_cdf(min(max(uniform, 1e-12), 1.0 - 1e-12))


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
