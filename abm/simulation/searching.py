"""Phase 5, after all others: searchers look at what waits and at quotes; their desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.agents import SearcherView, Seen
from abm.margin import unit_initial
from abm.simulation.close_outs import coming_close_outs
from abm.simulation.order_flow import ask_as_searcher
from abm.venue import Order, Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.agents import Request
    from abm.margin import Marks
    from abm.simulation.model import OptionsMarket
    from abm.simulation.order_flow import Asked
    from abm.simulation.world import World
    from abm.venue.sequencer import Pending


def search(model: OptionsMarket) -> None:
    """Step every searcher that is not being liquidated, in an order drawn from a named stream.

    They see what was asked in earlier steps, and quotes as they stand before this step's orders.
    """
    world = model.world
    if not model.searchers or world.trading_stands_still(world.scenario.venue.chain):
        return
    places = world.streams.uniforms("searcher-order", str(world.step), count=len(model.searchers))
    model.search_desk.look()
    for _, slot in sorted((place, slot) for slot, place in enumerate(places)):
        if not world.desk.is_open(world.traders.searchers[slot]):
            model.searchers[slot].step()


class SearcherDesk:
    """Serves searchers, who trade at the first venue."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._unit_margin: NDArray[np.float64] = np.zeros(0)
        self._unit_marks: Marks | None = None
        self._new_marks = False
        self._readable: list[tuple[Pending[Asked], Order]] = []
        self._best: dict[Side, NDArray[np.int64]] = {}
        self._close_outs: tuple[Order, ...] = ()

    def look(self) -> None:
        """Read once a step what all searchers see."""
        world = self._world
        self._new_marks = world.marks is not self._unit_marks
        if self._new_marks:
            self._unit_margin = unit_initial(world.books[0].margin, len(world.instruments))
            self._unit_marks = world.marks
        self._readable = []
        if world.order_flow is not None:
            self._readable = [
                (pending, pending.content.intent)
                for pending in world.order_flow.sequencer.readable(world.now)
                if pending.place == 0 and isinstance(pending.content.intent, Order)
            ]
        self._best = {side: world.exchange.best(side) for side in (Side.BUY, Side.SELL)}
        rule = world.scenario.searchers
        if rule is not None and rule.snipe_liquidations:
            self._close_outs = tuple(coming_close_outs(world, rule.delay_seconds))

    def has_new_marks(self) -> bool:
        """Return whether marks are new in this step."""
        return self._new_marks

    def seconds(self) -> int:
        """Return the second of the run."""
        return self._world.now

    def view(self, account: int) -> SearcherView:
        """Return what a searcher sees."""
        world = self._world
        rule = world.scenario.searchers
        arrival = world.now + (rule.delay_seconds if rule is not None else 0.0)

        def levels(side: Side, instrument: int) -> list[tuple[int, int]]:
            return world.exchange.levels(side, instrument, without=account)

        return SearcherView(
            marks=world.marks,
            seen=tuple(self._seen(pending, order, arrival) for pending, order in self._readable),
            levels=levels,
            bid_ticks=self._best[Side.BUY],
            ask_ticks=self._best[Side.SELL],
            inventory=world.positions.row(account).copy(),
            unit_margin_usd=self._unit_margin,
            free_margin_usd=float(world.beliefs.equity[account] - world.beliefs.initial[account]),
            taker_fee_usd=world.scenario.venue.taker_fee * world.marks.price_usd,
            tick_usd=world.exchange.tick_usd,
            fee_ranks=self._fee_ranks,
            close_outs=self._close_outs if self._is_free(account, arrival) else (),
        )

    def _is_free(self, account: int, arrival: float) -> bool:
        """Return whether nothing that a searcher asked before holds up what it asks now."""
        flow = self._world.order_flow
        return flow is not None and flow.sequencer.arrival_second(account, arrival) <= arrival

    @property
    def _fee_ranks(self) -> bool:
        ordering = self._world.scenario.venue.ordering
        return ordering is not None and ordering.rule == "priority_fee"

    def _seen(self, pending: Pending[Asked], order: Order, arrival: float) -> Seen:
        flow = self._world.order_flow
        if flow is None or flow.sequencer.goes_ahead(arrival, pending):
            return Seen(pending.number, order, catchable=True)
        if flow.sequencer.shares_block(arrival, pending):
            return Seen(pending.number, order, catchable=True, outbid_usd=pending.fee_usd)
        return Seen(pending.number, order, catchable=False)

    def queue(self, request: Request, delay_seconds: float) -> None:
        """Send an order to the sequencer.

        Raises
        ------
        ValueError
            If it is not of a searcher of this run.
        """
        world = self._world
        if request.order.account not in world.traders.searchers:
            raise ValueError(f"{request.order} was queued; it must be of a searcher's account")
        ask_as_searcher(
            world,
            request.order,
            request.purpose,
            delay_seconds=delay_seconds,
            fee_usd=request.fee_usd,
            behind=request.behind,
            only_reduces=request.only_reduces,
            replaces=request.replaces,
        )
