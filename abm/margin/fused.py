"""The pass of SPAN as one loop over accounts, compiled where Numba is there."""

from __future__ import annotations

import math
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]
    Kernel = Callable[..., None]

# Points that the loops take at once: what is left over would be taken one by one.
POINTS_AT_ONCE = 16
# Bytes that a processor's memory moves at once.
LINE = 64
# Positions from which the loop is worth half a second, once in a process, for loading Numba.
ENOUGH_POSITIONS = 30_000


def worst_losses(
    positions: csr_array, changes: Floats, values: Floats, short_minimum: float
) -> tuple[Floats, Floats] | None:
    """Return the mark-to-market and the maintenance requirement of accounts, or None.

    Equal, to the last bit, to `abm.margin.span_method.PreparedSpan`'s own products: the sums go
    in the same order, and nothing is contracted.

    Parameters
    ----------
    positions : csr_array of float64, shape (accounts, instruments)
        Contracts, short below 0.
    changes : ndarray, shape (instruments, points)
        Dollars of profit of one contract at each stress point.
    values : ndarray, shape (instruments,)
        Dollars for one contract.
    short_minimum : float
        Dollars that a short contract needs at least.

    Returns
    -------
    tuple of ndarray, each of shape (accounts,), or None
        None where there are too few positions, or no Numba.
    """
    if positions.nnz < ENOUGH_POSITIONS or (kernel := compiled(margin_accounts)) is None:
        return None
    worth, maintenance = np.empty(positions.shape[0]), np.empty(positions.shape[0])
    rows = aligned(changes[:, whole_points(changes.shape[1])])
    kernel(
        positions.indptr,
        positions.indices,
        positions.data,
        rows,
        values,
        short_minimum,
        aligned_zeros(1, rows.shape[1]),
        worth,
        maintenance,
    )
    return worth, maintenance


def whole_points(points: int) -> NDArray[np.int64]:
    """Return the numbers of points, the last one again until the loops take none alone.

    A point that comes twice changes no worst loss.

    >>> whole_points(31).tolist() == [*range(31), 30]
    True
    """
    filled = -(-points // POINTS_AT_ONCE) * POINTS_AT_ONCE
    return np.minimum(np.arange(filled), points - 1)


def aligned(table: Floats) -> Floats:
    """Return a copy of a table, row by row, that starts at a whole line of memory.

    A vector that lies across two lines is read and written twice.

    >>> bool(np.all(aligned(np.eye(16)) == np.eye(16)))
    True
    """
    copy = aligned_zeros(*table.shape)
    copy[...] = table
    return copy


def aligned_zeros(*shape: int) -> Floats:
    """Return zeros that start at a whole line of memory.

    >>> aligned_zeros(2, 16).ctypes.data % 64
    0
    """
    space = np.zeros(math.prod(shape) * 8 + LINE, dtype=np.uint8)
    first = -space.ctypes.data % LINE
    return space[first : first + math.prod(shape) * 8].view(np.float64).reshape(shape)


@cache
def compiled(loop: Kernel) -> Kernel | None:
    """Return a loop compiled, or None without Numba.

    It is kept from process to process where there is a folder to keep it in.
    """
    try:
        numba: Any = import_module("numba")
    except ImportError:
        return None
    kernel: Kernel
    try:
        kernel = numba.njit(cache=True)(loop)
    except RuntimeError:
        kernel = numba.njit(loop)
    return kernel


def margin_accounts(
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    data: Floats,
    changes: Floats,
    values: Floats,
    short_minimum: float,
    work: Floats,
    worth: Floats,
    maintenance: Floats,
) -> None:
    """Fill in the mark-to-market and the maintenance requirement of every account."""
    profit = work[0]
    for account in range(len(worth)):
        profit[:] = 0.0
        value = shorts = 0.0
        for entry in range(indptr[account], indptr[account + 1]):
            lots = data[entry]
            # An unsigned index is looked up as it is, without a turn to count from the end.
            series = np.uint32(indices[entry])
            row = changes[series]
            for point in range(len(profit)):
                profit[point] += lots * row[point]
            value += lots * values[series]
            shorts -= min(lots, 0.0) * short_minimum
        worst = 0.0
        for point in range(len(profit)):
            worst = min(worst, profit[point])
        worth[account] = value
        # Minus nothing is nothing.
        maintenance[account] = max(-worst, shorts) + 0.0
