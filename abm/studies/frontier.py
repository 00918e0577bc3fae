"""Capital efficiency against expected shortfall over a study's points: what is worth choosing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from abm.analysis.frontier import capital_efficiency, efficient
from abm.analysis.risk import expected_shortfall, mean_estimate
from abm.scenario.venues import layer_sizes_usd
from abm.studies.sensitivity import check_outcome
from abm.sweeps import plan_of, read_runs
from abm.sweeps.keys import value_at

if TYPE_CHECKING:
    from pathlib import Path

    from abm.sweeps.plan import Plan


def efficient_frontier(
    place: str | Path, outcome: str = "bad_debt_usd", *, level: float = 0.95
) -> pl.DataFrame:
    """Return, for every point of a study, its capital efficiency and its expected shortfall.

    Parameters
    ----------
    place : str or Path
        Folder or URL of a study that was run.
    outcome : str
        A loss in the table of runs.
    level : float
        Of the expected shortfall.

    Returns
    -------
    polars.DataFrame
        ``point``, the factors, ``runs``; ``capital_efficiency``, dollars of open interest that a
        dollar of capital carries, with its ends; ``expected_shortfall`` in the outcome's unit, with
        its ends; ``on_frontier``, no other point has both more efficiency and less shortfall;
        ``current``, the point has the base scenario's values of all factors. By efficiency.

    Raises
    ------
    ResultsError
        If there is no study, or nothing is gathered.
    ValueError
        If the outcome is no column of numbers.
    """
    plan, runs = plan_of(place), read_runs(place)
    check_outcome(runs, outcome)
    rows = []
    for (key,), part in runs.group_by("point", maintain_order=True):
        point = int(str(key))
        scenario = plan.scenario(point)
        sizes = layer_sizes_usd(scenario.waterfall, scenario.further_venues.values())
        fund = sizes.get("fund", 0.0)
        efficiency = mean_estimate(capital_efficiency(part, np.full(part.height, fund)))
        shortfall = expected_shortfall(part[outcome].cast(pl.Float64).to_numpy(), level)
        rows.append(
            {
                "point": point,
                **{f"factor {name}": value for name, value in plan.points[point].items()},
                "runs": part.height,
                "capital_efficiency": efficiency.value,
                "capital_efficiency_low": efficiency.low,
                "capital_efficiency_high": efficiency.high,
                "expected_shortfall": shortfall.value,
                "expected_shortfall_low": shortfall.low,
                "expected_shortfall_high": shortfall.high,
                "current": is_current(plan, point),
            }
        )
    frame = pl.DataFrame(rows, infer_schema_length=None)
    on = efficient(frame["capital_efficiency"].to_numpy(), frame["expected_shortfall"].to_numpy())
    return frame.with_columns(on_frontier=pl.Series(on)).sort("capital_efficiency")


def is_current(plan: Plan, point: int) -> bool:
    """Tell whether a point has the base scenario's own values."""
    return all(
        value_at(plan.data, path) == value
        for name, value in plan.points[point].items()
        for path in plan.paths[name]
    )
