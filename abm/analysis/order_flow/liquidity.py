"""Passive flow: who is taken, what comes back, and how liquidity spills over between venues.

References
----------
B. Toth and others, Anomalous price impact and the critical nature of liquidity in financial
markets, Physical Review X 1 (2011), 021006; section III (the latent order book).
F. X. Diebold and K. Yilmaz, Better to give than to receive: predictive directional measurement of
volatility spillovers, International Journal of Forecasting 28 (2012), 57-66; equations (2) to (5).
H. H. Pesaran and Y. Shin, Generalized impulse response analysis in linear multivariate models,
Economics Letters 58 (1998), 17-29.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from abm.analysis.order_flow.flow import Flow

SPILLOVER_STEPS = 10
"""Steps ahead over which the spillover is measured, as Diebold and Yilmaz take 10 days."""


def resting_share(flow: Flow) -> float | None:
    """Return the share of traded contracts that took a resting order rather than a quote."""
    lots = np.abs(flow.signed_lots)
    return float(lots[flow.from_rest].sum() / lots.sum()) if lots.sum() else None


def latent_depth(depth_lots: NDArray[np.float64], traded_lots: NDArray[np.float64]) -> float | None:
    """Contracts that come to be displayed for each one that is traded away.

    What was displayed before, less what was traded, would be left if nobody came: what is displayed
    beyond it was latent until then.

    Parameters
    ----------
    depth_lots : ndarray, shape (steps + 1,)
        Displayed at the end of each step, from the opening.
    traded_lots : ndarray, shape (steps,)
        Traded within each.

    Returns
    -------
    float or None
        1 where all that is traded comes back within its step; None where nothing is traded.
    """
    traded = traded_lots > 0
    if not traded.any():
        return None
    revealed = np.diff(depth_lots)[traded] + traded_lots[traded]
    return float(np.maximum(revealed, 0.0).sum() / traded_lots[traded].sum())


@dataclass(frozen=True)
class Spillover:
    """How the liquidity of venues depends on each other's.

    Attributes
    ----------
    venues : tuple of str
    share : ndarray, shape (venues, venues)
        Share of the forecast error variance of the row's venue that comes from shocks to the
        column's; rows sum to 1.
    """

    venues: tuple[str, ...]
    share: NDArray[np.float64]

    @property
    def total(self) -> float:
        """Mean share that comes from other venues, from 0 to 1."""
        return float(1.0 - np.trace(self.share) / len(self.venues))


def venue_spillover(steps: pl.DataFrame, column: str = "depth_lots") -> Spillover:
    """Return the spillover of a column of the steps between the venues of a table.

    Parameters
    ----------
    steps : polars.DataFrame
        A row for each second and, where there is a column ``venue``, for each venue.
    column : str
        What is compared; its logarithm plus one is taken, since depth may vanish.
    """
    if "venue" not in steps.columns:
        return Spillover(("venue",), np.ones((1, 1)))
    # A venue may be called as a column is, but no name of one starts like this.
    rows = steps.select("venue", column, _at="second").sort("_at")
    wide = rows.pivot("venue", index="_at", values=column).drop_nulls()
    venues = tuple(name for name in wide.columns if name != "_at")
    logs = np.log1p(wide.select(venues).to_numpy().astype(np.float64))
    return Spillover(venues, spillover_shares(np.diff(logs, axis=0)))


def spillover_shares(
    changes: NDArray[np.float64], steps_ahead: int = SPILLOVER_STEPS
) -> NDArray[np.float64]:
    """Generalised forecast error variance decomposition of a vector autoregression of order one.

    Parameters
    ----------
    changes : ndarray, shape (times, variables)
        Stationary series.
    steps_ahead : int
        Horizon of the forecast.

    Returns
    -------
    ndarray, shape (variables, variables)
        Diebold and Yilmaz (2012), equations (3) and (4): rows sum to 1.
    """
    centred = changes - changes.mean(axis=0)
    before, after = centred[:-1], centred[1:]
    coefficients = np.linalg.lstsq(before, after, rcond=None)[0].T
    left = after - before @ coefficients.T
    covariance = left.T @ left / len(left)
    own = np.where(np.diag(covariance) > 0, np.diag(covariance), 1.0)
    response = np.eye(changes.shape[1])
    from_others = np.zeros_like(covariance)
    total = np.zeros(changes.shape[1])
    for _ in range(steps_ahead):
        from_others += (response @ covariance) ** 2 / own
        total += np.einsum("ij,jk,ik->i", response, covariance, response)
        response = coefficients @ response
    share = np.divide(
        from_others, total[:, np.newaxis], out=np.eye(len(total)), where=total[:, np.newaxis] > 0
    )
    shares: NDArray[np.float64] = share / share.sum(axis=1, keepdims=True)
    return shares
