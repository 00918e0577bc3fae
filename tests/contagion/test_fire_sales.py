"""Fire sales, by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.contagion import fire_sale, impacted_price, portfolio_overlap, threshold_fire_sale


def test_one_round_of_sales_hurts_those_who_hold_the_same() -> None:
    # Bank 0 holds only asset 0 and loses 10 of 100; with 4 of debt for each of equity it sells 40,
    # which costs asset 0 40 * 0.001 = 4 %. Bank 1 holds half of its 200 there: 2 % of 200. Equity
    # is 20 and 100: (4 + 4) / 120.
    found = fire_sale([100, 200], [4, 1], [[1.0, 0.0], [0.5, 0.5]], [0.001, 0.0], [-0.1, 0.1])
    np.testing.assert_allclose(found.shock_return, [-0.1, 0.0])
    np.testing.assert_allclose(found.sales, [-40.0, 0.0])
    np.testing.assert_allclose(found.flows, [-40.0, 0.0])
    np.testing.assert_allclose(found.price_changes, [-0.04, 0.0])
    np.testing.assert_allclose(found.sale_return, [-0.04, -0.02])
    assert found.aggregate_vulnerability == pytest.approx(8 / 120)


def test_a_round_of_sales_is_linear_in_its_shock() -> None:
    weights = [[0.3, 0.7], [0.9, 0.1]]
    once = fire_sale([10, 20], [3, 5], weights, [0.01, 0.02], [-0.01, 0.0])
    twice = fire_sale([10, 20], [3, 5], weights, [0.01, 0.02], [-0.02, 0.0])
    assert twice.aggregate_vulnerability == pytest.approx(2 * once.aggregate_vulnerability)


def test_a_price_falls_by_the_exponential_of_the_share_sold() -> None:
    found = impacted_price([2.0, 5.0, 1.0], [10.0, 0.0, 0.0], [40.0, 40.0, 0.0], 2.0)
    np.testing.assert_allclose(found, [2.0 * math.exp(-0.5), 5.0, 1.0])


def test_a_forced_sale_pushes_a_second_bank_over_its_limit() -> None:
    # Both hold 100 of one asset. Bank 0 has capital 5, a leverage of 20 over its limit of 15: at a
    # target of 10 it sells 50. A quarter of all is sold: the price is exp(-0.25 * 0.4) = 0.905.
    # That costs both 9.5, more than they have: they sell the rest.
    found = threshold_fire_sale(
        [[100], [100]], [5, 9], max_leverage=15, target_leverage=10, beta=0.4
    )
    assert found.sellers_by_round == ((0,), (0, 1))
    assert found.holdings.tolist() == [[0.0], [0.0]]
    assert found.price[0] == pytest.approx(math.exp(-0.4))
    first, last = math.exp(-0.1), math.exp(-0.4)
    loss = [100 * (1 - first) + 50 * (first - last), 100 * (1 - last)]
    np.testing.assert_allclose(found.capital, [5 - loss[0], 9 - loss[1]])
    assert found.finished


def test_a_bank_at_its_limit_does_not_sell_and_one_just_above_sells_down_to_its_target() -> None:
    # Leverage (60 + 40) / 10 = 10; only the 60 can be sold, 20 of them for a leverage of 8.
    for capital, kept in ((10.0, 60.0), (9.999, 60.0 - (100 - 8 * 9.999))):
        found = threshold_fire_sale(
            [[60]], [capital], illiquid=[40], max_leverage=10, target_leverage=8, beta=0
        )
        assert found.holdings[0, 0] == pytest.approx(kept)


def test_an_insolvent_bank_sells_everything_at_once() -> None:
    found = threshold_fire_sale([[60, 20]], [-1], max_leverage=10, target_leverage=8, beta=0)
    assert found.holdings.tolist() == [[0.0, 0.0]]
    assert found.sellers_by_round == ((0,),)


def test_sales_that_are_cut_short_say_so() -> None:
    found = threshold_fire_sale(
        [[100], [100]], [5, 10], max_leverage=15, target_leverage=10, beta=0.4, max_rounds=1
    )
    assert not found.finished
    assert found.sellers_by_round == ((0,),)


HOLDINGS = st.lists(
    st.lists(st.floats(0.0, 100.0), min_size=2, max_size=2), min_size=3, max_size=3
).map(np.array)
CAPITAL = st.lists(st.floats(-5.0, 50.0), min_size=3, max_size=3).map(np.array)


@given(HOLDINGS, CAPITAL, st.floats(0.0, 2.0))
@settings(deadline=None, max_examples=60)
def test_a_deeper_market_never_ends_with_lower_prices(
    holdings: np.ndarray[Any, np.dtype[np.float64]],
    capital: np.ndarray[Any, np.dtype[np.float64]],
    beta: float,
) -> None:
    rough = threshold_fire_sale(
        holdings, capital, max_leverage=10, target_leverage=8, beta=beta + 0.2
    )
    deep = threshold_fire_sale(holdings, capital, max_leverage=10, target_leverage=8, beta=beta)
    assert (deep.price >= rough.price - 1e-9).all()
    for found in (rough, deep):
        assert found.finished
        # All that was lost went through prices: holdings at the start, at the price they were sold
        # for or have now, and nobody ends above the limit with anything to sell.
        left = (found.holdings * found.price).sum(axis=1)
        over = left > 10 * found.capital * (1 + 1e-9)
        assert (left[over] <= 1e-9).all()


def test_overlap_is_what_one_loses_when_another_sells_all() -> None:
    # To first order: bank 1 sells 5 of asset 0 and 20 of asset 1, in markets of 100 and 200.
    holdings = np.array([[10.0, 0.0], [5.0, 20.0]])
    overlap = portfolio_overlap(holdings, [100, 200])
    np.testing.assert_allclose(overlap, [[1.0, 0.5], [0.5, 2.25]])
    small = 1e-6
    fall = 1 - impacted_price([1, 1], small * holdings[1], [100, 200], 1.0)
    np.testing.assert_allclose(holdings @ fall / small, overlap[:, 1], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"assets": [0, 0]}, "assets sum to 0.0"),
        ({"weights": [[1, 0]]}, r"weights has shape \(1, 2\); it must have 2 rows"),
        ({"weights": [[1, 0], [1.5, 0]]}, r"weights\[1, 0\] is 1.5; it must be at least 0 and at"),
        ({"shock": [0.1]}, r"shock has shape \(1,\); it must be \(2,\)"),
        ({"shock": [-1.5, 0]}, r"shock\[0\] is -1.5; it must be finite and at least -1"),
        ({"price_impact": [-1, 0]}, r"price_impact\[0\] is -1.0"),
    ],
)
def test_a_wrong_input_is_named_with_its_value_and_its_rule(
    change: dict[str, Any], message: str
) -> None:
    right: dict[str, Any] = {
        "assets": [1, 1],
        "debt_to_equity": [1, 1],
        "weights": [[1, 0], [0, 1]],
        "price_impact": [0, 0],
        "shock": [0, 0],
    }
    with pytest.raises(ValueError, match=message):
        fire_sale(**{**right, **change})


def test_a_target_above_the_limit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"target_leverage is 12.0; it must be at least 1 and at"):
        threshold_fire_sale([[1]], [1], max_leverage=10, target_leverage=12, beta=0)
