"""Cross-holdings and measures from market prices, by hand."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.contagion import (
    capital_shortfall,
    delta_conditional_var,
    dependency_matrix,
    marginal_expected_shortfall,
)


def test_cross_holdings_pass_value_on_without_creating_any() -> None:
    # Node 0 owns 40 % of node 1, so 60 % of node 1 and all of node 0 is outside.
    found = dependency_matrix([[0.0, 0.4], [0.0, 0.0]])
    np.testing.assert_allclose(found, [[1.0, 0.4], [0.0, 0.6]])


@given(st.lists(st.floats(0.0, 0.3), min_size=9, max_size=9))
@settings(deadline=None, max_examples=40)
def test_every_dollar_of_assets_belongs_to_somebody_outside_in_the_end(cells: list[float]) -> None:
    holdings = np.array(cells).reshape(3, 3)
    np.fill_diagonal(holdings, 0.0)
    np.testing.assert_allclose(dependency_matrix(holdings).sum(axis=0), 1.0, atol=1e-12)


def test_a_node_that_nobody_outside_owns_is_refused() -> None:
    with pytest.raises(ValueError, match=r"holdings of node 1 sum to 1.0; they must sum to less"):
        dependency_matrix([[0, 1], [0, 0]])


def test_a_capital_shortfall_may_be_a_surplus() -> None:
    # 10 % of (50 + 80) less 80.
    assert capital_shortfall(50, 100, crisis_loss=0.2, capital_share=0.1) == pytest.approx(-67.0)


def test_expected_shortfall_and_conditional_risk_follow_the_normal_distribution() -> None:
    normal = NormalDist()
    quantile = normal.inv_cdf(0.01)
    shortfall = marginal_expected_shortfall(0.03, correlation=0.5, tail_probability=0.01)
    assert shortfall == pytest.approx(-0.5 * 0.03 * normal.pdf(quantile) / 0.01)
    change = delta_conditional_var(0.02, correlation=0.5, tail_probability=0.01)
    assert change == pytest.approx(0.5 * 0.02 * quantile)
    assert delta_conditional_var(0.02, correlation=0.0, tail_probability=0.01) == 0.0


@pytest.mark.parametrize("tail", [0.0, 1.0, -0.1, float("nan")])
def test_a_tail_without_probability_is_refused(tail: float) -> None:
    with pytest.raises(ValueError, match=r"tail_probability is .*; it must be above 0 and at most"):
        delta_conditional_var(0.02, correlation=0.5, tail_probability=tail)
