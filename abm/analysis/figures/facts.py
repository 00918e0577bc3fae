"""What figures ask of a run besides its tables: when it began, its shocks, chains and layers.

The run card answers where there is one; a study keeps none, and its runs answer from their tables.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from abm.analysis.delays import ShockSpan, Span, drawn_spans, shock_spans
from abm.analysis.figures.base import PURPLE, RED, words
from abm.recording.schemas import SCHEMAS
from abm.units import SECONDS_PER_HOUR, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

    from abm.recording.results import RunResults

# A run whose card does not say when it began is drawn from this moment on.
UNKNOWN_START = datetime(2000, 1, 1, tzinfo=UTC)
# Shocks that begin within this time of each other are named together.
TOGETHER = timedelta(hours=1)

SHADE = {
    "type": "rect",
    "xref": "x",
    "yref": "y domain",
    "y0": 0,
    "y1": 1,
    "fillcolor": RED,
    "opacity": 0.05,
    "line": {"width": 0},
}
NAME = {
    "y": 1,
    "yref": "paper",
    "xanchor": "left",
    "yanchor": "top",
    "align": "left",
    "showarrow": False,
    "font": {"size": 12, "color": RED},
}
LAYER_NAMES = {
    "fund_usd": "insurance fund",
    "mutual_fund_usd": "mutual fund",
    "insurance_usd": "insurer",
    "backstop_usd": "backstop",
    "socialised_usd": "socialised",
    "deleveraged_usd": "auto-deleveraging",
    "uncovered_usd": "nobody",
}
"""What the layers of a waterfall are called; another column is called by its own name."""


@dataclass(frozen=True)
class Channel:
    """A channel: its name, its two chains and its protocol."""

    name: str
    source: str
    destination: str
    protocol: str


def rows_of(results: RunResults, table: str) -> pl.DataFrame:
    """Return a table with text as text, or an empty one with its columns where a run has none."""
    if not results.has(table):
        return empty_table(table)
    return results.table(table).with_columns(pl.col(pl.Categorical).cast(pl.String))


def empty_table(name: str) -> pl.DataFrame:
    """Return a table without rows."""
    types = {"int": pl.Int64, "float": pl.Float64, "text": pl.String, "bool": pl.Boolean}
    return pl.DataFrame(
        schema={column.name: types[column.kind] for column in SCHEMAS[name].columns}
    )


def lacks(results: RunResults, table: str, *columns: str) -> str:
    """Say why a figure cannot be drawn from a table, or return an empty string."""
    if not results.has(table):
        return (
            f"This run has no table “{table}”: it was asked for others. A study keeps it if its "
            f"file names it under tables; runs of older versions may lack it."
        )
    found = results.table(table)
    missing = [column for column in columns if column not in found.columns]
    if missing:
        return (
            f"The table “{table}” of this run has no column “{missing[0]}”; "
            "a run of this version has."
        )
    return "" if len(found) else f"The table “{table}” of this run is empty."


def scenario_of(results: RunResults) -> dict[str, Any]:
    """Return the scenario of a run's card; empty where there is none."""
    return results.manifest.scenario


def knows_start(results: RunResults) -> bool:
    """Say whether the run's card tells when it began."""
    return "clock" in scenario_of(results)


def start_of(results: RunResults) -> datetime:
    """Return the moment of second 0, in UTC."""
    clock = scenario_of(results).get("clock")
    return datetime.fromisoformat(clock["start_utc"]) if clock else UNKNOWN_START


def times(results: RunResults, column: pl.Series | Sequence[float]) -> list[datetime]:
    """Return seconds of a run as moments."""
    start = start_of(results)
    return [start + timedelta(seconds=float(second)) for second in column]


def time_title(results: RunResults) -> str:
    """Return what the axis of time is called."""
    return "time, UTC" if knows_start(results) else "time of the run, from 2000-01-01 on"


def horizon_of(results: RunResults) -> int:
    """Return the last second of a run."""
    clock = scenario_of(results).get("clock")
    if clock:
        return seconds(clock["hours"])
    ends = [
        results.table(table)["second"].max()
        for table in ("steps", "chains", "channels")
        if results.has(table) and len(results.table(table))
    ]
    return int(max((end for end in ends if isinstance(end, int)), default=0))


def shocks_of(results: RunResults) -> list[ShockSpan]:
    """Return every time of every shock of a run, by its start.

    Where the scenario is not known the log tells, as far as the run keeps it.
    """
    scenario, horizon = scenario_of(results), horizon_of(results)
    events = rows_of(results, "events").filter(pl.col("kind").str.starts_with("shock_"))
    rows = events.rows(named=True)
    if "shocks" in scenario:
        found = shock_spans(scenario, rows)
    else:
        kinds = {row["place"]: row["kind"].removeprefix("shock_") for row in reversed(rows)}
        found = [
            ShockSpan(name, kinds[name], span, ())
            for name, spans in drawn_spans(rows, horizon).items()
            for span in spans
        ]
    ended = [replace(item, span=item.span.meet(Span(0, horizon))) for item in found]
    return sorted(ended, key=lambda item: (item.span.start, item.name))


def chains_of(results: RunResults) -> list[str]:
    """Return the names of the chains, in the order of the scenario."""
    scenario = scenario_of(results)
    if "chains" in scenario:
        return list(scenario["chains"])
    return rows_of(results, "chains")["chain"].unique(maintain_order=True).to_list()


def venue_of(results: RunResults) -> str | None:
    """Return the chain of the options venue: the one at which most channels end."""
    scenario = scenario_of(results)
    if "venue" in scenario:
        return str(scenario["venue"]["chain"])
    ends = [channel.destination for channel in channels_of(results)]
    return max(chains_of(results), key=ends.count, default=None)


def venues_of(results: RunResults) -> list[str]:
    """Return the chains of all options venues, the first one's first."""
    first = venue_of(results)
    further = scenario_of(results).get("further_venues", {})
    found = [] if first is None else [first]
    return [*found, *(str(venue["chain"]) for venue in further.values())]


def channels_of(results: RunResults) -> list[Channel]:
    """Return the channels, in the order of the scenario."""
    scenario = scenario_of(results)
    if "channels" in scenario:
        return [
            Channel(name, rule["source"], rule["destination"], rule["protocol"])
            for name, rule in scenario["channels"].items()
        ]
    columns = ("channel", "source", "destination", "protocol")
    found = rows_of(results, "channels").select(columns).unique(maintain_order=True)
    return [Channel(*row) for row in found.iter_rows()]


def layers_of(waterfall: pl.DataFrame) -> dict[str, str]:
    """Return the layers of a waterfall by column, in the order of payment.

    Every column of dollars is a layer, so that a layer added to the table is drawn without change.
    """
    columns = [name for name in waterfall.columns if name.endswith("_usd")]
    return {name: LAYER_NAMES.get(name, words(name.removesuffix("_usd"))) for name in columns}


def layer_totals(results: RunResults) -> dict[str, float]:
    """Return what each layer paid, in dollars, by its name."""
    losses = rows_of(results, "waterfall")
    totals: dict[str, float] = {}
    for column, name in layers_of(losses).items():
        totals[name] = totals.get(name, 0.0) + float(losses[column].sum())
    return totals


def architecture_of(results: RunResults) -> str:
    """Return the collateral architecture of a run."""
    return str(results.outcome["architecture"]) if results.has("runs") else ""


def mark_shocks(results: RunResults, plot: go.Figure) -> None:
    """Shade the time of every shock; name those that start within an hour together, at the top."""
    labels: list[tuple[datetime, list[str]]] = []
    shapes = []
    for shock in shocks_of(results):
        begin, stop = times(results, [shock.span.start, shock.span.end])
        shapes.append({**SHADE, "x0": begin, "x1": stop})
        if not labels or begin - labels[-1][0] > TOGETHER:
            labels.append((begin, []))
        labels[-1][1].append(shock.name.replace("_", " "))
    notes = [{**NAME, "x": begin, "text": "<br>".join(names)} for begin, names in labels]
    # All at once: Plotly checks what is there anew with every one that is added.
    plot.update_layout(
        shapes=[*plot.layout.shapes, *shapes], annotations=[*plot.layout.annotations, *notes]
    )


def per_hour(second: str = "second") -> pl.Expr:
    """Return the hour in which a second falls, as its first second."""
    return pl.col(second) // SECONDS_PER_HOUR * SECONDS_PER_HOUR


VENUE_COLOUR = PURPLE
