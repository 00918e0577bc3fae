"""Portfolio margin of accounts that hold options alone, as one loop, compiled like `fused`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from abm.margin.fused import ENOUGH_POSITIONS, compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]


class PortfolioTables(NamedTuple):
    """What one contract is worth at every stress point, and what the method makes of it.

    Attributes
    ----------
    now : ndarray, shape (series,)
        Dollars for one contract.
    stressed : ndarray, shape (series, points)
        The same at each stress point.
    basis : ndarray, shape (series, 2)
        The same with the forward's basis up and down.
    expiry, strike : ndarray of int64, shape (series,)
        Number of its expiry, and of its strike among all strikes of all expiries.
    long_discount, short_discount, basis_weight : ndarray, shape (expiries,)
        Discounts of the stressed value of an expiry, by its sign; share of its basis loss.
    is_skew : ndarray of bool, shape (points,)
        Points that charge gains like losses.
    damping : ndarray, shape (points,)
        Share of the point's result that counts.
    strikes : int
        Number of strikes of all expiries together.
    maintenance_factor, initial_factor : float
        Multiples of the worst result.
    spot, maintenance_naked, initial_naked : float
        Dollars of the underlying, and the shares of it that a short needs which no long at its
        strike matches; the initial one on top.
    """

    now: Floats
    stressed: Floats
    basis: Floats
    expiry: NDArray[np.int64]
    strike: NDArray[np.int64]
    long_discount: Floats
    short_discount: Floats
    basis_weight: Floats
    is_skew: NDArray[np.bool_]
    damping: Floats
    strikes: int
    maintenance_factor: float
    initial_factor: float
    spot: float
    maintenance_naked: float
    initial_naked: float


def portfolio_requirements(
    positions: csr_array, tables: PortfolioTables
) -> tuple[Floats, Floats] | None:
    """Return the maintenance and the initial requirement of accounts, or None.

    Equal, to the last bit, to what `abm.margin.portfolio.StressedMarket.margins` leaves of their
    mark-to-market: the sums go in the same order, and nothing is contracted.

    Parameters
    ----------
    positions : csr_array of float64, shape (accounts, series)
        Contracts, short below 0.
    tables : PortfolioTables

    Returns
    -------
    tuple of ndarray, each of shape (accounts,), or None
        Dollars, at least 0; None where there are too few positions, or no Numba.
    """
    if positions.nnz < ENOUGH_POSITIONS or (kernel := compiled(margin_portfolios)) is None:
        return None
    maintenance, initial = np.empty(positions.shape[0]), np.empty(positions.shape[0])
    kernel(positions.indptr, positions.indices, positions.data, tables, maintenance, initial)
    return maintenance, initial


def margin_portfolios(  # noqa: C901 - one loop, for Numba compiles a function as a whole
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    data: Floats,
    tables: Any,  # noqa: ANN401 - PortfolioTables, whose rows Numba knows and mypy does not
    maintenance: Floats,
    initial: Floats,
) -> None:
    """Fill in the requirements of every account."""
    points = tables.stressed.shape[1]
    profit, sums, net = np.empty(points), np.empty(points), np.empty(tables.strikes)
    for account in range(len(maintenance)):
        first, last = indptr[account], indptr[account + 1]
        profit[:] = 0.0
        basis = mark_to_market = 0.0
        for expiry in range(len(tables.basis_weight)):
            sums[:] = 0.0
            before = up = down = 0.0
            is_held = False
            for entry in range(first, last):
                series = np.uint32(indices[entry])
                if tables.expiry[series] == expiry:
                    is_held = True
                    lots = data[entry]
                    row = tables.stressed[series]
                    for point in range(points):
                        sums[point] += lots * row[point]
                    before += lots * tables.now[series]
                    up += lots * tables.basis[series, 0]
                    down += lots * tables.basis[series, 1]
            if not is_held:
                continue
            mark_to_market += before
            long, short = tables.long_discount[expiry], tables.short_discount[expiry]
            for point in range(points):
                change = sums[point] * (long if sums[point] >= 0.0 else short) - before
                profit[point] += -abs(change) if tables.is_skew[point] else change
            basis += min(up - before, down - before, 0.0) * tables.basis_weight[expiry]
        worst = basis
        for point in range(points):
            worst = min(worst, profit[point] * tables.damping[point])
        net[:] = 0.0
        for entry in range(first, last):
            net[tables.strike[np.uint32(indices[entry])]] += data[entry]
        naked = 0.0
        for strike in range(len(net)):
            naked += max(-net[strike], 0.0)
        held = naked * tables.spot * tables.maintenance_naked
        extra = naked * tables.spot * tables.initial_naked
        left = worst * tables.maintenance_factor - held + mark_to_market
        maintenance[account] = max(mark_to_market - left, 0.0) + 0.0
        left = worst * tables.initial_factor - extra - held + mark_to_market
        initial[account] = max(mark_to_market - left, 0.0) + 0.0
