"""Trading ahead of orders that can be read, and of close-outs that can be seen coming."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from abm.agents.searcher_view import Purpose, Request, SearcherView, margin_usd
from abm.venue import Lifetime, Order, Side

if TYPE_CHECKING:
    from abm.scenario.ordering import Searchers


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
        bound = taken * margin_usd(view, order.instrument, order.side, ticks)
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
    legs = _both_legs(account, best, (Purpose.FRONT_RUN, Purpose.RESALE), view, parameters)
    if outbid_usd and any(leg.fee_usd <= outbid_usd for leg in legs):
        return []
    return legs


def choose_close_outs(account: int, view: SearcherView, parameters: Searchers) -> list[Request]:
    """Decide which close-outs to trade ahead of: all that pay, the best first, as margin allows.

    The venue closes at a premium that it sets far from the mark, whatever happened just before; but
    who is called may deposit in time, and then what was taken ahead must be offered to others.

    Returns
    -------
    list of Request
        Both legs of each, as `choose_front_run` has them.
    """
    found = [find_sandwich(view, order) for order in view.close_outs]
    requests, left_usd = [], max(view.free_margin_usd, 0.0)
    used: list[int] = []
    for best in sorted((item for item in found if item), key=lambda item: -item.profit_usd):
        # On one series the two sides would undo each other.
        if best.bound_usd > left_usd or best.order.instrument in used:
            continue
        purposes = (Purpose.CLOSE_OUT, Purpose.CLOSE_OUT_RESALE)
        if legs := _both_legs(account, best, purposes, view, parameters):
            left_usd -= best.bound_usd
            used.append(best.order.instrument)
            requests += legs
    return requests


def _both_legs(
    account: int,
    best: Sandwich,
    purposes: tuple[Purpose, Purpose],
    view: SearcherView,
    parameters: Searchers,
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
        Request(first, purposes[0], bid_usd),
        Request(second, purposes[1], bid_usd, only_reduces=True),
    ]
