"""The aggressive flow of a run, from its table of trades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.recording.results import RunResults

FLOW_KINDS = ("order", "close_out")
"""Kinds of trade in which somebody took a price; the opening and take-overs are no flow."""

MAKER = "market_maker"


@dataclass(frozen=True)
class Flow:
    """Trades in which somebody took a price, in the order in which they were made.

    Attributes
    ----------
    second : ndarray of int64, shape (trades,)
        From the start of the run; many trades share a step's.
    series : ndarray of int64, shape (trades,)
        Number of the option series.
    signed_lots : ndarray of int64, shape (trades,)
        Contracts, above 0 where the buyer took the price.
    premium_usd : ndarray, shape (trades,)
        For one contract.
    taker : ndarray of int64, shape (trades,)
        Account that took the price.
    from_rest : ndarray of bool, shape (trades,)
        Whether a resting order was taken, rather than a market maker's quote.
    step_seconds, horizon_seconds : int
        Length of one step, and of the run.
    """

    second: NDArray[np.int64]
    series: NDArray[np.int64]
    signed_lots: NDArray[np.int64]
    premium_usd: NDArray[np.float64]
    taker: NDArray[np.int64]
    from_rest: NDArray[np.bool_]
    step_seconds: int
    horizon_seconds: int

    def __len__(self) -> int:
        """Return the number of trades."""
        return len(self.second)

    @property
    def step_count(self) -> int:
        """Steps of the run, from the first after the opening."""
        return self.horizon_seconds // self.step_seconds

    def by_step(self, values: NDArray[np.generic] | None = None) -> NDArray[np.float64]:
        """Return the sum of values over the trades of every step, or their number.

        Returns
        -------
        ndarray, shape (steps,)
            The first is that of the first step after the opening.
        """
        step = self.second // self.step_seconds - 1
        inside = (step >= 0) & (step < self.step_count)
        weights = None if values is None else values[inside].astype(np.float64)
        return np.bincount(step[inside], weights, minlength=self.step_count).astype(np.float64)


def read_flow(results: RunResults) -> Flow:
    """Return the aggressive flow of a run."""
    kinds = results.table("accounts").filter(pl.col("moment") == "start")
    makers = kinds.filter(pl.col("kind") == MAKER)["account"]
    trades = results.table("trades").filter(pl.col("kind").cast(pl.String).is_in(FLOW_KINDS))
    buys = pl.col("aggressor").cast(pl.String) == "buy"
    passive = pl.when(buys).then(pl.col("seller")).otherwise(pl.col("buyer"))
    columns = trades.select(
        "second",
        pl.col("series").cast(pl.String).rank("dense").cast(pl.Int64).alias("series") - 1,
        pl.when(buys).then(pl.col("lots")).otherwise(-pl.col("lots")).alias("signed_lots"),
        "premium_usd",
        pl.when(buys).then(pl.col("buyer")).otherwise(pl.col("seller")).alias("taker"),
        (~passive.is_in(makers.implode())).alias("from_rest"),
    )
    seconds = results.table("steps")["second"]
    return Flow(
        second=columns["second"].to_numpy(),
        series=columns["series"].to_numpy(),
        signed_lots=columns["signed_lots"].to_numpy(),
        premium_usd=columns["premium_usd"].to_numpy(),
        taker=columns["taker"].to_numpy(),
        from_rest=columns["from_rest"].to_numpy(),
        step_seconds=int(seconds[1] - seconds[0]),
        horizon_seconds=int(seconds[-1]),
    )
