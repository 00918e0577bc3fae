"""Local prices: what a trade costs, what comes back, and what arbitrage may do."""

from __future__ import annotations

from itertools import pairwise
from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.market.local_prices import Link, LocalPrices, average_multiple

HALF_LIFE = 600.0


def one_chain(depth: float = 100.0, permanent_share: float = 0.3) -> LocalPrices:
    return LocalPrices(np.array([depth]), permanent_share, HALF_LIFE)


def two_chains(depth: tuple[float, float] = (100.0, 50.0), cost: float = 0.0) -> LocalPrices:
    return LocalPrices(np.array(depth), 1.0, HALF_LIFE, cost)


def link(source: int, destination: int, *, delay: float = 60.0, rate: float = 1e6) -> Link:
    return Link(source, destination, delay, rate)


def test_a_trade_of_the_depth_moves_the_price_by_one_per_cent() -> None:
    prices = one_chain(depth=100.0)
    paid = prices.trade(0, 100.0)
    assert prices.multiple(0) == pytest.approx(1.01)
    # The mean of exp over (0, ln 1.01) is 0.01 / ln(1.01).
    assert paid == pytest.approx(0.01 / log(1.01))


def test_a_trade_costs_the_same_in_one_piece_as_in_many() -> None:
    whole, pieces = one_chain(), one_chain()
    paid = whole.trade(0, -240.0) * 240.0
    assert sum(pieces.trade(0, -60.0) * 60.0 for _ in range(4)) == pytest.approx(paid)
    assert pieces.displacement == pytest.approx(whole.displacement)


def test_a_quote_is_what_the_trade_then_costs_and_moves_nothing() -> None:
    prices = one_chain()
    quoted = prices.quote(0, -50.0)
    assert prices.displacement.tolist() == [0.0]
    assert prices.trade(0, -50.0) == quoted


def test_half_of_the_passing_part_is_back_after_a_half_life_and_the_rest_stays() -> None:
    prices = one_chain(permanent_share=0.4)
    prices.trade(0, -100.0)
    prices.relax(HALF_LIFE)
    assert prices.displacement[0] == pytest.approx(-log(1.01) * (0.4 + 0.6 / 2))
    prices.relax(200 * HALF_LIFE)
    assert prices.displacement[0] == pytest.approx(-log(1.01) * 0.4)


def test_nothing_traded_is_the_price_itself() -> None:
    assert average_multiple(0.25, 0.0) == exp(0.25)


@given(
    trades=st.lists(
        st.tuples(st.floats(-500.0, 500.0), st.floats(0.0, 5_000.0)), min_size=1, max_size=8
    ),
    permanent_share=st.floats(0.0, 1.0),
)
def test_no_round_trip_gains_whatever_its_pieces_and_their_times(
    trades: list[tuple[float, float]], permanent_share: float
) -> None:
    # Huberman and Stanzl: no price manipulation, from a quiet market and with a constant depth.
    prices = one_chain(permanent_share=permanent_share)
    cost = 0.0
    for units, wait in trades:
        cost += units * prices.trade(0, units)
        prices.relax(wait)
    back = -sum(units for units, _ in trades)
    cost += back * prices.trade(0, back)
    assert cost >= -1e-9 * max(1.0, *(abs(units) for units, _ in trades))


@given(units=st.floats(-1_000.0, 1_000.0), waits=st.lists(st.floats(0.0, 3_600.0), max_size=6))
def test_a_displacement_decays_towards_its_lasting_part(units: float, waits: list[float]) -> None:
    prices = one_chain()
    prices.trade(0, units)
    passed = [abs(float(prices.temporary[0]))]
    lasting = float(prices.permanent[0])
    for wait in waits:
        prices.relax(wait)
        passed.append(abs(float(prices.temporary[0])))
        assert prices.permanent[0] == lasting
    assert all(later <= earlier for earlier, later in pairwise(passed))


def test_arbitrage_buys_where_it_is_cheap_and_sells_the_same_after_the_delay() -> None:
    prices = two_chains()
    prices.trade(0, -100.0)
    prices.relax(60.0, [link(0, 1)])
    # With depths of 100 and 50 the slopes are 1 and 2 (times ln 1.01 / 100): two thirds of the gap
    # stay for the sale on chain 1, one third is closed by the purchase on chain 0.
    gap, unit = log(1.01), log(1.01) / 100.0
    assert prices.bought[0] == pytest.approx(gap / (3 * unit))
    assert prices.displacement.tolist() == pytest.approx([-gap * 2 / 3, 0.0])
    prices.relax(60.0, [link(0, 1)])
    assert prices.displacement.tolist() == pytest.approx([-gap * 2 / 3, -gap * 2 / 3])
    assert prices.held_units() == pytest.approx(0.0, abs=1e-9)


def test_without_a_link_that_carries_a_local_price_stands_apart() -> None:
    prices = two_chains()
    prices.trade(0, -100.0)
    prices.relax(3_600.0)
    assert prices.displacement.tolist() == pytest.approx([-log(1.01), 0.0])
    assert prices.held_units() == 0.0


def test_what_is_under_way_when_a_link_stops_waits_until_it_carries_again() -> None:
    prices = two_chains()
    prices.trade(0, -100.0)
    prices.relax(60.0, [link(0, 1)])
    held = prices.held_units()
    prices.relax(6_000.0)
    assert prices.held_units() == held
    assert prices.sold.tolist() == [0.0, 0.0]
    prices.relax(60.0, [link(0, 1)])
    assert prices.sold[1] == pytest.approx(held)


def test_arbitrage_is_bounded_by_its_money_and_leaves_its_cost() -> None:
    prices = two_chains(cost=0.004)
    prices.trade(0, -100.0)
    prices.relax(60.0, [link(0, 1, rate=0.1)])
    assert prices.bought[0] == pytest.approx(6.0)
    for _ in range(100):
        prices.relax(60.0, [link(0, 1)])
    there, here = prices.displacement[1], prices.displacement[0]
    assert there - here == pytest.approx(0.004)


Moves = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.floats(-300.0, 300.0),
        st.floats(1.0, 900.0),
        st.lists(st.sampled_from([(0, 1), (1, 0), (1, 2), (2, 1), (0, 2)]), unique=True),
    ),
    max_size=12,
)


@given(moves=Moves, depths=st.tuples(*[st.floats(20.0, 500.0)] * 3), rate=st.floats(0.0, 5.0))
def test_arbitrage_draws_prices_together_never_past_each_other_and_keeps_its_units(
    moves: list[tuple[int, float, float, list[tuple[int, int]]]],
    depths: tuple[float, float, float],
    rate: float,
) -> None:
    # All moves last, so that arbitrage alone changes anything while time passes.
    prices = LocalPrices(np.array(depths), 1.0, HALF_LIFE)
    for chain, units, wait, ways in moves:
        prices.trade(chain, units)
        before = prices.displacement
        prices.relax(wait, [link(*way, delay=120.0, rate=rate) for way in ways])
        after = prices.displacement
        assert np.ptp(after) <= np.ptp(before) + 1e-12
        if len(ways) == 1:
            source, destination = ways[0]
            gap = before[destination] - before[source]
            left = after[destination] - after[source]
            assert left == pytest.approx(gap) if gap <= 0 else -1e-12 <= left <= gap + 1e-12
        bought, sold = float(prices.bought.sum()), float(prices.sold.sum())
        assert bought - sold == pytest.approx(prices.held_units(), abs=1e-6)
        assert (prices.sold >= 0).all()
        assert (prices.bought >= 0).all()
