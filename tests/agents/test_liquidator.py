"""Which auctions a liquidator bids for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.agents import Offer, choose_bids
from abm.venue import Bid


def bids(
    offers: list[Offer], cash: float, gas: float = 0.0, minimum: float = 0.0
) -> list[tuple[int, int]]:
    """Return auction and units of every bid."""
    chosen = choose_bids(3, offers, cash, gas, minimum)
    assert all(bid.liquidator == 3 for bid in chosen)
    return [(bid.auction, bid.units) for bid in chosen]


def test_a_bid_says_who_wants_how_much_of_which_auction() -> None:
    assert choose_bids(4, [Offer(7, 10, 1.0, 2.0)], 100.0, 0.0, 0.0) == [Bid(4, 7, 10)]


def test_the_largest_margin_is_bought_first_as_far_as_the_cash_goes() -> None:
    # Margins of 1, 3 and 2 a unit. 10 units at 7 leave 30 of 100 dollars: 3 units at 9 of the
    # third, which leave 3 dollars, not enough for a unit of the first.
    offers = [Offer(0, 10, 9.0, 10.0), Offer(1, 10, 7.0, 10.0), Offer(2, 10, 9.0, 11.0)]
    assert bids(offers, 100.0) == [(1, 10), (2, 3)]


def test_of_equal_margins_the_older_auction_goes_first() -> None:
    offers = [Offer(5, 10, 8.0, 10.0), Offer(2, 10, 8.0, 10.0)]
    assert bids(offers, 80.0) == [(2, 10)]


@pytest.mark.parametrize(("ask", "expected"), [(10.0, []), (10.5, []), (9.5, [(0, 4)])])
def test_nothing_is_bought_at_or_above_its_worth(
    ask: float, expected: list[tuple[int, int]]
) -> None:
    assert bids([Offer(0, 4, ask, 10.0)], 1_000.0) == expected


@pytest.mark.parametrize(("gas", "expected"), [(7.9, [(0, 4)]), (8.0, [])])
def test_the_whole_profit_must_exceed_gas(gas: float, expected: list[tuple[int, int]]) -> None:
    # Four units gain 2 dollars each.
    assert bids([Offer(0, 4, 8.0, 10.0)], 1_000.0, gas=gas) == expected


@pytest.mark.parametrize(("minimum", "expected"), [(0.25, [(0, 4)]), (0.26, [])])
def test_the_profit_must_reach_its_share_of_what_is_paid(
    minimum: float, expected: list[tuple[int, int]]
) -> None:
    # 8 dollars on 32.
    assert bids([Offer(0, 4, 8.0, 10.0)], 1_000.0, minimum=minimum) == expected


def test_gas_is_paid_for_every_bid_out_of_the_same_cash() -> None:
    # 100 - 4 of gas buys 9 units at 10; 6 are left, less 4 of gas is not enough for another.
    offers = [Offer(0, 9, 10.0, 20.0), Offer(1, 9, 2.5, 12.0)]
    assert bids(offers, 100.0, gas=4.0) == [(0, 9)]
    # With one dollar more, 3 are left for one unit at 2.5.
    assert bids(offers, 101.0, gas=4.0) == [(0, 9), (1, 1)]


def test_what_costs_nothing_is_taken_whole() -> None:
    assert bids([Offer(0, 1_000, 0.0, 10.0)], 5.0, gas=1.0) == [(0, 1_000)]


@pytest.mark.parametrize("cash", [0.0, 3.0])
def test_without_money_beyond_gas_there_is_no_bid(cash: float) -> None:
    assert bids([Offer(0, 1_000, 0.0, 10.0)], cash, gas=3.0) == []


def test_where_nothing_is_on_sale_nothing_is_bought() -> None:
    assert bids([], 1_000.0) == []


@given(
    offers=st.lists(
        st.tuples(
            st.integers(1, 50),
            st.one_of(st.just(0.0), st.floats(1e-6, 100.0)),
            st.floats(0.0, 100.0),
        ),
        max_size=6,
    ),
    cash=st.floats(0.0, 5_000.0),
    gas=st.floats(0.0, 20.0),
    minimum=st.floats(0.0, 0.5),
)
@settings(deadline=None, max_examples=100)
def test_bids_are_affordable_together_and_each_worth_it(
    offers: list[tuple[int, float, float]], cash: float, gas: float, minimum: float
) -> None:
    made = [Offer(number, *offer) for number, offer in enumerate(offers)]
    spent = 0.0
    chosen = bids(made, cash, gas, minimum)
    assert len({auction for auction, _ in chosen}) == len(chosen)
    for auction, units in chosen:
        offer = made[auction]
        paid = units * offer.ask_usd
        profit = units * (offer.worth_usd - offer.ask_usd) - gas
        assert 1 <= units <= offer.units
        assert profit > 0
        assert profit >= minimum * paid
        spent += paid + gas
    assert spent <= cash * (1 + 1e-12)
