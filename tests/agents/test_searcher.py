"""What searchers decide: worked by hand on books of one series."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import mesa
import numpy as np
import pytest

from abm.agents import (
    Purpose,
    Request,
    Searcher,
    SearcherView,
    Seen,
    choose_back_run,
    choose_close_outs,
    choose_front_run,
    choose_offers,
    choose_snipes,
)
from abm.margin import Marks
from abm.scenario.ordering import Searchers
from abm.venue import NO_ASK, NO_BID, Lifetime, Order, Side, market_order

if TYPE_CHECKING:
    from abm.agents.searcher_view import Level

ME, OTHER = 7, 1
ASKS: list[Level] = [(100, 5), (110, 5), (120, 5)]
BIDS: list[Level] = [(90, 5), (80, 5)]
RULE = Searchers(count=1, capital_usd=1e6, minimum_profit_usd=1.0)


def see(
    *seen: Seen,
    mark_ticks: float = 95.0,
    asks: list[Level] = ASKS,
    bids: list[Level] = BIDS,
    held: int = 0,
    free_margin_usd: float = 1e6,
    fee_ranks: bool = False,
    close_outs: tuple[Order, ...] = (),
) -> SearcherView:
    """Return what a searcher sees of one series; a tick is a dollar, a contract's fee half one."""
    one = np.ones(1)
    marks = Marks(
        price_usd=1_000.0,
        volatility=0.5 * one,
        value=mark_ticks * one,
        delta=0.5 * one,
        vega=one,
        alive=np.ones(1, dtype=np.bool_),
    )
    return SearcherView(
        marks=marks,
        seen=seen,
        levels=lambda side, _: asks if side is Side.SELL else bids,
        bid_ticks=np.array([bids[0][0] if bids else NO_BID]),
        ask_ticks=np.array([asks[0][0] if asks else NO_ASK]),
        inventory=np.array([held]),
        unit_margin_usd=200.0 * one,
        free_margin_usd=free_margin_usd,
        taker_fee_usd=0.5,
        tick_usd=1.0,
        fee_ranks=fee_ranks,
        close_outs=close_outs,
    )


def waiting(
    side: Side, lots: int, limit: int, *, catchable: bool = True, outbid_usd: float = 0.0
) -> Seen:
    order = Order(OTHER, 0, side, lots, limit)
    return Seen(3, order, catchable=catchable, outbid_usd=outbid_usd)


def test_it_takes_the_best_level_ahead_of_an_order_and_offers_it_before_the_next() -> None:
    first, second = choose_front_run(ME, see(waiting(Side.BUY, 8, 115)), RULE)
    # Five at 100, resold at 109 to an order that would have paid 110 for three of its eight:
    # 5 * 9 - 5 * 0.5 = 42.50. Both levels, ten at 105 on average, leave two that nobody takes:
    # 8 * 115 + 2 * 90 - 1050 - 6 = 44, which is more.
    assert first.order == Order(ME, 0, Side.BUY, 10, 110)
    assert second.order == Order(ME, 0, Side.SELL, 10, 115, Lifetime.REST)
    assert second.only_reduces
    assert (first.purpose, second.purpose) == (Purpose.FRONT_RUN, Purpose.RESALE)


def test_it_sells_ahead_of_a_sale_and_bids_for_it_below() -> None:
    first, second = choose_front_run(ME, see(waiting(Side.SELL, 8, 85)), RULE)
    # Five sold at 90 and taken back at the order's limit of 85, nearer than 81.
    assert first.order == Order(ME, 0, Side.SELL, 5, 90)
    assert second.order == Order(ME, 0, Side.BUY, 5, 85, Lifetime.REST)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(waiting(Side.BUY, 8, 115, catchable=False), id="too late"),
        pytest.param(waiting(Side.BUY, 8, 99), id="reaches nothing"),
        pytest.param(Seen(3, market_order(OTHER, 0, Side.BUY, 8), catchable=True), id="no limit"),
        pytest.param(Seen(3, Order(ME, 0, Side.BUY, 8, 115), catchable=True), id="its own"),
    ],
)
def test_it_leaves_an_order_alone_that_it_cannot_profit_by(seen: Seen) -> None:
    assert choose_front_run(ME, see(seen), RULE) == []


def test_it_does_not_trade_ahead_for_less_than_its_least_profit() -> None:
    greedy = replace_rule(minimum_profit_usd=44.5)
    assert choose_front_run(ME, see(waiting(Side.BUY, 8, 115)), greedy) == []


def test_it_takes_no_more_than_its_margin_allows() -> None:
    first, _ = choose_front_run(ME, see(waiting(Side.BUY, 8, 115), free_margin_usd=600), RULE)
    assert first.order.lots == 5


def test_it_bids_a_share_of_its_profit_where_fees_rank_and_only_where_that_gets_it_ahead() -> None:
    rule = replace_rule(fee_share=0.5)
    ahead = see(waiting(Side.BUY, 8, 115, outbid_usd=10.0), fee_ranks=True)
    # Half of 44 dollars, for both legs.
    assert [request.fee_usd for request in choose_front_run(ME, ahead, rule)] == [11.0, 11.0]
    outbid = see(waiting(Side.BUY, 8, 115, outbid_usd=12.0), fee_ranks=True)
    assert choose_front_run(ME, outbid, rule) == []


def test_it_takes_what_a_close_out_will_need_and_sells_it_at_the_worst_that_is_accepted() -> None:
    closed = Order(OTHER, 0, Side.BUY, 8, 115)
    first, second = choose_close_outs(ME, see(close_outs=(closed,)), RULE)
    # As ahead of an order: both levels, for 115 each.
    assert first == Request(Order(ME, 0, Side.BUY, 10, 110), Purpose.CLOSE_OUT)
    resale = Order(ME, 0, Side.SELL, 10, 115, Lifetime.REST)
    assert second == Request(resale, Purpose.CLOSE_OUT_RESALE, only_reduces=True)
    assert (
        choose_close_outs(ME, see(close_outs=(closed,)), replace_rule(minimum_profit_usd=45)) == []
    )


@pytest.mark.parametrize(
    ("margin", "taken"), [(900, [(0, 5)]), (1_000, [(0, 5), (1, 5)]), (1_100, [(0, 10)])]
)
def test_of_several_close_outs_it_takes_the_best_that_its_margin_allows(
    margin: float, taken: list[tuple[int, int]]
) -> None:
    # Of the first, five for 500 bring 42.50, and ten for 1,100 bring 44. Of the second, five for
    # 500 bring 3 * 109 + 2 * 90 - 500 - 7 * 0.50 = 3.50.
    closed = (Order(OTHER, 1, Side.BUY, 3, 112), Order(OTHER, 0, Side.BUY, 8, 115))
    asked = choose_close_outs(ME, see(close_outs=closed, free_margin_usd=margin), RULE)[::2]
    assert [(request.order.instrument, request.order.lots) for request in asked] == taken


def test_of_both_sides_of_a_series_it_trades_ahead_of_one() -> None:
    closed = (Order(OTHER, 0, Side.SELL, 5, 85), Order(OTHER, 0, Side.BUY, 8, 115))
    first, second = choose_close_outs(ME, see(close_outs=closed), RULE)
    assert (first.order.side, second.order.side) == (Side.BUY, Side.SELL)


def test_it_comes_right_behind_an_order_that_will_rest_beyond_the_mark() -> None:
    resting = Order(OTHER, 0, Side.BUY, 4, 99, Lifetime.REST)
    (request,) = choose_back_run(ME, see(Seen(3, resting, catchable=False)), RULE)
    assert request.order == Order(ME, 0, Side.SELL, 4, 99)
    assert request.behind == 3
    # At a mark of 99 nothing is left after the fee.
    assert choose_back_run(ME, see(Seen(3, resting, catchable=False), mark_ticks=99), RULE) == []


def test_it_takes_every_quote_that_a_new_mark_has_left_behind_by_more_than_the_fee() -> None:
    (request,) = choose_snipes(ME, see(mark_ticks=111.0), RULE)
    # Those at 100 and 110, not those at 120: 111 - 0.5 is the most that pays.
    assert request.order == Order(ME, 0, Side.BUY, 10, 110)
    (request,) = choose_snipes(ME, see(mark_ticks=85.2), RULE)
    assert request.order == Order(ME, 0, Side.SELL, 5, 86)
    assert choose_snipes(ME, see(mark_ticks=95.0), RULE) == []


def test_it_offers_what_it_holds_a_tick_before_the_best_and_never_beyond_the_mark() -> None:
    (request,) = choose_offers(ME, see(held=3))
    assert request.order == Order(ME, 0, Side.SELL, 3, 99, Lifetime.REST)
    assert request.only_reduces
    assert request.replaces
    (request,) = choose_offers(ME, see(held=3, mark_ticks=107.3))
    assert request.order.limit_ticks == 108
    (request,) = choose_offers(ME, see(held=-3, asks=[], bids=[]))
    assert request.order == Order(ME, 0, Side.BUY, 3, 95, Lifetime.REST)


def replace_rule(**changes: float) -> Searchers:
    return RULE.model_copy(update=changes)


@dataclass
class Desk:
    """Shows one order at every step; marks are new where a test says so."""

    new_marks: bool = False
    now: int = 0
    asked: list[tuple[Purpose, float]] = field(default_factory=list)

    def view(self, account: int) -> SearcherView:
        assert account == ME
        return see(waiting(Side.BUY, 8, 115), mark_ticks=111.0, held=2)

    def has_new_marks(self) -> bool:
        return self.new_marks

    def seconds(self) -> int:
        return self.now

    def queue(self, request: Request, delay_seconds: float) -> None:
        self.asked.append((request.purpose, delay_seconds))


def test_a_searcher_answers_an_order_once_and_snipes_when_marks_are_new() -> None:
    desk = Desk()
    rule = RULE.model_copy(update={"delay_seconds": 3.0, "hold_seconds": 60.0})
    searcher = Searcher(mesa.Model(rng=1), ME, rule, desk)
    searcher.step()
    assert desk.asked == [(Purpose.FRONT_RUN, 3.0), (Purpose.RESALE, 3.0)]
    desk.asked.clear()
    desk.now = 59
    searcher.step()
    assert desk.asked == []
    desk.now = 60
    searcher.step()
    assert desk.asked == [(Purpose.EXIT, 3.0)]
    desk.asked.clear()
    desk.new_marks = True
    searcher.step()
    # What it offers is replaced before anything else: its old mark is out of date as well.
    assert [purpose for purpose, _ in desk.asked] == [Purpose.EXIT, Purpose.SNIPE]
