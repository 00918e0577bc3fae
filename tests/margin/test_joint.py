"""Several underlyings with correlated shocks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from abm.margin import (
    JointPoints,
    joint_changes,
    joint_span_points,
    mark_instruments,
    scan_risk,
    span_points,
    stress_changes,
)
from abm.market import InstrumentTable
from abm.scenario.market import StressGrid, Volatility

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

GRID = StressGrid()
RANGES = (0.15, 0.33, 3.0, 0.33)
MONTH = 30 / 365
CORRELATIONS = st.floats(-1.0, 1.0)


def two(correlation: float, ranges: tuple[float, float] = (0.15, 0.15)) -> JointPoints:
    matrix = [[1.0, correlation], [correlation, 1.0]]
    return joint_span_points(ranges, [0.33, 0.33], matrix, 3.0, 0.33)


def futures(points: JointPoints, lots: list[float], prices: list[float] | None = None) -> float:
    """Return the requirement of calls so deep in the money that they are the underlying."""
    count = len(lots)
    paid = prices or [100.0] * count
    tiny = np.full(count, 1e-6)
    changes = joint_changes(
        paid, np.arange(count), tiny, np.full(count, MONTH), np.full(count, 0.5), tiny > 0, points
    )
    return float(scan_risk(np.array(lots) @ changes))


def random_correlation(data: st.DataObject, size: int) -> Floats:
    """Return a correlation matrix: the cosines of the angles between some directions."""
    numbers = st.floats(-1.0, 1.0)
    rows = st.lists(numbers, min_size=size, max_size=size)
    directions = np.array(data.draw(st.lists(rows, min_size=size, max_size=size)))
    directions += 1e-3 * np.eye(size)
    length = np.sqrt((directions**2).sum(axis=1, keepdims=True))
    directions = directions / np.where(length < 1e-6, 1.0, length)
    matrix: Floats = directions @ directions.T
    np.fill_diagonal(matrix, 1.0)
    return np.where(length.min() < 1e-6, np.eye(size), matrix)


# --- points


@given(
    price=st.floats(0.01, 0.99),
    volatility=st.floats(0.01, 0.99),
    extreme=st.floats(1.0, 9.0),
    cover=st.floats(0.01, 1.0),
)
@settings(deadline=None, max_examples=60)
def test_for_one_underlying_the_points_are_exactly_those_of_span(
    price: float, volatility: float, extreme: float, cover: float
) -> None:
    grid = StressGrid(
        price_scan_range=price,
        volatility_scan_range=volatility,
        extreme_multiple=extreme,
        extreme_cover=cover,
    )
    joint, span = (
        joint_span_points([price], [volatility], [[1.0]], extreme, cover),
        span_points(grid),
    )
    np.testing.assert_array_equal(joint.price_factor, [span.price_factor])
    np.testing.assert_array_equal(joint.volatility_factor, [span.volatility_factor])
    np.testing.assert_array_equal(joint.cover, span.cover)


def test_every_underlying_leads_and_the_others_follow_by_their_own_ranges() -> None:
    points = joint_span_points([0.3, 0.1], [0.2, 0.4], [[1, -0.5], [-0.5, 1]], 2.0, 0.35)
    assert len(points) == 32
    # Points 11 and 13 of SPAN: a rise and a fall of the first by 0.3, of the second by half of 0.1.
    np.testing.assert_allclose(points.price_factor[:, 10], [1.3, 0.95])
    np.testing.assert_allclose(points.price_factor[:, 12], [0.7, 1.05])
    # The same with the second leading.
    np.testing.assert_allclose(points.price_factor[:, 26], [0.85, 1.1])
    # An extreme rise by two ranges: 0.6 and -0.1.
    np.testing.assert_allclose(points.price_factor[:, 14], [1.6, 0.9])
    # Volatilities move together, by their own ranges, and not at the extreme points.
    np.testing.assert_allclose(points.volatility_factor[:, :2], [[1.2, 0.8], [1.4, 0.6]])
    np.testing.assert_array_equal(points.volatility_factor[:, [14, 15, 30, 31]], 1.0)
    np.testing.assert_allclose(points.cover[[0, 14, 15, 16, 31]], [1.0, 0.35, 0.35, 1.0, 0.35])


def test_nothing_is_not_an_error() -> None:
    points = joint_span_points([], [], np.zeros((0, 0)), 3.0, 0.33)
    assert len(points) == 0
    assert joint_changes([], [], [], [], [], [], points).shape == (0, 0)
    assert joint_changes([1.0, 2.0], [], [], [], [], [], two(0.5)).shape == (0, 32)


# --- changes


def test_for_one_underlying_the_changes_are_those_of_the_core() -> None:
    days = np.array([1, 30, 90])
    series = InstrumentTable(days * 86_400, np.array([90.0, 100.0, 130.0]), np.array([1, 0, 1]) > 0)
    marks = mark_instruments(series, 100.0, 0.8, 0, Volatility(base=0.8))
    expected = stress_changes(series, marks, 0, span_points(GRID))
    points = joint_span_points([RANGES[0]], [RANGES[1]], [[1.0]], *RANGES[2:])
    owner = np.zeros(3, dtype=np.int64)
    found = joint_changes(
        [100.0], owner, series.strike_usd, days / 365, marks.volatility, series.is_call, points
    )
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_a_series_at_expiry_changes_by_its_payoff() -> None:
    # A put at 100 on the second, at 95: worth 5; 5 + 0.15 * 95 after its own fall by a range.
    found = joint_changes([10.0, 95.0], [1], [100.0], [0.0], [0.8], [False], two(0.0))
    assert found[0, 16 + 12] == pytest.approx(0.15 * 95.0)
    # The first leads and the second stays.
    assert found[0, :14] == pytest.approx(0.0, abs=1e-9)


# --- what holds


@given(
    lots=st.lists(st.integers(-9, 9), min_size=6, max_size=6),
    volatility=st.floats(0.3, 1.5),
)
@settings(deadline=None, max_examples=60)
def test_two_equal_underlyings_in_perfect_correlation_are_one(
    lots: list[int], volatility: float
) -> None:
    strike, call = [90.0, 100.0, 115.0] * 2, [True, False, True] * 2
    one = joint_span_points([0.15], [0.33], [[1.0]], 3.0, 0.33)
    needs = [
        scan_risk(
            np.array(lots)
            @ joint_changes(prices, owner, strike, [MONTH] * 6, [volatility] * 6, call, points)
        )
        for prices, owner, points in (
            ([100.0, 100.0], [0, 0, 0, 1, 1, 1], two(1.0)),
            ([100.0], [0] * 6, one),
        )
    ]
    assert needs[0] == pytest.approx(needs[1], rel=1e-12, abs=1e-12)


@given(
    strike=st.floats(70.0, 140.0),
    volatility=st.floats(0.2, 1.5),
    low=CORRELATIONS,
    high=CORRELATIONS,
)
@settings(deadline=None, max_examples=80)
def test_a_hedge_with_another_underlying_needs_less_the_more_they_correlate(
    strike: float, volatility: float, low: float, high: float
) -> None:
    """Long a call on one and short the same on the other, whose volatilities cancel."""
    needs = [
        float(
            scan_risk(
                np.array([1.0, -1.0])
                @ joint_changes(
                    *([100.0, 100.0], [0, 1], [strike] * 2, [MONTH] * 2, [volatility] * 2),
                    [True, True],
                    two(correlation),
                )
            )
        )
        for correlation in (min(low, high), max(low, high), 1.0)
    ]
    assert needs[0] >= needs[1] - 1e-9
    assert needs[2] == pytest.approx(0.0, abs=1e-9)


def test_two_longs_need_more_the_more_they_correlate() -> None:
    # One range of each is 15 dollars; the other one follows by its correlation: 15 * (1 + rho).
    for correlation in (-1.0, -0.5, 0.0, 0.6, 1.0):
        needs = futures(two(correlation), [1.0, 1.0])
        assert needs == pytest.approx(15.0 * (1.0 + correlation), abs=1e-3)


@given(lots=st.lists(st.integers(-9, 9), min_size=2, max_size=2))
@settings(deadline=None, max_examples=40)
def test_without_correlation_the_worse_of_two_linear_positions_is_charged(lots: list[int]) -> None:
    alone = [futures(two(0.0), [float(lots[0]), 0.0]), futures(two(0.0), [0.0, float(lots[1])])]
    assert futures(two(0.0), [float(lot) for lot in lots]) == pytest.approx(max(alone))


def test_without_correlation_volatilities_still_move_together() -> None:
    """Not the worse of the two alone: two straddles lose together where volatility falls."""
    arguments = ([100.0] * 2, [0, 0, 1, 1], [100.0] * 4, [MONTH] * 4, [0.8] * 4)
    changes = joint_changes(*arguments, [True, False, True, False], two(0.0))
    one, both = (float(scan_risk(np.array(lots) @ changes)) for lots in ([1, 1, 0, 0], [1] * 4))
    assert both == pytest.approx(2.0 * one)


@given(data=st.data(), size=st.integers(1, 5))
@settings(deadline=None, max_examples=80)
def test_linear_positions_are_charged_their_correlated_moves_and_at_most_their_deviation(
    data: st.DataObject, size: int
) -> None:
    matrix = random_correlation(data, size)
    ranges = np.array(data.draw(st.lists(st.floats(0.05, 0.3), min_size=size, max_size=size)))
    lots = np.array(data.draw(st.lists(st.integers(-9, 9), min_size=size, max_size=size)))
    points = joint_span_points(ranges, np.zeros(size), matrix, 3.0, 0.33)
    found = futures(points, lots.astype(np.float64).tolist())
    dollars = 100.0 * ranges * lots
    assert found == pytest.approx(float(np.abs(matrix @ dollars).max()), rel=1e-6, abs=1e-3)
    assert found <= math.sqrt(max(float(dollars @ matrix @ dollars), 0.0)) + 1e-3


def test_a_close_hedge_is_charged_far_less_than_its_deviation() -> None:
    # 15 * (1 - 0.9) = 1.5; the deviation is 15 * sqrt(2 * (1 - 0.9)) = 6.7.
    assert futures(two(0.9), [1.0, -1.0]) == pytest.approx(1.5, abs=1e-3)


@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_mergers_never_cost_and_more_leaders_never_ask_less(data: st.DataObject) -> None:
    lots = st.lists(st.integers(-9, 9), min_size=6, max_size=6)
    one, other = (np.array(data.draw(lots), dtype=np.float64) for _ in range(2))
    strike, call, years = [90.0, 100.0, 115.0] * 2, [True, False, True] * 2, [0.02, 0.1, 0.3] * 2
    changes = joint_changes(
        [100.0, 110.0],
        [0, 0, 0, 1, 1, 1],
        strike,
        years,
        [0.7] * 6,
        call,
        two(data.draw(CORRELATIONS)),
    )
    first, second, both = scan_risk(csr_array(np.array([one, other, one + other])) @ changes)
    assert both <= first + second + 1e-9
    # The first three series alone, over the points that their own underlying leads.
    alone = np.where(np.arange(6) < 3, one, 0.0)
    assert scan_risk(alone @ changes) >= scan_risk(alone @ changes[:, :16])


# --- bad input


def bad_points(correlation: object, **changed: object) -> Callable[[], object]:
    arguments = {
        "price_scan_range": [0.15, 0.2],
        "volatility_scan_range": [0.3, 0.3],
        "correlation": correlation,
        "extreme_multiple": 3.0,
        "extreme_cover": 0.33,
        **changed,
    }
    return lambda: joint_span_points(**arguments)  # type: ignore[arg-type]


def bad_changes(**changed: object) -> Callable[[], object]:
    arguments = {
        "prices": [100.0, 50.0],
        "underlying_of_series": [0, 1],
        "strike": [100.0, 50.0],
        "years": [0.1, 0.1],
        "volatility": [0.8, 0.8],
        "is_call": [True, False],
        "points": two(0.5),
        **changed,
    }
    return lambda: joint_changes(**arguments)  # type: ignore[arg-type]


GOOD = [[1.0, 0.5], [0.5, 1.0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            bad_points([[1.0, 0.5], [0.4, 1.0]]),
            r"correlation\[0, 1\] is 0.5 and correlation\[1, 0\] is 0.4; it must be symmetric",
        ),
        (bad_points([[1.0, 0.5], [0.5, 0.9]]), r"correlation\[1, 1\] is 0.9; it must be 1"),
        (
            bad_points([[1.0, 1.2], [1.2, 1.0]]),
            r"correlation has the eigenvalue -0.2; it must be positive semidefinite",
        ),
        (bad_points([[1.0]]), r"correlation has shape \(1, 1\); it must be \(2, 2\)"),
        (
            bad_points([[1.0, np.nan], [0.5, 1.0]]),
            r"correlation\[0, 1\] is nan; it must be finite",
        ),
        (
            bad_points(GOOD, price_scan_range=[0.15, 0.0]),
            r"price_scan_range\[1\] is 0.0; it must be finite and above 0 and at most 0.99",
        ),
        (
            bad_points(GOOD, price_scan_range=0.15),
            r"price_scan_range has shape \(\); it must be \(underlyings,\)",
        ),
        (
            bad_points(GOOD, volatility_scan_range=[0.3, -0.1]),
            r"volatility_scan_range\[1\] is -0.1; it must be finite and at least 0 and at most 1",
        ),
        (
            bad_points(GOOD, extreme_multiple=0.5),
            r"extreme_multiple is 0.5; it must be finite and at least 1",
        ),
        (
            bad_points(GOOD, extreme_cover=0.0),
            r"extreme_cover is 0.0; it must be finite and above 0 and at most 1",
        ),
        (bad_changes(prices=[100.0]), r"prices has shape \(1,\); it must be \(2,\)"),
        (
            bad_changes(underlying_of_series=[0, 2]),
            r"underlying_of_series\[1\] is 2.0; it must be finite and at least 0 and at most 1",
        ),
        (
            bad_changes(underlying_of_series=[0.0, 1.0]),
            (
                r"underlying_of_series has shape \(2,\) and type float64; "
                r"it must be \(series,\) and whole numbers"
            ),
        ),
        (
            bad_changes(strike=[100.0, 0.0]),
            r"strike\[1\] is 0.0; it must be finite and above 0",
        ),
        (bad_changes(years=[0.1]), r"years has shape \(1,\); it must be \(2,\)"),
        (
            bad_changes(volatility=[0.8, -0.8]),
            r"volatility\[1\] is -0.8; it must be finite and at least 0",
        ),
        (bad_changes(is_call=[True]), r"is_call has shape \(1,\); it must be \(2,\)"),
    ],
)
def test_bad_input_is_named_with_its_value_and_the_rule(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        call()


def test_a_singular_correlation_that_rounding_puts_below_zero_is_taken() -> None:
    angles = np.array([0.0, 1.0, 2.0])
    matrix = np.cos(angles[:, np.newaxis] - angles)
    assert len(joint_span_points([0.1] * 3, [0.3] * 3, matrix, 3.0, 0.33)) == 48
