"""The studentised interval of the expected shortfall: how often it holds the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from abm.analysis.risk import expected_shortfall
from abm.randomness import Streams

LEVEL = 0.95


def test_it_holds_the_truth_more_often_than_the_centiles_with_few_runs_in_the_tail() -> None:
    # Of a lognormal law: exp(1/2) times the normal law's share below sigma minus its quantile.
    truth = np.exp(0.5) * stats.norm.cdf(1 - stats.norm.ppf(LEVEL)) / (1 - LEVEL)
    rng = Streams(11).get("losses")
    held = {"bootstrap": 0, "studentised": 0}
    for _ in range(200):
        losses = rng.lognormal(size=100)  # five runs in the tail
        for interval in held:
            found = expected_shortfall(
                losses,
                LEVEL,
                interval=interval,  # type: ignore[arg-type]
                resamples=400,
            )
            low = -np.inf if found.low is None else found.low
            high = np.inf if found.high is None else found.high
            held[interval] += bool(low <= truth <= high)
    assert held["studentised"] >= 170  # about 90 %; Wilson's interval of 85 % is 79 to 89
    assert held["bootstrap"] <= 160  # about 75 %


def test_the_same_seed_gives_the_same_interval_and_the_value_is_the_shortfall() -> None:
    losses = np.arange(200.0)
    found = expected_shortfall(losses, LEVEL, interval="studentised", seed=3)
    assert found == expected_shortfall(losses, LEVEL, interval="studentised", seed=3)
    assert found.value == pytest.approx(np.arange(190.0, 200.0).mean())
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high


def test_equal_runs_have_no_width_and_another_kind_is_refused() -> None:
    found = expected_shortfall([2.0, 2.0], LEVEL, interval="studentised")
    assert (found.low, found.high) == (2.0, 2.0)
    with pytest.raises(ValueError, match="interval is 'exact'"):
        expected_shortfall([1.0, 2.0], LEVEL, interval="exact")  # type: ignore[arg-type]
