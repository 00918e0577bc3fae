"""Facts of a stressed run: quotes widen, depth goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from abm.analysis.facts.fact import Fact
from abm.analysis.facts.quotes import SMALLEST_VEGA_USD, median_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRESS_FALL = 0.08
"""A fall of the price over six hours from which a run counts as stressed."""
STRESS_SECONDS = 6 * 3_600
CALM_FIRST_SECONDS = 3_600
NEAR_THE_MONEY = (0.25, 0.60)
"""Absolute deltas of the series whose spreads are compared; calm is the tenth of the steps with the
lowest realised volatility, wild the twentieth with the highest."""
DEPTH_SOURCE = "10 October 2025: depth of order books fell by 98 % (Coinglass and others)"
WIDTH_SOURCE = "a judgement: no option book of a crash was published"


def largest_fall(prices: NDArray[np.float64], step_seconds: int) -> float:
    """Return the largest relative fall from any price to a later one within six hours.

    >>> import numpy as np
    >>> round(largest_fall(np.array([100.0, 110.0, 99.0, 120.0]), 3_600), 3)
    0.1
    """
    window = max(STRESS_SECONDS // step_seconds, 1)
    padded = np.concatenate([np.full(window, prices[0]), prices])
    highest = np.lib.stride_tricks.sliding_window_view(padded, window + 1).max(axis=1)
    return float((1.0 - prices / highest).max())


def stress_facts(steps: pl.DataFrame, quotes: pl.DataFrame) -> list[Fact]:
    """Return the facts of a run that fell enough; nothing for a calm one.

    Spreads are those of series near the money alone: what is far in or out of it changes in a
    crash, and so would the median of all.

    Parameters
    ----------
    steps : polars.DataFrame
        The table of that name.
    quotes : polars.DataFrame
        Sampled quotes, from `abm.analysis.facts.quotes.calm_quotes`.
    """
    seconds = steps["second"].to_numpy()
    prices = steps["price_usd"].to_numpy()
    if largest_fall(prices, int(seconds[1] - seconds[0])) < STRESS_FALL:
        return []
    after = seconds >= CALM_FIRST_SECONDS
    realised = steps["realised_volatility"].to_numpy()[after]
    depth = steps["depth_lots"].to_numpy()[after].astype(np.float64)
    quiet, wild = (float(np.quantile(realised, level)) for level in (0.1, 0.95))
    before = float(np.median(depth[realised <= quiet]))
    near = quotes.drop_nulls("spread_usd").filter(
        pl.col("size").is_between(*NEAR_THE_MONEY), pl.col("vega_usd") > SMALLEST_VEGA_USD
    )
    moved = near.join(steps.select("second", "realised_volatility"), on="second").with_columns(
        width=pl.col("spread_usd") / pl.col("vega_usd")
    )
    level = pl.col("realised_volatility")
    calm, stressed = (
        median_of(moved.filter(part)["width"]) for part in (level <= quiet, level >= wild)
    )
    return [
        Fact(
            "depth at its least, of calm",
            100.0 * float(depth.min()) / before if before else None,
            None,
            10.0,
            "%",
            DEPTH_SOURCE,
        ),
        Fact(
            "spread near the money, wild over calm",
            stressed / calm if calm and stressed else None,
            3.0,
            10.0,
            "times",
            WIDTH_SOURCE,
        ),
    ]
