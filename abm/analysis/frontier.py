"""What a dollar of capital carries, and which choices no other beats on both counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def run_efficiency(steps: pl.LazyFrame, accounts: pl.LazyFrame) -> pl.DataFrame:
    """Capital efficiency of each run: mean open interest over the capital that stands behind it.

    Open interest is contracts, each of one unit of the underlying, times its price, mean over the
    steps. Capital is what traders have at the venue and in its vaults at the start, and the
    insurance fund then; what market makers bring is no margin of those who open positions, and is
    left out.

    Parameters
    ----------
    steps, accounts : polars.LazyFrame
        The tables of those names, with ``run_id``.

    Returns
    -------
    polars.DataFrame
        ``run_id`` and ``capital_efficiency``, dollars for each dollar.
    """
    carried = steps.group_by("run_id", maintain_order=True).agg(
        carried=(pl.col("open_interest_lots") * pl.col("price_usd")).mean(),
        fund=pl.col("fund_usd").sort_by("second").first(),
    )
    posted = (
        accounts.filter(
            pl.col("moment") == "start", ~pl.col("kind").is_in(["market_maker", "house"])
        )
        .group_by("run_id", maintain_order=True)
        .agg(posted=pl.sum_horizontal("cash_usd", "vault_usd").sum())
    )
    return (
        carried.join(posted, on="run_id", maintain_order="left")
        .select(
            "run_id", capital_efficiency=pl.col("carried") / (pl.col("posted") + pl.col("fund"))
        )
        .collect()
    )


def efficient(gain: ArrayLike, risk: ArrayLike) -> NDArray[np.bool_]:
    """Tell which choices are on the frontier: none has more gain and no more risk, or the reverse.

    >>> efficient([1.0, 2.0, 2.0, 3.0], [5.0, 4.0, 6.0, 9.0]).tolist()
    [False, True, False, True]
    """
    gains, risks = np.asarray(gain, dtype=np.float64), np.asarray(risk, dtype=np.float64)
    better = (gains >= gains[:, np.newaxis]) & (risks <= risks[:, np.newaxis])
    strictly = (gains > gains[:, np.newaxis]) | (risks < risks[:, np.newaxis])
    return np.asarray(~(better & strictly).any(axis=1))
