"""Orders answer to each other and to volatility as the scenario says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from abm.analysis.order_flow import fit_hawkes
from abm.market import Grid
from abm.randomness import Streams
from abm.scenario.agents import Arrivals
from abm.simulation.population import arrival_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRID = Grid(20_000, 60)
CALM = np.ones(GRID.step_count + 1)


def counts(rule: Arrivals, wildness: NDArray[np.float64] = CALM) -> NDArray[np.int64]:
    return arrival_counts(1.5, GRID, Streams(1).get("arrivals"), rule, wildness)


def test_orders_come_independently_unless_the_scenario_says_otherwise() -> None:
    found = counts(Arrivals())
    plain = Streams(1).get("arrivals").poisson(1.5, GRID.step_count + 1)
    np.testing.assert_array_equal(found, plain)


@pytest.mark.parametrize("branching", [0.4, 0.8])
def test_the_branching_ratio_is_found_again_in_the_counts_and_keeps_their_mean(
    branching: float,
) -> None:
    found = counts(Arrivals(branching_ratio=branching, decay_seconds=240.0)).astype(float)
    # The counts' long-run variance is mean / (1 - branching)**2 a step.
    error = (1.5 / (1 - branching) ** 2 / len(found)) ** 0.5
    assert found.mean() == pytest.approx(1.5, abs=4 * error)
    fit = fit_hawkes(found, 60.0)
    assert fit is not None
    assert fit.branching_ratio == pytest.approx(branching, abs=0.06)
    assert fit.decay_seconds == pytest.approx(240.0, rel=0.3)


def test_the_rate_grows_with_a_power_of_volatility_up_to_its_cap() -> None:
    wild = CALM.copy()
    wild[10_000:] = 3.0
    rule = Arrivals(volatility_response=1.0)
    found = counts(rule, wild)
    assert found[10_000:].mean() / found[:10_000].mean() == pytest.approx(3.0, rel=0.05)
    capped = counts(rule.model_copy(update={"highest_multiple": 2.0}), wild)
    assert capped[10_000:].mean() / capped[:10_000].mean() == pytest.approx(2.0, rel=0.05)


def test_volatility_below_calm_slows_nobody() -> None:
    rule = Arrivals(volatility_response=2.0)
    np.testing.assert_array_equal(counts(rule, CALM * 0.1), counts(rule))
