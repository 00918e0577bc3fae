"""Variation margin that does not arrive, with initial margin held against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.contagion.inputs import as_fraction, as_network, as_vector
from abm.contagion.pieces import LinearValuation
from abm.contagion.valuation import in_any, solve_valuation

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from abm.contagion.inputs import NetworkLike, Vector
    from abm.contagion.valuation import Convergence

__all__ = ["MarginShortfall", "margin_shortfall"]


@dataclass(frozen=True)
class MarginShortfall:
    """Margin payments when some nodes run short.

    Attributes
    ----------
    payments : ndarray, shape (nodes,)
        Variation margin that each node pays to all others together, in dollars.
    stress : ndarray, shape (nodes,)
        What each node lacks after payments received, initial margin and buffer, in dollars.
    defaults_by_round : tuple of tuple of int
        The nodes that run short, by wave.
    convergence : Convergence
        How the iteration ended.
    """

    payments: Vector
    stress: Vector
    defaults_by_round: tuple[tuple[int, ...], ...]
    convergence: Convergence


def margin_shortfall(
    obligations: NetworkLike,
    initial_margin: NetworkLike,
    buffers: ArrayLike,
    *,
    transmission: float = 1.0,
) -> MarginShortfall:
    """Follow a shortfall of variation margin through a network that holds initial margin.

    With obligations o, initial margin c and buffers b, node i lacks
    ``s[i] = max(sum_j o[i, j] - sum_k min(p[k, i] + c[k, i], o[k, i]) - b[i], 0)`` and pays
    ``sum_j o[i, j] - transmission*s[i]`` in proportion to what it owes. A message that fails to
    reach the collateral is an initial margin of 0.

    Parameters
    ----------
    obligations : array_like or sparse matrix, shape (nodes, nodes)
        ``obligations[i, j]`` is the variation margin that i owes j, in dollars, at least 0; the
        diagonal is 0.
    initial_margin : array_like or sparse matrix, shape (nodes, nodes)
        ``initial_margin[i, j]`` was posted by i and can be seized by j, in dollars, at least 0. It
        counts up to what i owes j.
    buffers : array_like, shape (nodes,)
        Liquid assets of each node, in dollars, at least 0.
    transmission : float
        Share of what it lacks that a node passes on by paying less, from 0 to 1.

    Returns
    -------
    MarginShortfall
        The one with the greatest payments.

    Raises
    ------
    ValueError
        If a shape is wrong, an amount negative or not finite, or the transmission outside [0, 1].

    References
    ----------
    Paddrik, Rajan and Young 2020, "Contagion in derivatives markets", Management Science 66(8),
    doi:10.1287/mnsc.2019.3354.

    Examples
    --------
    Node 0 has 4 of the 10 that it owes node 1, which owes 8 to node 2 and has 1. With 3 of initial
    margin node 1 counts 4 + 3 + 1 and pays; without, it lacks 3.

    >>> owed = [[0, 10, 0], [0, 0, 8], [0, 0, 0]]
    >>> posted = [[0, 3, 0], [0, 0, 0], [0, 0, 0]]
    >>> margin_shortfall(owed, posted, [4, 1, 0]).payments
    array([4., 8., 0.])
    >>> margin_shortfall(owed, np.zeros((3, 3)), [4, 1, 0]).stress
    array([6., 3., 0.])
    """
    owed = as_network("obligations", obligations)
    size = owed.shape[0]
    posted = as_network("initial_margin", initial_margin, size)
    liquid = as_vector("buffers", buffers, size, least=0.0)
    share = as_fraction("transmission", transmission)
    payable: Vector = owed.sum(axis=1)
    receivable: Vector = owed.sum(axis=0)
    valued = solve_valuation(
        owed.T.tocsr(),
        liquid + receivable - payable,
        LinearValuation(
            intercept=np.ones(size), rate=share / np.where(payable > 0.0, payable, np.inf)
        ),
        collateral=posted.T.tocsr(),
        scale=liquid + receivable + payable,
    )
    stress = np.where(in_any(valued.defaults_by_round, size), -valued.equity, 0.0)
    return MarginShortfall(
        payments=payable - share * stress,
        stress=stress,
        defaults_by_round=valued.defaults_by_round,
        convergence=valued.convergence,
    )
