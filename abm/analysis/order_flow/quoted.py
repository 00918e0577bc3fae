"""Quoted volatility moves and flow between two samples of the quotes, series by series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from abm.analysis.order_flow.flow import FLOW_KINDS
from abm.analysis.order_flow.impact import quote_imbalance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.recording.results import RunResults

SMALLEST_VEGA_USD = 1.0
"""Below it, in dollars for 1.00, a move of the premium says nothing of volatility."""


@dataclass(frozen=True)
class QuotedMoves:
    """Moves of quotes between two samples, one row for each series and interval.

    Attributes
    ----------
    volatility : ndarray
        Change of the middle beyond that of the mark, in volatility: what the underlying, time and
        the level of volatility moved is left out, so that only what flow moved is left.
    imbalance : ndarray
        Order-flow imbalance of the best quotes, in contracts.
    net_lots : ndarray
        Net contracts that takers bought in between.
    """

    volatility: NDArray[np.float64]
    imbalance: NDArray[np.float64]
    net_lots: NDArray[np.float64]


def read_quoted_moves(results: RunResults) -> QuotedMoves:
    """Return the moves of quotes of a run; empty where no series was two-sided twice."""
    quotes = (
        results.table("quotes")
        .drop_nulls(["bid_usd", "ask_usd"])
        .filter(pl.col("vega_usd") > SMALLEST_VEGA_USD)
        .with_columns(pl.col("series").cast(pl.String))
        .sort("series", "second")
    )
    buys = pl.col("aggressor").cast(pl.String) == "buy"
    trades = (
        results.table("trades")
        .filter(pl.col("kind").cast(pl.String).is_in(FLOW_KINDS))
        .select(
            pl.col("series").cast(pl.String),
            "second",
            signed=pl.when(buys).then(pl.col("lots")).otherwise(-pl.col("lots")),
        )
    )
    parts: list[tuple[NDArray[np.float64], ...]] = []
    for (series,), frame in quotes.group_by("series", maintain_order=True):
        if len(frame) > 1:
            parts.append(_moves(frame, trades.filter(pl.col("series") == series)))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return QuotedMoves(*columns) if columns else QuotedMoves(*[np.zeros(0)] * 3)


def _moves(quotes: pl.DataFrame, trades: pl.DataFrame) -> tuple[NDArray[np.float64], ...]:
    column = {
        name: quotes[name].to_numpy().astype(np.float64)
        for name in ("second", "bid_usd", "ask_usd", "bid_lots", "ask_lots", "mark_usd", "vega_usd")
    }
    beyond = (column["bid_usd"] + column["ask_usd"]) / 2.0 - column["mark_usd"]
    imbalance = quote_imbalance(
        column["bid_usd"], column["bid_lots"], column["ask_usd"], column["ask_lots"]
    )
    seconds = trades["second"].to_numpy()
    total = np.concatenate([[0], np.cumsum(trades["signed"].to_numpy())])
    at_sample = total[np.searchsorted(seconds, column["second"], side="right")]
    return (
        np.diff(beyond / column["vega_usd"]),
        imbalance,
        np.diff(at_sample).astype(np.float64),
    )
