"""The outcomes and factors of a study's runs: which there are, their values, levels and names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from abm.analysis.figures.base import words
from abm.recording.schemas import SCHEMAS
from abm.recording.study import FACTOR, PAIR
from abm.units import format_value

if TYPE_CHECKING:
    from abm.recording.study import StudyResults

CAUSED = "caused by the shocks: "
"""Prefix of an outcome less the same outcome of the paired run."""
# A factor with more values than this is cut into so many parts of equal numbers of runs.
MOST_LEVELS = 12
PARTS = 8


@dataclass(frozen=True)
class Outcome:
    """An outcome of runs: how its column is called, its name for people and its unit."""

    key: str
    name: str
    unit: str


def outcomes_of(study: StudyResults) -> list[Outcome]:
    """Return the outcomes of a study's runs; those of pairs as differences, too."""
    parameters = ("seed", "shocks", "traders", "hours")
    found = [
        Outcome(column.name, words(column.name), column.unit)
        for column in SCHEMAS["runs"].columns
        if column.name not in parameters
        and column.name in study.columns
        and study.columns[column.name].is_numeric()
    ]
    paired = [item for item in found if PAIR + item.key in study.columns]
    return found + [Outcome(CAUSED + item.key, CAUSED + item.name, item.unit) for item in paired]


def runs_with(study: StudyResults, *keys: str) -> pl.DataFrame:
    """Return the runs of a study with their places, factors and the columns of some outcomes."""
    names = [key.removeprefix(CAUSED) for key in keys]
    pairs = [PAIR + name for name in names]
    runs = study.frame("run_id", "point", "replicate", *study.factors, *names, *pairs)
    # A run that is not gathered yet has no place in the design.
    return runs.drop_nulls("point") if "point" in runs.columns else runs


def in_order(runs: pl.DataFrame) -> pl.DataFrame:
    """Return runs replicate by replicate, so that every part of them covers the whole design."""
    by = [name for name in ("replicate", "point") if name in runs.columns]
    return runs.sort(by) if by else runs


def values_of(runs: pl.DataFrame, key: str) -> pl.Series:
    """Return an outcome run by run; missing where the run or its pair has none."""
    if key.startswith(CAUSED):
        name = key.removeprefix(CAUSED)
        return (runs[name] - runs[PAIR + name]).cast(pl.Float64).rename(key)
    return runs[key].cast(pl.Float64)


def outcome_of(study: StudyResults, key: str) -> Outcome | None:
    """Return the outcome of a key, or None where the runs have none."""
    return next((item for item in outcomes_of(study) if item.key == key), None)


def levels_of(runs: pl.DataFrame, factor: str) -> pl.Series:
    """Return the level of a factor run by run, as text in the order of its values.

    A factor of many values is cut into parts with equally many runs.
    """
    column = runs[factor]
    if column.n_unique() <= MOST_LEVELS or not column.dtype.is_numeric():
        values = column.unique().drop_nulls()
        texts = [level_text(value) for value in values]
        return column.replace_strict(values, texts, default="none", return_dtype=pl.String)
    shares = [part / PARTS for part in range(1, PARTS)]
    edges = sorted({float(column.quantile(share) or 0.0) for share in shares})
    labels = [
        f"{low} to {high}"
        for low, high in zip(
            ["least", *map(level_text, edges)], [*map(level_text, edges), "most"], strict=True
        )
    ]
    places = np.searchsorted(edges, column.to_numpy(), side="left")
    return pl.Series(column.name, labels, dtype=pl.String).gather(places)


def level_text(value: Any) -> str:  # noqa: ANN401 - a level may be of any type
    """Write a level of a factor for people."""
    return format_value(value, "") if isinstance(value, int | float) else str(value)


def level_order(runs: pl.DataFrame, factor: str) -> list[str]:
    """Return the levels of a factor in the order of their values."""
    frame = pl.DataFrame({"level": levels_of(runs, factor), "value": runs[factor]})
    return frame.group_by("level").agg(pl.col("value").min()).sort("value")["level"].to_list()


def narrowed(runs: pl.DataFrame, chosen: dict[str, str]) -> pl.DataFrame:
    """Return the runs at the chosen levels of factors."""
    for factor, level in chosen.items():
        if factor in runs.columns:
            runs = runs.filter(levels_of(runs, factor) == level)
    return runs


def factor_names(study: StudyResults) -> dict[str, str]:
    """Return the factors of a study by column, with their names for people."""
    return {name: words(name.removeprefix(FACTOR)) for name in study.factors}
