"""Stress grids: the points over which a requirement is the worst loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from abm.scenario.market import StressGrid


@dataclass(frozen=True)
class StressPoints:
    """A stress grid as arrays.

    Attributes
    ----------
    price_factor : ndarray, shape (points,)
        Stressed over current price.
    volatility_factor : ndarray, shape (points,)
        Stressed over current implied volatility.
    cover : ndarray, shape (points,)
        Share of the point's profit or loss that counts.
    """

    price_factor: NDArray[np.float64]
    volatility_factor: NDArray[np.float64]
    cover: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.cover)


def span_points(grid: StressGrid) -> StressPoints:
    """Return the 16 points of SPAN.

    Points 1 to 14 move the price by 0, +-1/3, +-2/3 and +-1 scan ranges, each with volatility up
    and down; 15 and 16 are extreme moves of the price with volatility unchanged, of which a
    covered share counts.

    References
    ----------
    Chicago Mercantile Exchange, Standard Portfolio Analysis of Risk, risk arrays.
    """
    thirds = np.array([0, 1, -1, 2, -2, 3, -3]) / 3.0
    price = np.repeat(thirds, 2)
    volatility = np.tile([1.0, -1.0], len(thirds))
    extreme = np.array([1.0, -1.0]) * grid.extreme_multiple
    return StressPoints(
        price_factor=1.0
        + grid.price_scan_range * np.concatenate([price, _limited(extreme, grid.price_scan_range)]),
        volatility_factor=1.0
        + grid.volatility_scan_range * np.concatenate([volatility, [0.0, 0.0]]),
        cover=np.concatenate([np.ones(len(price)), np.full(2, grid.extreme_cover)]),
    )


def _limited(moves: NDArray[np.float64], scan_range: float) -> NDArray[np.float64]:
    """Keep extreme falls above a price of zero."""
    limited: NDArray[np.float64] = np.maximum(moves, -0.99 / scan_range)
    return limited


def scan_risk(profit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the worst loss over the points of an array.

    Parameters
    ----------
    profit : ndarray, shape (..., points)
        Profit at each stress point, a gain above 0, cover included.

    Returns
    -------
    ndarray, shape (...)
        At least 0.
    """
    risk: NDArray[np.float64] = np.maximum(-profit.min(axis=-1), 0.0)
    return risk


def span_total(
    scan: float,
    *,
    intermonth: float = 0.0,
    delivery: float = 0.0,
    intercommodity_credit: float = 0.0,
    short_option_minimum: float = 0.0,
) -> float:
    """Return SPAN's requirement from its parts, all in dollars and at least 0.

    >>> span_total(100.0, intermonth=10.0, intercommodity_credit=30.0, short_option_minimum=90.0)
    90.0
    """
    return max(scan + intermonth + delivery - intercommodity_credit, short_option_minimum)


GRIDS: dict[str, Callable[[StressGrid], StressPoints]] = {"span": span_points}
"""Every grid by the name that a scenario gives it; a new grid is one function and one line."""
