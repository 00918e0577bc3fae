"""Surfaces without static arbitrage, and those that are refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from abm.market import black_value, implied_volatility
from abm.market.arbitrage import (
    butterfly_terms,
    durrleman,
    is_butterfly_free,
    is_calendar_free,
    surface_faults,
)
from abm.market.surface import RawSlice, Smile, expiry_slice, raw_slice
from abm.scenario.market import Volatility

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAY = 86_400
YEAR = 365 * DAY
TIMES = np.array(
    [60, 3_600, DAY // 2, DAY - 60, DAY, DAY + 60, 4 * DAY, 18 * DAY, 30 * DAY, 31 * DAY, 2 * YEAR]
)
STRIKES = 100.0 * np.exp(np.linspace(-1.5, 1.5, 121))
# The slice by which Gatheral and Jacquier (2014, section 3) show arbitrage, due to A. Vogt.
VOGT = RawSlice(*map(np.asarray, (-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)))


@dataclass(frozen=True)
class Draw:
    """Everything of a rule but its curvature, of which ``greatest`` is the most allowed."""

    base: float
    correlation: float
    power: float
    term_power: float
    highest: float

    @property
    def greatest(self) -> float:
        """Search Theorem 4.2 over a grid of total variances, from the least that can occur."""
        shortest = min(self.base / 2 * 30**self.term_power, self.highest)
        theta = np.geomspace(shortest**2 / 365, 1e6, 20_001)
        phi = 1.0 / (theta**self.power * (1.0 + theta) ** (1.0 - self.power))
        tilt = 1.0 + abs(self.correlation)
        first = float((theta * phi).max()) * tilt
        second = float((theta * phi * phi).max()) * tilt
        return min(4.0 / first, math.sqrt(4.0 / second))

    def rule(self, curvature: float) -> Volatility:
        return Volatility(
            base=self.base,
            term_power=self.term_power,
            smile_correlation=self.correlation,
            smile_curvature=curvature,
            smile_power=self.power,
            highest=self.highest,
        )


draws = st.builds(
    Draw,
    base=st.floats(0.05, 3.0),
    correlation=st.floats(-0.95, 0.95),
    power=st.floats(0.0, 1.0),
    term_power=st.floats(0.0, 0.5),
    highest=st.floats(0.5, 4.0),
)


def calls(level: float, rule: Volatility) -> NDArray[np.float64]:
    """Price the calls of every time (rows) and strike (columns) at a price of 100."""
    rows = []
    for left in TIMES:
        seconds = np.full(len(STRIKES), left)
        total = implied_volatility(100.0, level, STRIKES, seconds, rule) * np.sqrt(left / YEAR)
        rows.append(black_value(100.0, STRIKES, total, True))
    return np.array(rows)


# --- whatever is accepted


@given(draws, st.floats(0.0, 0.999), st.floats(0.5, 20.0))
@settings(deadline=None, max_examples=150)
def test_calls_of_accepted_rules_are_decreasing_convex_and_dearer_with_time(
    draw: Draw, share: float, multiple: float
) -> None:
    prices = calls(multiple * draw.base, draw.rule(share * draw.greatest))
    slopes = np.diff(prices, axis=1) / np.diff(STRIKES)
    assert (slopes >= -1.0 - 1e-10).all()
    assert (slopes <= 1e-10).all()
    assert (np.diff(slopes, axis=1) >= -1e-10).all()
    assert (np.diff(prices, axis=0) >= -1e-10).all()


@given(draws, st.floats(0.0, 0.999), st.floats(0.5, 20.0))
@settings(deadline=None, max_examples=150)
def test_accepted_rules_pass_every_check(draw: Draw, share: float, multiple: float) -> None:
    rule, level = draw.rule(share * draw.greatest), multiple * draw.base
    assert surface_faults(level, TIMES, rule) == ()
    full_days = TIMES[TIMES >= DAY]
    theta = expiry_slice(level, full_days, rule).total_variance(0.0)
    assert is_butterfly_free(theta, Smile.of(rule)).all()
    # With a term power of 0.5 theta stays the same up to 30 days, to the last digits.
    assert is_calendar_free(theta * (1.0 + np.arange(len(theta)) * 1e-12), Smile.of(rule))


@given(draws)
@settings(deadline=None, max_examples=100)
def test_one_percent_more_curvature_than_allowed_is_refused(draw: Draw) -> None:
    with pytest.raises(ValidationError, match="without butterfly arbitrage it is at most 4"):
        draw.rule(1.01 * draw.greatest)


# --- the checks by themselves


def test_the_sign_of_g_is_that_of_the_density() -> None:
    # With F = 1 the density of the strike is g / (K sqrt(2 pi w)) * exp(-d2**2 / 2), and it is the
    # second derivative of the call's price.
    strikes, width = np.exp(np.linspace(-1.0, 1.3, 47)), 1e-3
    prices = [
        black_value(1.0, moved, np.sqrt(VOGT.total_variance(np.log(moved))), True)
        for moved in (strikes - width, strikes, strikes + width)
    ]
    second = (prices[0] - 2.0 * prices[1] + prices[2]) / width**2
    total = VOGT.total_variance(np.log(strikes))
    d2 = -np.log(strikes) / np.sqrt(total) - np.sqrt(total) / 2.0
    normal = np.exp(-(d2**2) / 2.0) / np.sqrt(2.0 * math.pi * total)
    found = durrleman(np.log(strikes), VOGT) * normal / strikes
    np.testing.assert_allclose(found, second, rtol=1e-4, atol=1e-5)
    assert found.min() < 0


def test_a_flat_slice_has_a_g_of_one() -> None:
    flat = raw_slice([[0.01], [1.0]], Smile(0.4, 0.0, 0.5))
    assert (durrleman([-1.0, 0.0, 2.0], flat) == 1.0).all()


def test_the_terms_of_the_closed_condition_by_hand() -> None:
    # theta = 0.25, phi = 2 (see test_surface), rho = 0.6: 0.25 * 2 * 1.6 and 0.25 * 4 * 1.6.
    smile = Smile(correlation=0.6, curvature=math.sqrt(5.0) / 2.0, power=0.5)
    first, second = butterfly_terms(0.25, smile)
    assert [float(first), float(second)] == pytest.approx([0.8, 1.6])


def test_total_variance_that_falls_with_time_is_a_calendar_arbitrage() -> None:
    smile = Smile(-0.13, 0.81, 0.5)
    assert is_calendar_free([0.01, 0.01, 0.04], smile)
    assert not is_calendar_free([0.01, 0.04, 0.03], smile)


def test_a_steep_smile_is_found_at_fault() -> None:
    steep = Volatility.model_construct(base=0.8, smile_correlation=-0.5, smile_curvature=8.0)
    faults = surface_faults(0.8, [DAY, 30 * DAY], steep)
    assert [fault.split(":")[0] for fault in faults] == ["butterfly", "butterfly"]
    assert faults[0].endswith("86400 seconds before expiry")


def test_a_steep_term_structure_is_found_at_fault() -> None:
    rule = Volatility.model_construct(base=0.8, term_power=0.9)
    # Up to 10 days the cap of 400 % holds, from 30 days on the level: theta falls only between.
    faults = surface_faults(0.8, [DAY // 2, DAY, 10 * DAY, 30 * DAY, 60 * DAY], rule)
    assert [fault.split(":")[0] for fault in faults] == ["calendar"]
    assert faults[0].endswith("from 864000 to 2592000 seconds before expiry")


# --- refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"term_power": 0.6},
            (
                "term_power is 0.6: total variance at the money would fall with time to expiry, a "
                "calendar arbitrage; it must be at most 0.5"
            ),
        ),
        (
            # 3 * 1.5 = 4.5.
            {"smile_correlation": -0.5, "smile_curvature": 3.0},
            (
                "smile_correlation (rho) is -0.5, smile_curvature (eta) is 3.0, "
                "smile_power (gamma) is 0.5: eta * (1 + |rho|) is 4.5; "
                "without butterfly arbitrage it is at most 4.0 "
                "(Gatheral and Jacquier 2014, theorem 4.2)"
            ),
        ),
        (
            # 3 * 1.2 = 3.6 passes, but at theta = 1 - 2 * 0.25 theta * phi**2 is
            # 9 * sqrt(0.5) / 1.5**1.5 = 3.4641, and that times 1.2 is 4.157.
            {"smile_correlation": 0.2, "smile_curvature": 3.0, "smile_power": 0.25},
            (
                "smile_correlation (rho) is 0.2, smile_curvature (eta) is 3.0, "
                "smile_power (gamma) is 0.25: "
                "theta * phi(theta)**2 * (1 + |rho|) reaches 4.157 at theta = 0.5, a total "
                "variance at the money that these levels allow; without butterfly arbitrage it is "
                "at most 4.0 (Gatheral and Jacquier 2014, theorem 4.2)"
            ),
        ),
    ],
)
def test_a_rule_with_arbitrage_is_refused_with_its_values(
    changes: dict[str, float], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Volatility.model_validate({"base": 0.8, **changes})
    assert [error["msg"] for error in caught.value.errors()] == [f"Value error, {message}"]


@pytest.mark.parametrize("base", [1e-300, 1e300])
def test_absurd_levels_are_answered_and_do_not_break_the_check(base: float) -> None:
    with pytest.raises(ValidationError, match="reaches"):
        Volatility(base=base, smile_curvature=3.0, smile_power=1.0, highest=1e-3)


def test_times_must_increase() -> None:
    with pytest.raises(ValueError, match=r"seconds_left is 60\.0 after .*; it must increase"):
        surface_faults(0.8, [3_600, 60], Volatility(base=0.8))
