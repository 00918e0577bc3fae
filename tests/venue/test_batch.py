"""One auction: quantity conserved, one price, priority respected, nothing left that crosses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.venue.batch import Interest, clear, in_turn, pro_rata
from abm.venue.orders import ANY_ASK, ANY_BID, Side

BUY, SELL = Side.BUY, Side.SELL


@st.composite
def books(draw: st.DrawFn) -> list[Interest]:
    """Draw a few interests at few prices, so that many share one; some have no limit."""
    found = []
    for since in range(draw(st.integers(0, 12))):
        side = draw(st.sampled_from([BUY, SELL]))
        anything = ANY_ASK if side is BUY else ANY_BID
        limit = draw(st.one_of(st.integers(1, 9), st.just(anything)))
        lots = draw(st.integers(1, 9))
        found.append(Interest(since, side, lots, limit, since, draw(st.booleans())))
    return found


def at(interests: list[Interest], side: Side, price: int) -> int:
    """Return the contracts of a side that a price would trade."""
    return sum(
        item.lots
        for item in interests
        if item.side is side and side * (item.limit_ticks - price) >= 0
    )


def volume(interests: list[Interest], price: int) -> int:
    return min(at(interests, BUY, price), at(interests, SELL, price))


margins = st.sampled_from(["pro_rata", "time"])


@given(books(), margins)
def test_as_much_is_bought_as_is_sold_and_nobody_beyond_its_limit(
    interests: list[Interest], margin: str
) -> None:
    found = clear(interests, margin)  # type: ignore[arg-type]
    if found is None:
        return
    sums = dict.fromkeys(Side, 0)
    for item, lots in zip(interests, found.lots, strict=True):
        assert 0 <= lots <= item.lots
        assert not lots or item.side * (item.limit_ticks - found.price_ticks) >= 0
        sums[item.side] += lots
    assert sums[BUY] == sums[SELL] > 0


@given(books(), margins)
def test_no_other_price_trades_more_nor_as_much_with_less_left_over(
    interests: list[Interest], margin: str
) -> None:
    found = clear(interests, margin)  # type: ignore[arg-type]
    # Every tick is tried; a price beyond all limits is nobody's.
    limits = [item.limit_ticks for item in interests if item.limit_ticks not in (ANY_ASK, ANY_BID)]
    tried = {
        price: (
            volume(interests, price),
            -abs(at(interests, BUY, price) - at(interests, SELL, price)),
        )
        for price in range(min(limits, default=0), max(limits, default=-1) + 1)
    }
    if found is None:
        assert not any(traded for traded, _ in tried.values())
    else:
        assert tried[found.price_ticks] == max(tried.values())


@given(books(), margins)
def test_what_is_left_does_not_cross(interests: list[Interest], margin: str) -> None:
    found = clear(interests, margin)  # type: ignore[arg-type]
    left = found.lots if found is not None else (0,) * len(interests)
    rest = [
        item
        for item, lots in zip(interests, left, strict=True)
        if lots < item.lots and item.limit_ticks not in (ANY_ASK, ANY_BID)
    ]
    bids = [item.limit_ticks for item in rest if item.side is BUY]
    asks = [item.limit_ticks for item in rest if item.side is SELL]
    assert not bids or not asks or max(bids) < min(asks)


@given(books(), margins)
def test_a_better_limit_and_at_one_limit_what_stood_there_trades_first(
    interests: list[Interest], margin: str
) -> None:
    found = clear(interests, margin)  # type: ignore[arg-type]
    if found is None:
        return
    pairs = list(zip(interests, found.lots, strict=True))
    for item, lots in pairs:
        for other, traded in pairs:
            if item.side is not other.side or lots == item.lots or not traded:
                continue
            assert item.side * (other.limit_ticks - item.limit_ticks) >= 0
            if item.limit_ticks == other.limit_ticks and item.standing:
                assert other.standing
                assert other.since <= item.since


@given(books())
def test_the_order_in_which_interests_are_given_moves_nothing(interests: list[Interest]) -> None:
    found, turned = clear(interests), clear(interests[::-1])
    if found is None:
        assert turned is None
    else:
        assert turned is not None
        assert turned.price_ticks == found.price_ticks
        assert turned.lots == found.lots[::-1]


def test_a_surplus_of_buyers_trades_at_the_highest_price_that_clears_as_much() -> None:
    # Anything from 5 to 8 trades 4 contracts and leaves 2 buyers; at 9 one of them goes.
    interests = [Interest(0, BUY, 6, 8, 1), Interest(1, SELL, 4, 5, 2)]
    found = clear(interests)
    assert found is not None
    assert (found.price_ticks, found.lots) == (8, (4, 4))


def test_where_nothing_is_left_over_the_price_is_in_the_middle() -> None:
    found = clear([Interest(0, BUY, 4, 9, 1), Interest(1, SELL, 4, 5, 2)])
    assert found is not None
    assert found.price_ticks == 7


@pytest.mark.parametrize(("margin", "shares"), [("pro_rata", (4, 2, 2)), ("time", (4, 4, 0))])
def test_what_stood_before_goes_first_and_the_batch_shares_the_rest(
    margin: str, shares: tuple[int, ...]
) -> None:
    buyers = [
        Interest(0, BUY, 4, 10, 1, standing=True),
        Interest(1, BUY, 6, 10, 2),
        Interest(2, BUY, 6, 10, 3),
    ]
    # Eight are sold at 10: four to the one that stood there, four to two of equal size.
    found = clear([*buyers, Interest(3, SELL, 8, 10, 4)], margin)  # type: ignore[arg-type]
    assert found is not None
    assert found.lots[:3] == shares


def test_market_orders_alone_find_no_price() -> None:
    assert clear([Interest(0, BUY, 4, ANY_ASK, 1), Interest(1, SELL, 4, ANY_BID, 2)]) is None


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.integers(0, 300))
def test_shares_sum_up_and_nobody_gets_more_than_it_asked_for(sizes: list[int], total: int) -> None:
    for share in (pro_rata, in_turn):
        shares = share(sizes, total)
        assert sum(shares) == min(total, sum(sizes))
        assert all(0 <= got <= size for got, size in zip(shares, sizes, strict=True))
