"""Exact solutions: where a valuation is linear, its fixed point is a linear system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import gmres, splu

if TYPE_CHECKING:
    from abm.contagion.claims import ClaimBook
    from abm.contagion.inputs import Mask, SparseNetwork, Vector

__all__ = ["LinearValuation", "PieceSolver"]

FIRST_TRY = 8
"""Steps on the same pieces before the linear system is tried; doubled after every try."""

GOOD_SHARE = 1e-14
"""Largest residual of an accepted solution, as a share of the balance sheet."""

REFINEMENTS = 4
KRYLOV_SHARE = 1e-9
KRYLOV_VECTORS = 20
KRYLOV_RESTARTS = 15

LARGEST_FACTORED = 2_000
RISES = 30


@dataclass(frozen=True)
class LinearValuation:
    """Worth of claims that is linear in the debtor's equity, between 0 and 1.

    Attributes
    ----------
    intercept : ndarray, shape (nodes,)
        Worth of one dollar owed by each node if its equity is 0.
    rate : ndarray, shape (nodes,)
        Change of that worth for one dollar of equity, at least 0.
    in_default_only : bool
        Whether claims on nodes that are not in default are worth their face value.
    """

    intercept: Vector
    rate: Vector
    in_default_only: bool = True

    def __call__(self, equity: Vector, defaulted: Mask) -> Vector:
        """Return the worth of one dollar owed by each node, shape (nodes,), from 0 to 1."""
        worth = np.clip(self.intercept + self.rate * equity, 0.0, 1.0)
        return np.where(defaulted, worth, 1.0) if self.in_default_only else worth

    def slope(self, equity: Vector, defaulted: Mask) -> Vector:
        """Return the change of worth for one dollar of equity, shape (nodes,); 0 where flat."""
        line = self.intercept + self.rate * equity
        moves = (line > 0.0) & (line < 1.0)
        return np.where(moves & defaulted if self.in_default_only else moves, self.rate, 0.0)


class Piece(NamedTuple):
    """Which branch of the map every node and claim is on."""

    slope: Vector
    exposed: Mask
    short: Mask

    def equals(self, other: Piece) -> bool:
        """Return whether the map is the same linear function on both."""
        return all(np.array_equal(mine, its) for mine, its in zip(self, other, strict=True))


class PieceSolver:
    """Tries the linear system of the current pieces once they have stood still for a while.

    A solution counts only if it lies on the very pieces it was computed for. The greatest solution
    lies below every iterate from above, and above any other solution; where an iterate and a
    solution share their pieces, the greatest one shares them too, and a regular linear system has
    no second solution. The same holds upside down from below.

    Parameters
    ----------
    book : ClaimBook
        The claims.
    face, slack, scale : ndarray, shape (nodes,)
        Equity if all claims are paid; equity below which a node defaults; size of the balance
        sheet. All in dollars.
    frozen : bool
        Whether the nodes in default stay the same until the iteration has settled; otherwise a
        solution must also leave the same nodes short.
    """

    def __init__(
        self, book: ClaimBook, face: Vector, slack: Vector, scale: Vector, *, frozen: bool
    ) -> None:
        self._book = book
        self._face = face
        self._slack = np.full_like(slack, -np.inf) if frozen else slack
        self._good = GOOD_SHARE * scale
        self._frozen = frozen
        self._piece: Piece | None = None
        self._still = 0
        self._next_try = FIRST_TRY

    def solve(self, equity: Vector, defaulted: Mask, valuation: LinearValuation) -> Vector:
        """Return the solution on the current pieces if it is due and holds, else ``equity``.

        Parameters
        ----------
        equity : ndarray, shape (nodes,)
            The current iterate, in dollars.
        defaulted : ndarray of bool, shape (nodes,)
            Nodes in default.
        valuation : LinearValuation
            Worth of claims.

        Returns
        -------
        ndarray, shape (nodes,)
            Dollars.
        """
        piece = self._piece_of(equity, defaulted, valuation)
        if self._piece is None or not piece.equals(self._piece):
            self._piece, self._still, self._next_try = piece, 0, FIRST_TRY
        self._still += 1
        if self._still < self._next_try:
            return equity
        self._next_try *= 2
        found = self._refine(equity, defaulted, valuation, piece)
        convex = valuation.in_default_only and self._book.collateral is None
        if found is None and self._frozen and convex:
            found = self._rise(defaulted, valuation)
        return equity if found is None else found

    def _refine(
        self, equity: Vector, defaulted: Mask, valuation: LinearValuation, piece: Piece
    ) -> Vector | None:
        """Solve the system of one piece; None if the solution lies elsewhere."""
        for _ in range(REFINEMENTS):
            step = self._newton_step(equity, defaulted, valuation, piece)
            if step is None:
                return None
            equity = equity + step
            if not self._piece_of(equity, defaulted, valuation).equals(piece):
                return None
            if (np.abs(self._residual(equity, defaulted, valuation)) <= self._good).all():
                return equity
        return None

    def _rise(self, defaulted: Mask, valuation: LinearValuation) -> Vector | None:
        """Solve from below, where defaulted nodes among themselves lack more than they owe.

        From above their payments run dry so slowly that the pieces of the solution are far away.
        With the same nodes in default the map is convex, so Newton's steps from worthless claims
        rise to its least solution. Another one would need a closed group of nodes that pass on
        exactly what they receive; a regular system, and nodes that pay nothing because they lack
        something, exclude it.
        """
        equity = self._face - self._book.losses(np.where(defaulted, 0.0, 1.0))
        for _ in range(RISES):
            piece = self._piece_of(equity, defaulted, valuation)
            found = self._refine(equity, defaulted, valuation, piece)
            if found is not None:
                line = valuation.intercept + valuation.rate * found
                return None if (np.abs(line[defaulted]) < GOOD_SHARE).any() else found
            step = self._newton_step(equity, defaulted, valuation, piece)
            if step is None:
                return None
            equity = equity + step
        return None

    def _piece_of(self, equity: Vector, defaulted: Mask, valuation: LinearValuation) -> Piece:
        return Piece(
            valuation.slope(equity, defaulted),
            self._book.exposed(valuation(equity, defaulted)),
            equity < self._slack,
        )

    def _residual(self, equity: Vector, defaulted: Mask, valuation: LinearValuation) -> Vector:
        return self._face - self._book.losses(valuation(equity, defaulted)) - equity

    def _newton_step(
        self, equity: Vector, defaulted: Mask, valuation: LinearValuation, piece: Piece
    ) -> Vector | None:
        residual = self._residual(equity, defaulted, valuation)
        moving = np.flatnonzero(piece.slope)
        inflow = self._book.sensitivity(piece.exposed, piece.slope)[:, moving]
        system = sparse.eye_array(len(moving), format="csr") - inflow[moving]
        step = _solve_system(system, residual[moving])
        return None if step is None else np.asarray(residual + inflow @ step)


def _solve_system(system: SparseNetwork, right: Vector) -> Vector | None:
    """Solve a linear system; None if it is singular or too hard.

    Krylov first: the factors of a random network fill up, and their rounding may depend on the
    number of threads. Long chains and rings are the other way round.
    """
    size = len(right)
    if size == 0:
        return right
    found, failed = gmres(
        system,
        right,
        rtol=KRYLOV_SHARE,
        restart=min(size, KRYLOV_VECTORS),
        maxiter=KRYLOV_RESTARTS,
    )
    if not failed:
        return found
    if size > LARGEST_FACTORED:
        return None
    try:
        exact: Vector = splu(system.tocsc()).solve(right)
    except RuntimeError:  # SuperLU: "Factor is exactly singular"
        return None
    return exact
