"""Tables of a study for summaries and figures: one row for each thing shown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from abm.analysis.risk import (
    Estimate,
    conditional_extent,
    convergence,
    event_probability,
    expected_shortfall,
    mean_estimate,
    value_at_risk,
)
from abm.analysis.sensitivity import factor_columns, level_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MEASURES: dict[str, Callable[[NDArray[np.float64]], Estimate]] = {
    "mean": mean_estimate,
    "var_95": partial(value_at_risk, level=0.95),
    "var_99": partial(value_at_risk, level=0.99),
    "es_97_5": partial(expected_shortfall, level=0.975),
    "es_99": partial(expected_shortfall, level=0.99),
}
"""Risk measures of a sample of outcomes, by name."""


def risk_table(
    runs: pl.DataFrame, outcome: str, *, above: float = 0.0, by: tuple[str, ...] | None = None
) -> pl.DataFrame:
    """Risk measures of an outcome at every point of a study.

    Parameters
    ----------
    runs : polars.DataFrame
        As `abm.sweeps.read_runs` gives it.
    outcome : str
        A column of numbers, a loss above 0; runs without a value are left out.
    above : float
        A run in which the outcome is above this is a systemic event.
    by : tuple of str, optional
        Factors to tell apart, without ``factor``; all of them if not given.

    Returns
    -------
    polars.DataFrame
        One row for each combination of factors: ``runs``; each of `MEASURES` with ``_low`` and
        ``_high``; ``event_probability`` with Wilson's interval; ``conditional_extent``, the mean
        over the runs with the event. Ends that the sample does not bound are None.
    """
    names = factor_columns(runs) if by is None else [f"factor {name}" for name in by]
    runs = runs.filter(pl.col(outcome).is_not_null())
    rows: list[dict[str, Any]] = []
    groups = runs.group_by(names, maintain_order=True) if names else [((), runs)]
    for key, part in groups:
        values = part[outcome].cast(pl.Float64).to_numpy()
        row: dict[str, Any] = dict(zip(names, key, strict=True)) | {"runs": len(values)}
        for name, measure in MEASURES.items():
            row |= _columns(name, measure(values))
        row |= _columns("event_probability", event_probability(values > above))
        row |= _columns("conditional_extent", conditional_extent(values, values > above))
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)


def convergence_table(
    runs: pl.DataFrame, outcome: str, measure: str = "mean", *, steps: int = 10
) -> pl.DataFrame:
    """One measure from the first tenth of the runs, from the first two tenths, up to all.

    Returns
    -------
    polars.DataFrame
        ``runs``, the measure, and its ends with ``_low`` and ``_high``.

    Raises
    ------
    ValueError
        If there is no such measure.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure is {measure!r}; it must be one of {', '.join(MEASURES)}")
    values = runs[outcome].drop_nulls().cast(pl.Float64).to_numpy()
    found = convergence(values, MEASURES[measure], steps=steps)
    return pl.DataFrame([{"runs": part.count, **_columns(measure, part)} for part in found])


def tornado_table(runs: pl.DataFrame, outcome: str) -> pl.DataFrame:
    """Mean outcome at either end of every factor, the widest first: the data of a tornado.

    A factor's ends are its lowest and highest level, or bin of a range; of text, the levels with
    the lowest and the highest mean.

    Returns
    -------
    polars.DataFrame
        ``factor``; ``low_end`` and ``high_end``, what the ends are; ``at_low_end`` and
        ``at_high_end``, means with ``_low`` and ``_high``; ``swing``, their difference, with sign.
    """
    runs = runs.filter(pl.col(outcome).is_not_null())
    values = runs[outcome].cast(pl.Float64).to_numpy()
    rows = []
    for column in factor_columns(runs):
        levels = level_of(runs[column])
        present = np.unique(levels)
        if not runs[column].dtype.is_numeric():
            present = np.array(sorted(present, key=lambda level: values[levels == level].mean()))
        low, high = (levels == present[0]), (levels == present[-1])
        ends = mean_estimate(values[low]), mean_estimate(values[high])
        rows.append(
            {
                "factor": column.removeprefix("factor "),
                "low_end": _span(runs[column].filter(low)),
                "high_end": _span(runs[column].filter(high)),
                **_columns("at_low_end", ends[0]),
                **_columns("at_high_end", ends[1]),
                "swing": ends[1].value - ends[0].value,
            }
        )
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return frame.sort(pl.col("swing").abs(), descending=True)


def heat_map_table(runs: pl.DataFrame, outcome: str, across: str, down: str) -> pl.DataFrame:
    """Mean outcome over two factors: the data of a heat map.

    Parameters
    ----------
    runs, outcome
        As for `risk_table`.
    across, down : str
        Factors, without ``factor``.

    Returns
    -------
    polars.DataFrame
        ``across`` and ``down``, levels or bins as text; ``mean`` with its ends; ``runs``. Ordered
        by level, across first.
    """
    runs = runs.filter(pl.col(outcome).is_not_null())
    values = runs[outcome].cast(pl.Float64).to_numpy()
    columns = [runs[f"factor {name}"] for name in (across, down)]
    first, second = (level_of(column) for column in columns)
    rows = []
    for one, other in sorted(set(zip(first.tolist(), second.tolist(), strict=True))):
        rows.append(
            {
                "across": _span(columns[0].filter(first == one)),
                "down": _span(columns[1].filter(second == other)),
                **_columns("mean", mean_estimate(values[(first == one) & (second == other)])),
                "runs": int(((first == one) & (second == other)).sum()),
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def _columns(name: str, found: Estimate | None) -> dict[str, float | None]:
    if found is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _span(values: pl.Series) -> str:
    """Return a level, or the ends of a bin, as text."""
    ends = values.sort()
    if ends[0] == ends[-1]:
        return str(ends[0])
    return f"{ends[0]:.4g} to {ends[-1]:.4g}"
