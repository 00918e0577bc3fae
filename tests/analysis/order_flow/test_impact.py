"""Imbalance, Kyle's lambda and VPIN against figures made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from abm.analysis.order_flow import price_impact, quote_imbalance, volume_synchronised_toxicity
from abm.analysis.order_flow.impact import trade_imbalance


def test_the_imbalance_of_quotes_follows_every_case_of_a_side() -> None:
    # Bid: stays (5 - 3), falls (- 5), rises (+ 2). Ask: stays (- (6 - 8) = + 2), rises (+ 6),
    # falls (- 9).
    bid = np.array([10.0, 10.0, 9.0, 11.0])
    bid_lots = np.array([3.0, 5.0, 4.0, 2.0])
    ask = np.array([12.0, 12.0, 13.0, 12.0])
    ask_lots = np.array([8.0, 6.0, 7.0, 9.0])
    assert quote_imbalance(bid, bid_lots, ask, ask_lots).tolist() == [4.0, 1.0, -7.0]


def test_the_slope_of_a_line_with_noise_is_found_within_its_error() -> None:
    rng = np.random.default_rng(1)
    flow = rng.normal(0, 30, 5_000)
    change = 0.002 * flow + rng.normal(0, 0.05, 5_000)
    found = price_impact(flow, change)
    assert found is not None
    # The error of a slope is 0.05 / (30 * sqrt(5000)) = 2.36e-5.
    assert found.slope == pytest.approx(0.002, abs=4 * 2.36e-5)
    assert found.standard_error == pytest.approx(2.36e-5, rel=0.06)
    # 0.002**2 * 900 over itself plus 0.05**2: 0.0036 / 0.0061 = 59 %.
    assert found.r_squared == pytest.approx(0.59, abs=0.03)


def test_three_points_by_hand() -> None:
    # x - 1 = -1, 0, 1; y - 2 = -2, 1, 1: slope 3 / 2. Left: -0.5, 1, -0.5, of squares 1.5; of 6.
    # Robust variance: (0.25 + 0.25) / 4 * 3 / 1.
    found = price_impact(np.array([0.0, 1.0, 2.0]), np.array([0.0, 3.0, 3.0]))
    assert found is not None
    assert (found.slope, found.r_squared, found.count) == (1.5, 0.75, 3)
    assert found.standard_error == pytest.approx((0.5 / 4 * 3) ** 0.5)


def test_no_line_is_drawn_through_too_little() -> None:
    assert price_impact(np.zeros(2), np.zeros(2)) is None
    assert price_impact(np.ones(9), np.arange(9.0)) is None


def test_toxicity_of_equal_buckets_by_hand() -> None:
    # Buckets of 4: +4; then +1 -3 of the split trade; then -1 of it and +3; means 1, 1/2, 1/2.
    trades = np.array([4, 1, -4, 3])
    assert volume_synchronised_toxicity(trades, buckets=3) == pytest.approx((4 + 2 + 2) / 12)


def test_one_sided_flow_is_wholly_toxic_and_balanced_flow_is_not() -> None:
    assert volume_synchronised_toxicity(np.ones(100, dtype=np.int64), 10) == pytest.approx(1.0)
    assert volume_synchronised_toxicity(np.tile([1, -1], 50), 10) == pytest.approx(0.0)
    assert volume_synchronised_toxicity(np.array([3]), 10) is None


def test_a_step_without_trades_is_balanced() -> None:
    found = trade_imbalance(np.array([0.0, -2.0]), np.array([0.0, 4.0]))
    assert found.tolist() == [0.0, -0.5]
