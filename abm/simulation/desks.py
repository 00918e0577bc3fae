"""What agents see and ask: thin fronts on the world, one for each kind of agent."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

import numpy as np

from abm.agents import LiveSeries, MakerView, Pending, Requoting, TraderView
from abm.margin import unit_initial
from abm.simulation.firms import accounts_behind, free_share, funding_seconds
from abm.simulation.world import Ladder, Quoted, Refill
from abm.units import MICRO
from abm.venue.orders import ANY_BID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abm.margin import Marks
    from abm.simulation.world import World
    from abm.venue import MassQuote, Order

# A ladder is renewed after this time even if nothing moved.
REQUOTE_SECONDS = 600
# A ladder is renewed when a series' inventory moved by this share of its limit.
REQUOTE_INVENTORY = 0.02


@dataclass(frozen=True, slots=True)
class OfferedToTraders:
    """What all traders of a clearing house see while its marks stand."""

    marks: Marks
    unit_margin_usd: NDArray[np.float64]
    live: LiveSeries


class OrderDesk:
    """Serves traders."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._draws: dict[int, Sequence[float]] = {}
        self._offered: dict[int, OfferedToTraders] = {}

    def arrive(self, draws: dict[int, Sequence[float]]) -> None:
        """Set the uniforms of this step's arrivals, by account."""
        self._draws = draws

    def arrival_draws(self, account: int) -> Sequence[float]:
        """Return the uniforms of an account's arrival."""
        return self._draws[account]

    def view(self, account: int) -> TraderView:
        """Return what a trader sees."""
        world = self._world
        initial = world.beliefs.initial[account]
        offered = self._offered_to(int(world.clearing_of[account]))
        return TraderView(
            instruments=world.instruments,
            marks=offered.marks,
            unit_margin_usd=offered.unit_margin_usd,
            free_margin_usd=float(world.beliefs.equity[account] - initial),
            wealth_usd=float(world.traders.wealth_usd[account]),
            tick_usd=world.exchange.tick_usd,
            trend=self._trend(account),
            known_live=offered.live,
        )

    def _trend(self, account: int) -> float:
        """Return the log move of the venue's published price over the scenario's look-back."""
        world = self._world
        history = world.book_of(account).published
        back = round(
            world.scenario.arrivals.trend_hours * 3_600 / world.scenario.clock.step_seconds
        )
        return log(history[-1] / history[max(len(history) - 1 - back, 0)]) if history else 0.0

    def _offered_to(self, clearing: int) -> OfferedToTraders:
        """Return what all traders of a clearing house see alike."""
        world = self._world
        book, instruments = world.books[clearing], world.instruments
        known = self._offered.get(clearing)
        if known is None or known.marks is not book.marks:
            unit = unit_initial(book.margin, len(instruments))
            live = LiveSeries(instruments, book.marks, world.exchange.tick_usd)
            known = self._offered[clearing] = OfferedToTraders(book.marks, unit, live)
        return known

    def queue_order(self, order: Order) -> None:
        """Queue an order.

        Raises
        ------
        ValueError
            If no trader of this run could mean it.
        """
        world = self._world
        if not (
            0 <= order.account < len(world.traders)
            and 0 <= order.instrument < len(world.instruments)
            and order.lots >= 1
            and order.limit_ticks >= ANY_BID
        ):
            raise ValueError(
                f"{order} was queued; it must be of a trader, account 0 to "
                f"{len(world.traders) - 1}, and of a series, instrument 0 to "
                f"{len(world.instruments) - 1}, with at least 1 contract"
            )
        world.intents.trading.append(order)


@dataclass(frozen=True, slots=True)
class SeenAlike:
    """What all makers of a clearing house see alike until something happens, and who quotes anew.

    ``events`` is how many were logged before: a guardian may pause a bridge between two makers.
    """

    marks: Marks
    second: int
    events: int
    seconds_left: NDArray[np.int64]
    requoting: Requoting


class QuoteDesk:
    """Serves market makers, each by the number of its seat at a venue."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._books = [world.book_of(seat.account) for seat in world.seats]
        # Whether nobody trades for a maker's account but at the maker's own seat.
        self._alone = len(world.clearings) == len(world.exchanges)
        # Changes of each maker's position with which it was still near that of its ladder.
        self._near: dict[int, int] = {}
        self._seen: dict[int, SeenAlike] = {}

    def needs_quote(self, maker: int) -> bool:
        """Return whether a maker's ladder is old, has traded, or stands at an old price."""
        seat = self._world.seats[maker]
        if self._world.maker_is_gone(seat.firm):
            return False
        taken = self._world.exchanges[seat.venue].quotes.taken[seat.firm]
        return bool(taken) or self.needs_new_quote(maker)

    def needs_new_quote(self, maker: int) -> bool:
        """Return whether the price, the inventory or the clock asks for a new ladder."""
        world = self._world
        last = world.quoted.get(maker)
        if last is None:
            return True
        rule, seat = world.scenario.market_makers, world.seats[maker]
        moved = abs(self._books[maker].marks.price_usd / last.price_usd - 1.0)
        if moved >= rule.requote_move or world.now - last.second >= REQUOTE_SECONDS:
            return True
        moves = world.exchanges[seat.venue].maker_moves[seat.firm]
        if self._alone and self._near.get(maker) == moves:
            return False
        inventory = world.positions.row(seat.account)
        shift = int(np.abs(inventory - last.inventory).max())
        if shift > rule.inventory_limit_lots * REQUOTE_INVENTORY:
            return True
        self._near[maker] = moves
        return False

    def view(self, maker: int) -> MakerView:
        """Return what a market maker sees."""
        world = self._world
        seat = world.seats[maker]
        calm = world.scenario.market.volatility.base
        seen = self._seen_alike(int(world.clearing_of[seat.account]))
        return MakerView(
            marks=seen.marks,
            seconds_left=seen.seconds_left,
            inventory=world.positions.row(seat.account).copy(),
            free_share=free_share(world, accounts_behind(world, seat)),
            stress=max(float(world.path.realised[world.step]) / calm, 1.0),
            levels=world.scenario.venue.depth_levels,
            tick_usd=world.exchange.tick_usd,
            funding_seconds=funding_seconds(world, seat),
            adverse_move=(
                world.adverse_selection.move(world, maker) if world.adverse_selection else 0.0
            ),
        )

    def _seen_alike(self, clearing: int) -> SeenAlike:
        """Return what all makers of a clearing house see now."""
        world = self._world
        marks, now, events = world.books[clearing].marks, world.now, len(world.log.events)
        seen = self._seen.get(clearing)
        if seen is None or seen.marks is not marks or (seen.second, seen.events) != (now, events):
            left = np.maximum(world.instruments.expiry_second - now, 0)
            left.flags.writeable = False
            makers = [
                maker
                for maker, seat in enumerate(world.seats)
                if int(world.clearing_of[seat.account]) == clearing
                and not world.maker_is_gone(seat.firm)
                and self.needs_new_quote(maker)
            ]
            seen = self._seen[clearing] = SeenAlike(marks, now, events, left, Requoting(makers))
        return seen

    def requoting(self, maker: int) -> Requoting:
        """Return the makers that need new ladders now and see what this one does."""
        account = self._world.seats[maker].account
        return self._seen_alike(int(self._world.clearing_of[account])).requoting

    def queue_quote(self, maker: int, quote: MassQuote | None) -> None:
        """Queue a ladder, or its withdrawal."""
        world = self._world
        seat = world.seats[maker]
        inventory = world.positions.row(seat.account).copy()
        self._near[maker] = world.exchanges[seat.venue].maker_moves[seat.firm]
        marks = world.book_of(seat.account).marks
        world.quoted[maker] = Quoted(marks.price_usd, world.now, inventory)
        world.intents.trading.append(Ladder(maker, quote, marks))

    def queue_same(self, maker: int) -> None:
        """Queue the last ladder again, with its full size."""
        self._world.intents.trading.append(Refill(maker))


class RelayDesk:
    """Serves relayers; pick-ups apply at once, since only one relayer can carry a message."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ready: dict[str, dict[int, Pending]] = {}

    def collect(self) -> bool:
        """Look once for what becomes ready before the next step; return whether there is any."""
        world = self._world
        now, fee_offered = world.now, world.transport.fee_offered
        before = now + world.scenario.clock.step_seconds
        self._ready = {}
        for name, channel in world.scenario.channels.items():
            if name in world.strains.struck:
                continue
            if ready := world.transport.ready(name, before):
                gas = world.transport.gas_usd(channel.destination)
                self._ready[name] = {
                    item.message.id: Pending(item.message.id, fee_offered(item, now), gas)
                    for item in ready
                }
        return bool(self._ready)

    def has_work(self, relayer: int) -> bool:
        """Return whether anything waits on a relayer's channels."""
        return any(channel in self._ready for channel in self._world.relayers.channels[relayer])

    def pending(self, relayer: int) -> list[Pending]:
        """Return what waits on a relayer's channels."""
        waiting: list[Pending] = []
        for channel in self._world.relayers.channels[relayer]:
            there = self._ready.get(channel, {}).values()
            if self._world.transport.channels[channel].censorships:
                waiting += [
                    item for item in there if not self._refuses(relayer, channel, item.message)
                ]
            else:
                waiting += there
        return waiting

    def _refuses(self, relayer: int, channel: str, message: int) -> bool:
        """Return whether a relayer leaves a message out for what it is."""
        world = self._world
        rank = float(world.relayers.exit_rank[relayer])
        return any(
            rule.by == "relayers"
            and world.now < rule.until
            and rank < rule.share
            and rule.hits(world.transport.transits[message].message)
            for rule in world.transport.channels[channel].censorships
        )

    def is_down(self, relayer: int) -> bool:
        """Return whether a relayer is in an outage or has stopped."""
        now = self._world.now
        strains = self._world.strains
        gone = float(self._world.relayers.exit_rank[relayer]) < strains.relayers_gone
        if gone or relayer in strains.relayers_out:
            return True
        return any(start <= now < end for start, end in self._world.relayers.outages[relayer])

    def capacity(self) -> int:
        """Return how many messages a relayer carries in a step."""
        scenario = self._world.scenario
        return max(int(scenario.relayers.messages_per_minute * scenario.clock.step_seconds / 60), 1)

    def carry(self, relayer: int, message: int) -> None:
        """Pick a message up and pay the relayer, unless another was first."""
        world = self._world
        transit = world.transport.transits[message]
        channel = transit.message.channel
        offer = self._ready.get(channel, {}).pop(message, None)
        if offer is None:
            return
        if not self._ready[channel]:
            del self._ready[channel]
        world.transport.pick_up(transit, relayer, world.now, offer.fee_usd)
        token, holders = world.cash.token, world.holders
        wallet = holders.relayer + relayer
        paid = min(round(offer.fee_usd * MICRO), world.ledger.balance(holders.treasury, token))
        world.ledger.transfer(holders.treasury, wallet, token, paid)
        burnt = min(round(offer.gas_usd * MICRO), world.ledger.balance(wallet, token))
        world.ledger.transfer(wallet, holders.outside, token, burnt)
