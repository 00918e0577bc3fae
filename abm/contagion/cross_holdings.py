"""Cross-holdings of shares: who finally owns whose assets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.contagion.inputs import as_network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.contagion.inputs import NetworkLike

__all__ = ["dependency_matrix"]


def dependency_matrix(holdings: NetworkLike) -> NDArray[np.float64]:
    """Share of each node's assets that the outside owners of each node finally own.

    ``A = C_outside (I - C)^-1``, where C are the holdings and C_outside is diagonal with the shares
    that no node holds.

    Parameters
    ----------
    holdings : array_like or sparse matrix, shape (nodes, nodes)
        ``holdings[i, j]`` is the share of j that i holds; the diagonal is 0, and each column sums
        to less than 1: somebody outside owns a part of every node.

    Returns
    -------
    ndarray, shape (nodes, nodes)
        ``[i, j]`` is the share of j's assets that belongs to the outside owners of i; columns sum
        to 1.

    Raises
    ------
    ValueError
        If the matrix is not square, an entry negative or not finite, the diagonal not 0, or a
        column sums to 1 or more.

    References
    ----------
    Elliott, Golub and Jackson 2014, "Financial networks and contagion", American Economic Review
    104(10), doi:10.1257/aer.104.10.3115, equation 4.

    Examples
    --------
    Two nodes hold half of each other: of a dollar in the first, its owners get 1/2 at once, 1/8
    by way of the other, and so on: 1/2 / (1 - 1/4) = 2/3.

    >>> dependency_matrix([[0, 0.5], [0.5, 0]]).round(6)
    array([[0.666667, 0.333333],
           [0.333333, 0.666667]])
    """
    held = as_network("holdings", holdings).toarray()
    inside = held.sum(axis=0)
    if (inside >= 1.0).any():
        node = int(np.argmax(inside >= 1.0))
        raise ValueError(
            f"holdings of node {node} sum to {inside[node]}; they must sum to less than 1"
        )
    through = np.linalg.inv(np.eye(len(held)) - held)
    final: NDArray[np.float64] = (1.0 - inside)[:, np.newaxis] * through
    return final
