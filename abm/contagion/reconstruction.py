"""Unknown exposures from what each node has and owes in total."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from abm.contagion.inputs import as_vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from abm.contagion.inputs import Vector

__all__ = ["maximum_entropy", "minimum_density"]

TOTAL_SHARE = 1e-9
"""Largest difference of total claims and total debts, as a share of the total."""

FIT_SHARE = 1e-13


def maximum_entropy(
    claims: ArrayLike, debts: ArrayLike, *, max_iterations: int = 100_000
) -> NDArray[np.float64]:
    """Spread exposures as evenly as the totals allow, with nothing on the diagonal.

    Iterative proportional fitting (RAS) of a matrix of ones without diagonal. The result has as
    many links as there can be, which hides contagion through concentrated exposures.

    Parameters
    ----------
    claims : array_like, shape (nodes,)
        Total claims of each node, in dollars, at least 0.
    debts : array_like, shape (nodes,)
        Total debts of each node, in dollars, at least 0, with the same sum.
    max_iterations : int
        Fits of rows and columns before the search gives up.

    Returns
    -------
    ndarray, shape (nodes, nodes)
        ``[i, j]`` is the claim of i on j, in dollars; rows sum to ``claims``, columns to ``debts``.

    Raises
    ------
    ValueError
        If a shape is wrong, an amount negative or not finite, the sums differ, or one node's claims
        and debts exceed the total: then it must have claims on itself.
    RuntimeError
        If the totals are not met after ``max_iterations``.

    References
    ----------
    Upper and Worm 2004, "Estimating bilateral exposures in the German interbank market", European
    Economic Review 48(4), doi:10.1016/j.euroecorev.2003.12.009, section 3.

    Examples
    --------
    >>> maximum_entropy([2, 2, 2], [2, 2, 2])
    array([[0., 1., 1.],
           [1., 0., 1.],
           [1., 1., 0.]])
    """
    rows, columns = _totals(claims, debts)
    hubs = np.flatnonzero(rows + columns >= rows.sum() * (1.0 - TOTAL_SHARE))
    if len(hubs):
        return _star(int(hubs[0]), rows, columns)
    # Off the diagonal the fit is row_factor[i] * column_factor[j]; the factors are all it needs.
    row_factor = np.ones(len(rows))
    column_factor = np.where(columns > 0.0, 1.0, 0.0)
    for _ in range(max_iterations):
        row_factor = _ratio(rows, column_factor.sum() - column_factor)
        column_factor = _ratio(columns, row_factor.sum() - row_factor)
        fitted = row_factor * (column_factor.sum() - column_factor)
        if (np.abs(fitted - rows) <= FIT_SHARE * rows).all():
            matrix = np.outer(row_factor, column_factor)
            np.fill_diagonal(matrix, 0.0)
            return matrix
    raise RuntimeError(f"the totals are not met after max_iterations = {max_iterations} fits")


def minimum_density(
    claims: ArrayLike, debts: ArrayLike, *, node_limit: int = 0
) -> NDArray[np.float64]:
    """Meet the totals with as few links as can be found, with nothing on the diagonal.

    The largest claim meets the largest debt, or one of its own size, again and again: that takes at
    most one link for each total. An integer program may look for fewer. The result is concentrated,
    which overstates contagion by single exposures.

    Parameters
    ----------
    claims : array_like, shape (nodes,)
        Total claims of each node, in dollars, at least 0.
    debts : array_like, shape (nodes,)
        Total debts of each node, in dollars, at least 0, with the same sum.
    node_limit : int
        Branches that the integer program may explore, at least 0. With 0 there is no program, which
        is all that large networks can afford: a thousand branches take seconds for ten nodes.

    Returns
    -------
    ndarray, shape (nodes, nodes)
        ``[i, j]`` is the claim of i on j, in dollars; rows sum to ``claims``, columns to ``debts``.

    Raises
    ------
    ValueError
        If a shape is wrong, an amount negative or not finite, the sums differ, one node's claims
        and debts exceed the total, or the limit is negative.

    References
    ----------
    Anand, Craig and von Peter 2015, "Filling in the blanks: network structure and interbank
    contagion", Quantitative Finance 15(4), doi:10.1080/14697688.2014.968195, equation 1; they
    search at random.

    Examples
    --------
    Four links would spread the claims; two are enough, since 5 and 2 are owed whole.

    >>> minimum_density([5, 2, 0, 0], [0, 0, 2, 5])
    array([[0., 0., 0., 5.],
           [0., 0., 2., 0.],
           [0., 0., 0., 0.],
           [0., 0., 0., 0.]])
    """
    rows, columns = _totals(claims, debts)
    if node_limit < 0:
        raise ValueError(f"node_limit is {node_limit}; it must be at least 0")
    guess = _largest_first(rows, columns)
    if node_limit == 0 or not guess.any():
        return guess
    links = _fewest_links(rows, columns, int(np.count_nonzero(guess)), node_limit)
    fewer = None if links is None else _peel(rows, columns, links)
    return guess if fewer is None else fewer


def _largest_first(rows: Vector, columns: Vector) -> NDArray[np.float64]:
    claim, debt = rows.copy(), columns.copy()
    matrix = np.zeros((len(rows), len(rows)))
    while claim.any():
        holder = int(np.argmax(claim))
        others = np.where(np.arange(len(debt)) == holder, 0.0, debt)
        equal = np.flatnonzero(others == claim[holder])
        debtor = int(equal[0]) if len(equal) else int(np.argmax(others))
        # What a third node has and owes must fit into what is left, or its claims meet itself.
        room = claim.sum() - claim - debt
        room[[holder, debtor]] = np.inf
        amount = min(claim[holder], others[debtor], float(room.min()))
        if amount <= TOTAL_SHARE * min(claim[holder], others[debtor]):
            return matrix + _star(int(np.argmin(room)), claim, debt)
        matrix[holder, debtor] += amount
        claim[holder] -= amount
        debt[debtor] -= amount
    return matrix


def _fewest_links(
    rows: Vector, columns: Vector, known: int, node_limit: int
) -> NDArray[np.intp] | None:
    """Return pairs (holder, debtor), fewer than ``known``, or None."""
    from scipy.optimize import (  # noqa: PLC0415 - large, and no run needs it
        Bounds,
        LinearConstraint,
        milp,
    )

    pairs = np.argwhere(np.outer(rows, columns) > 0.0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    count = len(pairs)
    most = np.minimum(rows[pairs[:, 0]], columns[pairs[:, 1]])
    # Flows count as shares of the most that a link can carry, and totals as 1, so that the
    # program's tolerances mean the same for small nodes and large ones.
    place = np.arange(count)
    held = sparse.csr_array(
        (most / rows[pairs[:, 0]], (pairs[:, 0], place)), shape=(len(rows), count)
    )
    owed = sparse.csr_array(
        (most / columns[pairs[:, 1]], (pairs[:, 1], place)), shape=(len(rows), count)
    )
    flows = sparse.vstack([held[rows > 0.0], owed[columns > 0.0]])
    none = sparse.csr_array(flows.shape)
    unit = sparse.eye_array(count)
    found = milp(
        np.r_[np.zeros(count), np.ones(count)],
        integrality=np.r_[np.zeros(count), np.ones(count)],
        bounds=Bounds(0.0, 1.0),
        constraints=[
            LinearConstraint(sparse.hstack([flows, none]), 1.0, 1.0),
            LinearConstraint(sparse.hstack([unit, -unit]), -np.inf, 0.0),
            LinearConstraint(np.r_[np.zeros(count), np.ones(count)][np.newaxis], 0.0, known - 1),
        ],
        options={"node_limit": node_limit},
    )
    return None if found.x is None else pairs[found.x[count:] > 1 / 2]


def _peel(rows: Vector, columns: Vector, links: NDArray[np.intp]) -> NDArray[np.float64] | None:
    """Return the one flow along links without cycles, or None if they carry none.

    The program's own flows are rounded; from the ends of the branches they follow exactly.
    """
    size = len(rows)
    left = np.concatenate([rows, columns])
    matrix = np.zeros((size, size))
    remaining = links + np.array([0, size])
    while len(remaining):
        single = np.bincount(remaining.ravel(), minlength=2 * size) == 1
        ends = np.flatnonzero(single[remaining].any(axis=1))
        if len(ends) == 0:
            return None
        holder, debtor = remaining[ends[0]].tolist()
        amount = left[holder] if single[holder] else left[debtor]
        matrix[holder, debtor - size] = amount
        left[[holder, debtor]] -= amount
        remaining = np.delete(remaining, ends[0], axis=0)
    met = np.abs(left).max() <= TOTAL_SHARE * rows.sum() and matrix.min() >= 0.0
    return matrix if met else None


def _totals(claims: ArrayLike, debts: ArrayLike) -> tuple[Vector, Vector]:
    rows = as_vector("claims", claims, least=0.0)
    columns = as_vector("debts", debts, len(rows), least=0.0)
    total = float(rows.sum())
    if abs(total - columns.sum()) > TOTAL_SHARE * total:
        raise ValueError(f"debts sum to {columns.sum()}; they must sum to those of claims, {total}")
    over = rows + columns > total * (1.0 + TOTAL_SHARE)
    if over.any():
        node = int(np.argmax(over))
        raise ValueError(
            f"claims[{node}] and debts[{node}] sum to {rows[node] + columns[node]}; "
            f"they must not exceed the total {total}, or the node has claims on itself"
        )
    return rows, columns


def _star(hub: int, rows: Vector, columns: Vector) -> NDArray[np.float64]:
    """Return the only exposures there can be if every claim is on or of one node."""
    matrix = np.zeros((len(rows), len(rows)))
    matrix[hub] = columns
    matrix[:, hub] = rows
    matrix[hub, hub] = 0.0
    return matrix


def _ratio(wanted: Vector, there: Vector) -> Vector:
    return wanted / np.where(wanted > 0.0, there, 1.0)
