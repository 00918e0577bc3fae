"""The cause tree: from one loss back to its root, and all that came of it on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import polars as pl

from abm.analysis.delays import Delays
from abm.analysis.figures.base import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    Figure,
    finish,
    nothing,
    words,
)
from abm.analysis.figures.facts import (
    lacks,
    layers_of,
    mark_shocks,
    rows_of,
    scenario_of,
    time_title,
    times,
)
from abm.units import format_duration, format_usd

if TYPE_CHECKING:
    from abm.recording.results import RunResults

Row = dict[str, Any]
TITLE = "From a loss to its root"


@dataclass(frozen=True)
class Step:
    """One thing on the way from a root to a loss.

    Attributes
    ----------
    event : int or None
        Its number in the log; None for a message.
    depth : int
        Steps from the root.
    second, end : int
        When it began and, for what takes time, ended.
    kind, text : str
        What it is, and what to say of it.
    place : str
    on_the_way : bool
        Whether the loss itself came of it.
    """

    event: int | None
    depth: int
    second: int
    end: int
    kind: str
    text: str
    place: str
    on_the_way: bool


def losses(results: RunResults) -> pl.DataFrame:
    """Return the losses of a run, the largest first (ties: in the order of time)."""
    table = rows_of(results, "waterfall")
    total = pl.sum_horizontal(list(layers_of(table))).alias("loss_usd")
    return table.with_columns(total).sort(
        "loss_usd", "second", "liquidation", descending=[True, False, False]
    )


def walk(results: RunResults, liquidation: int) -> list[Step]:
    """Return what led from the root of the log to a loss, and what else came of it.

    The log notes the cause of every event, and a message the event that sent it; the walk goes up
    from the loss to the root, then down to all events of the same liquidation.
    """
    events = {row["event"]: row for row in rows_of(results, "events").iter_rows(named=True)}
    row = rows_of(results, "liquidations").filter(liquidation=liquidation).row(0, named=True)
    path: list[int] = []
    cause: int | None = row["cause"]
    while cause is not None and cause not in path:
        path.append(cause)
        cause = events[cause]["cause"]
    path.reverse()
    depth = {event: place for place, event in enumerate(path)}
    for number in sorted(events):
        above = events[number]["cause"]
        if number not in depth and above in depth and depth[above] >= len(path) - 1:
            depth[number] = depth[above] + 1
    loss = [number for number in depth if events[number]["kind"] == "bad_debt"]
    on_the_way = set(path) | set(loss)
    steps = [_event_step(events[number], depth[number], number in on_the_way) for number in depth]
    steps += _message_steps(results, depth)
    return sorted(steps, key=lambda step: (step.second, step.depth, step.kind))


def _event_step(row: Row, depth: int, on_the_way: bool) -> Step:  # noqa: FBT001 - of a record
    text = words(row["kind"])
    if row["value_usd"]:
        text += f", {format_usd(row['value_usd'])}"
    place = row["place"] or ""
    if place:
        text += f", {words(place)}"
    return Step(
        row["event"], depth, row["second"], row["second"], row["kind"], text, place, on_the_way
    )


def _message_steps(results: RunResults, depth: dict[int, int]) -> list[Step]:
    """Return the messages that events of the tree sent, with what held each up."""
    table = rows_of(results, "messages")
    table = table.filter(pl.col("cause").is_in([event for event in depth if depth[event] > 0]))
    scenario = scenario_of(results)
    events = rows_of(results, "events").iter_rows(named=True)
    known = {"clock", "channels", "shocks"} <= set(scenario)
    delays = Delays(scenario, events) if known else None
    steps = []
    for row in table.iter_rows(named=True):
        end = row["end_second"]
        held = delays.of_message(row) if delays is not None else None
        text = f"{words(row['kind'])} over {row['channel']}: "
        text += "under way at the end" if end is None else f"{row['fate']} after "
        text += "" if end is None else format_duration(end - row["sent_second"])
        if held is not None:
            text += f", {format_duration(held.seconds)} of it in {words(held.shock)}"
        steps.append(
            Step(
                None,
                depth[row["cause"]] + 1,
                row["sent_second"],
                row["sent_second"] if end is None else end,
                "message",
                text,
                row["channel"],
                held is not None,
            )
        )
    return steps


def cause_tree(results: RunResults, liquidation: int | None = None) -> Figure:
    """Return the tree of one loss; of the largest if not given."""
    caption = (
        "What led to one loss, from the root of the log down, against time: events as marks, "
        "messages as bars as long as they travelled. Red is the way to the loss and what a shock "
        "held up."
    )
    for table in ("events", "liquidations", "waterfall"):
        if why := lacks(results, table):
            why = "No account left a loss in this run." if results.has(table) else why
            return nothing(TITLE, caption, why)
    chosen = losses(results)["liquidation"][0] if liquidation is None else liquidation
    if not rows_of(results, "liquidations").filter(liquidation=chosen).height:
        return nothing(TITLE, caption, f"There is no liquidation {chosen} in this run.")
    steps = walk(results, chosen)
    begin = min(step.second for step in steps if step.depth)
    # The root is the start of the run; drawn at its time it would press all else together.
    shown = [step for step in steps if step.depth]
    lines = [(-place, step) for place, step in enumerate(shown)]
    plot = go.Figure()
    _add_links(results, plot, lines)
    _add_messages(results, plot, lines)
    events = [(line, step) for line, step in lines if step.kind != "message"]
    plot.add_scatter(
        x=times(results, [step.second for _, step in events]),
        y=[line for line, _ in events],
        mode="markers+text",
        text=[step.text for _, step in events],
        textposition="middle right",
        marker={
            "size": 14,
            "symbol": ["diamond" if step.kind == "bad_debt" else "circle" for _, step in events],
            "color": [RED if step.on_the_way else BLUE for _, step in events],
        },
        customdata=[step.event for _, step in events],
        hovertemplate="%{text}<extra></extra>",
        name="events",
    )
    mark_shocks(results, plot)
    end = max(step.end for step in shown)
    room = max((end - begin) * 1.1, 600)
    span = times(results, [begin - room * 0.1, end + room])
    plot.update_xaxes(range=span)
    plot.update_yaxes(visible=False, range=[-len(shown) - 0.2, 3.2])
    loss = float(losses(results).filter(liquidation=chosen)["loss_usd"].sum())
    title = f"{TITLE}: {format_usd(loss)}, liquidation {chosen}"
    figure = Figure(title, caption, plot, "USD")
    return finish(
        figure,
        x=time_title(results),
        height=230 + 42 * len(shown),
        hovermode="closest",
        showlegend=False,
    )


def _add_messages(results: RunResults, plot: go.Figure, lines: list[tuple[int, Step]]) -> None:
    """Draw messages as bars from sending to their end."""
    for line, step in lines:
        if step.kind == "message":
            plot.add_scatter(
                x=times(results, [step.second, step.end]),
                y=[line, line],
                mode="lines+markers+text",
                text=["", step.text],
                textposition="middle right",
                line={"color": RED if step.on_the_way else GREY, "width": 6},
                marker={"size": [1, 9], "symbol": "line-ns"},
                hovertext=step.text,
                hoverinfo="text",
                name="message",
            )


def _add_links(results: RunResults, plot: go.Figure, lines: list[tuple[int, Step]]) -> None:
    """Join everything to the last event above it in the tree."""
    for line, step in lines:
        above = [
            (place, other)
            for place, other in lines
            if place > line and other.depth == step.depth - 1 and other.kind != "message"
        ]
        if above:
            place, other = above[-1]
            plot.add_scatter(
                x=times(results, [other.second, other.second, step.second]),
                y=[place, line, line],
                mode="lines",
                line={"color": ORANGE if step.on_the_way else GREY, "width": 1.5},
                hoverinfo="skip",
                name="led to",
            )


FIGURES = (cause_tree,)
"""The figures of causes of one run."""
