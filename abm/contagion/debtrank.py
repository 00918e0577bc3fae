"""DebtRank: stress that spreads before anybody defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy import sparse

from abm.contagion.inputs import as_network, as_vector, check_choice
from abm.contagion.pieces import LinearValuation
from abm.contagion.valuation import Convergence, solve_valuation

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import ArrayLike

    from abm.contagion.inputs import NetworkLike, SparseNetwork, Vector

    Spread: TypeAlias = tuple[Vector, Vector, Convergence]

__all__ = ["DebtRank", "Importance", "Variant", "debtrank", "debtrank_importance"]

Variant = Literal["single_hit", "linear"]
"""Battiston et al. 2012: each node passes stress on once. Bardoscia et al. 2015: every time."""


@dataclass(frozen=True)
class DebtRank:
    """How far stress spreads.

    Attributes
    ----------
    initial_stress : ndarray, shape (nodes,)
        Share of its equity that each node loses at the outset, from 0 to 1.
    stress : ndarray, shape (nodes,)
        The same after the stress has spread; 1 is a default.
    equity : ndarray, shape (nodes,)
        Dollars, below 0 where losses exceed it.
    debtrank : float
        Weighted stress that was added by the network: the initial stress is not counted.
    convergence : Convergence
        How the iteration ended.
    """

    initial_stress: Vector
    stress: Vector
    equity: Vector
    debtrank: float
    convergence: Convergence


def debtrank(
    exposures: NetworkLike,
    equity: ArrayLike,
    loss: ArrayLike,
    *,
    variant: Variant,
    weights: ArrayLike | None = None,
) -> DebtRank:
    """Spread stress from debtors to creditors in proportion to the equity that debtors have lost.

    The ``linear`` variant is the network valuation whose claims are worth
    ``clip(equity / equity before the shock, 0, 1)``: an upper bound of losses. In ``single_hit``,
    ``stress[i] += sum_j min(exposures[i, j] / equity[i], 1) * stress[j]`` over the nodes j that
    were stressed for the first time in the step before; every stress is cut at 1. One network gives
    two numbers, so the variant has to be named.

    Parameters
    ----------
    exposures : array_like or sparse matrix, shape (nodes, nodes)
        ``exposures[i, j]`` is the claim of i on j, in dollars, at least 0; the diagonal is 0.
    equity : array_like, shape (nodes,)
        Equity before the shock, in dollars, above 0.
    loss : array_like, shape (nodes,)
        What the shock takes from each node, in dollars, at least 0; it may exceed the equity.
    variant : {"single_hit", "linear"}
        How often a node passes its stress on.
    weights : array_like, shape (nodes,), optional
        Importance of each node in the total, at least 0; if None, its share of all equity.

    Returns
    -------
    DebtRank

    Raises
    ------
    ValueError
        If a shape is wrong, an exposure, loss or weight negative, equity not above 0, an amount not
        finite, or the variant unknown.

    References
    ----------
    Battiston et al. 2012, "DebtRank: too central to fail?", Scientific Reports 2, 541,
    doi:10.1038/srep00541, equation 1. Bardoscia et al. 2015, "DebtRank: a microscopic foundation
    for shock propagation", PLoS ONE 10(6), doi:10.1371/journal.pone.0130406, equation 8.

    Examples
    --------
    Each of two nodes holds half its equity in claims on the other, and the first loses half.
    Single hit: 0.5 adds 0.25 to the second, which sends 0.125 back. Linear: x = 0.5 + 0.25*x.

    >>> mutual = [[0, 50], [50, 0]]
    >>> debtrank(mutual, [100, 100], [50, 0], variant="single_hit").stress
    array([0.625, 0.25 ])
    >>> debtrank(mutual, [100, 100], [50, 0], variant="linear").stress.round(6)
    array([0.666667, 0.333333])
    """
    check_choice("variant", variant, get_args(Variant))
    claims = as_network("exposures", exposures)
    size = claims.shape[0]
    before = as_vector("equity", equity, size, above=0.0)
    lost = as_vector("loss", loss, size, least=0.0)
    importance = (
        _shares(before) if weights is None else as_vector("weights", weights, size, least=0)
    )
    spread = _linear if variant == "linear" else _single_hit
    initial = np.minimum(lost / before, 1.0)
    stress, after, convergence = spread(claims, before, lost)
    # Stress is worked out from equity, which may round it to just below what the shock alone does.
    stress = np.maximum(stress, initial)
    added = float((importance * (stress - initial)).sum())
    return DebtRank(initial, stress, after, added, convergence)


@dataclass(frozen=True)
class Importance:
    """What each node's failure does to others, and theirs to it.

    Attributes
    ----------
    impact : ndarray, shape (nodes,)
        DebtRank of the failure of each node alone.
    vulnerability : ndarray, shape (nodes,)
        Mean stress of each node over the failures of the others, from 0 to 1.
    """

    impact: Vector
    vulnerability: Vector


def debtrank_importance(
    exposures: NetworkLike,
    equity: ArrayLike,
    *,
    variant: Variant,
    weights: ArrayLike | None = None,
) -> Importance:
    """Fail every node in turn and see how far its stress spreads: as many runs as nodes.

    Parameters
    ----------
    exposures, equity, variant, weights
        As in `debtrank`.

    Returns
    -------
    Importance

    Raises
    ------
    ValueError
        As `debtrank` does.

    Examples
    --------
    Node 1 holds half its equity in claims on node 0: the failure of 0 takes a quarter of all equity
    beyond its own, and that of 1 nothing.

    >>> found = debtrank_importance([[0, 0], [50, 0]], [100, 100], variant="linear")
    >>> found.impact, found.vulnerability
    (array([0.25, 0.  ]), array([0. , 0.5]))
    """
    claims = as_network("exposures", exposures)
    before = as_vector("equity", equity, claims.shape[0], above=0.0)
    impact, vulnerability = np.zeros_like(before), np.zeros_like(before)
    for node, worth in enumerate(before.tolist()):
        loss = np.zeros_like(before)
        loss[node] = worth
        failure = debtrank(claims, before, loss, variant=variant, weights=weights)
        impact[node] = failure.debtrank
        vulnerability += failure.stress - failure.initial_stress
    return Importance(impact, vulnerability / max(len(before) - 1, 1))


def _linear(claims: SparseNetwork, before: Vector, lost: Vector) -> Spread:
    worth = LinearValuation(np.zeros_like(before), 1.0 / before, in_default_only=False)
    valued = solve_valuation(claims, before - lost, worth, counting="steps")
    stress = np.clip((before - valued.equity) / before, 0.0, 1.0)
    return stress, valued.equity, valued.convergence


def _single_hit(claims: SparseNetwork, before: Vector, lost: Vector) -> Spread:
    """Let each node send its stress once, in the step after it was first stressed."""
    impact = (sparse.diags_array(1.0 / before) @ claims).tocsr()
    impact.data = np.minimum(impact.data, 1.0)  # W of Battiston et al., cut at 1
    stress = np.minimum(lost / before, 1.0)
    total_loss = lost.copy()
    sent = np.zeros(len(before), dtype=bool)
    steps = 0
    while (sending := (stress > 0.0) & ~sent).any():
        added = impact @ np.where(sending, stress, 0.0)
        total_loss += added * before
        stress = np.minimum(stress + added, 1.0)
        sent |= sending
        steps += 1
    return stress, before - total_loss, Convergence(steps, 0.0, converged=True)


def _shares(amounts: Vector) -> Vector:
    shares: Vector = amounts / amounts.sum()
    return shares
