"""What can be said of contagion before it happens: bounds, thresholds and structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.linalg import expm
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackNoConvergence, eigs, splu

from abm.contagion.inputs import as_network, as_number, as_vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from abm.contagion.inputs import NetworkLike, SparseNetwork, Vector

__all__ = [
    "RingThresholds",
    "amplification_bound",
    "contagion_reach",
    "impact_fluidity",
    "impact_susceptibility",
    "ring_thresholds",
    "spectral_radius",
]

LARGEST_DENSE = 200
"""Components up to this size have their eigenvalues computed in full."""

KRYLOV_RESTARTS = 50
INVERSE_STEPS = 200
RADIUS_SHARE = 1e-12
"""Largest distance of the two bounds of a radius, as a share of it."""


def amplification_bound(
    external_assets: ArrayLike, default_probability: ArrayLike, connectivity: ArrayLike
) -> float:
    """Bound the factor by which a network raises expected losses, whatever its structure.

    Parameters
    ----------
    external_assets : array_like, shape (nodes,)
        Assets outside the network, in dollars, at least 0.
    default_probability : array_like, shape (nodes,), or float
        Probability that each node fails by the shock alone, from 0 to 1.
    connectivity : array_like, shape (nodes,), or float
        Share of each node's liabilities that is owed inside the network, from 0 and below 1.

    Returns
    -------
    float
        Largest ratio of expected losses with and without the network, at least 1:
        ``1 + sum(default_probability * external_assets) / ((1 - max(connectivity)) * total)``.

    Raises
    ------
    ValueError
        If a shape is wrong, a number not finite or outside its bounds, or there are no external
        assets.

    References
    ----------
    Glasserman and Young 2015, "How likely is contagion in financial networks?", Journal of Banking
    and Finance 50, doi:10.1016/j.jbankfin.2014.02.006; theorem 3 of OFR Working Paper 13-09, for
    shocks of the same increasing-failure-rate form at every node.

    Examples
    --------
    The paper's example: at most 1 % fail, at most 43 % is owed inside: 0.01 / 0.57.

    >>> round(amplification_bound([5, 7], 0.01, [0.43, 0.2]), 6)
    1.017544
    """
    assets = as_vector("external_assets", external_assets, least=0.0)
    if assets.sum() == 0.0:
        raise ValueError("external_assets sum to 0.0; some node must have external assets")
    probability = as_vector(
        "default_probability", default_probability, len(assets), least=0.0, most=1.0
    )
    inside = as_vector("connectivity", connectivity, len(assets), least=0.0, most=1.0)
    most = float(inside.max())
    if most == 1.0:
        raise ValueError("connectivity is 1.0 somewhere; it must be below 1 everywhere")
    return 1.0 + float((probability * assets).sum() / ((1.0 - most) * assets.sum()))


def contagion_reach(
    external_assets: ArrayLike, net_worth: ArrayLike, connectivity: ArrayLike
) -> Vector:
    """Net worth that the failure of each node can destroy elsewhere at most.

    A shock to the external assets of i alone cannot ruin a set of other nodes whose net worth sums
    to more than ``connectivity[i] * (external_assets[i] - net_worth[i])``.

    Parameters
    ----------
    external_assets : array_like, shape (nodes,)
        Assets outside the network, in dollars, at least 0.
    net_worth : array_like, shape (nodes,)
        Assets minus liabilities before the shock, in dollars, at least 0.
    connectivity : array_like, shape (nodes,), or float
        Share of each node's liabilities that is owed inside the network, from 0 to 1.

    Returns
    -------
    ndarray, shape (nodes,)
        Dollars, at least 0.

    Raises
    ------
    ValueError
        If a shape is wrong, or a number not finite or outside its bounds.

    References
    ----------
    Glasserman and Young 2015 (see `amplification_bound`), proposition 1: the contagion index.

    Examples
    --------
    >>> contagion_reach([100, 40], [10, 50], 0.5)
    array([45.,  0.])
    """
    assets = as_vector("external_assets", external_assets, least=0.0)
    worth = as_vector("net_worth", net_worth, len(assets), least=0.0)
    inside = as_vector("connectivity", connectivity, len(assets), least=0.0, most=1.0)
    return inside * np.maximum(assets - worth, 0.0)


@dataclass(frozen=True, slots=True)
class RingThresholds:
    """Where the ring and the complete network change places.

    Attributes
    ----------
    shock : float
        Loss of one node above which everybody fails in both, in dollars. Below it, the complete
        network holds the failure to one node, and the ring lets it run.
    liabilities : float
        What each node must owe inside the network for this, in dollars.
    """

    shock: float
    liabilities: float


def ring_thresholds(nodes: int, surplus: float) -> RingThresholds:
    """Robust yet fragile: the thresholds for equal nodes.

    Parameters
    ----------
    nodes : int
        At least 2.
    surplus : float
        What each node earns beyond its senior debt, in dollars, at least 0.

    Returns
    -------
    RingThresholds

    Raises
    ------
    ValueError
        If there are fewer than 2 nodes, or the surplus is negative or not finite.

    References
    ----------
    Acemoglu, Ozdaglar and Tahbaz-Salehi 2015, "Systemic risk and stability in financial networks",
    American Economic Review 105(2), doi:10.1257/aer.20130456, propositions 4 and 6:
    ``eps* = n(a - v)``, ``y* = (n - 1)(a - v)``.

    Examples
    --------
    >>> ring_thresholds(10, 0.25)
    RingThresholds(shock=2.5, liabilities=2.25)
    """
    if nodes < 2:  # noqa: PLR2004 - a network needs two ends
        raise ValueError(f"nodes is {nodes}; it must be at least 2")
    each = as_number("surplus", surplus, least=0.0)
    return RingThresholds(nodes * each, (nodes - 1) * each)


def impact_susceptibility(exposures: NetworkLike, buffer: ArrayLike) -> Vector:
    """Weight of the paths by which failures reach each node, over that of its direct ones.

    A failure travels along a claim that is at least as large as its holder's buffer. Paths of
    length k count 1/k!; above 1, a node is exposed to more than those it has claims on.

    Parameters
    ----------
    exposures : array_like or sparse matrix, shape (nodes, nodes)
        ``exposures[i, j]`` is the claim of i on j, in dollars, at least 0; the diagonal is 0.
    buffer : array_like, shape (nodes,)
        Loss that each node bears, in dollars, above 0.

    Returns
    -------
    ndarray, shape (nodes,)
        At least 0; 0 for a node that no single failure ruins.

    Raises
    ------
    ValueError
        If a shape is wrong, an exposure negative, a buffer not above 0, or a number not finite.

    References
    ----------
    Silva, de Souza and Tabak 2017, "Monitoring vulnerability and impact diffusion in financial
    networks", Journal of Economic Dynamics and Control 76, doi:10.1016/j.jedc.2017.01.001.

    Examples
    --------
    Failures travel 0 -> 1, 0 -> 2 and 1 -> 2: node 2 has two direct paths and one of length 2, so
    (2 + 1/2) / 2.

    >>> impact_susceptibility([[0, 1, 0], [10, 0, 3], [3, 2, 0]], [2, 5, 2]).round(6)
    array([0.  , 1.  , 1.25])
    """
    claims = as_network("exposures", exposures)
    bears = as_vector("buffer", buffer, claims.shape[0], above=0.0)
    ruins = (claims.toarray() >= bears[:, np.newaxis]).astype(np.float64)
    paths = expm(ruins)
    np.fill_diagonal(paths, 0.0)
    direct = ruins.sum(axis=1)
    return np.where(direct > 0.0, paths.sum(axis=1) / np.maximum(direct, 1.0), 0.0)


def impact_fluidity(exposures: NetworkLike, buffer: ArrayLike) -> float:
    """Mean of `impact_susceptibility` over the nodes, with its arguments and errors; 0 of none."""
    each = impact_susceptibility(exposures, buffer)
    return float(each.sum()) / max(len(each), 1)


def spectral_radius(matrix: NetworkLike) -> float:
    """Largest absolute eigenvalue of a matrix without negative entries.

    Of exposures divided by the equity of their holders, it says whether small losses die out: they
    do below 1.

    Parameters
    ----------
    matrix : array_like or sparse matrix, shape (nodes, nodes)
        Entries at least 0.

    Returns
    -------
    float
        At least 0; exactly 0 for a network without cycles.

    Raises
    ------
    ValueError
        If the matrix is not square, or an entry negative or not finite.
    RuntimeError
        If the search does not end.

    References
    ----------
    Bardoscia et al. 2017, "Pathways towards instability in financial networks", Nature
    Communications 8, 14416, doi:10.1038/ncomms14416.

    Examples
    --------
    Around a cycle of two, 0.5 * 2 = 1 = 1**2.

    >>> spectral_radius([[0, 0.5], [2, 0]])
    1.0
    """
    network = as_network("matrix", matrix, loops=True)
    # The spectrum is that of the strongly connected parts; one node without a loop adds nothing.
    _, part = connected_components(network, directed=True, connection="strong")
    radius = float(network.diagonal().max(initial=0.0))
    for number in np.flatnonzero(np.bincount(part) > 1).tolist():
        members = np.flatnonzero(part == number)
        radius = max(radius, _irreducible_radius(network[members][:, members]))
    return radius


def _irreducible_radius(network: SparseNetwork) -> float:
    size = network.shape[0]
    if size <= LARGEST_DENSE:
        return float(np.abs(np.linalg.eigvals(network.toarray())).max())
    # Adding 1 to the diagonal leaves one eigenvalue of largest size, also around a cycle.
    shifted = sparse.eye_array(size, format="csr") + network
    try:
        largest = eigs(
            shifted,
            k=1,
            which="LM",
            v0=np.ones(size),
            maxiter=KRYLOV_RESTARTS,
            return_eigenvectors=False,
        )
    except ArpackNoConvergence:
        # Around long rings the eigenvalues stand too close; but their factors stay sparse.
        return _radius_by_inverse_steps(network)
    return float(np.real(largest[0])) - 1.0


def _radius_by_inverse_steps(network: SparseNetwork) -> float:
    """Close in on the radius between the bounds of Collatz and Wielandt.

    Noda 1971, "Note on the computation of the maximal eigenvalue of a non-negative irreducible
    matrix", Numerische Mathematik 17, doi:10.1007/BF01406480: the upper bound falls
    quadratically.
    """
    unit = sparse.eye_array(network.shape[0], format="csc")
    vector = np.ones(network.shape[0])
    upper = np.inf
    for _ in range(INVERSE_STEPS):
        ratio = np.asarray(network @ vector) / vector
        last, upper = upper, min(upper, float(ratio.max()))
        if upper - ratio.min() <= RADIUS_SHARE * upper or last == upper:
            return upper
        # Just above the bound, since on the radius itself the system is singular.
        above = upper * (1.0 + np.finfo(np.float64).eps)
        solved = np.abs(splu((above * unit - network).tocsc()).solve(vector))
        vector = np.maximum(solved / solved.max(), np.finfo(np.float64).tiny)
    raise RuntimeError(
        f"the spectral radius is not found after {INVERSE_STEPS} steps; it is at most {upper}"
    )
