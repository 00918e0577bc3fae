"""Facts of a stressed run: quotes widen, depth goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.analysis.facts.fact import Fact

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

STRESS_FALL = 0.08
"""A fall of the price over six hours from which a run counts as stressed."""
STRESS_SECONDS = 6 * 3_600
CALM_FIRST_SECONDS = 3_600
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


def stress_facts(steps: pl.DataFrame) -> list[Fact]:
    """Return the facts of a run that fell enough; nothing for a calm one.

    Parameters
    ----------
    steps : polars.DataFrame
        The table of that name.
    """
    seconds = steps["second"].to_numpy()
    prices = steps["price_usd"].to_numpy()
    if largest_fall(prices, int(seconds[1] - seconds[0])) < STRESS_FALL:
        return []
    after = seconds >= CALM_FIRST_SECONDS
    realised = steps["realised_volatility"].to_numpy()[after]
    depth = steps["depth_lots"].to_numpy()[after].astype(np.float64)
    spread = steps["spread_volatility"].cast(float).to_numpy()[after]
    quiet, wild = (np.quantile(realised, level) for level in (0.1, 0.95))
    calm, stressed = realised <= quiet, realised >= wild
    before = float(np.median(depth[calm]))
    widths = [float(np.nanmedian(spread[part])) for part in (calm, stressed)]
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
            "spread in the wildest twentieth over calm",
            widths[1] / widths[0] if widths[0] > 0 else None,
            3.0,
            10.0,
            "times",
            WIDTH_SOURCE,
        ),
    ]
