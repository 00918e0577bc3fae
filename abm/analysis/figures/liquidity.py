"""Liquidity: depth, spread, basis, implied volatility, who still quotes, and what spills over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from plotly.subplots import make_subplots

from abm.analysis.figures.base import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    Figure,
    canvas,
    finish,
    nothing,
)
from abm.analysis.figures.facts import lacks, mark_shocks, time_title, times
from abm.analysis.summary import what_was_left_out
from abm.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from abm.recording.results import RunResults


def _pair(results: RunResults) -> RunResults | None:
    pair = results.counterfactual
    return pair if pair is not None and pair.has("steps") else None


def _line(
    results: RunResults, plot: go.Figure, column: str, name: str, colour: str, dash: str = "solid"
) -> None:
    steps = results.table("steps")
    plot.add_scatter(
        x=times(results, steps["second"]),
        y=steps[column],
        name=name,
        line={"color": colour, "width": 1.8, "dash": dash},
    )


def depth(results: RunResults) -> Figure:
    """Return the contracts on offer, with and without the shocks."""
    title = "Depth"
    caption = "Contracts quoted or resting on both sides of all series, at every step."
    if why := lacks(results, "steps", "depth_lots"):
        return nothing(title, caption, why, unit="contracts")
    plot = canvas()
    _line(results, plot, "depth_lots", "this run", RED)
    if (pair := _pair(results)) is not None:
        _line(pair, plot, "depth_lots", f"without {what_was_left_out(results)}", BLUE, "dot")
    mark_shocks(results, plot)
    plot.update_yaxes(rangemode="tozero")
    figure = Figure(title, caption, plot, "contracts")
    return finish(figure, x=time_title(results), y="contracts", showlegend=True)


def spread(results: RunResults) -> Figure:
    """Return the quoted spread."""
    title = "Spread"
    caption = (
        "Median quoted spread over the series with quotes on both sides, in points of implied "
        "volatility a year; a gap in the line means no such series."
    )
    if why := lacks(results, "steps", "spread_volatility"):
        return nothing(title, caption, why, unit="volatility per year")
    plot = canvas()
    _line(results, plot, "spread_volatility", "this run", RED)
    if (pair := _pair(results)) is not None:
        _line(pair, plot, "spread_volatility", f"without {what_was_left_out(results)}", BLUE, "dot")
    mark_shocks(results, plot)
    plot.update_yaxes(rangemode="tozero", tickformat=".0%")
    figure = Figure(title, caption, plot, "volatility per year")
    return finish(figure, x=time_title(results), y="spread", showlegend=True)


def basis(results: RunResults) -> Figure:
    """Return how far the price that the venue uses is from the true one."""
    title = "Basis: published against true price"
    caption = (
        "The price last published on the venue's chain, above (+) or below (-) the true one, in "
        "per cent: an oracle that lags a fall publishes too high."
    )
    if why := lacks(results, "steps", "published_usd", "price_usd"):
        return nothing(title, caption, why, unit="per cent")
    steps = results.table("steps")
    gap = 100 * (steps["published_usd"] / steps["price_usd"] - 1)
    plot = canvas()
    plot.add_scatter(
        x=times(results, steps["second"]),
        y=gap,
        name="published / true - 1",
        line={"color": PURPLE, "width": 1.2},
    )
    mark_shocks(results, plot)
    plot.update_yaxes(ticksuffix=" %")
    figure = Figure(title, caption, plot, "per cent")
    return finish(figure, x=time_title(results), y="published less true")


def volatility(results: RunResults) -> Figure:
    """Return implied and realised volatility."""
    title = "Implied and realised volatility"
    caption = (
        "The level of implied volatility that options are quoted at, and the volatility of the "
        "price over the last half hour, both a year."
    )
    if why := lacks(results, "steps", "volatility_level", "realised_volatility"):
        return nothing(title, caption, why, unit="per year")
    plot = canvas()
    _line(results, plot, "realised_volatility", "realised, last half hour", ORANGE, "dot")
    _line(results, plot, "volatility_level", "implied", BLUE)
    mark_shocks(results, plot)
    plot.update_yaxes(rangemode="tozero", tickformat=".0%")
    figure = Figure(title, caption, plot, "per year")
    return finish(figure, x=time_title(results), y="volatility a year")


def market_makers(results: RunResults) -> Figure:
    """Return how many market makers quote, beside the open interest."""
    title = "Market makers who quote"
    caption = (
        "Market makers with a quote at every step; those that withdraw take their depth with them. "
        "Open interest stands beside it."
    )
    if why := lacks(results, "steps", "quoting_makers", "open_interest_lots"):
        return nothing(title, caption, why, unit="agents")
    steps = results.table("steps")
    moments = times(results, steps["second"])
    plot = make_subplots(specs=[[{"secondary_y": True}]], figure=canvas())
    plot.add_scatter(
        x=moments,
        y=steps["quoting_makers"],
        name="market makers",
        line={"color": GREEN, "width": 2, "shape": "hv"},
    )
    plot.add_scatter(
        x=moments,
        y=steps["open_interest_lots"],
        name="open interest (right)",
        line={"color": SKY, "width": 1.5, "dash": "dot"},
        secondary_y=True,
    )
    mark_shocks(results, plot)
    figure = finish(Figure(title, caption, plot, "agents"), x=time_title(results))
    plot.update_yaxes(title_text="market makers", rangemode="tozero", secondary_y=False)
    plot.update_yaxes(title_text="contracts", showgrid=False, rangemode="tozero", secondary_y=True)
    return figure


def spillover(results: RunResults) -> Figure:
    """Return how much depth the shocks cost, hour by hour, against the paired run."""
    title = "Spillover: depth that the shocks cost"
    caption = (
        "Depth of this run against the same hour of the run without "
        "the shocks, in per cent: shocks elsewhere that thin the venue's own book are spillover."
    )
    if why := lacks(results, "steps", "depth_lots"):
        return nothing(title, caption, why, unit="per cent")
    pair = _pair(results)
    if pair is None:
        why = "There is no paired run with steps to set this one against."
        return nothing(title, caption, why, unit="per cent")
    hour = (pl.col("second") // SECONDS_PER_HOUR * SECONDS_PER_HOUR).alias("second")
    means = [
        run.table("steps").group_by(hour).agg(pl.col("depth_lots").mean()).sort("second")
        for run in (results, pair)
    ]
    both = (
        means[0].join(means[1], on="second", suffix="_pair").filter(pl.col("depth_lots_pair") > 0)
    )
    change = 100 * (both["depth_lots"] / both["depth_lots_pair"] - 1)
    plot = canvas()
    plot.add_bar(
        x=times(results, both["second"]),
        y=change,
        name="change of depth",
        marker_color=[RED if value < 0 else BLUE for value in change],
    )
    mark_shocks(results, plot)
    plot.update_yaxes(ticksuffix=" %")
    figure = Figure(title, caption, plot, "per cent of the paired run's depth")
    return finish(figure, x=time_title(results), y="change of depth")


FIGURES = (depth, spread, basis, volatility, market_makers, spillover)
"""The figures of liquidity of one run, in their order."""
