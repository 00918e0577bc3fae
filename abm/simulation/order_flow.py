"""What is asked of the venue, on its way: by message from home, in the sequencer's queue."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from math import ceil, exp, floor
from typing import TYPE_CHECKING

from abm.network import channel_between
from abm.randomness import standard_normal
from abm.recording.events import ROOT
from abm.scenario.ordering import Ordering
from abm.scenario.venues import venue_chains
from abm.simulation.world import Routed
from abm.venue import Order
from abm.venue.sequencer import Sequencer

if TYPE_CHECKING:
    from abm.simulation.world import Intent, World

IMMEDIATELY = Ordering(rule="first_come")


@dataclass(slots=True, eq=False)
class Way:
    """What becomes of one order between asking and settlement, for the table of orders.

    Times are seconds from the start of the run, None until they happen; ``arrived_second`` is that
    of its commitment where contents are encrypted.
    """

    order: Order
    venue: int
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
    intent : Intent
    way : Way or None
        Of an order.
    only_reduces : bool
        Whether an order may only bring its account's position towards zero: it is cut to it.
    replaces : bool
        Whether all that rests of its account goes first.
    """

    intent: Intent
    way: Way | None = None
    only_reduces: bool = False
    replaces: bool = False


@dataclass(slots=True)
class OrderFlow:
    """Everything under way to venues, and what became of what was.

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

    def first_close_out_second(self, closing_second: int, step_seconds: int) -> int:
        """Return the step at which `close_out_is_settled` first says so, given a step."""
        rule = self.sequencer.rule
        if rule.rule == "encrypted":
            steps = ceil(rule.decryption_delay_seconds / step_seconds)
            return closing_second + steps * step_seconds
        if rule.rule == "batch_auction":
            batches = floor((closing_second - step_seconds) / rule.batch_seconds) + 1
            return ceil(batches * rule.batch_seconds / step_seconds) * step_seconds
        return closing_second


def open_order_flow(world: World) -> None:
    """Open the order flow of a run, unless all is settled in the step of asking."""
    scenario, rule = world.scenario, world.scenario.venue.ordering
    from_home = frozenset(
        kind for kind, traders in scenario.traders.items() if traders.orders_from_home
    )
    if rule is None and not from_home:
        return
    block_seconds = [scenario.chains[chain].block_seconds for chain in venue_chains(scenario)]
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


def venue_of(world: World, intent: Intent) -> int:
    """Return the number of the venue that an intent is for."""
    match intent:
        case Order():
            return int(world.venue_of[intent.account])
        case Routed():
            return intent.venue
        case _:
            return world.seats[intent.maker].venue


def order_of(intent: Intent) -> Order | None:
    """Return the order that an intent is, if it is one."""
    if isinstance(intent, Routed):
        return intent.order
    return intent if isinstance(intent, Order) else None


def is_from_home(world: World, flow: OrderFlow, intent: Intent) -> bool:
    """Return whether an intent is an order that has to come from another chain than its venue's."""
    if not isinstance(intent, Order) or intent.account >= len(world.traders):
        return False
    home = world.traders.chains[intent.account]
    elsewhere = home != world.venue_chains[venue_of(world, intent)]
    return elsewhere and world.traders.kinds[intent.account] in flow.from_home


def note_way(
    world: World, flow: OrderFlow, intent: Intent, *, chain: str = "", purpose: str = "trade"
) -> Way | None:
    """Note that an order is asked, on its venue's chain if no other is given."""
    order, venue = order_of(intent), venue_of(world, intent)
    if order is None:
        return None
    mark_usd = float(world.book_of(order.account).marks.value[order.instrument])
    if isinstance(intent, Routed):
        purpose = "arbitrage"
    way = Way(order, venue, purpose, chain or world.venue_chains[venue], world.now, mark_usd)
    flow.ways.append(way)
    return way


def send_from_home(world: World, flow: OrderFlow, order: Order) -> None:
    """Send an order from its account's home chain."""
    home = world.traders.chains[order.account]
    venue = world.venue_chains[venue_of(world, order)]
    world.transport.send(
        channel_between(world.graph, home, venue),
        "order",
        note_way(world, flow, order, chain=home),
        subject=f"account {order.account}",
        cause=ROOT,
        now=world.now,
    )


def receive_order(world: World, way: Way, second: int) -> None:
    """Queue an order that a message brought, at the second of its delivery."""
    flow = flow_of(world)
    _, fee_usd = _draw(world, flow, f"account {way.order.account}", way.asked_second)
    asked = Asked(way.order, way)
    _queue(flow, asked, way.order.account, way.asked_second, float(second), fee_usd)


def refuse(world: World, flow: OrderFlow, intent: Intent) -> None:
    """Note an order that is asked while its venue takes none."""
    way = note_way(world, flow, intent)
    if way is not None:
        way.outcome = "refused"


def ask(world: World, flow: OrderFlow, intent: Intent) -> None:
    """Queue what is asked on the venue's own chain."""
    order, venue = order_of(intent), venue_of(world, intent)
    if order is not None:
        delay, fee_usd = _draw(world, flow, f"account {order.account}", world.now)
        asked = Asked(intent, note_way(world, flow, intent))
        _queue(flow, asked, order.account, world.now, world.now + delay, fee_usd)
    elif not isinstance(intent, Order | Routed):
        seat = world.seats[intent.maker]
        delay, _ = _draw(world, flow, f"maker {seat.firm} at {venue}", world.now, quote=True)
        flow.sequencer.add(
            Asked(intent),
            # Ladders of one firm at two venues have nothing to do with each other.
            account=-1 - intent.maker,
            asked_second=world.now,
            arrival_second=world.now + delay,
            place=venue,
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
    way = note_way(world, flow, order, purpose=purpose)
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
        place=0 if asked.way is None else asked.way.venue,
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
        median * exp(rule.delay_ln_sigma * standard_normal(first)),
        bid_usd * exp(rule.fee_ln_sigma * standard_normal(second)),
    )
