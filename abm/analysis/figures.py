"""The figures of one run: each a function from its tables to a Plotly figure.

Every figure carries a sentence that says what it shows, for the page and for screen readers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from abm.analysis.summary import what_was_left_out
from abm.units import SECONDS_PER_HOUR, format_duration, format_usd

if TYPE_CHECKING:
    from collections.abc import Callable

    from abm.recording.results import RunResults

# Okabe and Ito's colours, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, RED, GREY, PURPLE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#7f7f7f",
    "#CC79A7",
)
LAYOUT: dict[str, Any] = {
    "template": "plotly_white",
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "margin": {"l": 70, "r": 70, "t": 30, "b": 50},
    "font": {"family": "system-ui, sans-serif", "size": 13, "color": "#777"},
    "legend": {"orientation": "h", "y": 1.12, "x": 0},
    "hovermode": "x unified",
    # Half transparent, so that they are quiet on white and on black.
    "xaxis": {"gridcolor": "#8883", "zerolinecolor": "#8886", "linecolor": "#8886"},
    "yaxis": {"gridcolor": "#8883", "zerolinecolor": "#8886", "linecolor": "#8886"},
}


@dataclass(frozen=True)
class Figure:
    """A figure with its title and the sentence that says what it shows."""

    title: str
    caption: str
    plot: go.Figure


def _start(results: RunResults) -> datetime:
    return datetime.fromisoformat(results.manifest.scenario["clock"]["start_utc"])


def _times(results: RunResults, seconds: pl.Series) -> list[datetime]:
    start = _start(results)
    return [start + timedelta(seconds=second) for second in seconds.to_list()]


def _mark_shocks(results: RunResults, figure: go.Figure) -> None:
    """Shade the time of every shock; name those that start within an hour together, at the top."""
    start = _start(results)
    end = start + timedelta(hours=results.manifest.scenario["clock"]["hours"])
    scheduled = results.manifest.scenario["shocks"].items()
    shocks = {name: shock for name, shock in scheduled if shock["at_hours"] is not None}
    labels: list[tuple[datetime, list[str]]] = []
    for name in sorted(shocks, key=lambda name: shocks[name]["at_hours"]):
        begin = start + timedelta(hours=shocks[name]["at_hours"])
        stop = min(begin + timedelta(hours=shocks[name]["duration_hours"] or 0.0), end)
        figure.add_vrect(x0=begin, x1=stop, fillcolor=RED, opacity=0.05, line_width=0)
        if not labels or begin - labels[-1][0] > timedelta(hours=1):
            labels.append((begin, []))
        labels[-1][1].append(name.replace("_", " "))
    for begin, names in labels:
        figure.add_annotation(
            x=begin,
            y=1,
            yref="paper",
            xanchor="left",
            yanchor="top",
            align="left",
            showarrow=False,
            text="<br>".join(names),
            font={"size": 11, "color": RED},
        )


def loss_over_time(results: RunResults) -> Figure:
    """Return the loss with and without the shocks, against the price."""
    steps = results.table("steps")
    times = _times(results, steps["second"])
    plot = make_subplots(specs=[[{"secondary_y": True}]])
    plot.add_scatter(
        x=times,
        y=steps["price_usd"],
        name="price (right)",
        line={"color": GREY, "width": 1.2},
        secondary_y=True,
    )
    plot.add_scatter(
        x=times,
        y=steps["loss_usd"],
        name="loss: bad debt and shortfall",
        line={"color": RED, "width": 2},
        secondary_y=False,
    )
    plot.add_scatter(
        x=times,
        y=steps["bad_debt_usd"],
        name="of it, bad debt",
        line={"color": ORANGE, "width": 2, "dash": "dot"},
        secondary_y=False,
    )
    caption = (
        "Loss in dollars: bad debt so far, and the true shortfall of accounts still open "
        "(negative equity at the true price, which the venue may not see yet)."
    )
    if results.counterfactual is not None:
        other = results.counterfactual.table("steps")
        plot.add_scatter(
            x=_times(results, other["second"]),
            y=other["loss_usd"],
            name=f"loss without {what_was_left_out(results)}",
            line={"color": BLUE, "width": 2},
            secondary_y=False,
        )
        caption += (
            " Blue is the same run, on the same random streams, "
            f"without {what_was_left_out(results)}."
        )
    _mark_shocks(results, plot)
    plot.update_layout(**LAYOUT, height=430)
    plot.update_yaxes(title_text="loss, USD", rangemode="tozero", secondary_y=False)
    plot.update_yaxes(title_text="price, USD", showgrid=False, tickmode="auto", secondary_y=True)
    return Figure("Loss over time against the price", caption, plot)


def _positions(scenario: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Place the venue in the middle and the other chains around it."""
    venue = scenario["venue"]["chain"]
    others = [name for name in scenario["chains"] if name != venue]
    places = {venue: (0.0, 0.0)}
    for number, name in enumerate(others):
        angle = 2 * math.pi * (number + 0.5) / max(len(others), 1)
        places[name] = (1.6 * math.cos(angle), math.sin(angle))
    return places


def _halted(results: RunResults) -> tuple[dict[str, float], dict[str, float]]:
    """Return the hours for which shocks halted each chain and each channel."""
    chains: dict[str, float] = {}
    channels: dict[str, float] = {}
    for shock in results.manifest.scenario["shocks"].values():
        if shock["kind"] == "chain_halt":
            for name in shock["chains"]:
                chains[name] = chains.get(name, 0.0) + (shock["duration_hours"] or 0.0)
        if shock["kind"] == "channel_halt":
            for name in shock["channels"]:
                channels[name] = channels.get(name, 0.0) + (shock["duration_hours"] or 0.0)
    return chains, channels


def _bad_debt_by_chain(results: RunResults) -> dict[str, float]:
    losses = results.table("waterfall")
    total = pl.col("fund_usd") + pl.col("socialised_usd") + pl.col("uncovered_usd")
    frame = losses.group_by(pl.col("chain").cast(pl.String)).agg(total.sum().alias("loss"))
    return dict(frame.iter_rows())


def chain_graph(results: RunResults) -> Figure:
    """Return the graph of chains and channels with what failed and what it cost."""
    scenario = results.manifest.scenario
    places = _positions(scenario)
    halted_chains, halted_channels = _halted(results)
    messages = results.table("messages").with_columns(pl.col("channel").cast(pl.String))
    delay = pl.col("end_second") - pl.col("sent_second")
    per_channel = {
        row["channel"]: row
        for row in messages.group_by("channel")
        .agg(
            pl.len().alias("sent"),
            delay.filter(pl.col("fate") == "delivered").quantile(0.95).alias("p95"),
        )
        .iter_rows(named=True)
    }
    loss = _bad_debt_by_chain(results)
    plot = go.Figure()
    for name, channel in scenario["channels"].items():
        _add_channel(plot, name, channel, places, per_channel.get(name), halted_channels.get(name))
    for name, (x, y) in places.items():
        halted = halted_chains.get(name)
        venue = name == scenario["venue"]["chain"]
        label = f"<b>{name}</b>" + ("<br>options venue" if venue else "")
        if loss.get(name):
            label += f"<br>bad debt {format_usd(loss[name])}"
        if halted:
            label += f"<br>halted {format_duration(halted * SECONDS_PER_HOUR)}"
        plot.add_scatter(
            x=[x],
            y=[y],
            mode="markers+text",
            text=[label],
            textposition="top center" if y >= 0 else "bottom center",
            marker={
                "size": 34,
                "color": RED if halted else PURPLE if venue else BLUE,
                "symbol": "square" if venue else "circle",
                "line": {"width": 2, "color": "white"},
            },
            hoverinfo="text",
            showlegend=False,
        )
    _graph_legend(plot)
    plot.update_layout(**{**LAYOUT, "hovermode": "closest"}, height=480)
    plot.update_xaxes(visible=False, range=[-2.3, 2.3])
    plot.update_yaxes(visible=False, range=[-1.6, 1.6])
    caption = (
        "Chains and the channels between them. Red is what the scenario halted; the "
        "bad debt stands at the chain on which the failed accounts' collateral stood."
    )
    return Figure("Chains and channels, and what failed", caption, plot)


def _add_channel(
    plot: go.Figure,
    name: str,
    channel: dict[str, Any],
    places: dict[str, tuple[float, float]],
    traffic: dict[str, Any] | None,
    halted_hours: float | None,
) -> None:
    (x0, y0), (x1, y1) = places[channel["source"]], places[channel["destination"]]
    # The two directions of a pair run side by side.
    length = math.hypot(x1 - x0, y1 - y0)
    shift_x, shift_y = -(y1 - y0) / length * 0.06, (x1 - x0) / length * 0.06
    xs = [x0 + 0.12 * (x1 - x0) + shift_x, x1 - 0.12 * (x1 - x0) + shift_x]
    ys = [y0 + 0.12 * (y1 - y0) + shift_y, y1 - 0.12 * (y1 - y0) + shift_y]
    colour = RED if halted_hours else GREEN
    text = f"{name} ({channel['protocol']})"
    if traffic is not None:
        p95 = traffic["p95"]
        text += f"<br>{traffic['sent']:,} messages"
        text += f"<br>95 % delivered within {format_duration(p95)}" if p95 is not None else ""
    if halted_hours:
        text += f"<br>halted {format_duration(halted_hours * SECONDS_PER_HOUR)}"
    plot.add_annotation(
        x=xs[1],
        y=ys[1],
        ax=xs[0],
        ay=ys[0],
        xref="x",
        yref="y",
        axref="x",
        ayref="y",
        showarrow=True,
        arrowhead=2,
        arrowsize=1.2,
        arrowwidth=3 if halted_hours else 1.6,
        arrowcolor=colour,
        text="",
    )
    plot.add_scatter(
        x=[(xs[0] + xs[1]) / 2],
        y=[(ys[0] + ys[1]) / 2],
        mode="markers+text",
        marker={"size": 9, "color": colour, "symbol": "x" if halted_hours else "circle"},
        text=[f"halted {format_duration(halted_hours * SECONDS_PER_HOUR)}" if halted_hours else ""],
        textfont={"color": RED, "size": 12},
        # Away from the arrow and from the other direction's.
        textposition=("top" if shift_y > 0 else "bottom") + (" right" if shift_x > 0 else " left"),
        hovertext=[text],
        hoverinfo="text",
        showlegend=False,
    )


def _graph_legend(plot: go.Figure) -> None:
    for label, colour, symbol in (
        ("channel in order", GREEN, "circle"),
        ("channel halted", RED, "x"),
        ("chain", BLUE, "circle"),
        ("options venue", PURPLE, "square"),
    ):
        plot.add_scatter(
            x=[None],
            y=[None],
            mode="markers",
            name=label,
            marker={"size": 11, "color": colour, "symbol": symbol},
        )


def waterfall(results: RunResults) -> Figure:
    """Return who paid the bad debt, layer by layer, with and without the shocks."""
    plot = go.Figure()
    layers = {
        "insurance fund": "paid_by_fund_usd",
        "socialised": "socialised_usd",
        "nobody": "uncovered_usd",
        "bad debt": "bad_debt_usd",
    }
    shocks = results.manifest.scenario["shocks"]
    runs = [("with the shocks" if shocks else "this run", RED, results)]
    if results.counterfactual is not None:
        runs.append((f"without {what_was_left_out(results)}", BLUE, results.counterfactual))
    for label, colour, run in runs:
        values = [run.outcome[key] for key in layers.values()]
        steps = values[:-1]
        bases = [sum(steps[:index]) for index in range(len(steps))]
        plot.add_bar(
            x=list(layers),
            y=values,
            base=[*bases, 0.0],
            name=label,
            marker_color=colour,
            text=[format_usd(value) for value in values],
            textposition="outside",
            hovertemplate="%{x}: %{text}<extra></extra>",
            cliponaxis=False,
        )
    fund = results.manifest.scenario["waterfall"]["insurance_fund_usd"]
    plot.update_layout(**{**LAYOUT, "hovermode": "closest"}, barmode="group", height=400)
    plot.update_yaxes(title_text="USD", rangemode="tozero")
    caption = (
        f"Who paid the losses that accounts left, in the order of the waterfall: the insurance "
        f"fund of {format_usd(fund)}, then everyone with cash at the venue."
    )
    return Figure("The loss waterfall", caption, plot)


def message_delay(results: RunResults) -> Figure:
    """Return how long messages took, by channel and time of sending."""
    messages = results.table("messages").with_columns(pl.col("channel").cast(pl.String))
    delivered = messages.filter(pl.col("fate") == "delivered", pl.col("applied"))
    plot = go.Figure()
    colours = [BLUE, ORANGE, GREEN, RED, PURPLE, "#56B4E9", "#F0E442", GREY]
    for number, name in enumerate(results.manifest.scenario["channels"]):
        part = delivered.filter(pl.col("channel") == name)
        if part.is_empty():
            continue
        minutes = (part["end_second"] - part["sent_second"]) / 60
        plot.add_scattergl(
            x=_times(results, part["sent_second"]),
            y=minutes,
            name=name,
            mode="markers",
            marker={"size": 5, "opacity": 0.6, "color": colours[number % len(colours)]},
        )
    waiting = messages.filter(pl.col("fate") != "delivered")
    _mark_shocks(results, plot)
    # Eight channels need two lines of legend on a laptop, more on a phone.
    roomy = {"hovermode": "closest", "margin": {**LAYOUT["margin"], "t": 70}}
    plot.update_layout(**{**LAYOUT, **roomy}, height=470)
    plot.update_layout(legend={"y": 1.02, "yanchor": "bottom"})
    plot.update_yaxes(title_text="minutes from sending to delivery", type="log", dtick=1)
    plot.update_xaxes(title_text="time of sending, UTC")
    caption = (
        "Every message that was delivered, by the time it was sent, duplicates left out. Messages "
        "sent into a halt line up along a falling slope: all are delivered when it ends. "
        f"{len(waiting):,} messages were never delivered, or not by the end of the run."
    )
    return Figure("Message delay", caption, plot)


FIGURES: tuple[Callable[[RunResults], Figure], ...] = (
    loss_over_time,
    chain_graph,
    waterfall,
    message_delay,
)
"""The figures of a run's report, in their order; a new one is one function and one line."""
