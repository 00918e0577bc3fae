"""Portfolio margin of accounts that hold options alone, as one loop, compiled like `fused`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from abm.margin.fused import ENOUGH_POSITIONS, aligned_zeros, compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]

# Two numbers have the same sum in any order; so have whole numbers up to this size.
ANY_ORDER = 2
EXACT = 2.0**32
# Numbers looked at together.
CHUNK = 32_768


class PortfolioTables(NamedTuple):
    """What one contract is worth at every stress point, and what the method makes of it.

    Attributes
    ----------
    marks : ndarray, shape (series, 4)
        Dollars for one contract: now, and with the forward's basis up and down; the last is 0.
    stressed : ndarray, shape (series, points)
        The same at each stress point.
    expiry, strike : ndarray of uint32, shape (series,)
        Number of its expiry, and of its strike among all strikes of all expiries.
    long_discount, short_discount, basis_weight : ndarray, shape (expiries,)
        Discounts of the stressed value of an expiry, by its sign; share of its basis loss.
    turned : ndarray, shape (points,)
        -1 at points that charge gains like losses, 1 elsewhere.
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

    marks: Floats
    stressed: Floats
    expiry: NDArray[np.uint32]
    strike: NDArray[np.uint32]
    long_discount: Floats
    short_discount: Floats
    basis_weight: Floats
    turned: Floats
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
    kernel(
        positions.indptr,
        positions.indices,
        positions.data,
        tables,
        working_space(tables),
        maintenance,
        initial,
        None if are_whole(positions.data) else True,
    )
    return maintenance, initial


def are_whole(numbers: Floats) -> bool:
    """Return whether the sum of the numbers is exact, and so the same, in any order.

    >>> are_whole(np.array([3.0, -2.0])), are_whole(np.array([3.0, 0.5]))
    (True, False)
    """
    chunks = (numbers[first : first + CHUNK] for first in range(0, len(numbers), CHUNK))
    return all(
        bool(np.array_equal(np.rint(chunk), chunk)) and -EXACT < chunk.min() <= chunk.max() < EXACT
        for chunk in chunks
    )


def working_space(tables: PortfolioTables) -> tuple[Floats, Floats, Floats]:
    """Return what the loop works in: sums of expiries at all points and now, and one profit."""
    expiries, points = len(tables.basis_weight), tables.stressed.shape[1]
    return (
        aligned_zeros(expiries, points),
        aligned_zeros(expiries, tables.marks.shape[1]),
        aligned_zeros(1, points),
    )


def margin_portfolios(  # noqa: C901 - one loop, for Numba compiles a function as a whole
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    data: Floats,
    tables: Any,  # noqa: ANN401 - PortfolioTables, whose rows Numba knows and mypy does not
    work: tuple[Floats, Floats, Floats],
    maintenance: Floats,
    initial: Floats,
    in_order: bool | None,  # noqa: FBT001 - Numba leaves out what None makes needless
) -> None:
    """Fill in the requirements of every account; naked shorts in order of strikes unless None."""
    expiries, points = len(tables.basis_weight), tables.stressed.shape[1]
    # Empty between two accounts: who holds little clears little.
    sums, near, profits = work
    net, is_held = np.zeros(tables.strikes), np.zeros(expiries, np.bool_)
    profit = profits[0]
    for account in range(len(maintenance)):
        held = indices[indptr[account] : indptr[account + 1]]
        lots = data[indptr[account] : indptr[account + 1]]
        for entry in range(len(held)):
            # An unsigned index is looked up as it is, without a turn to count from the end.
            series, size = np.uint32(held[entry]), lots[entry]
            expiry = tables.expiry[series]
            total, row = sums[expiry], tables.stressed[series]
            for point in range(points):
                total[point] += size * row[point]
            # All three are read before one is written, so that they may be read at once.
            now, up, down = (
                size * tables.marks[series, 0],
                size * tables.marks[series, 1],
                size * tables.marks[series, 2],
            )
            near[expiry, 0] += now
            near[expiry, 1] += up
            near[expiry, 2] += down
            is_held[expiry] = True
            net[tables.strike[series]] += size
        profit[:] = 0.0
        worst = mark_to_market = 0.0
        for expiry in range(expiries):
            if not is_held[expiry]:
                continue
            before, total = near[expiry, 0], sums[expiry]
            mark_to_market += before
            long, short = tables.long_discount[expiry], tables.short_discount[expiry]
            for point in range(points):
                value = total[point]
                change = value * (long if value >= 0.0 else short) - before
                profit[point] += min(change, change * tables.turned[point])
                total[point] = 0.0
            move = min(near[expiry, 1] - before, near[expiry, 2] - before, 0.0)
            worst += move * tables.basis_weight[expiry]
            near[expiry, 0] = near[expiry, 1] = near[expiry, 2] = 0.0
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
        if in_order is not None and shorts > ANY_ORDER:
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
