"""Cascades of defaults in which a creditor loses a fixed share of its claim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.contagion.inputs import as_network, as_vector
from abm.contagion.pieces import LinearValuation
from abm.contagion.valuation import in_any, solve_valuation

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from abm.contagion.inputs import Mask, NetworkLike, Vector
    from abm.contagion.valuation import Tie

__all__ = ["Cascade", "default_cascade"]


@dataclass(frozen=True)
class Cascade:
    """Where a cascade came to rest.

    Attributes
    ----------
    equity : ndarray, shape (nodes,)
        Dollars; below 0 for nodes whose losses exceed their buffer.
    defaults_by_round : tuple of tuple of int
        The nodes that default in each round; the first are those that the shock itself ruins.
    """

    equity: Vector
    defaults_by_round: tuple[tuple[int, ...], ...]

    @property
    def defaulted(self) -> Mask:
        """Which nodes default, shape (nodes,)."""
        return in_any(self.defaults_by_round, len(self.equity))

    @property
    def defaults(self) -> int:
        """Number of nodes that default."""
        return sum(len(nodes) for nodes in self.defaults_by_round)


def default_cascade(
    exposures: NetworkLike,
    equity: ArrayLike,
    *,
    recovery: ArrayLike = 0.0,
    collateral: NetworkLike | None = None,
    scale: ArrayLike | None = None,
    tie: Tie = "survives",
) -> Cascade:
    """Let defaults spread: every creditor of a node in default writes its claim down.

    With no recovery this is an upper bound of the losses that defaults themselves can cause, since
    nothing of a defaulted claim comes back while the cascade lasts.

    Parameters
    ----------
    exposures : array_like or sparse matrix, shape (nodes, nodes)
        ``exposures[i, j]`` is the claim of i on j, in dollars, at least 0; the diagonal is 0.
    equity : array_like, shape (nodes,)
        Equity after the shock, with all claims at face value, in dollars.
    recovery : array_like, shape (nodes,), or float
        Share of its debts that each node pays in default, from 0 to 1.
    collateral : array_like or sparse matrix, shape (nodes, nodes), optional
        ``collateral[i, j]`` is what i keeps of j and sets against its loss, in dollars.
    scale : array_like, shape (nodes,), optional
        Size of each balance sheet in dollars, at least 0: an equity within 1e-12 of it counts as 0,
        as rounding of assets less debts may leave it. If None, what is known here, the absolute
        equity plus all exposures to and of a node.
    tie : {"survives", "defaults"}
        What a node does whose losses equal its buffer, equity 0.

    Returns
    -------
    Cascade

    Raises
    ------
    ValueError
        If a shape is wrong, an exposure negative, an amount not finite, a recovery outside [0, 1],
        or the tie rule unknown.

    References
    ----------
    Furfine 2003, "Interbank exposures: quantifying the risk of contagion", Journal of Money, Credit
    and Banking 35(1), doi:10.1353/mcb.2003.0004.

    Examples
    --------
    Node 0 fails and takes 5 from node 1, which had 4; node 1 takes 2 from node 2, which had 2.

    >>> chain = [[0, 0, 0], [5, 0, 0], [0, 2, 0]]
    >>> default_cascade(chain, [-1, 4, 2]).defaults_by_round
    ((0,), (1,))
    >>> default_cascade(chain, [-1, 4, 2], tie="defaults").defaults_by_round
    ((0,), (1,), (2,))
    """
    claims = as_network("exposures", exposures)
    size = claims.shape[0]
    paid = as_vector("recovery", recovery, size, least=0.0, most=1.0)
    valued = solve_valuation(
        claims,
        as_vector("equity", equity, size),
        LinearValuation(intercept=paid, rate=np.zeros(size)),
        collateral=collateral,
        scale=scale,
        tie=tie,
    )
    return Cascade(valued.equity, valued.defaults_by_round)
