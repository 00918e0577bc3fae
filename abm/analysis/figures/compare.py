"""Two runs on the same axes, and their difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from abm.analysis.figures.base import BLUE, GREY, RED, Figure, canvas, finish, nothing, words
from abm.analysis.figures.facts import lacks, time_title, times
from abm.analysis.figures.study_runs import PARAMETERS
from abm.recording.schemas import SCHEMAS
from abm.units import format_value

if TYPE_CHECKING:
    from abm.recording.results import RunResults

OVER_TIME = (
    ("loss_usd", "Loss", "bad debt so far and the true shortfall of open accounts"),
    ("price_usd", "Price", "the true price of the underlying"),
    ("depth_lots", "Depth", "contracts on offer on both sides of all series"),
    ("open_liquidations", "Open liquidations", "liquidations begun and not ended"),
    ("messages_waiting", "Messages waiting", "for attestation, a relayer or the end of a halt"),
    ("belief_gap_usd", "Belief against truth", "believed less true equity of all accounts"),
    ("in_transit_usd", "Collateral in transit", "on its way or seized"),
)
"""Columns of `steps` that are drawn side by side: title, and what it is."""


def over_time(
    first: RunResults, second: RunResults, column: str, *, names: tuple[str, str] = ("A", "B")
) -> Figure:
    """Return one column of both runs by time since the start, and the difference."""
    found = {key: (title, what) for key, title, what in OVER_TIME}
    title, what = found.get(column, (words(column), words(column)))
    unit = {item.name: item.unit for item in SCHEMAS["steps"].columns}.get(column, "")
    caption = f"{title} of both runs on the same axes ({what}), and A less B below in grey."
    for run in (first, second):
        if why := lacks(run, "steps", column):
            return nothing(title, caption, why, unit=unit, runs=2)
    plot = canvas()
    for run, name, colour, dash in (
        (first, names[0], RED, "solid"),
        (second, names[1], BLUE, "dot"),
    ):
        steps = run.table("steps")
        plot.add_scatter(
            x=times(first, steps["second"]),
            y=steps[column],
            name=name,
            line={"color": colour, "dash": dash, "width": 2},
        )
    both = (
        first.table("steps")
        .select("second", column)
        .join(second.table("steps").select("second", column), on="second", suffix="_b")
        .sort("second")
    )
    plot.add_scatter(
        x=times(first, both["second"]),
        y=both[column] - both[f"{column}_b"],
        name="A less B",
        line={"color": GREY, "width": 1},
        fill="tozeroy",
    )
    return finish(Figure(title, caption, plot, unit, 2), x=time_title(first), y=unit)


def difference_table(first: RunResults, second: RunResults) -> pl.DataFrame:
    """Return every outcome of two runs and their difference, as they are written for people.

    Returns
    -------
    polars.DataFrame
        Columns ``outcome``, ``unit``, ``A``, ``B``, ``A less B``; a row for each numeric outcome
        that both runs have.
    """
    one, other = first.outcome, second.outcome
    rows = []
    outcomes = (column for column in SCHEMAS["runs"].columns if column.name not in PARAMETERS)
    for column in outcomes:
        a, b = one.get(column.name), other.get(column.name)
        if not isinstance(a, int | float) or not isinstance(b, int | float):
            continue
        rows.append(
            (
                words(column.name),
                column.unit,
                format_value(a, column.unit),
                format_value(b, column.unit),
                format_value(a - b, column.unit),
            )
        )
    schema = ("outcome", "unit", "A", "B", "A less B")
    return pl.DataFrame(rows, schema=dict.fromkeys(schema, pl.String), orient="row")


def all_over_time(first: RunResults, second: RunResults, names: tuple[str, str]) -> list[Figure]:
    """Return every column that both runs have, on the same axes."""
    present = [
        column
        for column, *_ in OVER_TIME
        if all(run.has("steps") and column in run.table("steps").columns for run in (first, second))
    ]
    shown = present or [OVER_TIME[0][0]]
    return [over_time(first, second, column, names=names) for column in shown]
