"""Searchers: trade ahead of orders and close-outs, behind orders, and on quotes out of date."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, floor
from typing import TYPE_CHECKING, Protocol

import mesa
import numpy as np

from abm.agents.sandwich import choose_close_outs, choose_front_run
from abm.agents.searcher_view import Purpose, Request, SearcherView, margin_usd
from abm.venue import Lifetime, Order, Side
from abm.venue.orders import ANY_ASK, ANY_BID

if TYPE_CHECKING:
    from abm.scenario.ordering import Searchers


def choose_back_run(account: int, view: SearcherView, parameters: Searchers) -> list[Request]:
    """Decide to trade right behind orders that will rest beyond the mark."""
    requests = []
    for seen in view.seen:
        order = seen.order
        if order.lifetime is Lifetime.IMMEDIATE or order.account == account:
            continue
        mark_usd = float(view.marks.value[order.instrument])
        edge_usd = order.side * (order.limit_ticks * view.tick_usd - mark_usd) - view.taker_fee_usd
        if edge_usd * order.lots < max(parameters.minimum_profit_usd, view.tick_usd):
            continue
        side = order.side.opposite
        each_usd = margin_usd(view, order.instrument, side, order.limit_ticks)
        lots = min(order.lots, int(max(view.free_margin_usd, 0.0) / max(each_usd, view.tick_usd)))
        if lots and edge_usd * lots >= parameters.minimum_profit_usd:
            asked = Order(account, order.instrument, side, lots, order.limit_ticks)
            requests.append(Request(asked, Purpose.BACK_RUN, behind=seen.number))
    return requests


def choose_snipes(account: int, view: SearcherView, parameters: Searchers) -> list[Request]:
    """Decide which quotes to take that stand on the wrong side of a new mark.

    Every price that pays its fee is taken, as far as margin goes, where a series brings at least
    the least profit.
    """
    mark_ticks = view.marks.value / view.tick_usd
    fee_ticks = view.taker_fee_usd / view.tick_usd
    wrong = {
        Side.BUY: mark_ticks - view.ask_ticks > fee_ticks,
        Side.SELL: view.bid_ticks - mark_ticks > fee_ticks,
    }
    left_usd = max(view.free_margin_usd, 0.0)
    requests = []
    for side, hit in wrong.items():
        for instrument in np.flatnonzero(hit & view.marks.alive).tolist():
            limit = _worst_ticks(float(mark_ticks[instrument]), side, fee_ticks)
            lots, profit = 0, 0.0
            for ticks, offered in view.levels(side.opposite, instrument):
                each_usd = margin_usd(view, instrument, side, ticks)
                if side * (limit - ticks) < 0 or each_usd * offered > left_usd:
                    break
                lots, left_usd = lots + offered, left_usd - each_usd * offered
                edge = side * (float(mark_ticks[instrument]) - ticks) - fee_ticks
                profit += edge * offered
            if lots and profit * view.tick_usd >= parameters.minimum_profit_usd:
                order = Order(account, instrument, side, lots, limit)
                requests.append(Request(order, Purpose.SNIPE))
    return requests


def _worst_ticks(mark_ticks: float, side: Side, fee_ticks: float) -> int:
    """Return the worst premium at which taking a quote still pays its fee."""
    if side is Side.BUY:
        return max(floor(mark_ticks - fee_ticks), 1)
    return max(ceil(mark_ticks + fee_ticks), 1)


def choose_offers(account: int, view: SearcherView) -> list[Request]:
    """Decide at which premiums to offer what is held: a tick before the best, never below mark."""
    requests: list[Request] = []
    for instrument in view.inventory.nonzero()[0].tolist():
        held = int(view.inventory[instrument])
        if not view.marks.alive[instrument]:
            continue
        mark_ticks = float(view.marks.value[instrument]) / view.tick_usd
        if held > 0:
            best = int(view.ask_ticks[instrument])
            fair = max(ceil(mark_ticks), 1)
            limit = fair if best >= ANY_ASK else max(best - 1, fair)
        else:
            best = int(view.bid_ticks[instrument])
            fair = max(floor(mark_ticks), 1)
            limit = fair if best <= ANY_BID else min(best + 1, fair)
        side = Side.SELL if held > 0 else Side.BUY
        order = Order(account, instrument, side, abs(held), limit, Lifetime.REST)
        requests.append(
            Request(order, Purpose.EXIT, only_reduces=True, replaces=not requests),
        )
    return requests


class SearcherDesk(Protocol):
    """What the simulation offers a searcher."""

    def view(self, account: int) -> SearcherView:
        """Return what a searcher sees now."""
        ...

    def has_new_marks(self) -> bool:
        """Return whether marks are new in this step."""
        ...

    def seconds(self) -> int:
        """Return the second of the run."""
        ...

    def queue(self, request: Request, delay_seconds: float) -> None:
        """Send an order to the sequencer."""
        ...


class Searcher(mesa.Agent):
    """One searcher; ``slot`` is its account. It looks once at every order that it may catch."""

    def __init__(
        self, model: mesa.Model, slot: int, parameters: Searchers, desk: SearcherDesk
    ) -> None:
        super().__init__(model)
        self.slot = slot
        self.parameters = parameters
        self.desk = desk
        self._answered: set[int] = set()
        self._offered_second = 0

    def step(self) -> None:
        """Queue what pays: on orders that wait, on stale quotes, and on what it holds."""
        view, now = self.desk.view(self.slot), self.desk.seconds()
        requests: list[Request] = []
        new_marks = self.desk.has_new_marks()
        # An offer at an old mark is what other searchers look for, as makers' quotes are.
        if new_marks or now - self._offered_second >= self.parameters.hold_seconds:
            self._offered_second = now
            requests += choose_offers(self.slot, view)
        requests += choose_close_outs(self.slot, view, self.parameters)
        if new_marks:
            requests += choose_snipes(self.slot, view, self.parameters)
        # Last, since what comes right behind an order is as late as that.
        requests += self._on_orders(view)
        for request in requests:
            self.desk.queue(request, self.parameters.delay_seconds)

    def _on_orders(self, view: SearcherView) -> list[Request]:
        unanswered = tuple(seen for seen in view.seen if seen.number not in self._answered)
        self._answered.update(seen.number for seen in unanswered)
        if not unanswered:
            return []
        fresh = replace(view, seen=unanswered)
        return choose_front_run(self.slot, fresh, self.parameters) + choose_back_run(
            self.slot, fresh, self.parameters
        )
