from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from abm.margin import scan_risk, span_points, span_total
from abm.market import black_scholes_merton
from abm.scenario.market import StressGrid

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

pytestmark = pytest.mark.reference

RELATIVE = 1e-5


def grid_of(params: dict[str, Any]) -> StressGrid:
    """Return a case's grid; what a future's case leaves out does not matter to it."""
    return StressGrid(
        price_scan_range=params["price_scan"],
        volatility_scan_range=params.get("vol_scan", 0.1),
        extreme_multiple=params["extreme_mult"],
        extreme_cover=params["extreme_cover"],
    )


def test_the_first_fourteen_points_are_in_the_outside_order(section: Callable[..., Any]) -> None:
    grid = StressGrid(price_scan_range=0.1, volatility_scan_range=0.2)
    points = span_points(grid)
    for row in section("span", "scenarios_1_14"):
        place = row["n"] - 1
        assert points.price_factor[place] == pytest.approx(1 + 0.1 * row["price"])
        assert points.volatility_factor[place] == pytest.approx(1 + 0.2 * row["vol"])
        assert points.cover[place] == row["cover"]


def test_an_options_array_and_requirement_are_the_clearing_houses(
    section: Callable[..., Any], report: Callable[..., None]
) -> None:
    largest = 0.0
    for case in section("span", "option_cases"):
        points = span_points(grid_of(case["params"]))
        fixed = (case["strike"], case["t"])
        call = case["type"] == "c"

        def value(
            spot: NDArray[np.float64] | float,
            volatility: NDArray[np.float64] | float,
            *,
            fixed: tuple[float, float] = fixed,
            call: bool = call,
            rate: float = case["r"],
        ) -> NDArray[np.float64]:
            return black_scholes_merton(spot, *fixed, volatility, call, rate=rate)

        now = value(case["spot"], case["vol"])
        stressed = value(case["spot"] * points.price_factor, case["vol"] * points.volatility_factor)
        profit = case["qty"] * case["contract_size"] * (stressed - now) * points.cover
        expected = np.array(case["expected_pnl"])
        largest = max(largest, float(np.max(np.abs(profit / expected - 1.0))))
        assert scan_risk(profit) == pytest.approx(case["expected_scan_risk"], rel=RELATIVE)
        assert int(profit.argmin()) + 1 == case["worst_scenario"]
        minimum = case["params"]["short_option_minimum"]
        total = span_total(float(scan_risk(profit)), short_option_minimum=minimum)
        assert total == pytest.approx(case["expected_total"], rel=RELATIVE)
    report("span.option_cases", largest)
    assert largest <= RELATIVE


def test_a_futures_requirement_is_its_scan_range(
    section: Callable[..., Any], report: Callable[..., None]
) -> None:
    largest = 0.0
    for case in section("span", "future_cases"):
        points = span_points(grid_of(case))
        move = case["price"] * (points.price_factor - 1.0) * points.cover
        found = float(scan_risk(case["qty"] * case["contract_size"] * move))
        largest = max(largest, abs(found / case["expected_scan_risk"] - 1.0))
    report("span.future_cases", largest)
    assert largest <= RELATIVE


def test_prepared_arrays_add_up(section: Callable[..., Any]) -> None:
    for case in section("span", "array_cases"):
        future, call = np.array(case["future_long"]), np.array(case["call_long"])
        profit = case["qty"]["future"] * future + case["qty"]["call"] * call
        assert profit.tolist() == case["expected_pnl"]
        assert scan_risk(profit) == case["expected_requirement"]
        assert scan_risk(call) == case["expected_requirement_long_call"]
        assert scan_risk(future) == case["expected_requirement_long_future"]
