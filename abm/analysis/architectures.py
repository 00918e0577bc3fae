"""Architectures side by side: the capital each needs and what is lost under it, from a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from abm.analysis.estimates import mean_estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.analysis.estimates import Estimate

NEEDED = pl.col("required_usd_mean") + pl.col("in_transit_usd_mean") + pl.col("worst_shortfall_usd")
"""Capital that would have had to stand behind the open interest for nobody but owners to lose:
the margin required, what is on its way and counts nowhere, and the largest shortfall there was."""

LOST = pl.col("bad_debt_usd") + pl.col("unresolved_usd")
OWNERS_COST = pl.col("liquidation_cost_usd") + pl.col("moving_cost_usd")


@dataclass(frozen=True)
class ArchitectureRow:
    """What one architecture came to, over the runs of a study.

    Attributes
    ----------
    architecture : str
    runs : int
    capital_needed_usd, lost_usd, cost_to_owners_usd : Estimate
        Means with their intervals, in dollars; lost is bad debt and what is owed at the end.
    idle_share, open_interest_per_locked : Estimate
        Of what counts as margin, not required; notional per dollar locked.
    liquidation_seconds : Estimate or None
        Mean of the median time from breach to end; None where none ended.
    """

    architecture: str
    runs: int
    capital_needed_usd: Estimate
    idle_share: Estimate
    open_interest_per_locked: Estimate
    lost_usd: Estimate
    liquidation_seconds: Estimate | None
    cost_to_owners_usd: Estimate


def architecture_rows(runs: pl.DataFrame) -> list[ArchitectureRow]:
    """Return one row for each architecture, in the order in which the runs have them.

    Parameters
    ----------
    runs : polars.DataFrame
        Rows of the `runs` table, of one scenario under several architectures.
    """
    measured = runs.select(
        pl.col("architecture").cast(pl.String),
        NEEDED.alias("needed"),
        LOST.alias("lost"),
        OWNERS_COST.alias("cost"),
        "idle_share_mean",
        "open_interest_per_locked_mean",
        "liquidation_seconds_p50",
    )
    rows = []
    for (name,), part in measured.group_by("architecture", maintain_order=True):
        ended = part["liquidation_seconds_p50"].drop_nulls()
        rows.append(
            ArchitectureRow(
                str(name),
                len(part),
                mean_estimate(part["needed"]),
                mean_estimate(part["idle_share_mean"]),
                mean_estimate(part["open_interest_per_locked_mean"]),
                mean_estimate(part["lost"]),
                mean_estimate(ended) if len(ended) else None,
                mean_estimate(part["cost"]),
            )
        )
    return rows


def least_lost(rows: Sequence[ArchitectureRow]) -> ArchitectureRow:
    """Return the architecture that loses least, and of equals the one that needs least capital."""
    return min(rows, key=lambda row: (row.lost_usd.value, row.capital_needed_usd.value))
