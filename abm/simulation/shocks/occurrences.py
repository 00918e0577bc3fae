"""When shocks happen: at their time, or drawn at their rate before the run starts."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp
from typing import TYPE_CHECKING

import numpy as np

from abm.units import SECONDS_PER_HOUR, SECONDS_PER_YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.randomness import Streams
    from abm.scenario.clock import Clock
    from abm.scenario.model import Scenario
    from abm.scenario.shocks import Shock, TimedShock

CRASH_HOURLY_MOVE = 0.03
"""Relative move of the last hour from which rates are those of a crash."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a shock happens; ``number`` counts those of one shock from 0."""

    name: str
    number: int
    shock: Shock
    start_second: int
    end_second: int

    def is_active(self, now: int) -> bool:
        """Return whether the shock lasts at a second."""
        return self.start_second <= now < self.end_second


def draw_occurrences(
    scenario: Scenario, prices: NDArray[np.float64], streams: Streams
) -> tuple[Occurrence, ...]:
    """Return every time that a shock happens in a run, those of one shock in order.

    What chance decides is drawn from a stream of the shock's own name, so that leaving one out
    moves no other. One shock does not start again while it lasts.

    Parameters
    ----------
    scenario : Scenario
        Its shocks.
    prices : ndarray, shape (steps + 1,)
        The price before any jump, in dollars: crashes raise the rates that ask for it.
    streams : Streams
        Of the run.
    """
    found: list[Occurrence] = []
    crash = _is_crash(prices, scenario.clock)
    for name, shock in scenario.shocks.items():
        if shock.is_drawn:
            found += _draw(name, shock, crash, scenario.clock, streams)
        else:
            end = max(shock.end_second, shock.start_second + 1)
            found.append(Occurrence(name, 0, shock, shock.start_second, end))
    return tuple(found)


def _is_crash(prices: NDArray[np.float64], clock: Clock) -> NDArray[np.bool_]:
    """Return at which steps the price has just moved as in a crash, shape (steps + 1,)."""
    window = max(SECONDS_PER_HOUR // clock.step_seconds, 1)
    past = np.concatenate([np.full(window, prices[0]), prices])[: len(prices)]
    crash: NDArray[np.bool_] = np.abs(np.log(prices / past)) >= CRASH_HOURLY_MOVE
    return crash


def _draw(
    name: str, shock: Shock, crash: NDArray[np.bool_], clock: Clock, streams: Streams
) -> list[Occurrence]:
    rng = streams.get("shock", name)
    # Both are drawn for every step, so that a longer shock shifts none of the later draws.
    chances = rng.random(clock.step_count + 1)
    lengths = rng.standard_normal(clock.step_count + 1)
    rate = (shock.hazard_per_year or 0.0) * np.where(crash, shock.crash_multiplier, 1.0)
    starts = chances < -np.expm1(-rate * clock.step_seconds / SECONDS_PER_YEAR)
    found: list[Occurrence] = []
    free_from = clock.step_seconds
    for step in np.flatnonzero(starts).tolist():
        start = step * clock.step_seconds
        if start < free_from:
            continue
        end = start + _length(shock, float(lengths[step]))
        found.append(Occurrence(name, len(found), shock, start, end))
        free_from = end
    return found


def _length(shock: TimedShock, normal: float) -> int:
    """Return a drawn length in seconds, at least one."""
    median = (shock.duration_median_hours or 0.0) * SECONDS_PER_HOUR
    return max(ceil(median * exp(shock.duration_ln_sigma * normal)), 1)
