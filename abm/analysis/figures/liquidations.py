"""Liquidations: how long they took, how they ended, what they cost, and who could buy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from abm.analysis.figures.base import (
    BLUE,
    CYCLE,
    DASHES,
    RED,
    Figure,
    canvas,
    finish,
    nothing,
    words,
    written,
)
from abm.analysis.figures.facts import (
    chains_of,
    lacks,
    mark_shocks,
    per_hour,
    rows_of,
    time_title,
    times,
)
from abm.analysis.summary import what_was_left_out
from abm.units import SECONDS_PER_HOUR, format_duration

if TYPE_CHECKING:
    from abm.recording.results import RunResults

CURED = ("topped_up", "recovered")
OUTCOMES = ("topped_up", "recovered", "closed", "bad_debt", "open")


def _of_chain(frame: pl.DataFrame, chain: str | None) -> pl.DataFrame:
    return frame if chain is None else frame.filter(pl.col("chain") == chain)


def _pair(results: RunResults) -> list[tuple[str, str, RunResults]]:
    """Return the run and, with the same tables, its counterfactual: name, colour, results."""
    pair = results.counterfactual
    if pair is None or not pair.has("liquidations"):
        return [("this run", RED, results)]
    return [
        ("with the shocks", RED, results),
        (f"without {what_was_left_out(results)}", BLUE, pair),
    ]


def time_to_liquidation(results: RunResults, chain: str | None = None) -> Figure:
    """Return the share of liquidations that had ended after so many hours."""
    title = "Time to liquidation"
    caption = (
        "Share of the accounts that were not cured whose liquidation had ended so long after the "
        "breach; a curve that stays low means liquidations that came late."
    )
    if why := lacks(results, "liquidations"):
        return nothing(title, caption, why, unit="hours")
    plot = canvas()
    for name, colour, run in _pair(results):
        found = _of_chain(rows_of(run, "liquidations"), chain)
        found = found.filter(~pl.col("outcome").is_in(CURED))
        took = (found["ended_second"] - found["breach_second"]).drop_nulls().sort()
        if took.is_empty():
            continue
        median = format_duration(float(took.median() or 0))  # type: ignore[arg-type]
        plot.add_scatter(
            x=took / SECONDS_PER_HOUR,
            y=np.arange(1, len(took) + 1) / len(found),
            name=f"{name}, median {median}",
            line={"color": colour, "width": 2, "shape": "hv"},
            customdata=written(took.to_list(), "seconds"),
            hovertemplate="%{y:.0%} within %{customdata}<extra></extra>",
        )
    if not plot.data:
        return nothing(title, caption, "No liquidation went on to its end here.", unit="hours")
    figure = Figure(title, caption, plot, "hours from breach to end")
    plot.update_yaxes(tickformat=".0%", range=[0, 1.02])
    plot.update_xaxes(rangemode="tozero")
    return finish(figure, x="hours from breach to end", y="share ended", hovermode="closest")


def liquidation_outcomes(results: RunResults, chain: str | None = None) -> Figure:
    """Return how liquidations ended, and how many took longer than the scenario allows."""
    title = "How liquidations ended"
    caption = (
        "Accounts that fell below their requirement, by how it ended: cured by a deposit or by the "
        "market, closed without loss to others, failed with bad debt, or still open at the end."
    )
    if why := lacks(results, "liquidations", "outcome"):
        return nothing(title, caption, why, unit="liquidations")
    plot = canvas()
    for name, colour, run in _pair(results):
        found = _of_chain(rows_of(run, "liquidations"), chain)
        counts = dict(found.group_by("outcome").len().iter_rows())
        others = sorted(set(counts) - {*OUTCOMES, None})
        kinds = [*OUTCOMES, *others]
        values = [counts.get(kind, 0) for kind in kinds]
        plot.add_bar(
            x=[words(kind) for kind in kinds],
            y=values,
            name=name,
            marker_color=colour,
            text=[f"{value:,}" for value in values],
            textposition="outside",
            cliponaxis=False,
        )
    figure = Figure(title, caption, plot, "liquidations")
    return finish(figure, y="liquidations", barmode="group", hovermode="closest")


def open_liquidations(results: RunResults, chain: str | None = None) -> Figure:
    """Return how many liquidations were open at each hour, by the chain of their collateral."""
    title = "Open liquidations by chain"
    caption = (
        "Liquidations that had begun and not ended, at every full hour, by the chain on which the "
        "collateral stands."
    )
    if why := lacks(results, "liquidations"):
        return nothing(title, caption, why, unit="liquidations")
    found = _of_chain(rows_of(results, "liquidations"), chain)
    ends = [
        int(second) for second in (*found["breach_second"], *found["ended_second"].drop_nulls())
    ]
    last = max(ends, default=0)
    at = np.arange(0, last + 2 * SECONDS_PER_HOUR, SECONDS_PER_HOUR)
    plot = canvas()
    for number, name in enumerate(found["chain"].unique().sort().to_list()):
        part = found.filter(pl.col("chain") == name)
        begun = np.sort(part["breach_second"].to_numpy())
        ended = np.sort(part["ended_second"].drop_nulls().to_numpy())
        count = np.searchsorted(begun, at, "right") - np.searchsorted(ended, at, "right")
        plot.add_scatter(
            x=times(results, at.tolist()),
            y=count,
            name=name,
            stackgroup="open",
            line={"color": CYCLE[number % len(CYCLE)], "width": 1},
        )
    mark_shocks(results, plot)
    figure = Figure(title, caption, plot, "liquidations")
    return finish(figure, x=time_title(results), y="open liquidations", showlegend=True)


def slippage(results: RunResults, chain: str | None = None) -> Figure:
    """Return how far below the published price collateral was sold, auction by auction."""
    title = "Slippage of collateral sales"
    caption = (
        "How far below the published price each auction sold, in per cent of the published value "
        "of what was sold; its size shows the dollars paid."
    )
    if why := lacks(results, "auctions", "published_value_usd", "proceeds_usd"):
        return nothing(title, caption, why, unit="per cent")
    sold = _of_chain(rows_of(results, "auctions"), chain).filter(pl.col("published_value_usd") > 0)
    if sold.is_empty():
        return nothing(title, caption, "No auction sold anything here.", unit="per cent")
    below = 100 * (1 - sold["proceeds_usd"] / sold["published_value_usd"])
    sold = sold.with_columns(below.alias("below"))
    biggest = float(sold["proceeds_usd"].max() or 1)  # type: ignore[arg-type]
    plot = canvas()
    for number, name in enumerate(sold["chain"].unique().sort().to_list()):
        part = sold.filter(pl.col("chain") == name)
        plot.add_scatter(
            x=times(results, part["opened_second"]),
            y=part["below"],
            name=name,
            mode="markers",
            marker={
                "size": 6 + 14 * np.sqrt(part["proceeds_usd"].to_numpy() / biggest),
                "color": CYCLE[number % len(CYCLE)],
                "opacity": 0.65,
            },
            customdata=written(part["proceeds_usd"].to_list(), "USD"),
            hovertemplate="%{y:.2f} % below, paid %{customdata}<extra></extra>",
        )
    mark_shocks(results, plot)
    worth = float(sold["published_value_usd"].sum())
    mean = 100 * (1 - float(sold["proceeds_usd"].sum()) / worth)
    figure = Figure(title, f"{caption} Over all: {mean:.2f} %.", plot, "per cent")
    plot.update_yaxes(ticksuffix=" %")
    return finish(figure, x=time_title(results), y="below published", hovermode="closest")


def auction_outcomes(results: RunResults, chain: str | None = None) -> Figure:
    """Return how many auctions sold out, in part, or nothing, by hour of their opening."""
    title = "Auction outcomes"
    caption = "Auctions of seized collateral by hour of opening: sold out, sold in part, unsold."
    if why := lacks(results, "auctions", "units", "units_sold"):
        return nothing(title, caption, why, unit="auctions")
    found = _of_chain(rows_of(results, "auctions"), chain)
    if found.is_empty():
        return nothing(title, caption, "No auction was opened here.", unit="auctions")
    kind = (
        pl.when(pl.col("units_sold") >= pl.col("units"))
        .then(pl.lit("sold out"))
        .when(pl.col("units_sold") > 0)
        .then(pl.lit("sold in part"))
        .otherwise(pl.lit("unsold"))
    )
    counts = found.group_by(per_hour("opened_second").alias("second"), kind.alias("kind")).len()
    plot = canvas()
    for name, colour in (("sold out", BLUE), ("sold in part", CYCLE[1]), ("unsold", RED)):
        part = counts.filter(pl.col("kind") == name).sort("second")
        plot.add_bar(
            x=times(results, part["second"]),
            y=part["len"],
            name=f"{name}, {part['len'].sum():,}",
            marker_color=colour,
        )
    mark_shocks(results, plot)
    figure = Figure(title, caption, plot, "auctions an hour")
    return finish(figure, x=time_title(results), y="auctions an hour", barmode="stack")


def liquidator_capital(results: RunResults, chain: str | None = None) -> Figure:
    """Return the money that active liquidators have on each chain."""
    title = "Liquidators' capital by chain"
    caption = (
        "Cash of active liquidators on each chain: what auctions there can be paid with. Money on "
        "another chain helps only when a bridge has brought it."
    )
    if why := lacks(results, "chains", "liquidator_usd"):
        return nothing(title, caption, why, unit="USD")
    found = _of_chain(rows_of(results, "chains"), chain)
    plot = canvas()
    for number, name in enumerate(chains_of(results)):
        part = found.filter(pl.col("chain") == name)
        if part.is_empty() or not float(part["liquidator_usd"].sum()):
            continue
        plot.add_scatter(
            x=times(results, part["second"]),
            y=part["liquidator_usd"],
            name=name,
            line={
                "color": CYCLE[number % len(CYCLE)],
                "width": 2,
                "dash": DASHES[number % len(DASHES)],
            },
        )
    if not plot.data:
        return nothing(title, caption, "There are no liquidators here.", unit="USD")
    mark_shocks(results, plot)
    plot.update_yaxes(rangemode="tozero")
    figure = Figure(title, caption, plot, "USD")
    return finish(figure, x=time_title(results), y="USD", showlegend=True)


FIGURES = (
    time_to_liquidation,
    liquidation_outcomes,
    open_liquidations,
    auction_outcomes,
    slippage,
    liquidator_capital,
)
"""The figures of liquidations of one run; all can be narrowed to the collateral of one chain."""
