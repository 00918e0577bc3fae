"""Searchers: trade ahead of orders and close-outs, behind orders, and on quotes out of date."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, floor
from typing import TYPE_CHECKING, Protocol

import mesa
import numpy as np

from abm.venue import Lifetime, Order, Side
from abm.venue.orders import ANY_ASK, ANY_BID

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from abm.margin import Marks
    from abm.scenario.ordering import Searchers

Level = tuple[int, int]
"""Premium in ticks and contracts of one price of a book."""


class Purpose(StrEnum):
    """Why a searcher trades."""

    FRONT_RUN = "front_run"
    RESALE = "resale"
    BACK_RUN = "back_run"
    SNIPE = "snipe"
    CLOSE_OUT = "close_out"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class Seen:
    """An order that waits and can be read.

    Attributes
    ----------
    number : int
        Of the queue.
    order : Order
    catchable : bool
        Whether what a searcher asks now may be settled before it.
    outbid_usd : float
        Fee above which it is: 0 where it comes first anyway.
    """

    number: int
    order: Order
    catchable: bool
    outbid_usd: float = 0.0


@dataclass(frozen=True)
class SearcherView:
    """What a searcher sees when it decides.

    Attributes
    ----------
    marks : Marks
        The venue's marks.
    seen : tuple of Seen
        All that waits and can be read, in the order of asking.
    levels : callable
        Returns the prices of a side of a series with the contracts at each, the best first,
        without the searcher's own.
    bid_ticks, ask_ticks : ndarray of int64, shape (instruments,)
        Best premiums, quoted or resting.
    inventory : ndarray of int64, shape (instruments,)
        Its own contracts, short below 0.
    unit_margin_usd : ndarray, shape (instruments,)
        Initial requirement of one short contract alone, in dollars.
    free_margin_usd : float
        Equity beyond its initial requirement.
    taker_fee_usd : float
        For one contract.
    tick_usd : float
    fee_ranks : bool
        Whether a higher fee gets ahead.
    close_outs : tuple of Order
        What the venue will close right after what is asked now is settled, one for each side of a
        series.
    """

    marks: Marks
    seen: tuple[Seen, ...]
    levels: Callable[[Side, int], list[Level]]
    bid_ticks: NDArray[np.int64]
    ask_ticks: NDArray[np.int64]
    inventory: NDArray[np.int64]
    unit_margin_usd: NDArray[np.float64]
    free_margin_usd: float
    taker_fee_usd: float
    tick_usd: float
    fee_ranks: bool = False
    close_outs: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What a searcher asks for.

    Attributes
    ----------
    order : Order
    purpose : Purpose
    fee_usd : float
        Bid for its place.
    behind : int or None
        Number of the waiting order behind which it is to come.
    only_reduces : bool
        Whether it is cut to what brings the position towards zero.
    replaces : bool
        Whether all that rests of the searcher is cancelled first.
    """

    order: Order
    purpose: Purpose
    fee_usd: float = 0.0
    behind: int | None = None
    only_reduces: bool = False
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Sandwich:
    """Contracts to take ahead of an order, and the premium at which it will take them back.

    ``bound_usd`` is what they bind until then.
    """

    order: Order
    lots: int
    last_ticks: int
    resale_ticks: int
    profit_usd: float
    bound_usd: float


def find_sandwich(view: SearcherView, order: Order) -> Sandwich | None:
    """Return the most profitable way to trade ahead of an order, if any pays.

    Whole levels of the book are taken, so that the order meets the searcher's resale, one tick
    better than the next level or at the order's own limit. What the order will not take back is
    counted at the best premium of the other side.
    """
    side = int(order.side)
    levels = view.levels(order.side.opposite, order.instrument)
    other = view.levels(order.side, order.instrument)
    budget_usd = max(view.free_margin_usd, 0.0)
    if order.is_market:
        return None
    taken, paid, best = 0, 0, None
    for place, (ticks, lots) in enumerate(levels):
        if side * (order.limit_ticks - ticks) < 0:
            break
        taken, paid = taken + lots, paid + lots * ticks
        bound = taken * _margin_usd(view, order.instrument, order.side, ticks)
        if bound > budget_usd:
            break
        resale = order.limit_ticks
        if place + 1 < len(levels):
            nearest = levels[place + 1][0] - side
            resale = min(resale, nearest) if order.side is Side.BUY else max(resale, nearest)
        sold = min(taken, order.lots)
        if taken > sold and not other:
            break
        worth = sold * resale + (taken - sold) * (other[0][0] if other else 0)
        fees = view.taker_fee_usd * (2 * taken - sold)
        profit = side * (worth - paid) * view.tick_usd - fees
        if best is None or profit > best.profit_usd:
            best = Sandwich(order, taken, ticks, resale, profit, bound)
    return best


def _margin_usd(view: SearcherView, instrument: int, side: Side, ticks: int) -> float:
    """Return what one contract binds: its premium where it is bought, its margin where sold."""
    if side is Side.BUY:
        return ticks * view.tick_usd
    return float(view.unit_margin_usd[instrument])


def choose_front_run(account: int, view: SearcherView, parameters: Searchers) -> list[Request]:
    """Decide whom to trade ahead of.

    Returns
    -------
    list of Request
        Nothing, or both legs: what is taken ahead of the order, and its resale, which the order
        meets. Both bid the same fee, half of the share of the profit that the scenario says.
    """
    best, outbid_usd = None, 0.0
    for seen in view.seen:
        if not seen.catchable or seen.order.account == account:
            continue
        found = find_sandwich(view, seen.order)
        if found is not None and (best is None or found.profit_usd > best.profit_usd):
            best, outbid_usd = found, seen.outbid_usd
    if best is None:
        return []
    legs = _both_legs(account, best, Purpose.FRONT_RUN, view, parameters)
    outbid = legs and outbid_usd and legs[0].fee_usd <= outbid_usd
    return [] if outbid else legs


def choose_close_outs(account: int, view: SearcherView, parameters: Searchers) -> list[Request]:
    """Decide which close-outs to trade ahead of: all that pay, the best first, as margin allows.

    The venue closes at a premium that it sets far from the mark, whatever happened just before; but
    who is called may deposit in time, and then what was taken ahead must be offered to others.

    Returns
    -------
    list of Request
        Both legs of each, as `choose_front_run` has them.
    """
    found = [find_sandwich(view, order) for order in view.close_outs if order.account != account]
    requests, left_usd = [], max(view.free_margin_usd, 0.0)
    for best in sorted((item for item in found if item), key=lambda item: -item.profit_usd):
        if best.bound_usd <= left_usd:
            legs = _both_legs(account, best, Purpose.CLOSE_OUT, view, parameters)
            left_usd -= best.bound_usd if legs else 0.0
            requests += legs
    return requests


def _both_legs(
    account: int, best: Sandwich, purpose: Purpose, view: SearcherView, parameters: Searchers
) -> list[Request]:
    """Return what is taken ahead and its resale, each with half the bid, if enough is left."""
    share = parameters.fee_share if view.fee_ranks else 0.0
    bid_usd = share * max(best.profit_usd, 0.0) / 2
    if best.profit_usd - 2 * bid_usd < parameters.minimum_profit_usd:
        return []
    series, side = best.order.instrument, best.order.side
    first = Order(account, series, side, best.lots, best.last_ticks)
    second = Order(account, series, side.opposite, best.lots, best.resale_ticks, Lifetime.REST)
    return [
        Request(first, purpose, bid_usd),
        Request(second, Purpose.RESALE, bid_usd, only_reduces=True),
    ]


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
        each_usd = _margin_usd(view, order.instrument, side, order.limit_ticks)
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
                each_usd = _margin_usd(view, instrument, side, ticks)
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
        requests += self._on_orders(view)
        requests += choose_close_outs(self.slot, view, self.parameters)
        if new_marks:
            requests += choose_snipes(self.slot, view, self.parameters)
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
