"""Clearing payments: who pays how much when everybody's assets are claims on others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from abm.contagion.inputs import as_fraction, as_network, as_vector, check_choice
from abm.contagion.pieces import LinearValuation
from abm.contagion.valuation import in_any, solve_valuation

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from abm.contagion.inputs import Mask, NetworkLike, Vector
    from abm.contagion.valuation import Convergence, Counting

__all__ = ["Clearing", "Solution", "clearing_payments"]

Solution = Literal["greatest", "least"]


@dataclass(frozen=True)
class Clearing:
    """Payments that clear a network.

    Attributes
    ----------
    payments : ndarray, shape (nodes,)
        What each node pays to all its creditors together, in dollars.
    obligations : ndarray, shape (nodes,)
        What it owes them, external creditors included, in dollars.
    equity : ndarray, shape (nodes,)
        Assets at their clearing value minus obligations, in dollars; below 0 in default.
    defaults_by_round : tuple of tuple of int
        The nodes that default in each round.
    convergence : Convergence
        How the iteration ended.
    """

    payments: Vector
    obligations: Vector
    equity: Vector
    defaults_by_round: tuple[tuple[int, ...], ...]
    convergence: Convergence

    @property
    def shortfall(self) -> Vector:
        """What each node fails to pay, in dollars, at least 0."""
        return self.obligations - self.payments

    @property
    def defaulted(self) -> Mask:
        """Which nodes default, shape (nodes,)."""
        return in_any(self.defaults_by_round, len(self.payments))


def clearing_payments(
    liabilities: NetworkLike,
    external_assets: ArrayLike,
    external_liabilities: ArrayLike = 0.0,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    solution: Solution = "greatest",
    counting: Counting = "waves",
) -> Clearing:
    """Clear a network of obligations: limited liability, absolute priority, pari passu.

    A node whose assets cover its obligations pays in full. Any other pays
    ``max(alpha*external_assets + beta*received, 0)``, in proportion to what it owes, external
    creditors included. With ``alpha = beta = 1`` this is Eisenberg and Noe's clearing vector, a
    lower bound of losses; below 1 it is that of Rogers and Veraart, with the cost of default.

    Parameters
    ----------
    liabilities : array_like or sparse matrix, shape (nodes, nodes)
        ``liabilities[i, j]`` is what i owes j, in dollars, at least 0; the diagonal is 0.
    external_assets : array_like, shape (nodes,)
        Assets outside the network after the shock, in dollars; below 0 if they are net of senior
        debt that exceeds them. Only a positive part is cut by ``alpha``.
    external_liabilities : array_like, shape (nodes,), or float
        Owed to creditors outside the network, who rank equally, in dollars, at least 0.
    alpha : float
        Share of external assets that a node in default realises (slippage), from 0 to 1.
    beta : float
        Share of payments received that it can pass on (such as a haircut on claims stuck behind a
        bridge), from 0 to 1.
    solution : {"greatest", "least"}
        Which clearing vector, where there are several; the least is what remains if nobody pays
        before being paid, and counts all its defaults as one round.
    counting : {"waves", "steps"}
        What a round of defaults is, see `solve_valuation`. A wave is one round of the fictitious
        default algorithm.

    Returns
    -------
    Clearing

    Raises
    ------
    ValueError
        If a shape is wrong, a liability negative, an amount not finite, ``alpha`` or ``beta``
        outside [0, 1], or a name unknown.

    References
    ----------
    Eisenberg and Noe 2001, "Systemic risk in financial systems", Management Science 47(2),
    doi:10.1287/mnsc.47.2.236.9835, Definition 1 and section 3.1. Rogers and Veraart 2013, "Failure
    and rescue in an interbank network", Management Science 59(4), doi:10.1287/mnsc.1120.1569,
    Definition 2.1.

    Examples
    --------
    Node 0 has 60 of the 100 that it owes node 1, and pays them; with half lost in the sale of its
    assets, 30.

    >>> clearing_payments([[0, 100], [0, 0]], [60, 80]).payments
    array([60.,  0.])
    >>> clearing_payments([[0, 100], [0, 0]], [60, 80], alpha=0.5).payments
    array([30.,  0.])
    """
    check_choice("solution", solution, get_args(Solution))
    owed = as_network("liabilities", liabilities)
    size = owed.shape[0]
    assets = as_vector("external_assets", external_assets, size)
    outside = as_vector("external_liabilities", external_liabilities, size, least=0.0)
    kept, passed_on = as_fraction("alpha", alpha), as_fraction("beta", beta)
    obligations: Vector = owed.sum(axis=1) + outside
    receivable: Vector = owed.sum(axis=0)
    realised = np.minimum(assets, kept * assets)
    # In default, received = equity - assets + obligations; nodes without debts pay "in full".
    owing = np.where(obligations > 0.0, obligations, 1.0)
    intercept = (realised + passed_on * (obligations - assets)) / owing
    valued = solve_valuation(
        owed.T.tocsr(),
        assets + receivable - obligations,
        LinearValuation(
            intercept=np.where(obligations > 0.0, intercept, 1.0),
            rate=np.where(obligations > 0.0, passed_on / owing, 0.0),
        ),
        scale=np.abs(assets) + receivable + obligations,
        counting=counting,
        start="face" if solution == "greatest" else "nothing",
    )
    defaulted = in_any(valued.defaults_by_round, size)
    paid = np.clip(realised + passed_on * (valued.equity - assets + obligations), 0.0, obligations)
    return Clearing(
        payments=np.where(defaulted, paid, obligations),
        obligations=obligations,
        equity=valued.equity,
        defaults_by_round=valued.defaults_by_round,
        convergence=valued.convergence,
    )
