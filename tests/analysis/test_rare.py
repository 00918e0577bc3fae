"""Multilevel splitting against the normal law, and against plain draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from abm.analysis.rare import splitting_probability
from abm.randomness import Streams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Drivers = NDArray[np.float64]


def mean_of(drivers: Drivers, _: str) -> Drivers:
    """Return a standard normal number: the sum over the root of its terms' number."""
    return np.asarray(drivers.sum(axis=1) / drivers.shape[1] ** 0.5)


@pytest.mark.parametrize(("drivers", "probability"), [(1, 1e-2), (3, 1e-4), (5, 1e-6)])
def test_the_tail_of_a_normal_law_is_found(drivers: int, probability: float) -> None:
    above = float(stats.norm.isf(probability))
    found = splitting_probability(mean_of, drivers, above, samples=400, repeats=8, seed=5)
    estimate = found.probability
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < probability < estimate.high
    assert estimate.value == pytest.approx(probability, rel=0.5)
    # Plain draws would take a hundred over the probability for a tenth of it as error.
    assert estimate.count < 40_000
    assert all(levels[-1] == above for levels in found.levels)


@pytest.mark.slow
@pytest.mark.parametrize(("probability", "within"), [(1e-2, 1.0), (1e-4, 0.9)])
def test_the_intervals_of_few_repeats_hold_the_tail_of_a_normal_law(
    probability: float, within: float
) -> None:
    above = float(stats.norm.isf(probability))
    held, near, times = 0, 0, 120
    for seed in range(times):
        found = splitting_probability(mean_of, 3, above, seed=seed).probability
        assert found.low is not None
        assert found.high is not None
        held += found.low < probability < found.high
        near += 0.5 < found.value / probability < 2.0
    # 114 with a deviation of 2.4.
    assert held >= 105
    assert near >= within * times


def test_what_the_drivers_do_not_decide_is_drawn_anew() -> None:
    rng = Streams(3).get("noise")

    def noisy(drivers: Drivers, _: str) -> Drivers:
        return np.asarray((drivers[:, 0] + rng.standard_normal(len(drivers))) / 2**0.5)

    above = float(stats.norm.isf(1e-2))
    estimate = splitting_probability(noisy, 1, above, samples=400, repeats=8).probability
    drawn = Streams(4).get("plain").standard_normal((200_000, 2))
    plain = float((drawn.sum(axis=1) / 2**0.5 > above).mean())
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < plain < estimate.high


def test_an_event_that_cannot_happen_has_probability_zero() -> None:
    found = splitting_probability(
        lambda drivers, _: np.zeros(len(drivers)), 2, 1.0, samples=20, repeats=2
    )
    assert found.probability.value == 0.0


def test_every_step_has_a_name_of_its_own_and_the_same_seed_the_same_draws() -> None:
    calls: list[list[str]] = [[], []]
    estimates = []
    for told in calls:

        def record(drivers: Drivers, step: str, told: list[str] = told) -> Drivers:
            told.append(step)
            return mean_of(drivers, step)

        estimates.append(splitting_probability(record, 2, 3.0, samples=50, repeats=2))
    assert calls[0] == calls[1]
    assert len(set(calls[0])) == len(calls[0])
    assert estimates[0] == estimates[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kept": 0.6}, "kept is 0.6"),
        ({"samples": 10}, "samples is 10; it must be at least 20"),
        ({"repeats": 1}, "repeats is 1; it must be at least 2"),
    ],
)
def test_a_number_out_of_range_is_named(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        splitting_probability(mean_of, 1, 1.0, **changes)  # type: ignore[arg-type]
