"""Many runs of a study: maps over factors, what matters most, how sure means are, the spread."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from abm.analysis.estimates import Estimate, mean_estimate
from abm.analysis.figures.base import (
    BLUE,
    GREY,
    HEAT,
    ORANGE,
    PURPLE,
    RED,
    SMALL_HEIGHT,
    Figure,
    canvas,
    finish,
    nothing,
    sentence,
    wide_left,
    words,
    written,
)
from abm.analysis.figures.facts import LAYER_NAMES
from abm.analysis.figures.study_runs import (
    chosen_runs,
    in_order,
    level_order,
    levels_of,
    narrowed,
    outcome_of,
    runs_by_level,
    values_of,
)
from abm.analysis.risk import convergence, expected_shortfall, value_at_risk
from abm.recording.schemas import outcome_of as outcome_of_layer
from abm.scenario.waterfall import LAYERS
from abm.units import format_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.recording.study import StudyResults

LEVEL = 0.95
MOST_RESAMPLED = 5_000
BINS = 40


def heat_map(
    study: StudyResults,
    key: str,
    across: str,
    down: str | None = None,
    chosen: dict[str, str] | None = None,
) -> Figure:
    """Return the mean of an outcome over two factors, all others averaged."""
    title = "Over two factors"
    caption = (
        "The mean of the outcome at every pair of levels, over all replicates and all levels of "
        "the other factors. Click a cell to see its runs."
    )
    outcome = outcome_of(study, key)
    runs = narrowed(runs_by_level(study, key), chosen or {})
    if outcome is None or across not in runs.columns:
        return nothing(title, caption, f"The study has no outcome {key} or no factor {across}.")
    grid = _grid(runs, key, across, down)
    xs, ys = level_order(runs, across), level_order(runs, down) if down else ["all runs"]
    cells = {(row["x"], row["y"]): row for row in grid.iter_rows(named=True)}
    means = [[_cell(cells, x, y, "mean") for x in xs] for y in ys]
    counts = [[_cell(cells, x, y, "runs") or 0 for x in xs] for y in ys]
    plot = canvas(
        go.Heatmap(
            x=xs,
            y=ys,
            z=means,
            text=[written(line, outcome.unit) for line in means],
            texttemplate="%{text}",
            customdata=counts,
            colorscale=HEAT,
            colorbar={"title": {"text": outcome.unit}},
            hovertemplate="%{x}, %{y}: %{text}, %{customdata} runs<extra></extra>",
            xgap=2,
            ygap=2,
        )
    )
    plot.update_xaxes(type="category")
    plot.update_yaxes(type="category")
    figure = Figure(
        f"{sentence(outcome.name)} over two factors", caption, plot, outcome.unit, len(runs)
    )
    return finish(
        figure,
        x=words(across),
        y=words(down) if down else "",
        height=220 + 54 * len(ys),
        margin=wide_left([*ys, "", ""]),
        hovermode="closest",
    )


def _grid(runs: pl.DataFrame, key: str, across: str, down: str | None) -> pl.DataFrame:
    frame = pl.DataFrame({"x": levels_of(runs, across), "value": values_of(runs, key)})
    below = levels_of(runs, down).alias("y") if down else pl.lit("all runs").alias("y")
    means = (
        frame.with_columns(below)
        .group_by("x", "y")
        .agg(pl.col("value").mean().alias("mean"), pl.len().alias("runs"))
    )
    return means.with_columns(pl.col("x", "y").cast(pl.String))


def _cell(cells: dict[tuple[str, str], dict[str, Any]], x: str, y: str, what: str) -> Any:  # noqa: ANN401
    found = cells.get((x, y))
    return None if found is None else found[what]


def tornado(
    study: StudyResults, key: str = "bad_debt_usd", chosen: dict[str, str] | None = None
) -> Figure:
    """Return how far the mean of an outcome moves between the levels of each factor."""
    title = "What matters most"
    caption = (
        "For every factor the lowest and the highest mean of the outcome over its levels, all "
        "other factors averaged; the widest bar matters most. The line is the mean of all runs."
    )
    outcome = outcome_of(study, key)
    runs = narrowed(runs_by_level(study, key), chosen or {})
    if outcome is None:
        return nothing(title, caption, f"The study has no outcome {key}.")
    bars = swings(runs, key, study.factors)
    overall = values_of(runs, key).mean()
    if not bars or not isinstance(overall, float):
        why = "No factor has two levels among the runs that are there."
        return nothing(title, caption, why, unit=outcome.unit, runs=len(runs))
    plot = canvas()
    labels = [words(name) for name, *_ in bars]
    for place, colour, name in ((0, BLUE, "lowest mean"), (1, RED, "highest mean")):
        ends = [(low, high)[place] for _, low, high in bars]
        plot.add_bar(
            y=labels,
            x=[value - overall for _, value in ends],
            base=overall,
            orientation="h",
            name=name,
            marker_color=colour,
            text=[f"{level}: {format_value(value, outcome.unit)}" for level, value in ends],
            hovertemplate="%{y} = %{text}<extra></extra>",
        )
    plot.add_vline(x=overall, line={"color": GREY, "width": 2})
    lowest = min(low for _, (_, low), _ in bars)
    highest = max(high for _, _, (_, high) in bars)
    # Room for what is written beside narrow bars.
    room = 0.35 * (highest - lowest)
    plot.update_xaxes(range=[lowest - room, highest + room])
    figure = Figure(f"{title} for {outcome.name}", caption, plot, outcome.unit, len(runs))
    return finish(
        figure,
        x=outcome.unit or "mean",
        barmode="overlay",
        height=180 + 50 * len(bars),
        margin=wide_left(labels),
        hovermode="closest",
    )


Swing = tuple[str, tuple[str, float], tuple[str, float]]


def swings(runs: pl.DataFrame, key: str, factors: Sequence[str]) -> list[Swing]:
    """Return for each factor its level of lowest and of highest mean, the smallest swing first."""
    found: list[Swing] = []
    for factor in factors:
        frame = pl.DataFrame({"level": levels_of(runs, factor), "value": values_of(runs, key)})
        means = (
            frame.drop_nulls()
            .group_by("level")
            .agg(pl.col("value").mean())
            .with_columns(pl.col("level").cast(pl.String))
            .sort("value", "level")
            .rows()
        )
        if len(means) > 1:
            found.append((factor, means[0], means[-1]))
    return sorted(found, key=lambda item: (item[2][1] - item[1][1], item[0]))


def converged(
    study: StudyResults, key: str = "bad_debt_usd", chosen: dict[str, str] | None = None
) -> Figure:
    """Return the mean of an outcome by the number of runs it is taken from."""
    title = "Convergence"
    caption = (
        "The mean of the outcome and its 95 % interval from the first replicates of all points up "
        "to all runs: where the band is still wide or the line still moves, more runs are needed."
    )
    outcome = outcome_of(study, key)
    runs = chosen_runs(study, key, chosen)
    if outcome is None:
        return nothing(title, caption, f"The study has no outcome {key}.")
    values = in_order(runs, key).drop_nulls().to_numpy()
    if not len(values):
        return nothing(title, caption, "No run has this outcome.", unit=outcome.unit)
    found = convergence(values, mean_estimate)
    plot = canvas()
    _add_band(plot, found, "mean", BLUE, outcome.unit)
    figure = Figure(
        f"{title} of the mean of {outcome.name}", caption, plot, outcome.unit, len(values)
    )
    return finish(figure, x="runs", y=outcome.unit or "mean", showlegend=False)


def _add_band(
    plot: go.Figure, found: Sequence[Estimate], name: str, colour: str, unit: str
) -> None:
    counts = [item.count for item in found]
    bounded = [item for item in found if item.low is not None and item.high is not None]
    ends = [item.high for item in bounded] + [item.low for item in reversed(bounded)]
    around = [item.count for item in bounded]
    plot.add_scatter(
        x=around + around[::-1],
        y=ends,
        fill="toself",
        fillcolor="rgba(0,114,178,0.2)",
        line={"width": 0},
        hoverinfo="skip",
        name="95 % interval",
    )
    plot.add_scatter(
        x=counts,
        y=[item.value for item in found],
        mode="lines+markers",
        name=name,
        line={"color": colour, "width": 2},
        customdata=written([item.value for item in found], unit),
        hovertemplate="%{customdata}<extra></extra>",
    )


def loss_distribution(
    study: StudyResults, key: str = "bad_debt_usd", chosen: dict[str, str] | None = None
) -> Figure:
    """Return the distribution of an outcome over runs, with its tail measures."""
    title = "Distribution"
    caption = "How often the outcome fell where, over all runs of all points."
    outcome = outcome_of(study, key)
    runs = chosen_runs(study, key, chosen)
    values = values_of(runs, key).drop_nulls() if outcome is not None else None
    if outcome is None or values is None or values.is_empty():
        return nothing(title, caption, f"No run has the outcome {key}.")
    var = value_at_risk(values.to_numpy(), LEVEL, interval="exact")
    # Resampling millions of runs takes minutes; a regular part of them bounds the tail as well.
    part = values.gather_every(max(len(values) // MOST_RESAMPLED, 1))
    shortfall = expected_shortfall(part.to_numpy(), LEVEL)
    # Counted here: a page is not sent millions of values.
    counts, edges = np.histogram(values.to_numpy(), bins=min(BINS, max(len(values), 1)))
    plot = canvas(
        go.Bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts,
            width=np.diff(edges) * 0.95,
            marker_color=BLUE,
            name="runs",
            customdata=[
                f"{format_value(low, outcome.unit)} to {format_value(high, outcome.unit)}"
                for low, high in itertools.pairwise(edges.tolist())
            ],
            hovertemplate="%{customdata}: %{y} runs<extra></extra>",
        )
    )
    top = int(counts.max())
    for estimate, name, colour, dash in (
        (mean_estimate(values.to_numpy()), "mean", GREY, "solid"),
        (var, "value at risk 95 %", ORANGE, "dash"),
        (shortfall, "expected shortfall 95 %", RED, "dot"),
    ):
        plot.add_scatter(
            x=[estimate.value, estimate.value],
            y=[0, top],
            mode="lines",
            line={"color": colour, "width": 3, "dash": dash},
            name=f"{name}, {format_value(estimate.value, outcome.unit)}",
        )
    caption += f" {estimate_text('Value at risk', var, outcome.unit)}"
    caption += f" {estimate_text('Expected shortfall', shortfall, outcome.unit)}"
    figure = Figure(f"{title} of {outcome.name}", caption, plot, outcome.unit, len(values))
    return finish(figure, x=outcome.unit or outcome.name, y="runs", hovermode="closest")


def estimate_text(name: str, found: Estimate, unit: str) -> str:
    """Write an estimate with its interval as a sentence."""
    if found.low is None and found.high is None:
        interval = "no interval from so few runs"
    else:
        low = "unbounded" if found.low is None else format_value(found.low, unit)
        high = "unbounded" if found.high is None else format_value(found.high, unit)
        interval = f"{found.confidence:.0%} interval {low} to {high}"
    return f"{name}: {format_value(found.value, unit)} ({interval})."


def layers_used(study: StudyResults) -> Figure:
    """Return in which share of the runs each layer of the waterfall paid."""
    title = "How often each layer paid"
    caption = "Share of all runs in which each layer of the waterfall paid anything."
    columns = {outcome_of_layer(layer): LAYER_NAMES[f"{layer}_usd"] for layer in LAYERS}
    columns["uncovered_usd"] = LAYER_NAMES["uncovered_usd"]
    layers = {name: text for name, text in columns.items() if name in study.columns}
    if not layers:
        return nothing(title, caption, "These runs record no layers.", unit="share of runs")
    runs = study.frame(*layers)
    shares = [int((runs[name] > 0).sum()) / max(len(runs), 1) for name in layers]
    plot = canvas()
    plot.add_bar(
        x=list(layers.values()),
        y=shares,
        text=[f"{share:.0%}" for share in shares],
        textposition="outside",
        marker_color=PURPLE,
        cliponaxis=False,
    )
    plot.update_yaxes(tickformat=".0%", range=[0, 1.12])
    figure = Figure(title, caption, plot, "share of runs", len(runs))
    return finish(figure, y="share of runs", hovermode="closest", height=SMALL_HEIGHT)


FIGURES = (loss_distribution, tornado, converged)
"""The figures of one outcome of a study; the map over two factors is chosen by its reader."""
