"""The points of SPAN."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.margin import scan_risk, span_points, span_total
from abm.scenario.market import StressGrid

GRID = StressGrid(
    price_scan_range=0.15, volatility_scan_range=0.3, extreme_multiple=3.0, extreme_cover=0.33
)


def test_span_has_its_sixteen_points() -> None:
    points = span_points(GRID)
    # 0, +-1/3, +-2/3, +-1 ranges of 0.15 are moves of 0, 0.05, 0.10 and 0.15; +-3 are 0.45.
    prices = [1.0, 1.05, 0.95, 1.1, 0.9, 1.15, 0.85]
    assert len(points) == 16
    np.testing.assert_allclose(points.price_factor[0:14:2], prices)
    np.testing.assert_allclose(points.price_factor[1:14:2], prices)
    np.testing.assert_allclose(points.price_factor[14:], [1.45, 0.55])
    np.testing.assert_allclose(points.volatility_factor[:14], [1.3, 0.7] * 7)
    np.testing.assert_allclose(points.volatility_factor[14:], 1.0)
    np.testing.assert_allclose(points.cover, [1.0] * 14 + [0.33] * 2)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(1.0, 10.0), st.floats(0.01, 1.0))
@settings(deadline=None, max_examples=60)
def test_every_point_has_a_price_and_a_volatility_above_zero(
    price: float, volatility: float, extreme: float, cover: float
) -> None:
    grid = StressGrid(
        price_scan_range=price,
        volatility_scan_range=volatility,
        extreme_multiple=extreme,
        extreme_cover=cover,
    )
    points = span_points(grid)
    assert (points.price_factor > 0).all()
    assert (points.volatility_factor > 0).all()
    # The extreme rise is never cut; the extreme fall is, at 1 % of the price.
    assert points.price_factor[14] == pytest.approx(1 + extreme * price)
    assert points.price_factor[15] == pytest.approx(max(1 - extreme * price, 0.01))


def test_scan_risk_is_the_worst_loss_and_a_gain_everywhere_needs_nothing() -> None:
    profit = np.array([[5.0, -3.0, -7.0], [1.0, 0.0, 2.0], [4.0, 4.0, 4.0]])
    assert scan_risk(profit).tolist() == [7.0, 0.0, 0.0]
    assert float(scan_risk(profit[0])) == 7.0


@pytest.mark.parametrize(
    ("scan", "charges", "expected"),
    [
        # 100 + 10 + 5 - 30, the minimum being lower or higher than that.
        (100.0, (10.0, 5.0, 30.0, 84.0), 85.0),
        (100.0, (10.0, 5.0, 30.0, 86.0), 86.0),
        (100.0, (0.0, 0.0, 0.0, 0.0), 100.0),
        (0.0, (0.0, 0.0, 50.0, 0.0), 0.0),
    ],
)
def test_spans_total_adds_charges_takes_credit_and_keeps_the_minimum(
    scan: float, charges: tuple[float, float, float, float], expected: float
) -> None:
    intermonth, delivery, credit, minimum = charges
    total = span_total(
        scan,
        intermonth=intermonth,
        delivery=delivery,
        intercommodity_credit=credit,
        short_option_minimum=minimum,
    )
    assert total == expected


@pytest.mark.parametrize("number", [-1.0, math.nan, math.inf])
def test_a_part_of_spans_total_that_is_none_is_named(number: float) -> None:
    with pytest.raises(ValueError, match=f"^delivery is {number}; it must be finite and at least"):
        span_total(10.0, delivery=number)
