"""The same statistics from aggregates that tell little of any one account: differential privacy.

What is protected is an account: adding or taking away all its trades changes the chance of any
answer by a factor of at most exp(epsilon). Each account counts for at most so many trades and
contracts, so that no account moves a sum by more; Laplace noise of that size over the epsilon of
the sum hides it. The noise comes from OpenDP, whose sampler is safe against the gaps of floating
point numbers and takes no seed, since who knows the seed can take the noise away again. The table
of errors needs no draw: it is the exact loss by the bounds and the noise's own deviation.

References
----------
C. Dwork, F. McSherry, K. Nissim and A. Smith, Calibrating noise to sensitivity in private data
analysis, Theory of Cryptography (2006), 265-284; proposition 1.
M. Gaboardi, M. Hay and S. Vadhan, A programming framework for OpenDP (2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from abm.errors import MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.analysis.order_flow.flow import Flow

EPSILONS = (0.1, 0.3, 1.0, 3.0, 10.0)
SUMS = ("trades", "contracts", "bought", "from_rest")
"""Sums that are released; the epsilon is shared evenly between them."""


@dataclass(frozen=True)
class Bounds:
    """How much one account may count for: public, so not read off the data."""

    trades: int = 50
    contracts: int = 200

    @property
    def by_sum(self) -> dict[str, int]:
        """The most that one account adds to each sum."""
        return {"trades": self.trades} | dict.fromkeys(SUMS[1:], self.contracts)


@dataclass(frozen=True)
class PrivacyError:
    """What privacy costs a statistic at one epsilon.

    Attributes
    ----------
    statistic : str
    epsilon : float
        Of all sums together.
    exact : float
        Without bounds and noise.
    bias : float
        What the bounds alone change it by.
    deviation : float
        Standard deviation that the noise adds, to first order.
    """

    statistic: str
    epsilon: float
    exact: float
    bias: float
    deviation: float

    @property
    def relative_error(self) -> float:
        """Root mean square error over the exact value."""
        return sqrt(self.bias**2 + self.deviation**2) / abs(self.exact) if self.exact else 0.0


def account_sums(flow: Flow, bounds: Bounds | None = None) -> dict[str, float]:
    """Return the sums over accounts that take prices, each account bounded if bounds are given.

    An account beyond its bound of contracts keeps its shares of bought and resting ones.
    """
    _, account = np.unique(flow.taker, return_inverse=True)
    lots = np.abs(flow.signed_lots).astype(np.float64)
    columns: dict[str, NDArray[np.float64]] = {
        "trades": np.ones(len(flow)),
        "contracts": lots,
        "bought": np.where(flow.signed_lots > 0, lots, 0.0),
        "from_rest": np.where(flow.from_rest, lots, 0.0),
    }
    sums = {
        name: np.bincount(account, values).astype(np.float64) for name, values in columns.items()
    }
    if bounds is not None:
        kept = np.minimum(bounds.contracts / np.maximum(sums["contracts"], 1.0), 1.0)
        sums = {name: values * (1.0 if name == "trades" else kept) for name, values in sums.items()}
        sums["trades"] = np.minimum(sums["trades"], bounds.trades)
    return {name: float(values.sum()) for name, values in sums.items()}


def statistics_of(sums: dict[str, float]) -> dict[str, float]:
    """Return the published statistics of the four sums; shares are cut to their range."""
    contracts = max(sums["contracts"], 1.0)
    return {
        "trades": sums["trades"],
        "contracts": sums["contracts"],
        "bought by takers": min(max(sums["bought"] / contracts, 0.0), 1.0),
        "resting share": min(max(sums["from_rest"] / contracts, 0.0), 1.0),
    }


def release(flow: Flow, epsilon: float, bounds: Bounds | None = None) -> dict[str, float]:
    """Return the statistics of a run with differential privacy; no two calls give the same.

    Parameters
    ----------
    flow : Flow
        The aggressive flow of a run.
    epsilon : float
        Privacy loss of all sums together, above 0.
    bounds : Bounds, optional
        The most that one account counts for.

    Raises
    ------
    MissingExtraError
        If OpenDP is not installed.
    """
    try:
        import opendp.prelude as dp  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("privacy", "opendp") from error
    dp.enable_features("contrib")
    bounds = bounds or Bounds()
    space = dp.atom_domain(T=float, nan=False), dp.absolute_distance(T=float)
    noisy = {}
    for name, value in account_sums(flow, bounds).items():
        scale = bounds.by_sum[name] * len(SUMS) / epsilon
        noisy[name] = float(dp.m.make_laplace(*space, scale=scale)(value))
    return statistics_of(noisy)


def error_table(
    flow: Flow, epsilons: tuple[float, ...] = EPSILONS, bounds: Bounds | None = None
) -> list[PrivacyError]:
    """Return what privacy costs every statistic, by epsilon."""
    bounds = bounds or Bounds()
    sums, bounded = account_sums(flow), account_sums(flow, bounds)
    exact, kept = statistics_of(sums), statistics_of(bounded)
    contracts = max(bounded["contracts"], 1.0)
    rows = []
    for epsilon in epsilons:
        # A Laplace variable of scale b has the standard deviation b * sqrt(2).
        noise = {
            name: sqrt(2.0) * bound * len(SUMS) / epsilon for name, bound in bounds.by_sum.items()
        }
        deviations = {
            "trades": noise["trades"],
            "contracts": noise["contracts"],
            "bought by takers": _of_share(kept["bought by takers"], noise["bought"], noise),
            "resting share": _of_share(kept["resting share"], noise["from_rest"], noise),
        }
        for name, value in exact.items():
            share = name not in ("trades", "contracts")
            deviation = deviations[name] / contracts if share else deviations[name]
            rows.append(PrivacyError(name, epsilon, value, kept[name] - value, deviation))
    return rows


def _of_share(share: float, numerator: float, noise: dict[str, float]) -> float:
    """Return the deviation of a share times its denominator: a ratio's first-order rule."""
    return sqrt(numerator**2 + (share * noise["contracts"]) ** 2)
