"""When shocks happen: at their time, or drawn at their rate."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from abm.randomness import Streams
from abm.scenario.clock import Clock
from abm.scenario.shocks import ChainHalt, Reorg
from abm.simulation.shocks.occurrences import Occurrence, draw_occurrences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.scenario.shocks import Shock

YEAR = Clock(start_utc="2025-01-01T00:00:00Z", hours=8_760.0, step_seconds=600)
STEPS = 8_760 * 6


class Scenario:
    """As much of a scenario as shocks are drawn from."""

    clock = YEAR

    def __init__(self, **shocks: Shock) -> None:
        self.shocks = shocks


def halt(**keys: Any) -> ChainHalt:  # noqa: ANN401 - keys of a shock
    return ChainHalt(kind="chain_halt", chains=("far",), **keys)


def drawn(
    prices: NDArray[np.float64] | None = None, seed: int = 1, **shocks: Shock
) -> tuple[Occurrence, ...]:
    path = np.full(STEPS + 1, 100.0) if prices is None else prices
    scenario: Any = Scenario(**shocks)
    return draw_occurrences(scenario, path, Streams(seed))


def test_a_timed_shock_happens_once_at_its_time() -> None:
    (when,) = drawn(it=halt(at_hours=2.0, duration_hours=1.5))
    assert (when.name, when.start_second, when.end_second) == ("it", 7_200, 12_600)
    assert [when.is_active(second) for second in (7_199, 7_200, 12_599, 12_600)] == [
        *(False, True, True, False)
    ]


def test_a_shock_of_a_moment_lasts_one_second() -> None:
    (when,) = drawn(it=Reorg(kind="reorg", chains=("far",), depth_seconds=60.0, at_hours=1.0))
    assert when.end_second == when.start_second + 1


def test_starts_come_at_the_rate_and_lengths_are_lognormal() -> None:
    found = drawn(it=halt(hazard_per_year=400.0, duration_median_hours=0.5))
    # A Poisson count of 400 less what falls into other halts: each lasts 0.5 * exp(0.5) = 0.82 h in
    # the mean, so a share of 400 * 0.82 / 8760 = 4 % is lost. 4.5 standard deviations are 90.
    assert len(found) == pytest.approx(385, abs=90)
    lengths = np.log([when.end_second - when.start_second for when in found])
    assert lengths.mean() == pytest.approx(math.log(1_800), abs=4.5 / math.sqrt(len(found)))
    assert lengths.std() == pytest.approx(1.0, abs=0.2)


def test_one_shock_never_starts_while_it_lasts() -> None:
    found = drawn(it=halt(hazard_per_year=20_000.0, duration_median_hours=1.0))
    assert len(found) > 1_000
    for before, after in pairwise(found):
        assert after.start_second >= before.end_second
        assert after.number == before.number + 1
    assert all(when.start_second % 600 == 0 for when in found)


def test_crash_hours_multiply_the_rate() -> None:
    # The price moves by 5 % every other hour and stands still in between: half of all hours crash.
    moves = np.zeros(STEPS + 1)
    moves[6::12] = np.where(np.arange(len(moves[6::12])) % 2 == 0, 0.05, -0.05)
    prices = 100.0 * np.exp(np.cumsum(moves))
    rule = {"hazard_per_year": 300.0, "duration_median_hours": 0.01}
    calm = len(drawn(prices, it=halt(**rule)))
    crash = len(drawn(prices, it=halt(**rule, crash_multiplier=9.0)))
    # Half of the time nine-fold: five times as many in all; 4.5 standard deviations of each.
    assert calm == pytest.approx(300, abs=78)
    assert crash == pytest.approx(1_500, abs=180)


def test_another_shock_moves_none_and_another_seed_moves_all() -> None:
    one = halt(hazard_per_year=50.0, duration_median_hours=1.0)
    alone = [when.start_second for when in drawn(one=one)]
    both = drawn(one=one, two=halt(hazard_per_year=500.0, duration_median_hours=5.0))
    assert [when.start_second for when in both if when.name == "one"] == alone
    assert [when.start_second for when in drawn(seed=2, one=one)] != alone


def test_a_longer_shock_starts_where_a_shorter_one_would() -> None:
    short = drawn(it=halt(hazard_per_year=5.0, duration_median_hours=0.1))
    long = drawn(it=halt(hazard_per_year=5.0, duration_median_hours=1.0))
    assert [when.start_second for when in short] == [when.start_second for when in long] != []
