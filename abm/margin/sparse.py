"""Sparse matrices from arrays that are known to be right."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


def assembled(
    data: NDArray[np.float64],
    indices: NDArray[np.integer[Any]],
    indptr: NDArray[np.integer[Any]],
    columns: int,
) -> csr_array:
    """Return a matrix of these arrays as they are.

    SciPy's own constructor checks and converts them, which takes longer than a product of a small
    matrix.

    Parameters
    ----------
    data : ndarray, shape (entries,)
        Values, row by row.
    indices : ndarray of int, shape (entries,)
        Column of each, below ``columns``.
    indptr : ndarray of int, shape (rows + 1,)
        First entry of each row, and the number of all.
    columns : int
        Width of the matrix.
    """
    # Of type Any: the type stubs know index arrays of 32 bits alone. `copy.copy` would do the same
    # by way of pickling, ten times as slowly.
    matrix: Any = object.__new__(csr_array)
    matrix.__dict__.update(_empty(len(indptr) - 1, columns).__dict__)
    matrix.data, matrix.indices, matrix.indptr = data, indices, indptr
    result: csr_array = matrix
    return result


def row_blocks(matrix: csr_array, size: int) -> Iterator[tuple[slice, csr_array]]:
    """Iterate over a matrix in blocks of rows, each with the slice of the rows it is.

    Examples
    --------
    >>> import numpy as np
    >>> for rows, block in row_blocks(csr_array(np.eye(3)), 2):
    ...     print(rows, block.shape)
    slice(0, 2, None) (2, 3)
    slice(2, 3, None) (1, 3)
    """
    rows, columns = matrix.shape
    if rows <= size:
        yield slice(0, rows), matrix
        return
    indptr, indices, data = matrix.indptr, matrix.indices, matrix.data
    for first in range(0, rows, size):
        last = min(first + size, rows)
        start, stop = int(indptr[first]), int(indptr[last])
        starts = indptr[first : last + 1] - start
        yield (
            slice(first, last),
            assembled(data[start:stop], indices[start:stop], starts, columns),
        )


@lru_cache(maxsize=1_024)
def _empty(rows: int, columns: int) -> csr_array:
    return csr_array((rows, columns), dtype=np.float64)
