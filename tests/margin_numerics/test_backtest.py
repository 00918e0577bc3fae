"""Back-tests: likelihood ratios worked out by hand, and how often they reject."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.margin.backtest import christoffersen, count_exceptions, kupiec, procyclicality

if TYPE_CHECKING:
    from collections.abc import Callable


def tail_of_one(statistic: float) -> float:
    """Return the upper tail of chi-square with one degree: a squared normal variable."""
    return math.erfc(math.sqrt(statistic / 2))


def tail_of_two(statistic: float) -> float:
    """Return the upper tail of chi-square with two degrees: an exponential variable."""
    return math.exp(-statistic / 2)


# --- exceptions


def test_only_losses_beyond_their_own_margin_are_exceptions() -> None:
    # The second is a gain, the third exactly covered, the fourth a cent short.
    assert count_exceptions([5.0, -50.0, 7.0, 7.01], [6.0, 1.0, 7.0, 7.0]) == 1


def test_no_losses_are_no_exceptions() -> None:
    assert count_exceptions([], 3.0) == 0


# --- Kupiec


def test_five_exceptions_in_250_days_at_99_percent_are_not_yet_too_many() -> None:
    found = kupiec(exceptions=5, observations=250, coverage=0.99)
    # Expected 2.5. 2*(5*ln(5/2.5) + 245*ln(245/247.5)) = 2*(3.465736 - 2.487331) = 1.956810.
    assert found.expected == pytest.approx(2.5)
    assert found.exceptions == 5
    assert found.statistic == pytest.approx(1.956810, abs=1e-6)
    # The chance of a squared normal variable beyond 1.9568, that of a normal one beyond 1.3989.
    assert found.p_value == pytest.approx(0.1619, abs=1e-4)


def test_no_exceptions_at_all_count_against_a_margin_that_is_too_high() -> None:
    found = kupiec(exceptions=0, observations=250, coverage=0.99)
    # Only the second term is left: 2*250*ln(1/0.99) = 500*0.01005034 = 5.025168.
    assert found.statistic == pytest.approx(5.025168, abs=1e-6)
    assert found.p_value == pytest.approx(tail_of_one(5.025168), abs=1e-6)


def test_nothing_but_exceptions_leaves_the_other_term() -> None:
    found = kupiec(exceptions=10, observations=10, coverage=0.99)
    # 2*10*ln(1/0.01) = 20*4.605170 = 92.103404.
    assert found.statistic == pytest.approx(92.103404, abs=1e-6)
    assert 0 < found.p_value < 1e-20


def test_exactly_the_expected_exceptions_say_nothing_against_the_margin() -> None:
    found = kupiec(exceptions=10, observations=1_000, coverage=0.99)
    assert found.statistic == pytest.approx(0.0, abs=1e-12)
    assert found.p_value == pytest.approx(1.0, abs=1e-5)


def test_a_true_coverage_is_rejected_about_as_often_as_the_level_says() -> None:
    counts = np.random.default_rng(21).binomial(1_000, 0.05, 4_000)
    rejected = np.mean([kupiec(int(x), 1_000, 0.95).p_value < 0.05 for x in counts])
    # A binomial is not quite a squared normal: its exact level here is 5.5 %. Standard error of
    # 4,000 cases: 0.35 %, of which 4.5 are allowed.
    assert rejected == pytest.approx(0.055, abs=0.016)


# --- Christoffersen


def test_exceptions_that_come_in_a_row_are_not_independent() -> None:
    found = christoffersen([1, 1, 1, 0, 0, 0, 0, 0], coverage=0.75)
    # Seven steps: hit to hit 2, hit to calm 1, calm to hit 0, calm to calm 4.
    # Chained: 2*ln(2/3) + ln(1/3) + 4*ln(1) = -0.810930 - 1.098612 = -1.909543.
    # Independent, 2 hits of 7: 2*ln(2/7) + 5*ln(5/7) = -2.505526 - 1.682361 = -4.187887.
    # Twice the difference: 4.556688.
    assert found.independence == pytest.approx(4.556688, abs=2e-6)
    assert found.independence_p_value == pytest.approx(tail_of_one(4.556688), abs=1e-6)
    # Kupiec, 3 of 8 where 2 are expected: 2*(3*ln(3/2) + 5*ln(5/6)) = 0.609575.
    uncovered = 2 * (3 * math.log(3 / 2) + 5 * math.log(5 / 6))
    assert found.conditional_coverage == pytest.approx(4.556688 + uncovered, abs=2e-6)
    expected = tail_of_two(4.556688 + uncovered)
    assert found.conditional_coverage_p_value == pytest.approx(expected, abs=1e-6)


def test_hits_as_likely_after_a_hit_as_after_calm_are_independent() -> None:
    # Nine steps: calm to hit 2 of 6, hit to hit 1 of 3: a third each.
    found = christoffersen([0, 1, 1, 0, 0, 1, 0, 0, 0, 0], coverage=0.7)
    assert found.independence == pytest.approx(0.0, abs=1e-12)
    assert found.independence_p_value == pytest.approx(1.0, abs=1e-5)
    # And 3 of 10 are what 70 % leads to expect.
    assert found.conditional_coverage == pytest.approx(0.0, abs=1e-12)


def test_hits_that_avoid_each_other_are_not_independent_either() -> None:
    # Eight steps, always to the other state: the chain is certain, its log likelihood 0.
    found = christoffersen([1, 0] * 4 + [1], coverage=0.5)
    # Independent: 4 hits and 4 calm, 8*ln(1/2); twice that is 11.090355.
    assert found.independence == pytest.approx(11.090355, abs=1e-6)


@pytest.mark.parametrize("hit", [0, 1])
def test_nothing_can_be_said_of_independence_where_all_observations_are_alike(hit: int) -> None:
    found = christoffersen([hit] * 20, coverage=0.9)
    assert found.independence == 0.0
    assert found.independence_p_value == 1.0
    # 2*20*ln(1/0.9) or 2*20*ln(1/0.1).
    expected = 40 * math.log(1 / (0.1 if hit else 0.9))
    assert found.conditional_coverage == pytest.approx(expected)
    assert found.conditional_coverage_p_value == pytest.approx(tail_of_two(expected))


def test_independent_hits_are_rejected_about_as_often_as_the_level_says() -> None:
    hits = np.random.default_rng(22).random((2_000, 1_000)) < 0.1
    found = [christoffersen(row, 0.9) for row in hits]
    # Standard error of 2,000 cases at 5 %: 0.49 %, of which 4.5 are 2.2 %.
    both = ("independence_p_value", "conditional_coverage_p_value")
    for name in both:
        rejected = np.mean([getattr(test, name) < 0.05 for test in found])
        assert rejected == pytest.approx(0.05, abs=0.022)


def test_clustered_hits_of_the_right_number_pass_kupiec_and_fail_christoffersen() -> None:
    hits = np.zeros(1_000, dtype=bool)
    hits[500:510] = True
    assert kupiec(int(hits.sum()), len(hits), 0.99).p_value > 0.99
    found = christoffersen(hits, 0.99)
    assert found.independence_p_value < 1e-12
    assert found.conditional_coverage_p_value < 1e-12


@given(hits=st.lists(st.booleans(), min_size=2, max_size=60), coverage=st.floats(0.01, 0.999))
@settings(deadline=None, max_examples=100)
def test_every_series_of_hits_has_ratios_and_p_values(hits: list[bool], coverage: float) -> None:
    found = christoffersen(hits, coverage)
    alone = kupiec(sum(hits), len(hits), coverage)
    assert 0 <= found.independence < math.inf
    assert 0 <= found.independence_p_value <= 1
    assert 0 <= found.conditional_coverage_p_value <= 1
    assert found.conditional_coverage == pytest.approx(found.independence + alone.statistic)
    assert found.independence_p_value == pytest.approx(tail_of_one(found.independence))
    assert alone.p_value == pytest.approx(tail_of_one(alone.statistic))


@given(
    observations=st.integers(1, 500),
    coverage=st.floats(0.01, 0.99),
    exceptions=st.lists(st.integers(0, 500), min_size=2, max_size=2),
)
@settings(deadline=None, max_examples=100)
def test_the_ratio_grows_with_the_distance_from_the_expected_number(
    observations: int, coverage: float, exceptions: list[int]
) -> None:
    near, far = sorted(
        (kupiec(min(x, observations), observations, coverage) for x in exceptions),
        key=lambda test: abs(test.exceptions - test.expected),
    )
    if (near.exceptions - near.expected) * (far.exceptions - far.expected) >= 0:
        assert near.statistic <= far.statistic + 1e-9


# --- procyclicality


def test_a_constant_requirement_is_not_procyclical() -> None:
    found = procyclicality([7.0, 7.0, 7.0], steps=2)
    assert (found.peak_to_trough, found.largest_rise, found.largest_rise_ratio) == (1, 0, 1)


def test_a_rise_slower_than_the_window_counts_only_as_far_as_the_window_reaches() -> None:
    # From 10 to 50 in four steps: 20 in any two, at most from 10 to 30 by a factor of 3.
    found = procyclicality([10.0, 20.0, 30.0, 40.0, 50.0], steps=2)
    assert (found.peak_to_trough, found.largest_rise, found.largest_rise_ratio) == (5, 20, 3)


def test_a_rise_and_fall_within_the_window_is_still_a_call_for_margin() -> None:
    # After exactly three steps nothing has changed; in between 90 dollars had to be found.
    found = procyclicality([10.0, 100.0, 50.0, 10.0], steps=3)
    assert (found.largest_rise, found.largest_rise_ratio) == (90, 10)


def test_a_fall_is_no_rise_however_large() -> None:
    found = procyclicality([100.0, 10.0, 1.0], steps=2)
    assert (found.peak_to_trough, found.largest_rise, found.largest_rise_ratio) == (100, 0, 1)


def test_a_requirement_that_starts_from_nothing_rises_without_bound() -> None:
    found = procyclicality([0.0, 5.0], steps=1)
    assert (found.peak_to_trough, found.largest_rise, found.largest_rise_ratio) == (
        math.inf,
        5.0,
        math.inf,
    )
    nothing = procyclicality([0.0, 0.0], steps=1)
    assert (nothing.peak_to_trough, nothing.largest_rise, nothing.largest_rise_ratio) == (1, 0, 1)


@given(
    requirements=st.lists(st.floats(0.5, 1e6), min_size=1, max_size=30),
    steps=st.integers(1, 40),
    factor=st.floats(0.1, 10.0),
)
@settings(deadline=None, max_examples=100)
def test_procyclicality_is_that_of_every_pair_of_times_looked_at_one_by_one(
    requirements: list[float], steps: int, factor: float
) -> None:
    found = procyclicality(requirements, steps=steps)
    pairs = [
        (before, after)
        for time, after in enumerate(requirements)
        for before in requirements[max(time - steps, 0) : time + 1]
    ]
    assert found.largest_rise == max(after - before for before, after in pairs)
    assert found.largest_rise_ratio == max(after / before for before, after in pairs)
    assert found.peak_to_trough == max(requirements) / min(requirements)
    scaled = procyclicality([factor * needed for needed in requirements], steps=steps)
    assert scaled.peak_to_trough == pytest.approx(found.peak_to_trough)
    assert scaled.largest_rise == pytest.approx(factor * found.largest_rise, abs=1e-6)


# --- input that is wrong


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: count_exceptions([1.0, 2.0], [1.0, 2.0, 3.0]),
            "margins has shape (3,); it must be one number or of shape (2,)",
        ),
        (
            lambda: count_exceptions([1.0, math.nan], 1.0),
            "losses[1] is nan; it must be finite",
        ),
        (lambda: count_exceptions([1.0], math.inf), "margins is inf; it must be finite"),
        (lambda: kupiec(0, 0, 0.99), "observations is 0; it must be at least 1"),
        (
            lambda: kupiec(-1, 10, 0.99),
            "exceptions is -1; it must be from 0 to observations, 10",
        ),
        (
            lambda: kupiec(11, 10, 0.99),
            "exceptions is 11; it must be from 0 to observations, 10",
        ),
        (lambda: kupiec(1, 10, 1.0), "coverage is 1.0; it must be above 0 and below 1"),
        (lambda: kupiec(1, 10, math.nan), "coverage is nan; it must be above 0 and below 1"),
        (
            lambda: christoffersen([1], 0.9),
            "hits has shape (1,); it must be one list of at least two",
        ),
        (lambda: christoffersen([0, 2, 1], 0.9), "hits[1] is 2.0; it must be 0 or 1"),
        (lambda: christoffersen([0, 1], 0.0), "coverage is 0.0; it must be above 0 and below 1"),
        (
            lambda: procyclicality([], steps=1),
            "requirements has shape (0,); it must be one list of them",
        ),
        (
            lambda: procyclicality([1.0, -2.0], steps=1),
            "requirements[1] is -2.0; it must be at least 0",
        ),
        (
            lambda: procyclicality([1.0, math.nan], steps=1),
            "requirements[1] is nan; it must be finite",
        ),
        (lambda: procyclicality([1.0], steps=0), "steps is 0; it must be at least 1"),
    ],
)
def test_a_wrong_argument_is_refused_by_name_value_and_rule(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match="it must be") as caught:
        call()
    assert str(caught.value) == message
