"""The contagion window of Gai and Kapadia: a validation that ships with the package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy import sparse

from abm.contagion.cascade import default_cascade
from abm.contagion.inputs import as_fraction, as_number, check_choice

if TYPE_CHECKING:
    from abm.contagion.inputs import Mask, SparseNetwork
    from abm.contagion.valuation import Tie

__all__ = ["FirstFailure", "WindowPoint", "contagion_window", "random_exposures"]

FirstFailure = Literal["random", "most_connected"]

SYSTEMIC_SHARE = 0.05
"""Share of banks above which contagion is systemic."""

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
        Which bank fails first; the most connected has most debtors and creditors together.
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
    for draw in range(draws):
        exposures = random_exposures(nodes, mean_degree, share, rng)
        first = _first(exposures, first_failure, rng)
        equity = np.full(nodes, buffer)
        equity[first] = -RUIN
        down = default_cascade(exposures, equity, tie=tie).defaulted
        while impact > 0.0:
            loss = (1.0 - share) * (1.0 - np.exp(-impact * down.mean()))
            more: Mask = default_cascade(exposures, equity - loss, tie=tie).defaulted
            if (more == down).all():
                break
            down = more
        failed[draw] = down.mean()
    wide = failed > SYSTEMIC_SHARE
    extent = float(failed[wide].mean()) if wide.any() else None
    return WindowPoint(float(mean_degree), draws, int(wide.sum()), extent)


def _first(exposures: SparseNetwork, rule: FirstFailure, rng: np.random.Generator) -> int:
    nodes = exposures.shape[0]
    if rule == "random":
        return int(rng.integers(nodes))
    links = np.diff(exposures.indptr) + np.bincount(exposures.indices, minlength=nodes)
    return int(np.argmax(links))
