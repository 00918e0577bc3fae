"""The outcomes and factors of a study's runs: which there are, their values, levels and names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
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
MOST_LOOKED_AT = 10_000
LEVEL = "level of "
"""Prefix of the column of a factor's levels."""
NO_LEVEL = "none"


PARAMETERS = ("seed", "shocks", "traders", "hours")
"""Numbers of a run's row that were put in."""


@dataclass(frozen=True)
class Outcome:
    """An outcome of runs: how its column is called, its name for people and its unit."""

    key: str
    name: str
    unit: str


def outcomes_of(study: StudyResults) -> list[Outcome]:
    """Return the outcomes of a study's runs; those of pairs as differences, too."""
    found = [
        Outcome(column.name, words(column.name), column.unit)
        for column in SCHEMAS["runs"].columns
        if column.name not in PARAMETERS
        and column.name in study.columns
        and study.columns[column.name].is_numeric()
    ]
    paired = [item for item in found if PAIR + item.key in study.columns]
    return found + [Outcome(CAUSED + item.key, CAUSED + item.name, item.unit) for item in paired]


@lru_cache(maxsize=2)
def runs_with(study: StudyResults, *keys: str) -> pl.DataFrame:
    """Return the runs of a study with their places, factors and the columns of some outcomes.

    Read once for all figures of a page; a study that has grown is another one, opened anew.
    """
    names = [key.removeprefix(CAUSED) for key in keys]
    pairs = [PAIR + key.removeprefix(CAUSED) for key in keys if key.startswith(CAUSED)]
    runs = study.frame("point", "replicate", *study.factors, *names, *pairs)
    # A run that is not gathered yet has no place in the design.
    return runs.drop_nulls("point") if "point" in runs.columns else runs


@lru_cache(maxsize=2)
def runs_by_level(study: StudyResults, *keys: str) -> pl.DataFrame:
    """Return the same with a column of the levels of each factor.

    They are those of all runs, so that a level keeps its name while other factors are narrowed.
    """
    runs = runs_with(study, *keys)
    levels = [levels_of(runs, factor).rename(LEVEL + factor) for factor in study.factors]
    return runs.with_columns(levels)


def chosen_runs(study: StudyResults, key: str, chosen: dict[str, str] | None) -> pl.DataFrame:
    """Return the runs of a study with an outcome, at the chosen levels of factors."""
    return narrowed(runs_by_level(study, key), chosen) if chosen else runs_with(study, key)


def in_order(runs: pl.DataFrame, key: str) -> pl.Series:
    """Return an outcome replicate by replicate, so that every part covers the whole design."""
    by = [name for name in ("replicate", "point") if name in runs.columns]
    if by == ["replicate", "point"] and runs["point"].is_sorted():
        by = by[:1]  # as a sweep gathers them: the other half of the work is done
    frame = runs.select(*by, values_of(runs, key).alias("outcome"))
    return (frame.sort(by, maintain_order=True) if by else frame)["outcome"]


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
    """Return the level of a factor run by run, as an enumeration in the order of its values.

    A factor of many values is cut into parts with equally many runs.
    """
    if LEVEL + factor in runs.columns:
        return runs[LEVEL + factor].rename(factor)
    column = runs[factor]
    if column.dtype == pl.Categorical:
        column = column.cast(pl.String)
    # The first runs tell of a factor drawn from a range; of levels, all are counted.
    if column.dtype.is_numeric() and any(
        part.n_unique() > MOST_LEVELS for part in (column.head(MOST_LOOKED_AT), column)
    ):
        return _parts(column)
    values = column.unique().drop_nulls().sort().to_list()
    texts = [level_text(value) for value in values]
    kind = pl.Enum(list(dict.fromkeys([NO_LEVEL, *texts])))
    if column.dtype.is_numeric() and values and not column.null_count():
        places = np.searchsorted(values, column.to_numpy())
        return pl.Series(column.name, texts, dtype=kind).gather(places)
    return column.replace_strict(values, texts, default=NO_LEVEL, return_dtype=kind)


def _parts(column: pl.Series) -> pl.Series:
    """Cut a column of numbers into parts with equally many runs, named by their ends."""
    known = column.drop_nulls().to_numpy()
    ranks = [round(part / PARTS * (len(known) - 1)) for part in range(1, PARTS)]
    edges = np.unique(np.partition(known, ranks)[ranks].astype(np.float64)).tolist()
    texts = [level_text(edge) for edge in edges]
    ends = zip(["least", *texts], [*texts, "most"], strict=True)
    labels = [f"{low} to {high}" for low, high in ends]
    kind = pl.Enum(list(dict.fromkeys([NO_LEVEL, *labels])))
    places = np.searchsorted(edges, column.to_numpy(), side="left")
    # Parts so narrow that their ends read alike are one level.
    found = pl.Series(column.name, labels, dtype=kind).gather(places)
    if not column.null_count():
        return found
    return found.zip_with(column.is_not_null(), pl.Series([NO_LEVEL], dtype=kind))


def level_text(value: Any) -> str:  # noqa: ANN401 - a level may be of any type
    """Write a level of a factor for people."""
    return format_value(value, "") if isinstance(value, int | float) else str(value)


def level_order(runs: pl.DataFrame, factor: str) -> list[str]:
    """Return the levels of a factor that runs have, in the order of their values."""
    return levels_of(runs, factor).unique().sort().cast(pl.String).to_list()


def narrowed(runs: pl.DataFrame, chosen: dict[str, str]) -> pl.DataFrame:
    """Return the runs at the chosen levels of factors."""
    for factor, level in chosen.items():
        if factor in runs.columns:
            runs = runs.filter(levels_of(runs, factor).cast(pl.String) == level)
    return runs


def factor_names(study: StudyResults) -> dict[str, str]:
    """Return the factors of a study by column, with their names for people."""
    return {name: words(name.removeprefix(FACTOR)) for name in study.factors}
