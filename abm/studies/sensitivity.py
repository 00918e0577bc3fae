"""Sensitivity of a study's outcome to its factors, by what its design can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from abm.analysis.sensitivity import Sensitivity, feature_scores, morris_effects, sobol_indices
from abm.sweeps import plan_of, read_runs
from abm.sweeps.design import design_shares, salib_problem

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from abm.sweeps.plan import Plan


def study_sensitivity(place: str | Path, outcome: str) -> Sensitivity | pl.DataFrame:
    """Return the indices that a study's design was made for; of any other design, feature scores.

    Parameters
    ----------
    place : str or Path
        Folder or URL of a study that was run.
    outcome : str
        A column of numbers of its runs.

    Returns
    -------
    Sensitivity or polars.DataFrame
        Sobol' indices of the design of Saltelli, elementary effects of Morris's, else the table of
        `abm.analysis.sensitivity.feature_scores`.

    Raises
    ------
    ResultsError
        If there is no study, or nothing is gathered.
    ValueError
        If too many runs failed, or the outcome is no column of numbers.
    """
    plan, runs = plan_of(place), read_runs(place)
    check_outcome(runs, outcome)
    design = plan.study.design
    if design.kind == "saltelli":
        return sobol_indices(salib_problem(plan.study), outcomes_of(plan, runs, outcome))
    if design.kind == "morris":
        return morris_effects(
            salib_problem(plan.study),
            design_shares(plan.study),
            outcomes_of(plan, runs, outcome),
            levels=design.levels,
        )
    return feature_scores(runs, outcome)


def check_outcome(runs: pl.DataFrame, outcome: str) -> None:
    """Refuse what is no column of numbers, and say which are."""
    known = [name for name, kind in runs.schema.items() if kind.is_numeric()]
    if outcome not in known:
        raise ValueError(f"outcome is {outcome!r}; it must be one of {', '.join(known)}")


def outcomes_of(plan: Plan, runs: pl.DataFrame, outcome: str) -> NDArray[np.float64]:
    """Return outcomes by row of the design and replicate; nan where a run failed or has none."""
    values = np.full(plan.ids.shape, np.nan)
    found = runs.select("point", "replicate", pl.col(outcome).cast(pl.Float64)).to_numpy()
    values[found[:, 0].astype(int), found[:, 1].astype(int)] = found[:, 2]
    return values[plan.place_of_row]
