"""Messages: what each channel carried, how late, how much waited, and how old what was known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from abm.analysis.figures.base import (
    BLUE,
    CYCLE,
    DASHES,
    GREEN,
    GREY,
    ORANGE,
    RED,
    SKY,
    Figure,
    canvas,
    finish,
    nothing,
)
from abm.analysis.figures.facts import (
    chains_of,
    channels_of,
    lacks,
    mark_shocks,
    per_hour,
    rows_of,
    time_title,
    times,
)
from abm.units import SECONDS_PER_MINUTE

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from abm.recording.results import RunResults

# A message that takes longer than this many times its lane's medians counts as late.
LATE_MULTIPLE = 2
FATES = {
    "in time": BLUE,
    "late": ORANGE,
    "lost": RED,
    "expired": CYCLE[4],
    "void": CYCLE[7],
    "in flight": GREY,
}


def _narrowed(frame: pl.DataFrame, channel: str | None) -> pl.DataFrame:
    return frame if channel is None else frame.filter(pl.col("channel") == channel)


def fates(messages: pl.DataFrame) -> pl.DataFrame:
    """Return the messages of a run with a column ``end``: in time, late, lost, expired and so on.

    A delivered message is late when it took more than twice what the medians of its parts make, as
    the outcome ``messages_late`` of a run counts it.
    """
    took = pl.col("end_second") - pl.col("sent_second")
    usual = pl.col("expected_second") - pl.col("sent_second")
    end = (
        pl.when(pl.col("fate") != "delivered")
        .then(pl.col("fate").str.replace("_", " "))
        .when(took > LATE_MULTIPLE * usual)
        .then(pl.lit("late"))
        .otherwise(pl.lit("in time"))
    )
    return messages.with_columns(end.alias("end"))


def messages_by_channel(results: RunResults, channel: str | None = None) -> Figure:
    """Return the messages of each channel by what became of them."""
    title = "Messages by channel"
    caption = (
        "Messages sent over each channel by their fate: delivered in time, delivered late (more "
        "than twice the usual time), lost, expired, or under way at the end of the run."
    )
    if why := lacks(results, "messages"):
        return nothing(title, caption, why, unit="messages")
    found = fates(_narrowed(rows_of(results, "messages"), channel))
    counts = found.group_by("channel", "end").len()
    plot = canvas()
    order = [item.name for item in channels_of(results)][::-1]
    for end in [*FATES, *sorted(set(counts["end"]) - set(FATES))]:
        part = dict(counts.filter(pl.col("end") == end).select("channel", "len").iter_rows())
        if part:
            shown = [name for name in order if name in set(counts["channel"])]
            plot.add_bar(
                y=shown,
                x=[part.get(name, 0) for name in shown],
                name=f"{end}, {sum(part.values()):,}",
                orientation="h",
                marker_color=FATES.get(end, GREEN),
            )
    figure = Figure(title, caption, plot, "messages")
    return finish(
        figure,
        x="messages",
        barmode="stack",
        height=180 + 34 * counts["channel"].n_unique(),
        margin={"l": 150, "r": 40, "t": 30, "b": 50},
        hovermode="y unified",
    )


def message_delay(results: RunResults, channel: str | None = None) -> Figure:
    """Return how long messages took, by channel and time of sending."""
    title = "Message delay"
    caption = (
        "Every message that was delivered, by the time it was sent, duplicates left out. Messages "
        "sent into a halt line up along a falling slope: all are delivered when it ends."
    )
    if not results.has("messages"):
        return nothing(title, caption, lacks(results, "messages"), unit="minutes")
    messages = _narrowed(rows_of(results, "messages"), channel)
    delivered = messages.filter(pl.col("fate") == "delivered", pl.col("applied"))
    plot = canvas()
    for number, item in enumerate(channels_of(results)):
        part = delivered.filter(pl.col("channel") == item.name)
        if part.is_empty():
            continue
        plot.add_scattergl(
            x=times(results, part["sent_second"]),
            y=(part["end_second"] - part["sent_second"]) / SECONDS_PER_MINUTE,
            name=item.name,
            mode="markers",
            marker={"size": 5, "opacity": 0.6, "color": CYCLE[number % len(CYCLE)]},
        )
    waiting = len(messages.filter(pl.col("fate") != "delivered"))
    mark_shocks(results, plot)
    caption += f" {waiting:,} messages were never delivered, or not by the end of the run."
    if not plot.data:
        return nothing(title, caption, "No messages were delivered.", unit="minutes")
    plot.update_yaxes(type="log", dtick=1)
    return finish(
        Figure(title, caption, plot, "minutes"),
        x=f"{time_title(results)} (of sending)",
        y="minutes to delivery",
        height=470,
        hovermode="closest",
    )


def delay_percentiles(results: RunResults, channel: str | None = None) -> Figure:
    """Return percentiles of the delay of messages by the hour of their sending."""
    title = "Delay percentiles over time"
    caption = (
        "The delay of the median message and of the slowest in twenty and in a hundred, by the "
        "hour in which they were sent; the usual time is what the medians of all parts make."
    )
    if why := lacks(results, "messages"):
        return nothing(title, caption, why, unit="minutes")
    found = _narrowed(rows_of(results, "messages"), channel).filter(
        pl.col("fate") == "delivered", pl.col("applied")
    )
    if found.is_empty():
        return nothing(title, caption, "No messages were delivered.", unit="minutes")
    took = (pl.col("end_second") - pl.col("sent_second")) / SECONDS_PER_MINUTE
    usual = (pl.col("expected_second") - pl.col("sent_second")) / SECONDS_PER_MINUTE
    hourly = (
        found.group_by(per_hour("sent_second").alias("second"))
        .agg(
            took.quantile(0.5).alias("half"),
            took.quantile(0.95).alias("p95"),
            took.quantile(0.99).alias("p99"),
            usual.median().alias("usual"),
        )
        .sort("second")
    )
    plot = canvas()
    for column, name, colour, dash in (
        ("p99", "99th centile", RED, "dot"),
        ("p95", "95th centile", ORANGE, "dash"),
        ("half", "median", BLUE, "solid"),
        ("usual", "usual", GREY, "dashdot"),
    ):
        plot.add_scatter(
            x=times(results, hourly["second"]),
            y=hourly[column],
            name=name,
            line={"color": colour, "dash": dash, "width": 2},
        )
    mark_shocks(results, plot)
    plot.update_yaxes(type="log", dtick=1)
    figure = Figure(title, caption, plot, "minutes")
    return finish(figure, x=f"{time_title(results)} (of sending)", y="minutes to delivery")


def backlog(results: RunResults, channel: str | None = None) -> Figure:
    """Return how many messages waited on each channel."""
    title = "Backlog by channel"
    caption = (
        "Messages that wait for attestation, a relayer or the end of a halt, on each channel at "
        "every sample."
    )
    if why := lacks(results, "channels", "waiting"):
        return nothing(title, caption, why, unit="messages")
    found = _narrowed(rows_of(results, "channels"), channel)
    plot = canvas()
    for number, item in enumerate(channels_of(results)):
        part = found.filter(pl.col("channel") == item.name)
        if len(part):
            plot.add_scatter(
                x=times(results, part["second"]),
                y=part["waiting"],
                name=item.name,
                stackgroup="waiting",
                line={"color": CYCLE[number % len(CYCLE)], "width": 1},
            )
    mark_shocks(results, plot)
    figure = Figure(title, caption, plot, "messages")
    return finish(figure, x=time_title(results), y="messages waiting", showlegend=True)


def _by_chain(results: RunResults, column: str) -> go.Figure:
    found = rows_of(results, "chains").filter(pl.col(column).is_not_null())
    plot = canvas()
    for number, name in enumerate(chains_of(results)):
        part = found.filter(pl.col("chain") == name)
        if len(part):
            plot.add_scatter(
                x=times(results, part["second"]),
                y=part[column] / SECONDS_PER_MINUTE,
                name=name,
                line={
                    "color": CYCLE[number % len(CYCLE)],
                    "dash": DASHES[number % len(DASHES)],
                    "width": 2,
                },
            )
    mark_shocks(results, plot)
    return plot


def claim_age(results: RunResults, channel: str | None = None) -> Figure:
    """Return how old the venue's knowledge of the collateral on each chain is."""
    del channel  # claims belong to chains
    title = "Age of claims"
    caption = (
        "How old, on the mean, is what the venue believes of the collateral on each chain: a claim "
        "is as old as the report that it rests on."
    )
    if why := lacks(results, "chains", "claim_age_seconds"):
        return nothing(title, caption, why, unit="minutes")
    plot = _by_chain(results, "claim_age_seconds")
    if not plot.data:
        return nothing(title, caption, "This architecture knows no claims.", unit="minutes")
    figure = Figure(title, caption, plot, "minutes")
    return finish(figure, x=time_title(results), y="mean age, minutes", showlegend=True)


def oracle_age(results: RunResults, channel: str | None = None) -> Figure:
    """Return how old the price published on each chain is."""
    del channel  # prices are published on chains
    title = "Age of published prices"
    caption = "How old the observation behind the price last published on each chain is."
    if why := lacks(results, "chains", "published_age_seconds"):
        return nothing(title, caption, why, unit="minutes")
    plot = _by_chain(results, "published_age_seconds")
    figure = Figure(title, caption, plot, "minutes")
    return finish(figure, x=time_title(results), y="age, minutes", showlegend=True)


def belief_against_truth(results: RunResults, channel: str | None = None) -> Figure:
    """Return what the venue believes accounts to have beyond what they have."""
    del channel  # beliefs are summed over accounts
    title = "Belief against truth"
    caption = (
        "Equity of all accounts as the venue believes it, less their true equity: above zero it "
        "counts on money that is not there."
    )
    if why := lacks(results, "steps", "belief_gap_usd"):
        return nothing(title, caption, why, unit="USD")
    steps = results.table("steps")
    plot = canvas()
    plot.add_scatter(
        x=times(results, steps["second"]),
        y=steps["belief_gap_usd"],
        name="believed less true",
        line={"color": SKY, "width": 1.5},
        fill="tozeroy",
    )
    mark_shocks(results, plot)
    figure = Figure(title, caption, plot, "USD")
    return finish(figure, x=time_title(results), y="USD")


FIGURES = (
    messages_by_channel,
    delay_percentiles,
    message_delay,
    backlog,
    claim_age,
    oracle_age,
    belief_against_truth,
)
"""The figures of messages of one run; those of channels can be narrowed to one."""
