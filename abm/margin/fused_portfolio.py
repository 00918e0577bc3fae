"""Portfolio margin of accounts that hold options alone, as one loop, compiled like `fused`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from abm.margin.fused import ENOUGH_POSITIONS, compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]

# Two numbers have the same sum in any order.
ANY_ORDER = 2


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
    expiry, strike : ndarray of uint32, shape (series,)
        Number of its expiry, and of its strike among all strikes of all expiries.
    long_discount, short_discount, basis_weight : ndarray, shape (expiries,)
        Discounts of the stressed value of an expiry, by its sign; share of its basis loss.
    skew : ndarray, shape (points,)
        1 at points that charge gains like losses, 0 elsewhere.
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
    expiry: NDArray[np.uint32]
    strike: NDArray[np.uint32]
    long_discount: Floats
    short_discount: Floats
    basis_weight: Floats
    skew: Floats
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
    expiries, points = len(tables.basis_weight), tables.stressed.shape[1]
    # Empty between two accounts: who holds little clears little.
    sums, net = np.zeros((expiries, points)), np.zeros(tables.strikes)
    now, up, down = np.zeros(expiries), np.zeros(expiries), np.zeros(expiries)
    is_held = np.zeros(expiries, np.bool_)
    profit = np.empty(points)
    for account in range(len(maintenance)):
        held = indices[indptr[account] : indptr[account + 1]]
        lots = data[indptr[account] : indptr[account + 1]]
        for entry in range(len(held)):
            # An unsigned index is looked up as it is, without a turn to count from the end.
            series = np.uint32(held[entry])
            expiry = tables.expiry[series]
            total, row = sums[expiry], tables.stressed[series]
            for point in range(points):
                total[point] += lots[entry] * row[point]
            now[expiry] += lots[entry] * tables.now[series]
            up[expiry] += lots[entry] * tables.basis[series, 0]
            down[expiry] += lots[entry] * tables.basis[series, 1]
            is_held[expiry] = True
            net[tables.strike[series]] += lots[entry]
        profit[:] = 0.0
        worst = mark_to_market = 0.0
        for expiry in range(expiries):
            if not is_held[expiry]:
                continue
            before, total = now[expiry], sums[expiry]
            mark_to_market += before
            long, short = tables.long_discount[expiry], tables.short_discount[expiry]
            for point in range(points):
                value = total[point]
                change = value * (long if value >= 0.0 else short) - before
                profit[point] += -abs(change) if tables.skew[point] > 0.0 else change
                total[point] = 0.0
            move = min(up[expiry] - before, down[expiry] - before, 0.0)
            worst += move * tables.basis_weight[expiry]
            now[expiry] = up[expiry] = down[expiry] = 0.0
            is_held[expiry] = False
        for point in range(points):
            worst = min(worst, profit[point] * tables.damping[point])
        naked, shorts = 0.0, 0
        for entry in range(len(held)):
            strike = tables.strike[np.uint32(held[entry])]
            short = max(-net[strike], 0.0)
            net[strike] = 0.0
            naked += short
            shorts += short > 0.0
        if shorts > ANY_ORDER:
            # Strike by strike, as the products do.
            naked = 0.0
            for entry in range(len(held)):
                net[tables.strike[np.uint32(held[entry])]] += lots[entry]
            for strike in range(len(net)):
                naked += max(-net[strike], 0.0)
                net[strike] = 0.0
        charge = naked * tables.spot * tables.maintenance_naked
        extra = naked * tables.spot * tables.initial_naked
        left = worst * tables.maintenance_factor - charge + mark_to_market
        maintenance[account] = max(mark_to_market - left, 0.0) + 0.0
        left = worst * tables.initial_factor - extra - charge + mark_to_market
        initial[account] = max(mark_to_market - left, 0.0) + 0.0
