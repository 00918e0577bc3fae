"""Paths of the underlying's price, drawn for the whole run before its first step."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import numpy as np

from abm.scenario.market import DiffusionPrice, ReplayPrice
from abm.units import SECONDS_PER_YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray


def price_path(
    price: ReplayPrice | DiffusionPrice,
    step_count: int,
    step_seconds: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Draw the price at every step.

    Parameters
    ----------
    price : ReplayPrice or DiffusionPrice
        The scenario's rule.
    step_count : int
        Steps of the run.
    step_seconds : int
        Length of one, in seconds.
    rng : numpy.random.Generator
        The stream of this path.

    Returns
    -------
    ndarray, shape (step_count + 1,)
        Dollars; the first is the price at second 0.
    """
    if isinstance(price, ReplayPrice):
        return _replay(price, step_count, step_seconds, rng)
    if isinstance(price, DiffusionPrice):
        return _diffusion(price, step_count, step_seconds, rng)
    assert_never(price)


def _diffusion(
    price: DiffusionPrice, step_count: int, step_seconds: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    years = step_seconds / SECONDS_PER_YEAR
    moves = price.annual_drift * years + price.annual_volatility * np.sqrt(
        years
    ) * rng.standard_normal(step_count)
    path: NDArray[np.float64] = price.start_usd * np.exp(np.concatenate([[0.0], np.cumsum(moves)]))
    return path


def _replay(
    price: ReplayPrice, step_count: int, step_seconds: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Join the known points of every bar by Brownian bridges, kept inside the bar's range."""
    known_seconds: list[float] = []
    known_logs: list[float] = []
    for number, (opening, high, low, close) in enumerate(price.bars):
        start = number * price.bar_seconds
        early, late = sorted((0.1 + 0.8 * rng.random(2)).tolist())
        # A falling bar usually makes its high first, a rising bar its low.
        first, second = (high, low) if close < opening else (low, high)
        offsets = (0.0, early, late)
        known_seconds += [start + offset * price.bar_seconds for offset in offsets]
        known_logs += np.log([opening, first, second]).tolist()
    known_seconds.append(float(len(price.bars) * price.bar_seconds))
    known_logs.append(float(np.log(price.bars[-1][3])))

    times = np.arange(step_count + 1, dtype=np.float64) * step_seconds
    logs = np.interp(times, known_seconds, known_logs)
    logs += _bridge_noise(times, np.array(known_seconds), price.bridge_volatility, rng)
    bar_of_step = np.minimum((times // price.bar_seconds).astype(int), len(price.bars) - 1)
    bars = np.log(np.array(price.bars))
    return np.exp(np.clip(logs, bars[bar_of_step, 2], bars[bar_of_step, 1]))


def _bridge_noise(
    times: NDArray[np.float64],
    known: NDArray[np.float64],
    annual_volatility: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Brownian motion pinned to zero at every known time."""
    every = np.union1d(times, known)
    years = np.diff(every, prepend=every[0]) / SECONDS_PER_YEAR
    motion = np.cumsum(annual_volatility * np.sqrt(years) * rng.standard_normal(len(every)))
    pinned = motion - np.interp(every, known, motion[np.searchsorted(every, known)])
    noise: NDArray[np.float64] = pinned[np.searchsorted(every, times)]
    return noise
