"""Reads the points of a design from a table that somebody made elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from abm.errors import Problem, ScenarioError

if TYPE_CHECKING:
    from pathlib import Path

Value = float | int | str | bool


def read_points(path: Path) -> tuple[list[str], list[tuple[Value, ...]]]:
    """Return the names of the factors and one row of values for each point.

    Parameters
    ----------
    path : Path
        ``.csv`` with a line of headings, or ``.parquet``; a column for each factor, named by its
        key of the scenario.

    Raises
    ------
    ScenarioError
        If the file cannot be read, has no rows, or a value is missing.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise ScenarioError(path, [Problem("design.file", path.name, "it must be CSV or Parquet")])
    try:
        frame = pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ScenarioError(path, [Problem("design.file", "", f"unreadable: {error}")]) from error
    if frame.is_empty():
        raise ScenarioError(path, [Problem("design.file", "", "it holds no points")])
    faults = [
        Problem(f"row {row}, {name}", "", "a value is missing")
        for name in frame.columns
        for row in frame[name].is_null().arg_true().to_list()
    ]
    known = (pl.Boolean, pl.String)
    faults += [
        Problem(name, str(kind), "a factor is a number, text or a truth value")
        for name, kind in frame.schema.items()
        if not kind.is_numeric() and kind not in known
    ]
    if faults:
        raise ScenarioError(path, faults)
    return frame.columns, frame.rows()
