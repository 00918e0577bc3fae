"""The contagion window of Gai and Kapadia: a validation that ships with the package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy import sparse
from scipy.special import pdtr

from abm.contagion.cascade import default_cascade
from abm.contagion.inputs import as_fraction, as_number, check_choice
from abm.contagion.valuation import TIE_SHARE, Tie

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.contagion.inputs import SparseNetwork

__all__ = [
    "FirstFailure",
    "WindowPoint",
    "contagion_window",
    "random_exposures",
    "single_link_window",
]

FirstFailure = Literal["random", "most_connected"]

REFERENCE_SHAPE = {
    1.0: 0.08,
    2.0: 0.70,
    3.0: 0.80,
    4.0: 0.68,
    5.0: 0.49,
    6.0: 0.18,
    7.0: 0.02,
    8.0: 0.0,
}
"""Frequency of systemic contagion by mean degree in the experiment of Gai and Kapadia's figure 1:
1,000 banks with 20 % of their assets in claims on others and a buffer of 4 %; the window opens at a
degree of 1, is highest at 3 and closed at 8. Read off a replication of it, to two digits."""

SYSTEMIC_SHARE = 0.05
"""Share of banks above which contagion is systemic."""

FAR = 10.0
"""Mean degree, as a multiple of m, at which no window is open any more."""

DRAWS_AT_ONCE = 40
"""Networks that are solved side by side: enough to save time, few enough to save memory."""

RUIN = 1.0
"""Equity of the bank that fails first, below 0 by all its assets."""


@dataclass(frozen=True, slots=True)
class WindowPoint:
    """How often and how far one failure spreads.

    Attributes
    ----------
    mean_degree : float
        Mean number of debtors of a bank.
    draws : int
        Networks drawn.
    systemic : int
        Networks in which more than 5 % of banks failed.
    extent : float or None
        Mean share of banks that failed in those; None if there were none.
    """

    mean_degree: float
    draws: int
    systemic: int
    extent: float | None

    @property
    def frequency(self) -> float:
        """Share of networks with systemic contagion."""
        return self.systemic / self.draws


def random_exposures(
    nodes: int, mean_degree: float, total: float, rng: np.random.Generator
) -> SparseNetwork:
    """Draw a directed Erdos-Renyi network in which each bank divides its claims evenly.

    Parameters
    ----------
    nodes : int
        Banks, at least 2.
    mean_degree : float
        Mean number of debtors of a bank, from 0 to ``nodes - 1``.
    total : float
        Claims of each bank that has any debtor, in dollars, at least 0.
    rng : Generator
        Source of the draws.

    Returns
    -------
    csr_array, shape (nodes, nodes)
        ``[i, j]`` is the claim of i on j, in dollars; the diagonal is 0.

    Raises
    ------
    ValueError
        If there are fewer than 2 nodes, or a number is not finite or outside its bounds.
    """
    if nodes < 2:  # noqa: PLR2004 - a network needs two ends
        raise ValueError(f"nodes is {nodes}; it must be at least 2")
    degree = as_number("mean_degree", mean_degree, least=0.0, most=nodes - 1.0)
    amount = as_number("total", total, least=0.0)
    pairs = nodes * (nodes - 1)
    links = rng.binomial(pairs, degree / (nodes - 1))
    drawn = np.sort(rng.choice(pairs, size=links, replace=False, shuffle=False))
    holder, debtor = np.divmod(drawn, nodes - 1)
    debtor += debtor >= holder  # the diagonal is left out
    debtors = np.bincount(holder, minlength=nodes)
    return sparse.csr_array((amount / debtors[holder], (holder, debtor)), shape=(nodes, nodes))


def contagion_window(
    mean_degree: float,
    draws: int,
    rng: np.random.Generator,
    *,
    nodes: int = 1_000,
    interbank_share: float = 0.2,
    capital_buffer: float = 0.04,
    first_failure: FirstFailure = "random",
    tie: Tie = "survives",
    price_impact: float = 0.0,
) -> WindowPoint:
    """Fail one bank in each of many random networks and count how often that becomes systemic.

    Every bank has one dollar of assets; claims on failed banks are worth nothing. Along the mean
    degree the frequency is a hump: too few links do not carry a failure far, too many dilute it;
    where it is rare it is nearly total: robust yet fragile.

    Parameters
    ----------
    mean_degree : float
        Mean number of debtors of a bank, from 0 to ``nodes - 1``.
    draws : int
        Networks, at least 1.
    rng : Generator
        Source of all draws.
    nodes : int
        Banks, at least 2.
    interbank_share : float
        Share of assets that are claims on other banks, from 0 to 1.
    capital_buffer : float
        Equity as a share of assets, from 0 to 1.
    first_failure : {"random", "most_connected"}
        Which bank fails first; the most connected is the one with most creditors.
    tie : {"survives", "defaults"}
        What a bank does whose losses equal its buffer: at 0.2 and 0.04, one with 5 debtors.
    price_impact : float
        Failed banks sell their external assets; when a share x of all has been sold, their price
        is ``exp(-price_impact * x)`` for everybody. 0 leaves it out.

    Returns
    -------
    WindowPoint

    Raises
    ------
    ValueError
        If a number is not finite or outside its bounds, or a name is unknown.

    References
    ----------
    Gai and Kapadia 2010, "Contagion in financial networks", Proceedings of the Royal Society A
    466(2120), doi:10.1098/rspa.2009.0410, sections 2 and 3; the price impact is their equation 4.2.
    """
    check_choice("first_failure", first_failure, get_args(FirstFailure))
    if draws < 1:
        raise ValueError(f"draws is {draws}; it must be at least 1")
    share = as_fraction("interbank_share", interbank_share)
    buffer = as_fraction("capital_buffer", capital_buffer)
    impact = as_number("price_impact", price_impact, least=0.0)
    failed = np.zeros(draws)
    for start in range(0, draws, DRAWS_AT_ONCE):
        here = failed[start : start + DRAWS_AT_ONCE]
        # Networks side by side, without links between them, fail as each would alone.
        networks = []
        equity = np.full((len(here), nodes), buffer)
        for own in equity:
            networks.append(random_exposures(nodes, mean_degree, share, rng))
            own[_first(networks[-1], first_failure, rng)] = -RUIN
        exposures = sparse.block_diag(networks, format="csr")
        down = _fallen(exposures, equity, tie)
        while impact > 0.0:
            loss = (1.0 - share) * (1.0 - np.exp(-impact * down.mean(axis=1, keepdims=True)))
            more = _fallen(exposures, equity - loss, tie)
            if (more == down).all():
                break
            down = more
        here[:] = down.mean(axis=1)
    wide = failed > SYSTEMIC_SHARE
    extent = float(failed[wide].mean()) if wide.any() else None
    return WindowPoint(float(mean_degree), draws, int(wide.sum()), extent)


def single_link_window(
    interbank_share: float, capital_buffer: float, *, tie: Tie = "survives"
) -> tuple[float, float] | None:
    """Mean degrees between which banks that one failed debtor ruins form a giant cluster.

    Inside, contagion can start from a single link in an infinite network:
    ``z * P(Poisson(z) <= m - 1) > 1``, where a bank with up to m debtors does not bear the failure
    of one.

    Parameters
    ----------
    interbank_share : float
        Share of assets that are claims on other banks, from 0 to 1.
    capital_buffer : float
        Equity as a share of assets, above 0 and at most 1.
    tie : {"survives", "defaults"}
        What a bank does whose losses equal its buffer.

    Returns
    -------
    tuple of float, or None
        Lower and upper end; None if no mean degree will do.

    Raises
    ------
    ValueError
        If a number is not finite or outside its bounds, or the tie rule is unknown.

    References
    ----------
    Gai and Kapadia 2010 (see `contagion_window`), equation 2.10 for Poisson degrees.

    Examples
    --------
    Of 20 % with a buffer of 4 %, banks with up to 4 debtors are vulnerable.

    >>> [round(end, 4) for end in single_link_window(0.2, 0.04)]
    [1.0207, 5.7647]
    """
    from scipy.optimize import brentq, minimize_scalar  # noqa: PLC0415 - large, and no run needs it

    check_choice("tie", tie, get_args(Tie))
    share = as_fraction("interbank_share", interbank_share)
    buffer = as_number("capital_buffer", capital_buffer, above=0.0, most=1.0)
    debtors = share / buffer
    whole = round(debtors)
    if abs(debtors - whole) > TIE_SHARE * whole:
        most = int(debtors)
    else:
        most = whole if tie == "defaults" else whole - 1

    def excess(degree: float) -> float:
        return float(degree * pdtr(most - 1, degree)) - 1.0

    if most < 1:
        return None
    # The share of vulnerable banks falls with the degree, so the product has one peak, below m + 1.
    peak = float(minimize_scalar(lambda z: -excess(z), bounds=(0.0, most + 1.0)).x)
    if excess(peak) <= 0.0:
        return None
    return float(brentq(excess, 0.0, peak)), float(brentq(excess, peak, FAR * most))


def _fallen(exposures: SparseNetwork, equity: NDArray[np.float64], tie: Tie) -> NDArray[np.bool_]:
    return default_cascade(exposures, equity.ravel(), tie=tie).defaulted.reshape(equity.shape)


def _first(exposures: SparseNetwork, rule: FirstFailure, rng: np.random.Generator) -> int:
    nodes = exposures.shape[0]
    if rule == "random":
        return int(rng.integers(nodes))
    creditors = np.bincount(exposures.indices, minlength=nodes)
    return int(np.argmax(creditors))
