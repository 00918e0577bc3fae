"""What is asked of the venue, on its way: by message from home, in the sequencer's queue."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from math import exp, floor
from statistics import NormalDist
from typing import TYPE_CHECKING

from abm.network import channel_between
from abm.recording.events import ROOT
from abm.scenario.ordering import Ordering
from abm.venue import Order
from abm.venue.sequencer import Sequencer

if TYPE_CHECKING:
    from abm.network import Transit
    from abm.simulation.world import Ladder, Refill, World

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


def flow_of(world: World) -> OrderFlow:
    """Return the order flow of a run that has one."""
    if world.order_flow is None:
        raise RuntimeError("this run has no orders on their way")
    return world.order_flow


def is_from_home(world: World, flow: OrderFlow, account: int) -> bool:
    """Return whether an account sends its orders from another chain than the venue's."""
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


def send_from_home(world: World, flow: OrderFlow, order: Order) -> None:
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
    flow = flow_of(world)
    _, fee_usd = _draw(world, flow, f"account {way.order.account}", way.asked_second)
    arrived = float(transit.end_second)
    _queue(flow, Asked(way.order, way), way.order.account, way.asked_second, arrived, fee_usd)


def refuse(world: World, flow: OrderFlow, order: Order) -> None:
    """Note an order that is asked while the venue takes none."""
    _way(world, flow, order, "trade", world.scenario.venue.chain).outcome = "refused"


def ask(world: World, flow: OrderFlow, intent: Order | Ladder | Refill) -> None:
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
    flow = flow_of(world)
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
