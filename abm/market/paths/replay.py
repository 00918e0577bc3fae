"""A recorded price: the known points of every bar, joined by Brownian bridges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.market.paths.kind import DrawnPath
from abm.units import SECONDS_PER_YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.market.paths.kind import Grid, Noise
    from abm.scenario.prices import ReplayPrice


def replay(price: ReplayPrice, grid: Grid, noise: Noise) -> DrawnPath:
    """Join the known points of every bar by Brownian bridges, kept inside the bar's range."""
    rng = noise.rng
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

    times = grid.times
    logs = np.interp(times, known_seconds, known_logs)
    logs += _bridge_noise(times, np.array(known_seconds), price.bridge_volatility, rng)
    bar_of_step = np.minimum((times // price.bar_seconds).astype(int), len(price.bars) - 1)
    bars = np.log(np.array(price.bars))
    prices = np.exp(np.clip(logs, bars[bar_of_step, 2], bars[bar_of_step, 1]))
    return DrawnPath(prices, _standard_moves(prices, bar_of_step[:-1]))


def _standard_moves(
    prices: NDArray[np.float64], bar_of_move: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Log moves over their root mean square within each bar: as large in calm as in a crash."""
    moves = np.diff(np.log(prices))
    counts = np.maximum(np.bincount(bar_of_move), 1)
    scale = np.sqrt(np.bincount(bar_of_move, moves**2) / counts)[bar_of_move]
    return np.divide(moves, scale, out=np.zeros_like(moves), where=scale > 0)


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
