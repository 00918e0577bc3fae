"""Facts of the price: fat tails, no linear autocorrelation, clustered volatility.

References
----------
R. Cont, Empirical properties of asset returns: stylized facts and statistical issues, Quantitative
Finance 1 (2001), 223-236; sections 4.1 (tails), 5.1 (autocorrelation), 5.2 (clusters).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.analysis.facts.fact import Fact

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONT = "Cont 2001, section"
INTERVAL_SECONDS = 600
TAIL_SHARE = 0.05
CLUSTER_LAGS = 6
"""Lags of ten minutes over which the clusters are averaged: an hour."""
FEWEST_RETURNS = 100
LARGEST_AUTOCORRELATION = 0.10


def excess_kurtosis(returns: NDArray[np.float64]) -> float:
    """Return the fourth standardised moment less 3, that of a normal variable."""
    centred = returns - returns.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2 - 3.0)


def tail_index(returns: NDArray[np.float64], share: float = TAIL_SHARE) -> float:
    """Return the Hill estimate of the tail index of the largest absolute returns.

    The index is that of the power by which the chance of a large return falls.
    """
    sizes = np.sort(np.abs(returns))[::-1]
    count = max(int(len(sizes) * share), 2)
    return float(1.0 / np.log(sizes[: count - 1] / sizes[count - 1]).mean())


def autocorrelation(values: NDArray[np.float64], lag: int) -> float:
    """Return the correlation of values with those a lag later."""
    centred = values - values.mean()
    return float((centred[lag:] * centred[:-lag]).sum() / (centred**2).sum())


def return_facts(prices: NDArray[np.float64], step_seconds: int) -> list[Fact]:
    """Return the facts of a price path, from its returns of ten minutes.

    Parameters
    ----------
    prices : ndarray, shape (steps + 1,)
        Dollars.
    step_seconds : int
        Time between them.
    """
    every = max(INTERVAL_SECONDS // step_seconds, 1)
    returns = np.diff(np.log(prices[::every]))
    enough = len(returns) >= FEWEST_RETURNS and bool(returns.any())
    sizes = np.abs(returns)
    clusters = (
        float(np.mean([autocorrelation(sizes, lag) for lag in range(1, CLUSTER_LAGS + 1)]))
        if enough
        else None
    )
    return [
        Fact(
            "fat tails: excess kurtosis",
            excess_kurtosis(returns) if enough else None,
            1.0,
            None,
            "",
            f"{CONT} 4.1",
        ),
        Fact(
            "fat tails: index of the tail",
            tail_index(returns) if enough else None,
            2.0,
            5.0,
            "",
            f"{CONT} 4.1",
        ),
        Fact(
            "no linear autocorrelation",
            autocorrelation(returns, 1) if enough else None,
            -LARGEST_AUTOCORRELATION,
            LARGEST_AUTOCORRELATION,
            "",
            f"{CONT} 5.1",
        ),
        # Autocorrelations of white noise are independent, of variance 1 / n each.
        Fact(
            "clustered volatility",
            clusters,
            2.0 / (max(len(returns), 1) * CLUSTER_LAGS) ** 0.5,
            None,
            "",
            f"{CONT} 5.2",
        ),
    ]
