"""Liquidity from a run's tables: depth, spread, how long they take to recover, and spillover.

A run of several venues is read from its table of venues, one sample every ten minutes; a run of one
from its steps, a single group of no name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abm.recording.results import RunResults

SETTLED_SECONDS = 3_600
"""Books are still filling before this; depth then says nothing."""

RECOVERED_SHARE = 0.9
"""A book has recovered when its depth is back at this share of its median before the fall."""

FEWEST_CHANGES = 3


def books(results: RunResults) -> pl.DataFrame:
    """Return depth and spread over time, with a column ``venue`` where there are several."""
    several = results.manifest.scenario.get("further_venues")
    return results.table("venues" if several else "steps")


def by_venue(steps: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the steps of each venue, in order of time."""
    if "venue" not in steps.columns:
        yield "", steps.sort("second")
        return
    for name in steps["venue"].cast(pl.String).unique().sort():
        yield str(name), steps.filter(pl.col("venue").cast(pl.String) == name).sort("second")


def liquidity(results: RunResults, before_second: int | None = None) -> pl.DataFrame:
    """Return how deep and tight each venue's books were, and how they came through.

    Parameters
    ----------
    results : RunResults
        The run.
    before_second : int, optional
        End of the time that counts as normal; the first scheduled shock, or half of the run.

    Returns
    -------
    polars.DataFrame
        A row for each venue: ``venue``; ``normal_depth_lots`` and ``normal_spread_volatility``,
        medians after the first hour and before then; ``worst_depth_lots``, ``worst_second``,
        ``widest_spread_volatility`` from then on; ``seconds_without_depth``, while it was below
        `RECOVERED_SHARE` of normal; ``recovered_second``, when it was back for the first time after
        the worst, missing if it never was.
    """
    then = _end_of_normal(results) if before_second is None else before_second
    rows = [{"venue": name, **_of_one(steps, then)} for name, steps in by_venue(books(results))]
    return pl.DataFrame(
        rows,
        schema={
            "venue": pl.String,
            "normal_depth_lots": pl.Float64,
            "normal_spread_volatility": pl.Float64,
            "worst_depth_lots": pl.Float64,
            "worst_second": pl.Int64,
            "widest_spread_volatility": pl.Float64,
            "seconds_without_depth": pl.Int64,
            "recovered_second": pl.Int64,
        },
    )


def _end_of_normal(results: RunResults) -> int:
    scenario = results.manifest.scenario
    starts = [rule["at_hours"] for rule in scenario["shocks"].values() if rule["at_hours"]]
    hours = float(min(starts, default=scenario["clock"]["hours"] / 2))
    return round(hours * 3_600)


def _of_one(steps: pl.DataFrame, then: int) -> dict[str, float | int | None]:
    second = pl.col("second")
    settled = min(SETTLED_SECONDS, then // 2)
    normal = steps.filter(second >= settled, second < then)
    rest = steps.filter(second >= then)
    usual = _number(normal["depth_lots"].median())
    depth = rest["depth_lots"].to_numpy().astype(np.float64)
    seconds = rest["second"].to_numpy()
    worst = int(depth.argmin())
    enough = depth >= RECOVERED_SHARE * (usual or 0.0)
    back = np.flatnonzero(enough[worst:])
    step = int(seconds[1] - seconds[0]) if len(seconds) > 1 else 0
    return {
        "normal_depth_lots": usual,
        "normal_spread_volatility": _number(normal["spread_volatility"].median()),
        "worst_depth_lots": float(depth[worst]),
        "worst_second": int(seconds[worst]),
        "widest_spread_volatility": _number(rest["spread_volatility"].max()),
        "seconds_without_depth": int((~enough).sum()) * step,
        "recovered_second": int(seconds[worst + int(back[0])]) if len(back) else None,
    }


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def feed_basis(results: RunResults) -> pl.DataFrame:
    """Return how far prices of one thing stood apart between chains, sample by sample.

    Returns
    -------
    polars.DataFrame
        ``second``; ``basis``, the highest over the lowest published price less 1; ``high`` and
        ``low``, the chains where they stood.
    """
    chains = results.table("chains").with_columns(pl.col("chain").cast(pl.String))
    return (
        chains.sort("second", "chain")
        .group_by("second", maintain_order=True)
        .agg(
            basis=pl.col("published_usd").max() / pl.col("published_usd").min() - 1.0,
            high=pl.col("chain").get(pl.col("published_usd").arg_max()),
            low=pl.col("chain").get(pl.col("published_usd").arg_min()),
        )
    )


def spillover(results: RunResults, lag_steps: int = 1) -> pl.DataFrame:
    """Return how strongly a change of one venue's depth comes before one of another's.

    Parameters
    ----------
    results : RunResults
        The run.
    lag_steps : int
        By how many rows of `books` the first comes earlier, at least 1.

    Returns
    -------
    polars.DataFrame
        ``source``, ``target``, ``rank_correlation`` of relative changes of depth, Spearman's; no
        rows for a run of one venue.

    Raises
    ------
    ValueError
        If ``lag_steps`` is below 1.
    """
    if lag_steps < 1:
        raise ValueError(f"lag_steps is {lag_steps!r}; it must be at least 1")
    changes = {
        name: np.diff(np.log1p(steps["depth_lots"].to_numpy().astype(np.float64)))
        for name, steps in by_venue(books(results))
    }
    rows = []
    for source, first in changes.items():
        for target, second in changes.items():
            early, late = first[:-lag_steps], second[lag_steps:]
            if source == target or len(early) < FEWEST_CHANGES:
                continue
            if np.ptp(early) == 0 or np.ptp(late) == 0:
                continue
            found = stats.spearmanr(early, late)
            rows.append((source, target, float(found.statistic)))
    schema = {"source": pl.String, "target": pl.String, "rank_correlation": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")
