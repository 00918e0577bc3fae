"""Checks of what callers hand in: every error names the argument, the value and the rule."""

from __future__ import annotations

import difflib
import math
import reprlib
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Vector: TypeAlias = NDArray[np.float64]
    Mask: TypeAlias = NDArray[np.bool_]
    SparseNetwork: TypeAlias = sparse.csr_array[np.float64, tuple[int, int]]
    NetworkLike: TypeAlias = ArrayLike | sparse.sparray | sparse.spmatrix

__all__ = [
    "as_fraction",
    "as_matrix",
    "as_network",
    "as_number",
    "as_vector",
    "check_choice",
]


def check_choice(name: str, value: str, known: Sequence[str]) -> None:
    """Refuse a name that is not known, and offer the nearest that is.

    Raises
    ------
    ValueError
        If ``value`` is not among ``known``.

    Examples
    --------
    >>> check_choice("variant", "linar", ("linear", "single_hit"))
    Traceback (most recent call last):
    ...
    ValueError: variant is 'linar'; it must be one of linear, single_hit; nearest: linear
    """
    if value not in known:
        near = difflib.get_close_matches(value, known, n=1, cutoff=0.0)
        hint = f"; nearest: {near[0]}" if near else ""
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(known)}{hint}")


def as_number(
    name: str,
    value: float,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
) -> float:
    """Return a finite number within bounds, of which ``above`` is not allowed itself.

    Raises
    ------
    ValueError
        If the value is no number, not finite or outside the bounds.
    """
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is {reprlib.repr(value)}; it must be one number") from error
    if not (math.isfinite(number) and least <= number <= most and number > above):
        raise ValueError(f"{name} is {number}; it must be {_range(least, most, above)}")
    return number


def as_fraction(name: str, value: float) -> float:
    """Return a number from 0 to 1.

    Raises
    ------
    ValueError
        If the value is not finite or lies outside [0, 1].
    """
    return as_number(name, value, least=0.0, most=1.0)


def as_vector(
    name: str,
    values: ArrayLike,
    size: int | None = None,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
) -> Vector:
    """Return a float64 copy of one finite number for each node.

    Parameters
    ----------
    name : str
        The argument's name, for errors.
    values : array_like
        Numbers; a scalar stands for the same number everywhere if ``size`` is given.
    size : int, optional
        Length that is needed; any if None.
    least, most : float
        Bounds, both allowed.
    above : float
        Bound that is not allowed itself.

    Returns
    -------
    ndarray, shape (size,)

    Raises
    ------
    ValueError
        If the shape is another, or something is no number, not finite or outside the bounds.
    """
    vector = _as_array(name, values)
    if vector.ndim == 0 and size is not None:
        vector = np.full(size, vector)
    if vector.ndim != 1 or (size is not None and len(vector) != size):
        wanted = "(nodes,)" if size is None else f"({size},)"
        raise ValueError(f"{name} has shape {vector.shape}; it must be {wanted}")
    wrong = ~np.isfinite(vector) | (vector < least) | (vector > most) | (vector <= above)
    if wrong.any():
        place = int(np.argmax(wrong))
        rule = _range(least, most, above)
        raise ValueError(f"{name}[{place}] is {vector[place]}; it must be {rule}")
    return vector


def as_matrix(
    name: str, values: ArrayLike, rows: int | None = None, *, most: float = math.inf
) -> NDArray[np.float64]:
    """Return a dense float64 copy of a table of amounts, at least 0.

    Raises
    ------
    ValueError
        If there are not two axes or not as many rows as asked for, or a number is negative, not
        finite or above ``most``.
    """
    matrix = _as_array(name, values)
    if matrix.ndim != 2 or (rows is not None and len(matrix) != rows):  # noqa: PLR2004 - two axes
        wanted = "two axes" if rows is None else f"{rows} rows and two axes"
        raise ValueError(f"{name} has shape {matrix.shape}; it must have {wanted}")
    wrong = ~np.isfinite(matrix) | (matrix < 0.0) | (matrix > most)
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        rule = _range(0.0, most)
        raise ValueError(f"{name}[{row}, {column}] is {matrix[row, column]}; it must be {rule}")
    return matrix


def as_network(
    name: str, matrix: NetworkLike, size: int | None = None, *, loops: bool = False
) -> SparseNetwork:
    """Return a sparse float64 copy of a matrix between nodes, without stored zeros.

    Sparse even where the input is dense: SciPy multiplies sparse matrices in one fixed order, so
    no result depends on the number of threads.

    Parameters
    ----------
    name : str
        The argument's name, for errors.
    matrix : array_like or sparse matrix, shape (nodes, nodes)
        Amounts, at least 0.
    size : int, optional
        Number of nodes that is needed; any if None.
    loops : bool
        Whether the diagonal may differ from 0.

    Returns
    -------
    csr_array, shape (nodes, nodes)

    Raises
    ------
    ValueError
        If the matrix is not square or of another size, an entry is no real number, negative or not
        finite, or a node has an entry with itself.
    """
    given = matrix if sparse.issparse(matrix) else _as_array(name, cast("ArrayLike", matrix))
    shape = tuple(np.shape(given))
    if len(shape) != 2 or shape[0] != shape[1]:  # noqa: PLR2004 - a matrix has two axes
        raise ValueError(f"{name} has shape {shape}; it must be square, a row for each node")
    if size is not None and shape[0] != size:
        raise ValueError(f"{name} has shape {shape}; it must be ({size}, {size})")
    if np.iscomplexobj(given):
        raise ValueError(f"{name} holds complex numbers; it must hold real ones")
    network = cast("SparseNetwork", sparse.csr_array(given, dtype=np.float64, copy=True))
    network.sum_duplicates()
    network.eliminate_zeros()
    network.sort_indices()
    owner = np.repeat(np.arange(shape[0]), np.diff(network.indptr))
    for wrong, rule in (
        (~np.isfinite(network.data) | (network.data < 0), _range(0.0, math.inf)),
        ((owner == network.indices) & (not loops), "0: nobody has claims on itself"),
    ):
        if wrong.any():
            entry = int(np.argmax(wrong))
            place = f"{name}[{owner[entry]}, {network.indices[entry]}]"
            raise ValueError(f"{place} is {network.data[entry]}; it must be {rule}")
    return network


def _as_array(name: str, values: ArrayLike) -> NDArray[np.float64]:
    try:
        array = np.asarray(values)
        # Complex numbers would lose a part without an error; other things fail by themselves.
        return array.astype(
            np.float64, casting="same_kind" if array.dtype.kind == "c" else "unsafe"
        )
    except (TypeError, ValueError) as error:
        rule = "it must hold real numbers alone, in rows of one length"
        raise ValueError(f"{name} is {reprlib.repr(values)}; {rule}") from error


def _range(least: float, most: float, above: float = -math.inf) -> str:
    rules = [
        f"{word} {bound:g}"
        for word, bound in (("above", above), ("at least", least), ("at most", most))
        if math.isfinite(bound)
    ]
    return " and ".join(rules if math.isfinite(most) else ["finite", *rules])
