"""Matching and settlement, one rule at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from abm.venue import Lifetime, MassQuote, Order, Side, Trade, TradeKind, market_order
from abm.venue.quotes import NO_ASK, NO_BID

if TYPE_CHECKING:
    from tests.venue.conftest import Floor

# Accounts 0 to 2 trade, 3 and 4 are makers 0 and 1, 5 is the house. A tick is 50,000 micro-dollars
# and so is the taker's fee for one contract.
MAKER_0, MAKER_1, HOUSE = 3, 4, 5
TICK = 50_000
NOTHING: tuple[tuple[int, int], ...] = ()


def ladder(
    bids: tuple[tuple[int, int], ...] = NOTHING,
    asks: tuple[tuple[int, int], ...] = NOTHING,
    *,
    series: int = 0,
) -> MassQuote:
    """Return a quote of (ticks, contracts) by level on one of the two series."""
    columns = []
    for side in (bids, asks):
        for part in (0, 1):
            column = np.zeros((2, 2), dtype=np.int64)
            for level, pair in enumerate(side):
                column[series, level] = pair[part]
            columns.append(column)
    bid_ticks, bid_lots, ask_ticks, ask_lots = columns
    return MassQuote(bid_ticks, ask_ticks, bid_lots, ask_lots)


def quote(floor: Floor, maker: int, made: MassQuote) -> None:
    floor.exchange.quote(maker, made, 100.0)


# --- orders among themselves


def test_an_order_finds_nothing_in_an_empty_book(floor: Floor) -> None:
    assert floor.buy(0, 5, 100) == 0
    assert floor.depth() == 0


def test_what_does_not_trade_rests_only_if_it_was_asked_to(floor: Floor) -> None:
    floor.sell(1, 2, 10, rests=True)
    assert floor.buy(0, 5, 10, rests=True) == 2
    assert floor.depth() == 3
    assert floor.sell(2, 9, 10) == 3
    assert floor.depth() == 0


def test_a_trade_is_at_the_price_of_the_order_that_was_there(floor: Floor) -> None:
    floor.sell(1, 2, 10, rests=True)
    floor.buy(0, 1, 12)
    floor.buy(1, 3, 7, rests=True)
    floor.sell(2, 1, 5)
    assert floor.fills() == [(0, 1, 1, 10), (1, 2, 1, 7)]


@pytest.mark.parametrize(("ticks", "traded"), [(9, 0), (10, 2), (11, 2)])
def test_a_buyer_pays_its_limit_at_most(floor: Floor, ticks: int, traded: int) -> None:
    floor.sell(1, 2, 10, rests=True)
    assert floor.buy(0, 2, ticks) == traded


@pytest.mark.parametrize(("ticks", "traded"), [(11, 0), (10, 2), (9, 2)])
def test_a_seller_gets_its_limit_at_least(floor: Floor, ticks: int, traded: int) -> None:
    floor.buy(1, 2, 10, rests=True)
    assert floor.sell(0, 2, ticks) == traded


def test_a_large_order_walks_the_book_by_price_and_then_by_time(floor: Floor) -> None:
    floor.sell(1, 2, 11, rests=True)
    floor.sell(2, 2, 10, rests=True)
    floor.sell(1, 2, 10, rests=True)
    assert floor.buy(0, 5, 11) == 5
    assert floor.fills() == [(0, 2, 2, 10), (0, 1, 2, 10), (0, 1, 1, 11)]


def test_series_have_books_of_their_own(floor: Floor) -> None:
    floor.order(1, Side.SELL, 2, 10, series=1, rests=True)
    assert floor.buy(0, 2, 10) == 0


def test_an_order_that_would_trade_with_an_older_one_of_its_account_replaces_it(
    floor: Floor,
) -> None:
    floor.sell(0, 2, 10, rests=True)
    floor.sell(1, 2, 10, rests=True)
    assert floor.buy(0, 3, 10, rests=True) == 2
    assert floor.fills() == [(0, 1, 2, 10)]
    # Its own offer is gone; what is left of its bid rests.
    assert floor.sell(2, 9, 10) == 1


def test_an_older_order_of_the_account_that_would_not_trade_stays(floor: Floor) -> None:
    floor.sell(0, 2, 50, rests=True)
    floor.buy(0, 1, 10, rests=True)
    assert floor.depth() == 3


def test_an_older_order_of_the_account_stays_where_a_better_one_fills_the_new_one(
    floor: Floor,
) -> None:
    floor.sell(0, 2, 10, rests=True)
    quote(floor, 0, ladder(asks=((9, 5),)))
    assert floor.buy(0, 5, 10) == 5
    assert floor.depth() == 2


def test_a_cancel_takes_orders_of_all_series_away(floor: Floor) -> None:
    floor.sell(0, 2, 10, rests=True)
    floor.order(0, Side.BUY, 3, 10, series=1, rests=True)
    floor.sell(1, 4, 12, rests=True)
    floor.exchange.cancel(0)
    assert floor.depth() == 4


@pytest.mark.parametrize("side", list(Side))
def test_a_series_offers_what_is_quoted_or_rests_on_a_side(floor: Floor, side: Side) -> None:
    assert not floor.exchange.offers(side, 0)
    floor.order(0, side, 1, 10, rests=True)
    assert floor.exchange.offers(side, 0)
    assert not floor.exchange.offers(side.opposite, 0)
    assert not floor.exchange.offers(side, 1)
    floor.exchange.cancel(0)
    assert not floor.exchange.offers(side, 0)
    pairs = ((10, 1),)
    quote(floor, 0, ladder(bids=pairs) if side is Side.BUY else ladder(asks=pairs))
    assert floor.exchange.offers(side, 0)
    assert not floor.exchange.offers(side.opposite, 0)


# --- settlement


def test_a_trade_moves_contracts_and_premium_and_the_taker_pays_the_fee(floor: Floor) -> None:
    floor.sell(1, 2, 10, rests=True)
    floor.buy(0, 2, 12)
    # 2 contracts at 10 ticks; 0.0005 of 100 dollars is 0.05 a contract.
    assert floor.cash.balances.tolist() == [
        -2 * 10 * TICK - 2 * TICK,
        2 * 10 * TICK,
        0,
        0,
        0,
        2 * TICK,
    ]
    assert [floor.positions.row(account)[0] for account in range(3)] == [2, -2, 0]


def test_the_fee_is_of_the_price_of_the_underlying(floor: Floor) -> None:
    floor.sell(1, 1, 10, rests=True)
    floor.exchange.submit(Order(0, 0, Side.BUY, 1, 10), price_usd=400.0)
    assert floor.cash.balances[HOUSE] == 200_000


def test_every_trade_is_kept_with_its_aggressor_and_kind(floor: Floor) -> None:
    floor.sell(1, 1, 10, rests=True)
    floor.buy(2, 1, 7, rests=True)
    floor.buy(0, 1, 10)
    floor.exchange.submit(Order(0, 0, Side.SELL, 1, 7), 100.0, TradeKind.CLOSE_OUT)
    assert floor.exchange.trades == [
        Trade(0, 0, 1, 1, 10, Side.BUY, TradeKind.ORDER),
        Trade(0, 2, 0, 1, 7, Side.SELL, TradeKind.CLOSE_OUT),
    ]


def test_a_trade_settled_outside_the_book_costs_no_fee(floor: Floor) -> None:
    floor.exchange.settle(Trade(1, 0, 1, 3, 4, Side.BUY, TradeKind.TAKE_OVER))
    assert floor.cash.balances.tolist() == [-12 * TICK, 12 * TICK, 0, 0, 0, 0]
    assert floor.positions.row(0).tolist() == [0, 3]


@pytest.mark.parametrize(
    ("premium_usd", "ticks"), [(0.0, 1), (0.02, 1), (0.05, 1), (0.12, 2), (0.13, 3), (7.0, 140)]
)
def test_a_premium_is_rounded_to_ticks_and_at_least_one(
    floor: Floor, premium_usd: float, ticks: int
) -> None:
    assert floor.exchange.ticks(premium_usd) == ticks


def test_an_expiry_pays_off_in_cash_and_clears_the_series_alone(floor: Floor) -> None:
    for series in (0, 1):
        floor.order(1, Side.SELL, 5, 10, series=series, rests=True)
        floor.order(0, Side.BUY, 2, 10, series=series)
    quote(floor, 0, ladder(bids=((5, 1),)))
    quote(floor, 1, ladder(bids=((5, 1),), series=1))
    before = floor.cash.balances.copy()
    floor.exchange.expire(np.array([0]), np.array([3_000_000, 9_000_000]))
    changes = floor.cash.balances - before
    # Two contracts at 3 dollars, from the seller to the buyer.
    assert changes.tolist() == [6_000_000, -6_000_000, 0, 0, 0, 0]
    assert [floor.positions.row(account).tolist() for account in (0, 1)] == [[0, 2], [0, -2]]
    # Of series 1 the rest of the offer, 3 contracts, and a bid for 1 are left.
    assert floor.depth() == 4
    assert floor.sell(0, 9, 1) == 0
    assert floor.buy(0, 9, 99) == 0


# --- ladders


def test_a_ladder_trades_level_by_level(floor: Floor) -> None:
    quote(floor, 0, ladder(asks=((10, 2), (12, 4))))
    assert floor.buy(0, 9, 12) == 6
    assert floor.fills() == [(0, MAKER_0, 2, 10), (0, MAKER_0, 4, 12)]
    assert floor.cash.balances[MAKER_0] == (2 * 10 + 4 * 12) * TICK


def test_a_new_ladder_replaces_the_old_one(floor: Floor) -> None:
    quote(floor, 0, ladder(bids=((8, 2), (7, 3)), asks=((10, 2),)))
    quote(floor, 0, ladder(bids=((6, 1),)))
    assert floor.depth() == 1
    assert floor.sell(0, 9, 1) == 1
    assert floor.fills() == [(MAKER_0, 0, 1, 6)]


def test_the_better_of_a_quote_and_an_order_trades_first(floor: Floor) -> None:
    floor.sell(1, 1, 11, rests=True)
    quote(floor, 0, ladder(asks=((10, 1), (12, 1))))
    floor.buy(0, 3, 12)
    assert floor.fills() == [(0, MAKER_0, 1, 10), (0, 1, 1, 11), (0, MAKER_0, 1, 12)]


@pytest.mark.parametrize("quoted_first", [True, False])
def test_at_one_price_quotes_and_orders_trade_in_the_order_of_arrival(
    floor: Floor, *, quoted_first: bool
) -> None:
    if quoted_first:
        quote(floor, 0, ladder(asks=((10, 1),)))
    floor.sell(1, 1, 10, rests=True)
    if not quoted_first:
        quote(floor, 0, ladder(asks=((10, 1),)))
    floor.buy(0, 1, 10)
    assert floor.fills() == [(0, MAKER_0 if quoted_first else 1, 1, 10)]


def test_at_one_price_the_maker_who_quoted_last_trades_last(floor: Floor) -> None:
    for maker in (0, 1, 0):
        quote(floor, maker, ladder(asks=((10, 1),)))
    floor.buy(0, 2, 10)
    assert floor.fills() == [(0, MAKER_1, 1, 10), (0, MAKER_0, 1, 10)]


def test_a_ladder_that_crosses_the_book_trades_first_at_the_books_prices(floor: Floor) -> None:
    floor.sell(1, 3, 10, rests=True)
    quote(floor, 0, ladder(bids=((12, 5), (11, 4))))
    assert floor.fills() == [(MAKER_0, 1, 3, 10)]
    # The maker was the taker and paid the fee; 2 + 4 of its contracts are left.
    assert floor.cash.balances[MAKER_0] == -3 * 10 * TICK - 3 * TICK
    assert floor.depth() == 6
    assert floor.sell(0, 9, 11) == 6


@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize("side", list(Side))
def test_a_ladder_that_meets_the_best_price_exactly_trades_at_it(
    floor: Floor, side: Side, *, quoted: bool
) -> None:
    pairs = ((10, 2),)
    bids, asks = ladder(bids=pairs), ladder(asks=pairs)
    if quoted:
        quote(floor, 1, asks if side is Side.BUY else bids)
    else:
        floor.order(1, side.opposite, 2, 10, rests=True)
    quote(floor, 0, bids if side is Side.BUY else asks)
    assert [trade.lots for trade in floor.exchange.trades] == [2]
    assert floor.depth() == 0


@pytest.mark.parametrize("side", list(Side))
def test_a_ladder_a_tick_short_of_the_best_price_does_not_trade(floor: Floor, side: Side) -> None:
    floor.order(1, side.opposite, 2, 10, rests=True)
    pairs = ((10 - side, 2),)
    quote(floor, 0, ladder(bids=pairs) if side is Side.BUY else ladder(asks=pairs))
    assert floor.exchange.trades == []
    assert floor.depth() == 4


def test_a_ladder_that_crosses_another_ladder_trades_with_it(floor: Floor) -> None:
    quote(floor, 0, ladder(bids=((10, 2), (9, 3))))
    quote(floor, 1, ladder(asks=((9, 4), (12, 1))))
    assert floor.fills() == [(MAKER_0, MAKER_1, 2, 10), (MAKER_0, MAKER_1, 2, 9)]
    assert floor.depth() == 2


def test_a_maker_does_not_trade_with_its_own_quotes(floor: Floor) -> None:
    quote(floor, 0, ladder(asks=((10, 2),)))
    quote(floor, 1, ladder(asks=((11, 2),)))
    assert floor.buy(MAKER_0, 2, 11) == 2
    assert floor.fills() == [(MAKER_0, MAKER_1, 2, 11)]


def test_a_maker_knows_whether_its_quotes_traded_since_it_quoted(floor: Floor) -> None:
    for maker in (0, 1):
        quote(floor, maker, ladder(asks=((10 + maker, 2),)))
    assert floor.exchange.quotes.taken == [{}, {}]
    floor.buy(0, 1, 10)
    assert floor.exchange.quotes.taken == [{(Side.SELL, 0, 0): 1}, {}]
    quote(floor, 0, ladder(asks=((10, 2),)))
    assert floor.exchange.quotes.taken == [{}, {}]


def test_a_refill_brings_back_what_traded_behind_the_others_at_its_price(floor: Floor) -> None:
    quote(floor, 0, ladder(bids=((8, 3),), asks=((10, 2), (11, 4))))
    quote(floor, 1, ladder(asks=((10, 2),)))
    assert floor.buy(0, 1, 10) == 1
    floor.exchange.refill(0, 100.0)
    assert floor.exchange.quotes.taken == [{}, {}]
    assert floor.exchange.quotes.lots_by_maker().tolist() == [9, 2]
    # One contract of maker 0 stood before maker 1; its refill put it behind.
    assert floor.buy(0, 3, 10) == 3
    assert floor.fills()[1:] == [(0, MAKER_1, 2, 10), (0, MAKER_0, 1, 10)]


def test_a_refill_of_a_level_that_was_sold_out_is_the_best_quote_again(floor: Floor) -> None:
    quote(floor, 0, ladder(asks=((10, 2), (11, 4))))
    floor.buy(0, 2, 10)
    assert floor.exchange.quotes.best(Side.SELL)[0] == 11
    floor.exchange.refill(0, 100.0)
    assert floor.exchange.quotes.best(Side.SELL)[0] == 10
    assert floor.depth() == 6


def test_a_refill_trades_with_an_order_that_came_to_rest_in_its_place(floor: Floor) -> None:
    quote(floor, 0, ladder(asks=((10, 2), (12, 4))))
    floor.buy(0, 2, 10)
    floor.buy(1, 3, 11, rests=True)
    floor.exchange.refill(0, 100.0)
    assert floor.fills()[1:] == [(1, MAKER_0, 2, 11)]
    assert floor.exchange.quotes.best(Side.SELL)[0] == 12
    assert floor.exchange.resting_lots == 1


def test_a_maker_who_withdraws_leaves_the_others_quotes(floor: Floor) -> None:
    quote(floor, 0, ladder(bids=((8, 2),), asks=((10, 2),)))
    quote(floor, 1, ladder(bids=((7, 3),), asks=((11, 3),)))
    assert floor.exchange.quotes.lots_by_maker().tolist() == [4, 6]
    floor.exchange.quotes.withdraw(0)
    assert floor.exchange.quotes.lots_by_maker().tolist() == [0, 6]
    assert floor.depth() == 6
    assert floor.buy(0, 9, 99) == 3


def test_the_best_quotes_are_the_highest_bid_and_the_lowest_ask_of_all_makers(
    floor: Floor,
) -> None:
    quote(floor, 0, ladder(bids=((8, 2), (7, 2)), asks=((11, 2),)))
    quote(floor, 1, ladder(bids=((9, 0), (6, 1)), asks=((12, 2), (13, 1))))
    quotes = floor.exchange.quotes
    # Zero contracts at 9 are no quote.
    assert quotes.best(Side.BUY).tolist() == [8, NO_BID]
    assert quotes.best(Side.SELL).tolist() == [11, NO_ASK]
    floor.sell(0, 2, 8)
    assert quotes.best(Side.BUY)[0] == 7


def test_a_ladder_is_left_as_its_maker_wrote_it(floor: Floor) -> None:
    floor.sell(1, 3, 10, rests=True)
    made = ladder(bids=((10, 5),))
    quote(floor, 0, made)
    assert made.bid_lots[0].tolist() == [5, 0]


def test_a_prospect_is_what_the_order_then_trades(floor: Floor) -> None:
    for account, lots, ticks in ((1, 2, 30), (0, 4, 20), (2, 3, 25)):
        floor.exchange.submit(Order(account, 0, Side.SELL, lots, ticks, Lifetime.REST), 100.0)
    floor.exchange.quote(0, ladder(asks=((40, 5),)), 100.0)
    # A maker's orders pass by its own quote.
    assert floor.exchange.prospect(market_order(1, 0, Side.BUY, 9)) == (9, 40)
    assert floor.exchange.prospect(market_order(MAKER_0, 0, Side.BUY, 99)) == (9, 30)
    # The account's own four at 20 do not count: three at 25 and one at 30 are left.
    assert floor.exchange.prospect(market_order(0, 0, Side.BUY, 4)) == (4, 30)
    assert floor.exchange.prospect(Order(0, 0, Side.BUY, 4, 29)) == (3, 25)
    assert floor.exchange.prospect(Order(0, 0, Side.BUY, 4, 24)) == (0, 0)
    assert floor.exchange.prospect(market_order(0, 0, Side.SELL, 4)) == (0, 0)
    assert floor.exchange.submit(market_order(0, 0, Side.BUY, 4), 100.0) == 4
    assert [fill[2:] for fill in floor.fills()] == [(3, 25), (1, 30)]


def test_a_sweep_takes_quotes_from_the_best_on_and_passes_by_those_of_one_maker(
    floor: Floor,
) -> None:
    quote(floor, 0, ladder(asks=((10, 2), (12, 4))))
    quote(floor, 1, ladder(asks=((10, 3), (11, 5))))
    board = floor.exchange.quotes
    assert board.sweep(Side.SELL, 0, 9, 11, without=0) == [(1, 3, 10), (1, 5, 11)]
    assert board.taken == [{}, {(Side.SELL, 0, 0): 3, (Side.SELL, 0, 1): 5}]
    assert [entry[0] for entry in board.ranked(Side.SELL, 0)] == [10, 12]
    assert board.best(Side.SELL).tolist() == [10, NO_ASK]
    assert board.sweep(Side.SELL, 0, 3, 12, without=None) == [(0, 2, 10), (0, 1, 12)]
    assert board.best_of(Side.SELL, 0) == 12
    assert board.lots_by_maker().tolist() == [3, 0]
    assert board.sweep(Side.BUY, 0, 1, 1, without=None) == []


def test_an_order_that_sweeps_pays_each_its_premium_and_one_fee_for_all(floor: Floor) -> None:
    quote(floor, 0, ladder(asks=((10, 2),)))
    quote(floor, 1, ladder(asks=((11, 2),)))
    before = floor.cash.balances.copy()
    assert floor.buy(0, 3, 11) == 3
    changes = (floor.cash.balances - before).tolist()
    assert changes == [-(20 + 11 + 3) * TICK, 0, 0, 20 * TICK, 11 * TICK, 3 * TICK]
    assert [trade.lots for trade in floor.exchange.trades[-2:]] == [2, 1]
    assert floor.exchange.maker_moves == [1, 1]


def test_what_was_put_back_after_a_withdrawal_can_be_withdrawn(floor: Floor) -> None:
    board = floor.exchange.quotes
    quote(floor, 0, ladder(asks=((10, 2),)))
    board.withdraw(0)
    board.put_back(0, Side.SELL, 0, 0, 1, 7)
    assert board.lots_by_maker().tolist() == [1, 0]
    board.withdraw(0)
    assert board.lots_by_maker().tolist() == [0, 0]
