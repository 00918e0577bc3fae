"""Architectures side by side: what capital does under each, against what is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.analysis.estimates import mean_estimate
from abm.analysis.figures.base import (
    CYCLE,
    SMALL_HEIGHT,
    Figure,
    canvas,
    finish,
    nothing,
    sentence,
    words,
)
from abm.recording.schemas import SCHEMAS
from abm.units import format_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

EFFICIENCY = "open_interest_per_locked_mean"
SHORTFALL = "bad_debt_usd"
ONE_IS_NOT_ENOUGH = (
    "All runs here have one architecture. Sweep the factor “collateral.architecture”, "
    "or put runs with other architectures into the same folder, to set them side by side."
)
# So many runs of an architecture are marked, evenly spaced; its mean is of all.
MOST_MARKS = 500
SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up", "star")


def efficiency_against_shortfall(runs: pl.DataFrame) -> Figure:
    """Return capital efficiency against bad debt, a mark for each run, by architecture."""
    title = "Efficiency against shortfall"
    caption = (
        "Every run by what its capital carries (notional of open contracts per dollar locked, mean "
        "over time) and the bad debt it ended with; good is right and low. Large marks are means."
    )
    if why := _lacking(runs, EFFICIENCY, SHORTFALL):
        return nothing(title, caption, why, runs=len(runs))
    plot = canvas()
    parts = by_architecture(runs, EFFICIENCY, SHORTFALL)
    for number, (name, part) in enumerate(parts):
        colour, symbol = CYCLE[number % len(CYCLE)], SYMBOLS[number % len(SYMBOLS)]
        rows = part.drop_nulls()
        marks = rows.gather_every(max(len(rows) // MOST_MARKS, 1))
        plot.add_scatter(
            x=marks[EFFICIENCY],
            y=marks[SHORTFALL],
            mode="markers",
            marker={"color": colour, "size": 8, "opacity": 0.5, "symbol": symbol},
            name=words(name),
            legendgroup=name,
            showlegend=False,
            hovertemplate="%{x:.2f}, %{y:,.0f} USD<extra>" + words(name) + "</extra>",
        )
        plot.add_scatter(
            x=[rows[EFFICIENCY].mean()],
            y=[rows[SHORTFALL].mean()],
            mode="markers",
            marker={
                "color": colour,
                "size": 20,
                "symbol": symbol,
                "line": {"width": 2, "color": "#fff"},
            },
            name=f"{words(name)}, {len(part):,} runs",
            legendgroup=name,
            hovertemplate="mean %{x:.2f}, %{y:,.0f} USD<extra>" + words(name) + "</extra>",
        )
    plot.update_yaxes(rangemode="tozero")
    figure = Figure(title, caption, plot, "USD against dollars of notional per dollar", len(runs))
    return finish(
        figure, x="notional per dollar locked", y="bad debt, USD", height=480, hovermode="closest"
    )


def by_outcome(runs: pl.DataFrame, key: str = SHORTFALL) -> Figure:
    """Return the mean of an outcome under each architecture, with its interval."""
    units = {column.name: column.unit for column in SCHEMAS["runs"].columns}
    unit = units.get(key, "")
    title = f"{sentence(words(key))} by architecture"
    caption = "Mean over runs under each architecture, with the 95 % interval of the mean."
    if why := _lacking(runs, key):
        return nothing(title, caption, why, unit=unit, runs=len(runs))
    names, means, texts = [], [], []
    above: list[float | None] = []
    for name, part in by_architecture(runs, key):
        values = part[key].drop_nulls()
        if values.is_empty():
            continue
        found = mean_estimate(values.to_numpy())
        names.append(words(name))
        means.append(found.value)
        above.append(None if found.high is None else found.high - found.value)
        texts.append(format_value(found.value, unit))
    plot = canvas()
    plot.add_bar(
        x=names,
        y=means,
        error_y={"type": "data", "array": above, "color": "#888", "visible": any(above)},
        text=texts,
        textposition="auto",
        insidetextanchor="start",
        marker_color=[CYCLE[number % len(CYCLE)] for number in range(len(names))],
        hovertemplate="%{x}: %{text}<extra></extra>",
    )
    figure = Figure(title, caption, plot, unit, len(runs))
    return finish(figure, y=unit or "mean", height=SMALL_HEIGHT, hovermode="closest")


def by_architecture(runs: pl.DataFrame, *columns: str) -> list[tuple[str, pl.DataFrame]]:
    """Return some columns of the runs of each architecture, in the order of the names."""
    # Parted, not sorted: a study may have millions of runs.
    parts = runs.select("architecture", *columns).partition_by(
        "architecture", include_key=False, as_dict=True
    )
    return sorted((str(name), part) for (name,), part in parts.items())


def _lacking(runs: pl.DataFrame, *columns: str) -> str:
    """Say why architectures cannot be set side by side, or return an empty string."""
    for column in ("architecture", *columns):
        if column not in runs.columns:
            return f"These runs have no outcome “{column}”; runs of this version have."
    return ONE_IS_NOT_ENOUGH if runs["architecture"].n_unique() < 2 else ""  # noqa: PLR2004


SIDE_BY_SIDE: Sequence[str] = (
    SHORTFALL,
    EFFICIENCY,
    "idle_share_mean",
    "in_transit_usd_mean",
    "liquidation_seconds_p95",
    "moving_cost_usd",
    "worst_shortfall_usd",
    "liquidation_cost_usd",
)
"""Outcomes that are drawn side by side; one that runs lack is left out."""


def side_by_side(runs: pl.DataFrame) -> list[Figure]:
    """Return all figures of architectures that the runs have columns for."""
    shown = [key for key in SIDE_BY_SIDE if key in runs.columns]
    first = efficiency_against_shortfall(runs)
    if first.empty:
        return [first]
    return [first, *(by_outcome(runs, key) for key in shown)]
