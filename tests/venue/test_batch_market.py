"""A batch on the exchange: ladders, resting orders and new ones clear at one premium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.venue import NO_ASK, NO_BID, Lifetime, MassQuote, Order, SelfTrade, Side
from abm.venue.batch_market import hold_auctions, refill_ladder, replace_ladder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.venue.conftest import Floor

BUY, SELL = Side.BUY, Side.SELL
MAKERS = (3, 4)


def ladder(bid: int, ask: int, lots: int) -> MassQuote:
    """Return a ladder of two levels on both series of the floor."""
    steps = np.array([[0, 2], [0, 2]])
    sizes = np.full((2, 2), lots)
    return MassQuote(bid - steps, ask + steps, sizes, sizes)


def auction(
    floor: Floor,
    *orders: Order,
    began: int | None = None,
    rule: SelfTrade = SelfTrade.CANCEL_RESTING,
) -> list[tuple[int, int]]:
    return hold_auctions(
        floor.exchange,
        orders,
        100.0,
        makers=MAKERS,
        began=floor.exchange.sequence if began is None else began,
        margin="pro_rata",
        self_trade=rule,
    )


def buy(account: int, lots: int, ticks: int, lifetime: Lifetime = Lifetime.IMMEDIATE) -> Order:
    return Order(account, 0, BUY, lots, ticks, lifetime)


def sell(account: int, lots: int, ticks: int, lifetime: Lifetime = Lifetime.IMMEDIATE) -> Order:
    return Order(account, 0, SELL, lots, ticks, lifetime)


def test_all_of_a_batch_trade_at_one_premium_whoever_came_first(floor: Floor) -> None:
    replace_ladder(floor.exchange, 0, ladder(90, 110, 5))
    # Ten of twelve contracts wanted are offered up to 112; at 112 two levels trade in full.
    found = auction(floor, buy(0, 6, 120), buy(1, 6, 112))
    assert found == [(6, 112), (4, 112)]
    assert {ticks for _, _, _, ticks in floor.fills()} == {112}
    assert floor.positions.row(3)[0] == -10


def test_buyers_and_sellers_of_a_batch_meet_inside_the_spread(floor: Floor) -> None:
    replace_ladder(floor.exchange, 0, ladder(90, 110, 5))
    assert auction(floor, buy(0, 4, 106), sell(1, 4, 94)) == [(4, 100), (4, 100)]
    assert floor.fills() == [(0, 1, 4, 100)]


def test_an_immediate_order_ends_with_its_batch_and_a_resting_one_stays(floor: Floor) -> None:
    found = auction(floor, buy(0, 4, 100, Lifetime.REST), buy(1, 4, 99))
    assert found == [(0, 0), (0, 0)]
    assert floor.exchange.resting_lots == 4
    # It stood there before the next batch, and so goes first at its premium.
    assert auction(floor, buy(2, 4, 100), sell(1, 4, 100)) == [(0, 0), (4, 100)]
    assert floor.fills() == [(0, 1, 4, 100)]
    assert floor.exchange.resting_lots == 0


def test_what_trades_of_an_order_pays_the_takers_fee_and_a_quote_pays_none(floor: Floor) -> None:
    replace_ladder(floor.exchange, 0, ladder(90, 110, 5))
    auction(floor, buy(0, 3, 110))
    # Three contracts at 110 ticks of 0.05 dollars, and a fee of 0.05 dollars each.
    assert floor.cash.balances[0] == -16_500_000 - 150_000
    assert floor.cash.balances[3] == 16_500_000
    assert floor.cash.balances[5] == 150_000


def test_ladders_that_cross_each_other_trade_in_the_auction_alone(floor: Floor) -> None:
    replace_ladder(floor.exchange, 0, ladder(90, 110, 5))
    replace_ladder(floor.exchange, 1, ladder(112, 130, 5))
    assert floor.fills() == []
    auction(floor)
    # In both series: five sold at 110 and five at 112 meet five bid at 112 and five at 110.
    assert sum(lots for *_, lots, _ in floor.fills()) == 10
    assert (floor.exchange.best(BUY) < floor.exchange.best(SELL)).all()


def test_what_traded_of_a_ladder_is_quoted_again_at_the_next_batch(floor: Floor) -> None:
    replace_ladder(floor.exchange, 0, ladder(90, 110, 5))
    depth = floor.depth()
    auction(floor, buy(0, 3, 110))
    assert floor.depth() == depth - 3
    refill_ladder(floor.exchange, 0)
    assert floor.depth() == depth


@pytest.mark.parametrize(
    ("rule", "fills"),
    [
        (SelfTrade.CANCEL_RESTING, [(0, 1, 4, 100)]),  # the older, its sale, goes
        (SelfTrade.CANCEL_INCOMING, [(2, 0, 4, 100)]),
        (SelfTrade.CANCEL_BOTH, []),
    ],
)
def test_an_account_does_not_trade_with_itself(
    floor: Floor, rule: SelfTrade, fills: list[tuple[int, int, int, int]]
) -> None:
    orders = [sell(0, 4, 100), buy(0, 4, 100)]
    others = {
        SelfTrade.CANCEL_RESTING: [sell(1, 4, 100)],
        SelfTrade.CANCEL_INCOMING: [buy(2, 4, 100)],
        SelfTrade.CANCEL_BOTH: [],
    }[rule]
    auction(floor, *orders, *others, rule=rule)
    assert floor.fills() == fills


orders = st.builds(
    Order,
    account=st.integers(0, 2),
    instrument=st.integers(0, 1),
    side=st.sampled_from([BUY, SELL]),
    lots=st.integers(1, 9),
    limit_ticks=st.integers(85, 115),
    lifetime=st.sampled_from([Lifetime.IMMEDIATE, Lifetime.REST]),
)


@given(st.lists(st.lists(orders, max_size=6), max_size=4), st.sampled_from(list(SelfTrade)))
def test_batch_after_batch_nothing_is_made_or_lost_and_nothing_left_crosses(
    make_floor: Callable[..., Floor], batches: list[list[Order]], rule: SelfTrade
) -> None:
    floor = make_floor(rule)
    for number, batch in enumerate(batches):
        began = floor.exchange.sequence
        middle = 100 + 3 * (number % 3)
        for maker in (0, 1):
            replace_ladder(floor.exchange, maker, ladder(middle - 4 - maker, middle + 4, 3))
        before = len(floor.exchange.trades)
        found = auction(floor, *batch, began=began, rule=rule)
        trades = floor.exchange.trades[before:]
        for series in (0, 1):
            premiums = {trade.price_ticks for trade in trades if trade.instrument == series}
            assert len(premiums) <= 1
        assert all(trade.buyer != trade.seller for trade in trades)
        for order, (lots, ticks) in zip(batch, found, strict=True):
            assert 0 <= lots <= order.lots
            assert not lots or order.side * (order.limit_ticks - ticks) >= 0
        net = sum(floor.positions.row(account) for account in range(6))
        assert not np.any(net)
        assert int(floor.cash.balances.sum()) == 0
        best = {side: floor.exchange.best(side) for side in (BUY, SELL)}
        both = (best[BUY] > NO_BID) & (best[SELL] < NO_ASK)
        assert (best[BUY] < best[SELL])[both].all()
