"""Claims between nodes, and what their holders lose on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from abm.contagion.inputs import as_network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.contagion.inputs import Mask, NetworkLike, SparseNetwork, Vector

__all__ = ["ClaimBook", "make_claim_book"]


@dataclass(frozen=True)
class ClaimBook:
    """All claims of a network, with the collateral that secures each.

    Attributes
    ----------
    claims : csr_array, shape (nodes, nodes)
        ``claims[i, j]`` is what j owes i, in dollars.
    holder : ndarray of int, shape (claims,)
        The row of every stored claim.
    collateral : ndarray, shape (claims,), or None
        Dollars that the holder of each claim keeps of its debtor; None if no claim is secured.
    """

    claims: SparseNetwork
    holder: NDArray[np.intp]
    collateral: Vector | None

    @property
    def size(self) -> int:
        """Number of nodes."""
        return int(self.claims.shape[0])

    def face_value(self) -> Vector:
        """Return what each node's claims are worth if all are paid, shape (nodes,)."""
        return self._by_holder(self.claims.data)

    def losses(self, worth: Vector) -> Vector:
        """Return what each node loses on its claims, after collateral.

        Parameters
        ----------
        worth : ndarray, shape (nodes,)
            Value of a claim of one dollar on each node, from 0 to 1.

        Returns
        -------
        ndarray, shape (nodes,)
            Dollars, at least 0.
        """
        if self.collateral is None:
            lost: Vector = self.claims @ np.maximum(1.0 - worth, 0.0)
            return lost
        return self._by_holder(np.maximum(self._uncovered(worth, self.collateral), 0.0))

    def exposed(self, worth: Vector) -> Mask:
        """Return which stored claims lose with the worth of their debtor, shape (claims,).

        Those are all without collateral, since what is unsecured moves at once.
        """
        if self.collateral is None:
            return np.ones(len(self.claims.data), dtype=bool)
        return self._uncovered(worth, self.collateral) > 0.0

    def sensitivity(self, exposed: Mask, slope: Vector) -> SparseNetwork:
        """Return how each node's equity answers to the equity of its debtors.

        Parameters
        ----------
        exposed : ndarray of bool, shape (claims,)
            Claims whose loss moves with the worth of their debtor.
        slope : ndarray, shape (nodes,)
            Change of the worth of a claim for one dollar of its debtor's equity.

        Returns
        -------
        csr_array, shape (nodes, nodes)
            Dollars for one dollar.
        """
        data = np.where(exposed, self.claims.data * slope[self.claims.indices], 0.0)
        return sparse.csr_array((data, self.claims.indices, self.claims.indptr), self.claims.shape)

    def _uncovered(self, worth: Vector, collateral: Vector) -> Vector:
        uncovered: Vector = self.claims.data * (1.0 - worth)[self.claims.indices] - collateral
        return uncovered

    def _by_holder(self, amounts: Vector) -> Vector:
        # Empty weights would count as integers.
        total = np.bincount(self.holder, weights=amounts, minlength=self.size)
        return total.astype(np.float64)


def make_claim_book(claims: SparseNetwork, collateral: NetworkLike | None = None) -> ClaimBook:
    """Return the claims with their collateral beside them.

    Parameters
    ----------
    claims : csr_array, shape (nodes, nodes)
        ``claims[i, j]`` is what j owes i, in dollars.
    collateral : array_like or sparse matrix, shape (nodes, nodes), optional
        ``collateral[i, j]`` is what i keeps of j, in dollars; it counts against a claim on the
        same node only.

    Returns
    -------
    ClaimBook

    Raises
    ------
    ValueError
        If the collateral has another shape, or an entry that is negative or not finite.
    """
    size = claims.shape[0]
    holder = np.repeat(np.arange(size), np.diff(claims.indptr))
    if collateral is None:
        return ClaimBook(claims, holder, None)
    held = as_network("collateral", collateral, size)
    # Both are sorted by row and column, so a claim's place is found by one number.
    claim_key = holder * size + claims.indices
    held_key = np.repeat(np.arange(size), np.diff(held.indptr)) * size + held.indices
    secured = np.zeros(claims.nnz)
    common = np.isin(held_key, claim_key)
    secured[np.searchsorted(claim_key, held_key[common])] = held.data[common]
    return ClaimBook(claims, holder, secured)
