"""Stress grids: the points over which a requirement is the worst loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.margin.checks import check_number

if TYPE_CHECKING:
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
    moves = span_moves(grid.extreme_multiple, grid.extreme_cover)
    return StressPoints(
        price_factor=moved_prices(moves.price, grid.price_scan_range),
        volatility_factor=1.0 + grid.volatility_scan_range * moves.volatility,
        cover=moves.cover,
    )


@dataclass(frozen=True)
class SpanMoves:
    """SPAN's points in scan ranges, before anyone has said how wide these are.

    Attributes
    ----------
    price, volatility : ndarray, shape (16,)
        Moves in scan ranges, a rise above 0.
    cover : ndarray, shape (16,)
        Share of the point's profit or loss that counts.
    """

    price: NDArray[np.float64]
    volatility: NDArray[np.float64]
    cover: NDArray[np.float64]


def span_moves(extreme_multiple: float, extreme_cover: float) -> SpanMoves:
    """Return the moves of `span_points`: 14 within the ranges and two extreme ones."""
    thirds = np.array([0, 1, -1, 2, -2, 3, -3]) / 3.0
    extreme = np.array([1.0, -1.0]) * extreme_multiple
    return SpanMoves(
        price=np.concatenate([np.repeat(thirds, 2), extreme]),
        volatility=np.concatenate([np.tile([1.0, -1.0], len(thirds)), [0.0, 0.0]]),
        cover=np.concatenate([np.ones(2 * len(thirds)), np.full(2, extreme_cover)]),
    )


def moved_prices(moves: NDArray[np.float64], scan_range: float) -> NDArray[np.float64]:
    """Return the price factors of moves in scan ranges; falls stop above a price of zero."""
    factors: NDArray[np.float64] = 1.0 + scan_range * np.maximum(moves, -0.99 / scan_range)
    return factors


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

    Raises
    ------
    ValueError
        If a part is below 0 or not finite.

    >>> span_total(100.0, intermonth=10.0, intercommodity_credit=30.0, short_option_minimum=90.0)
    90.0
    """
    parts = {
        "scan": scan,
        "intermonth": intermonth,
        "delivery": delivery,
        "intercommodity_credit": intercommodity_credit,
        "short_option_minimum": short_option_minimum,
    }
    for name, part in parts.items():
        check_number(name, part, least=0.0)
    return max(scan + intermonth + delivery - intercommodity_credit, short_option_minimum)
