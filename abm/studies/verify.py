"""Runs a recorded run again and finds where the two differ, if they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from abm.errors import ResultsError, ScenarioError
from abm.recording.results import read_results
from abm.recording.schemas import SCHEMAS
from abm.recording.tables import arrow_tables
from abm.scenario import parse_scenario
from abm.simulation.run import simulate

if TYPE_CHECKING:
    from pathlib import Path


def first_difference(folder: str | Path) -> str | None:
    """Run a recorded run again and say where its tables first differ from the recorded ones.

    Parameters
    ----------
    folder : str or Path
        Of a run, as ``abm run`` leaves it.

    Returns
    -------
    str or None
        Table, row, column and both values of the first difference; None where all is the same.

    Raises
    ------
    ResultsError
        If the folder holds no run of this format, one of a scenario that this version refuses, or
        one in which somebody else's agents played a role.
    """
    results = read_results(folder)
    if results.manifest.replaced:
        roles = ", ".join(results.manifest.replaced)
        reason = f"agents of another program played {roles}; only that program can run it again"
        raise ResultsError(folder, reason)
    try:
        scenario = parse_scenario(results.manifest.scenario, str(folder))
    except ScenarioError as error:
        raise ResultsError(folder, f"this version refuses its scenario: {error}") from error
    recorded_tables = [name for name in SCHEMAS if name in results.manifest.tables]
    for name, table in arrow_tables(simulate(scenario, tables=recorded_tables)).items():
        fresh: Any = pl.from_arrow(table)
        recorded = results.table(name)
        if fresh.height != recorded.height:
            return f"{name} has {recorded.height} rows, run again {fresh.height}"
        for column in fresh.columns:
            if column not in recorded.columns:
                return f"{name} has no column {column}"
            new = fresh[column].cast(pl.String) if _is_text(fresh[column]) else fresh[column]
            old = recorded[column].cast(pl.String) if _is_text(fresh[column]) else recorded[column]
            differs = new.ne_missing(old)
            if differs.any():
                row = differs.arg_max()
                return f"{name}, row {row}, {column}: {old[row]}, run again {new[row]}"
    return None


def _is_text(column: pl.Series) -> bool:
    return isinstance(column.dtype, pl.Categorical | pl.Enum | pl.String)
