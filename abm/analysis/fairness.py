"""Whom socialised losses and deleveraging hit, and how evenly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from abm.recording.results import RunResults

TOP_SHARE = 0.1
"""Part of the accounts whose share of the cuts is told."""


@dataclass(frozen=True)
class Fairness:
    """How one layer that takes from others spread its cuts.

    Attributes
    ----------
    layer : str
        socialised or deleveraged.
    cut_usd : float
        Taken in all, in dollars.
    accounts_hit, accounts : int
        Accounts from which anything was taken, and all with equity at the start.
    top_share : float
        Share of the cuts that fell on the tenth of accounts most hit.
    gini : float
        Of cuts over all accounts: 0 if all lose the same, near 1 if one loses all.
    gini_of_shares : float
        The same of cuts as a share of each account's equity at the start: 0 if all lose the same
        part of what they have.
    """

    layer: str
    cut_usd: float
    accounts_hit: int
    accounts: int
    top_share: float
    gini: float
    gini_of_shares: float


def gini(amounts: ArrayLike) -> float:
    """Return the Gini coefficient of amounts at least 0; 0 where nobody has any.

    References
    ----------
    Mean absolute difference over twice the mean; the form by ranks of Sen 1973, "On Economic
    Inequality", chapter 2.

    Examples
    --------
    >>> gini([1, 1, 1, 1]), gini([0, 0, 0, 8])
    (0.0, 0.75)
    """
    ordered = np.sort(np.asarray(amounts, dtype=np.float64))
    total = float(ordered.sum())
    if total <= 0.0:
        return 0.0
    ranks = np.arange(1, ordered.size + 1)
    return float(
        2.0 * (ranks * ordered).sum() / (ordered.size * total) - (ordered.size + 1) / ordered.size
    )


def fairness(results: RunResults) -> tuple[Fairness, ...]:
    """Return how each layer that took from others in a run spread its cuts; none if none did."""
    accounts = results.table("accounts").filter(
        pl.col("moment") == "start", pl.col("kind") != "house", pl.col("equity_usd") > 0
    )
    cuts = results.table("cuts").with_columns(pl.col("layer").cast(pl.String))
    found = []
    for layer in cuts["layer"].unique(maintain_order=True):
        own = cuts.filter(layer=layer)
        joined = accounts.join(own, on="account", how="left").with_columns(
            pl.col("cut_usd").fill_null(0.0)
        )
        taken = joined["cut_usd"].to_numpy()
        top = np.sort(taken)[::-1][: max(round(TOP_SHARE * taken.size), 1)]
        total = float(taken.sum())
        found.append(
            Fairness(
                layer=str(layer),
                cut_usd=float(own["cut_usd"].sum()),
                accounts_hit=int((taken > 0).sum()),
                accounts=taken.size,
                top_share=float(top.sum()) / total if total else 0.0,
                gini=gini(taken),
                gini_of_shares=gini(taken / joined["equity_usd"].to_numpy()),
            )
        )
    return tuple(found)
