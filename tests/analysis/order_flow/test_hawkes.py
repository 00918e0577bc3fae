"""The branching ratio of simulated flow is found again."""

from __future__ import annotations

import math

import numpy as np
import pytest

from abm.analysis.order_flow.hawkes import fit_hawkes, intensity
from abm.randomness import Streams


def simulated(base: float, branching: float, decay: float, steps: int) -> np.ndarray:
    """Draw counts step by step from the definition, not with the function under test."""
    rng = Streams(1).get("test")
    keep, excited = math.exp(-1.0 / decay), 0.0
    counts = np.zeros(steps)
    for step in range(steps):
        counts[step] = rng.poisson(base + branching * excited)
        excited = keep * excited + (1.0 - keep) * counts[step]
    return counts


def test_the_expected_count_by_hand() -> None:
    # keep = 1/2: after counts 4, 0: 4/2 = 2, then 1; times 0.5, plus 1.
    found = intensity(np.array([4.0, 0.0, 0.0]), 1.0, 0.5, 1.0 / math.log(2.0))
    assert found == pytest.approx([1.0, 2.0, 1.5])


@pytest.mark.parametrize(("branching", "decay"), [(0.3, 2.0), (0.6, 8.0), (0.85, 4.0)])
def test_a_simulated_process_is_found_again(branching: float, decay: float) -> None:
    counts = simulated(0.4, branching, decay, 20_000)
    found = fit_hawkes(counts, step_seconds=60.0)
    assert found is not None
    # The mean of the counts is base / (1 - branching).
    assert found.branching_ratio == pytest.approx(branching, abs=0.06)
    assert found.decay_seconds == pytest.approx(60.0 * decay, rel=0.3)
    assert found.base_per_second == pytest.approx(0.4 / 60.0, rel=0.2)
    assert found.likelihood_ratio > 100


def test_a_poisson_process_has_next_to_no_answers() -> None:
    counts = Streams(2).get("test").poisson(2.0, 10_000).astype(float)
    found = fit_hawkes(counts, 60.0)
    assert found is not None
    assert found.branching_ratio < 0.06
    # Twice the log likelihood ratio of two more parameters is of the order of chi-square(2).
    assert found.likelihood_ratio < 12


def test_few_events_are_no_sample() -> None:
    assert fit_hawkes(np.array([3.0, 0.0, 6.0]), 60.0) is None
