"""The static band around a simulated loss: no network can lose less, or by these rules more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.contagion.cascade import default_cascade
from abm.contagion.clearing import clearing_payments
from abm.contagion.debtrank import debtrank
from abm.contagion.inputs import as_network, as_vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from abm.contagion.inputs import NetworkLike, Vector

__all__ = ["LossBand", "loss_band"]


@dataclass(frozen=True)
class LossBand:
    """Equity that each node loses under four rules, from the mildest to the harshest.

    All in dollars, shape (nodes,), from 0 to the node's equity before the shock.

    Attributes
    ----------
    shock : ndarray
        By the shock alone, without any network.
    clearing : ndarray
        When debts are cleared and defaulted nodes pay out all they have (Eisenberg-Noe).
    cascade : ndarray
        When claims on defaulted nodes are worth nothing.
    debtrank : ndarray
        When claims lose value with their debtor's equity, before any default (linear DebtRank).
    """

    shock: Vector
    clearing: Vector
    cascade: Vector
    debtrank: Vector


def loss_band(
    exposures: NetworkLike,
    external_assets: ArrayLike,
    external_liabilities: ArrayLike,
    loss: ArrayLike,
) -> LossBand:
    """Bound what a shock to external assets costs a network, from its balance sheets alone.

    Parameters
    ----------
    exposures : array_like or sparse matrix, shape (nodes, nodes)
        ``exposures[i, j]`` is the claim of i on j, in dollars, at least 0; the diagonal is 0.
    external_assets : array_like, shape (nodes,)
        Assets outside the network before the shock, in dollars.
    external_liabilities : array_like, shape (nodes,), or float
        Owed to creditors outside the network, who rank equally, in dollars, at least 0.
    loss : array_like, shape (nodes,)
        What the shock takes from the external assets of each node, in dollars, at least 0.

    Returns
    -------
    LossBand
        For every node ``shock <= clearing <= cascade <= debtrank``.

    Raises
    ------
    ValueError
        If a shape is wrong, an exposure, debt or loss negative, an amount not finite, or the equity
        of a node before the shock not above 0.

    References
    ----------
    The order follows from that of the valuation functions, Barucca et al. 2020 (see
    `abm.contagion.solve_valuation`), section 3.

    Examples
    --------
    Node 0 has 10, owes 6 to node 1 and 2 outside, and loses 4: of 8 it pays 6, a quarter less, so
    node 1 loses 1.5 of its equity of 6; in a cascade 6. DebtRank writes off the same 6, since no
    equity is left in node 0.

    >>> band = loss_band([[0, 0], [6, 0]], [10, 0], [2, 0], [4, 0])
    >>> band.clearing, band.cascade, band.debtrank
    (array([2. , 1.5]), array([2., 6.]), array([2., 6.]))
    """
    claims = as_network("exposures", exposures)
    size = claims.shape[0]
    assets = as_vector("external_assets", external_assets, size)
    debts = as_vector("external_liabilities", external_liabilities, size, least=0.0)
    lost = as_vector("loss", loss, size, least=0.0)
    book_equity = assets - debts + claims.sum(axis=1) - claims.sum(axis=0)
    before = as_vector("equity before the shock", book_equity, size, above=0.0)
    # What rounding may do to equity grows with the whole balance sheet.
    scale = np.abs(assets) + lost + debts + claims.sum(axis=1) + claims.sum(axis=0)
    after = (
        before - lost,
        clearing_payments(claims.T.tocsr(), assets - lost, debts).equity,
        default_cascade(claims, before - lost, scale=scale).equity,
        debtrank(claims, before, lost, variant="linear").equity,
    )
    return LossBand(*(before - np.maximum(equity, 0.0) for equity in after))
