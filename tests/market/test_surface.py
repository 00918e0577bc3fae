"""The level of implied volatility and its smile."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.market import implied_volatility, volatility_levels
from abm.scenario.market import Volatility

DAY = 86_400
MONTH = 30 * DAY
YEAR = 365 * DAY
RULE = Volatility(base=0.8, response=1.5, average_half_life_hours=1.0)
FLAT = Volatility(base=0.8, term_power=0.0, skew=0.0, curvature=0.0)


def iv(
    strikes: list[float], seconds_left: list[int], rule: Volatility, level: float = 0.8
) -> list[float]:
    left = np.array(seconds_left, dtype=np.int64)
    found: list[float] = implied_volatility(100.0, level, np.array(strikes), left, rule).tolist()
    return found


def test_a_price_that_stands_still_leaves_the_level_at_its_base() -> None:
    levels = volatility_levels(np.full(50, 123.0), 60, RULE)
    np.testing.assert_allclose(levels, 0.8)


def test_after_a_fall_the_level_decays_with_the_half_life_of_the_average() -> None:
    # ln price falls by 0.2 at step 1 and stays. Steps are one half-life apart, so the average lags
    # by 0.2 / 2 after one step, 0.2 / 4 after two, and so on.
    prices = 100.0 * np.exp([0.0, -0.2, -0.2, -0.2])
    expected = [0.8 * math.exp(1.5 * lag) for lag in (0.0, 0.1, 0.05, 0.025)]
    np.testing.assert_allclose(volatility_levels(prices, 3_600, RULE), expected)


def test_a_rise_lowers_the_level_but_never_below_half_its_base() -> None:
    # A rise of ln by 0.2 lags 0.1: exp(-0.15); one by 3 lags 1.5: exp(-2.25) = 0.105 < 0.5.
    mild = volatility_levels(100.0 * np.exp([0.0, 0.2]), 3_600, RULE)
    steep = volatility_levels(100.0 * np.exp([0.0, 3.0]), 3_600, RULE)
    assert mild[1] == pytest.approx(0.8 * math.exp(-0.15))
    assert steep[1] == pytest.approx(0.4)


def test_levels_depend_on_returns_and_not_on_the_unit_of_the_price() -> None:
    prices = np.array([100.0, 97.0, 103.0, 80.0])
    np.testing.assert_allclose(
        volatility_levels(prices, 600, RULE), volatility_levels(prices * 50.0, 600, RULE)
    )


def test_the_level_is_the_volatility_at_the_money_in_thirty_days() -> None:
    assert iv([100.0], [MONTH], RULE) == pytest.approx([0.8])


def test_without_smile_and_term_the_surface_is_flat() -> None:
    assert iv([50.0, 100.0, 300.0], [DAY, MONTH, YEAR], FLAT) == pytest.approx([0.8] * 3)


def test_short_expiries_stand_higher_by_the_term_power() -> None:
    rule = Volatility(base=0.8, term_power=0.5, skew=0.0, curvature=0.0)
    # 30 days over 7.5 days is 4, to the power of 0.5 is 2; 30 over 120 days is a half.
    assert iv([100.0, 100.0], [MONTH // 4, 4 * MONTH], rule) == pytest.approx([1.6, 0.4])


def test_the_smile_is_a_parabola_in_standardised_moneyness() -> None:
    rule = Volatility(base=0.8, term_power=0.0, skew=-0.1, curvature=0.05)
    # A quarter of a year: k = ln(K / 100) / 0.5. For ln(K / 100) = 0.25 it is 0.5, for -0.5 it is
    # -1: factors 1 - 0.05 + 0.0125 = 0.9625 and 1 + 0.1 + 0.05 = 1.15.
    strikes = [100.0 * math.exp(0.25), 100.0 * math.exp(-0.5)]
    expected = [0.8 * 0.9625, 0.8 * 1.15]
    assert iv(strikes, [YEAR // 4] * 2, rule) == pytest.approx(expected)


def test_the_wings_are_flat_beyond_two() -> None:
    rule = Volatility(base=0.8, term_power=0.0, skew=-0.1, curvature=0.05)
    # k = 2 gives 1 - 0.2 + 0.2 = 1, k = -2 gives 1 + 0.2 + 0.2 = 1.4; further out stays there.
    strikes = [100.0 * math.exp(k) for k in (2.0, 2.5, -2.0, -2.5)]
    assert iv(strikes, [YEAR] * 4, rule) == pytest.approx([0.8, 0.8, 1.12, 1.12])


def test_the_smile_never_falls_below_a_fifth() -> None:
    rule = Volatility(base=0.8, term_power=0.0, skew=-0.9, curvature=0.0)
    assert iv([100.0 * math.exp(1.5)], [YEAR], rule) == pytest.approx([0.16])


def test_the_last_day_is_a_day_long_for_the_surface() -> None:
    one_day = iv([90.0, 110.0], [DAY, DAY], RULE)
    assert iv([90.0, 110.0], [1, 0], RULE) == pytest.approx(one_day)
    assert iv([90.0, 110.0], [2 * DAY] * 2, RULE) != pytest.approx(one_day)


def test_no_volatility_exceeds_the_cap() -> None:
    rule = Volatility(base=0.8, highest=1.5)
    assert iv([100.0], [MONTH], rule, level=9.0) == [1.5]


@given(
    st.floats(10.0, 1_000.0),
    st.floats(0.01, 10.0),
    st.lists(st.floats(1.0, 10_000.0), min_size=1, max_size=5),
    st.integers(0, 2 * YEAR),
    st.floats(-1.0, 1.0),
    st.floats(0.0, 1.0),
)
@settings(deadline=None, max_examples=100)
def test_implied_volatility_is_above_zero_and_at_most_the_cap(
    price: float, level: float, strikes: list[float], left: int, skew: float, curvature: float
) -> None:
    rule = Volatility(base=0.8, skew=skew, curvature=curvature)
    surface = implied_volatility(price, level, np.array(strikes), np.full(len(strikes), left), rule)
    assert (surface > 0).all()
    assert (surface <= rule.highest).all()
