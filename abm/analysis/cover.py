"""Cover-1, -2 and -k: whether funded layers bear the largest losses, at first and in the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from abm.scenario.waterfall import FUNDED, Waterfall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.recording.results import RunResults


def funded_usd(scenario: dict[str, Any]) -> float:
    """Return what a run's funded layers start with, in dollars."""
    rule = Waterfall.model_validate_json(json.dumps(scenario["waterfall"]))
    return sum(rule.size_usd(layer) or 0.0 for layer in FUNDED)


def cover(results: RunResults, counts: Sequence[int] = (1, 2, 5)) -> pl.DataFrame:
    """Set the k largest losses of members beside what is set aside, before and after the run.

    Before the second round: what members could not pay if all were cleared at once at the worst
    price (`shortfalls`). After it: the bad debt they really left, with delays, sales and whatever
    else the run added.

    Returns
    -------
    polars.DataFrame
        ``largest``, k; ``before_usd`` and ``after_usd``, the k largest together; ``funded_usd``;
        ``covered_before`` and ``covered_after``.
    """
    before = results.table("shortfalls")["shortfall_usd"].sort(descending=True)
    after = (
        results.table("liquidations")
        .group_by("account")
        .agg(pl.col("bad_debt_usd").sum())["bad_debt_usd"]
        .sort(descending=True)
    )
    funded = funded_usd(results.manifest.scenario)
    rows = []
    for count in counts:
        first, last = float(before.head(count).sum()), float(after.head(count).sum())
        rows.append((count, first, last, funded, first <= funded, last <= funded))
    return pl.DataFrame(
        rows,
        schema={
            "largest": pl.Int64,
            "before_usd": pl.Float64,
            "after_usd": pl.Float64,
            "funded_usd": pl.Float64,
            "covered_before": pl.Boolean,
            "covered_after": pl.Boolean,
        },
        orient="row",
    )
