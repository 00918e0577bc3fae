"""The latency buffer that prices the book anew."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from abm.margin import mark_instruments, repriced_buffer
from abm.margin.buffers import required_buffer
from abm.margin.latency import DelayDistribution
from abm.market import InstrumentTable
from abm.scenario.market import StressGrid, Volatility

DAY = 86_400
# Deep in the money, at the money and out of the money calls, and the put at the money.
SERIES = InstrumentTable(
    expiry_second=np.full(4, 30 * DAY),
    strike_usd=np.array([1.0, 100.0, 120.0, 100.0]),
    is_call=np.array([True, True, True, False]),
)
MARKS = mark_instruments(
    SERIES, 100.0, 0.8, 0, Volatility(base=0.8, term_power=0.0, smile_curvature=0.0)
)
GRID = StressGrid(price_scan_range=0.12)


def buffer(lots: list[float], latency_range: float, grid: StressGrid = GRID) -> float:
    book = csr_array(np.array([lots], dtype=np.float64))
    return float(repriced_buffer(book, SERIES, MARKS, 0, grid, latency_range)[0])


def delta_buffer(lots: list[float], latency_range: float, grid: StressGrid = GRID) -> float:
    """Return |delta| times price times what the range grows by."""
    growth = math.hypot(grid.price_scan_range, latency_range) - grid.price_scan_range
    return abs(float(np.array(lots) @ MARKS.delta)) * 100.0 * growth


@pytest.mark.parametrize("lots", [3.0, -3.0])
def test_a_linear_position_needs_what_delta_says(lots: float) -> None:
    # The range of 12 % becomes one of 13 %: one dollar for each contract.
    found = buffer([lots, 0, 0, 0], 0.05)
    assert found == pytest.approx(3.0, abs=1e-6)
    assert found == pytest.approx(delta_buffer([lots, 0, 0, 0], 0.05), abs=1e-6)


@pytest.mark.parametrize("lots", [[0, 5, 0, 0], [0, -5, 0, 0], [0, 1, -4, 2]])
def test_small_moves_of_any_book_need_what_delta_says(lots: list[float]) -> None:
    grid = StressGrid(price_scan_range=3e-5, volatility_scan_range=1e-12)
    expected = delta_buffer(lots, 4e-5, grid)
    assert buffer(lots, 4e-5, grid) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", ["span", "portfolio"])
@pytest.mark.parametrize("lots", [[0, -1, 0, 0], [0, 0, -1, 0], [0, -1, 0, -1]])
def test_short_gamma_needs_more_than_delta_says_and_long_gamma_less(
    name: str, lots: list[float]
) -> None:
    grid = GRID.model_copy(update={"grid": name})
    short, long = buffer(lots, 0.09, grid), buffer([-lot for lot in lots], 0.09, grid)
    # The portfolio's maintenance margin is 0.8 of the worst loss.
    delta = delta_buffer(lots, 0.09) * (1.0 if name == "span" else 0.8)
    assert short > 1.05 * delta
    assert long < delta


def test_a_hedged_straddle_has_a_buffer_though_its_delta_has_none() -> None:
    # Calls at the money, sold, and as much of the underlying as hedges them.
    hedge = 10.0 * float(MARKS.delta[1] / MARKS.delta[0])
    lots = [hedge, -10.0, 0.0, 0.0]
    assert delta_buffer(lots, 0.09) == pytest.approx(0.0, abs=1e-9)
    assert buffer(lots, 0.09) > 1.0


def test_two_ways_to_the_range_of_the_latency() -> None:
    """Random delays need a longer range than their mean, and so a larger buffer."""
    # 80 % a year.
    volatility = 0.8 / math.sqrt(365 * DAY)
    delays = DelayDistribution.exponential(1_800.0)
    plain, mixture = (
        required_buffer(method, volatility, delays, 0.99)
        for method in ("square_root", "mixture_quantile")
    )
    assert mixture > 1.15 * plain
    assert buffer([0, -1, 0, 0], mixture) > 1.3 * buffer([0, -1, 0, 0], plain)


@given(
    series=st.integers(0, 3),
    lots=st.integers(-20, 20),
    low=st.floats(0.0, 0.5),
    high=st.floats(0.0, 0.5),
)
@settings(deadline=None, max_examples=60)
def test_a_longer_latency_never_needs_less_of_one_position(
    series: int, lots: int, low: float, high: float
) -> None:
    row = [float(lots) if place == series else 0.0 for place in range(4)]
    assert 0.0 <= buffer(row, min(low, high)) <= buffer(row, max(low, high)) + 1e-9


def test_nothing_held_or_no_latency_needs_exactly_nothing() -> None:
    assert buffer([0.0] * 4, 0.05) == 0.0
    assert buffer([1.0, -5.0, 2.0, -7.0], 0.0) == 0.0
    nobody = csr_array((0, 4), dtype=np.float64)
    assert repriced_buffer(nobody, SERIES, MARKS, 0, GRID, 0.05).shape == (0,)


def test_the_short_option_minimum_does_not_hide_the_buffer() -> None:
    grid = GRID.model_copy(update={"short_option_minimum": 0.9})
    assert buffer([0, -1, 0, 0], 0.05, grid) == buffer([0, -1, 0, 0], 0.05)


@pytest.mark.parametrize(
    ("grid", "latency_range", "message"),
    [
        (GRID, -0.1, "latency_range is -0.1; it must be finite and at least 0"),
        (GRID, math.nan, "latency_range is nan; it must be finite and at least 0"),
        (
            GRID,
            1.0,
            (
                "latency_range is 1.0; with a price_scan_range of 0.12 it must stretch the range "
                "to less than 1"
            ),
        ),
        (
            GRID.model_copy(update={"grid": "standard"}),
            0.1,
            (
                "grid.grid is 'standard'; it must be 'span' or 'portfolio', whose points have a "
                "price range"
            ),
        ),
    ],
)
def test_bad_input_is_named_with_its_value_and_the_rule(
    grid: StressGrid, latency_range: float, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        buffer([1.0, 0.0, 0.0, 0.0], latency_range, grid)
