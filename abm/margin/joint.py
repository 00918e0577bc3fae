"""Several underlyings: SPAN's points with correlated shocks.

Every underlying leads in turn over the 16 points. The others move by their conditional expectation
given the leader's move, which for elliptical returns is the correlation times as many of their own
ranges; all volatilities move together. Worst losses over these points then come, as for one
underlying, from one product of the sparse positions with the table of changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.margin.checks import check_number, checked_numbers
from abm.margin.grids import moved_prices, span_moves
from abm.market.pricing import black_value

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

# Of a correlation matrix, which an estimate meets up to rounding.
ROUNDING = 1e-9
# A range is at most the furthest fall of a grid, which leaves 1 % of the price.
WIDEST_RANGE = 0.99


@dataclass(frozen=True)
class JointPoints:
    """A stress grid over several underlyings.

    Attributes
    ----------
    price_factor : ndarray, shape (underlyings, points)
        Stressed over current price.
    volatility_factor : ndarray, shape (underlyings, points)
        Stressed over current implied volatility.
    cover : ndarray, shape (points,)
        Share of the point's profit or loss that counts.
    """

    price_factor: Floats
    volatility_factor: Floats
    cover: Floats

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.cover)


def joint_span_points(
    price_scan_range: ArrayLike,
    volatility_scan_range: ArrayLike,
    correlation: ArrayLike,
    extreme_multiple: float,
    extreme_cover: float,
) -> JointPoints:
    """Return SPAN's 16 points for every underlying as the leader, 16 times their number in all.

    For one underlying these are exactly `span_points`. Two of equal ranges and a correlation of 1
    are charged as one. Merging two portfolios never needs more than the two alone, and nobody
    needs less than where only the own underlying leads.

    What the points do not see is a move of the others apart from their expectation. For positions
    that are linear in the price, x dollars for one range of each, a leader's point at one range is
    the loss (R x)_u, R the correlation; by Cauchy and Schwarz that is never more than the
    deviation sqrt(x' R x) of all together, and for a hedge much less: long 1 against short 1 at a
    correlation of 0.9 is charged 0.1, and its deviation is 0.45. Without correlation the charge is
    the larger of the two alone, 1, and the deviation 1.41. Where hedges across underlyings matter,
    a correlation below the estimate is the safe one.

    Parameters
    ----------
    price_scan_range : array_like, shape (underlyings,)
        Price move of each, a fraction of the price, above 0 and at most 0.99.
    volatility_scan_range : array_like, shape (underlyings,)
        Volatility move of each, a fraction of it, from 0 to 1.
    correlation : array_like, shape (underlyings, underlyings)
        Of the returns.
    extreme_multiple : float
        Extreme points of the leader in price scan ranges, at least 1.
    extreme_cover : float
        Share of the extreme points' loss that counts, above 0 and at most 1.

    Returns
    -------
    JointPoints
        Leader by leader; the points of one leader in the order of `span_points`.

    Raises
    ------
    ValueError
        If a number is not finite or out of its range, the shapes do not fit, or ``correlation`` is
        not symmetric, has a diagonal other than 1, or is not positive semidefinite, each to 1e-9.

    References
    ----------
    Points: `span_points`. Conditional expectation: R. A. Johnson and D. W. Wichern, Applied
    Multivariate Statistical Analysis (6th ed., 2007), result 4.6.

    Examples
    --------
    The first falls by its range of 0.3, so the second by half of its range of 0.2.

    >>> points = joint_span_points([0.3, 0.2], [0.3, 0.3], [[1, 0.5], [0.5, 1]], 3.0, 0.33)
    >>> len(points), points.price_factor[:, 12].tolist()
    (32, [0.7, 0.9])
    """
    ranges = checked_numbers("price_scan_range", price_scan_range, above=0.0, most=WIDEST_RANGE)
    if ranges.ndim != 1:
        raise ValueError(f"price_scan_range has shape {ranges.shape}; it must be (underlyings,)")
    volatility_ranges = checked_numbers(
        "volatility_scan_range", volatility_scan_range, least=0.0, most=1.0, shape=ranges.shape
    )
    matrix = _checked_correlation(correlation, len(ranges))
    check_number("extreme_multiple", extreme_multiple, least=1.0)
    check_number("extreme_cover", extreme_cover, above=0.0, most=1.0)
    moves = span_moves(extreme_multiple, extreme_cover)
    count = len(ranges)
    price = [
        moved_prices(np.multiply.outer(matrix[:, own], moves.price).ravel(), scan_range)
        for own, scan_range in enumerate(ranges.tolist())
    ]
    return JointPoints(
        price_factor=np.array(price).reshape(count, count * len(moves.cover)),
        volatility_factor=1.0
        + np.multiply.outer(volatility_ranges, np.tile(moves.volatility, count)),
        cover=np.tile(moves.cover, count),
    )


def joint_changes(
    prices: ArrayLike,
    underlying_of_series: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    is_call: ArrayLike,
    points: JointPoints,
) -> Floats:
    """Return the change in value of one contract of each series at each point.

    Positions, a sparse matrix of accounts by series, times this table are the profits of all
    accounts at all points, and `abm.margin.scan_risk` of these is the worst loss. The smile stays
    with the strike, as in `abm.margin.stress_changes`.

    Parameters
    ----------
    prices : array_like, shape (underlyings,)
        Dollars, above 0.
    underlying_of_series : array_like of int, shape (series,)
        Number of each series' underlying, from 0.
    strike : array_like, shape (series,)
        Dollars, above 0.
    years : array_like, shape (series,)
        Time to expiry in years, at least 0; at 0 a series is worth its payoff.
    volatility : array_like, shape (series,)
        Implied volatility, annualised, at least 0.
    is_call : array_like of bool, shape (series,)
        Call where true, put elsewhere.
    points : JointPoints
        As many underlyings as there are prices.

    Returns
    -------
    ndarray, shape (series, points)
        Dollars, times the point's cover.

    Raises
    ------
    ValueError
        If a number is not finite or out of its range, the shapes do not fit, or a series' number
        is not that of an underlying.

    Examples
    --------
    A call on the second underlying at expiry, 10 in the money: worth 0 after a fall by 10 %.

    >>> points = joint_span_points([0.3, 0.2], [0.3, 0.3], [[1, 0.5], [0.5, 1]], 3.0, 0.33)
    >>> joint_changes([50.0, 100.0], [1], [90.0], [0.0], [0.8], [True], points)[0, 12].round(9)
    np.float64(-10.0)
    """
    price = checked_numbers("prices", prices, above=0.0, shape=points.price_factor.shape[:1])
    owner = np.asarray(underlying_of_series)
    if owner.ndim != 1 or (len(owner) and owner.dtype.kind not in "iu"):
        raise ValueError(
            f"underlying_of_series has shape {owner.shape} and type {owner.dtype}; "
            "it must be (series,) and whole numbers"
        )
    owner = owner.astype(np.int64)
    checked_numbers("underlying_of_series", owner, least=0.0, most=len(price) - 1)
    struck = checked_numbers("strike", strike, above=0.0, shape=owner.shape)
    left = checked_numbers("years", years, least=0.0, shape=owner.shape)
    implied = checked_numbers("volatility", volatility, least=0.0, shape=owner.shape)
    call = np.asarray(is_call, dtype=np.bool_)
    if call.shape != owner.shape:
        raise ValueError(f"is_call has shape {call.shape}; it must be {owner.shape}")
    total = implied * np.sqrt(left)
    stressed = black_value(
        (price[:, np.newaxis] * points.price_factor)[owner],
        struck[:, np.newaxis],
        total[:, np.newaxis] * points.volatility_factor[owner],
        call[:, np.newaxis],
    )
    now = black_value(price[owner], struck, total, call)
    return (stressed - now[:, np.newaxis]) * points.cover


def _checked_correlation(values: ArrayLike, underlyings: int) -> Floats:
    matrix = checked_numbers("correlation", values, shape=(underlyings, underlyings))
    for row, column in np.argwhere(np.abs(matrix - matrix.T) > ROUNDING)[:1].tolist():
        raise ValueError(
            f"correlation[{row}, {column}] is {matrix[row, column]} and correlation[{column}, "
            f"{row}] is {matrix[column, row]}; it must be symmetric"
        )
    diagonal = np.diagonal(matrix)
    for place in np.flatnonzero(np.abs(diagonal - 1.0) > ROUNDING)[:1].tolist():
        raise ValueError(f"correlation[{place}, {place}] is {diagonal[place]}; it must be 1")
    lowest = float(np.linalg.eigvalsh(matrix).min(initial=0.0))
    if lowest < -ROUNDING:
        raise ValueError(
            f"correlation has the eigenvalue {lowest:.3g}; it must be positive semidefinite"
        )
    return matrix
