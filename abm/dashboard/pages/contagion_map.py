"""Contagion map: the graph of chains and channels over time, with a slider and a play button."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import Input, Output, State, dcc, html, no_update

from abm.analysis.figures.base import words
from abm.analysis.figures.contagion_map import contagion_map, history_of
from abm.analysis.figures.facts import horizon_of, lacks, shocks_of
from abm.dashboard.pages.base import Choices, Control, Page
from abm.dashboard.parts import figure_part, table_part
from abm.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE, format_duration, format_usd

if TYPE_CHECKING:
    from dash import Dash
    from dash.development.base_component import Component

    from abm.dashboard.catalog import Catalog, Selection

STEP_MINUTES = 30
FRAME_MILLISECONDS = 800


def controls(selection: Selection, _: Choices) -> list[Control]:
    """Return the slider of time, in minutes, with a mark where each shock begins."""
    results = selection.results
    if results is None or lacks(results, "chains"):
        return []
    last = horizon_of(results) // SECONDS_PER_MINUTE
    marks = {minute: f"{minute // 60} h" for minute in range(0, last + 1, max(last // 8, 1))}
    for shock in shocks_of(results):
        marks[shock.span.start // SECONDS_PER_MINUTE] = "▲"
    start = history_of(results).most_stressed // SECONDS_PER_MINUTE
    return [
        Control(
            "minute",
            "Time since the start (▲: a shock begins)",
            value=start // STEP_MINUTES * STEP_MINUTES,
            kind="slider",
            span=(0, last, STEP_MINUTES),
            marks=marks,
        )
    ]


def body(selection: Selection, choices: Choices, _: Catalog) -> list[Component]:
    """Return the map at the chosen time, and the state of chains as a table."""
    results = selection.results
    if results is None:
        return []
    minute = choices.get("minute")
    second = None if minute is None else int(minute) * SECONDS_PER_MINUTE
    parts: list[Component] = [figure_part(contagion_map(results, second), "map")]
    if lacks(results, "chains"):
        return parts
    history = history_of(results)
    state = history.state(history.most_stressed if second is None else second)
    chains = [
        (
            chain.name,
            format_usd(chain.equity_usd),
            "unknown" if chain.gap_usd is None else format_usd(chain.gap_usd),
            f"{chain.stress:,}",
            format_usd(chain.loss_usd),
            "halted" if chain.halted else "running",
        )
        for chain in state.chains
    ]
    channels = [
        (
            item.channel.name,
            f"{item.channel.source} to {item.channel.destination}",
            f"{item.messages:,}",
            format_usd(item.value_usd),
            format_duration(item.delay_seconds),
            f"{item.lost:,}",
            "halted" if item.blocked else "running",
        )
        for item in state.channels
    ]
    on = ", ".join(words(shock.name) for shock in state.shocks) or "none"
    return [
        *parts,
        html.P(
            f"At {state.second / SECONDS_PER_HOUR:.1f} hours. Shocks that are on: {on}.",
            id="map-moment",
        ),
        table_part(
            ("chain", "stands there", "backing gap", "open liquidations", "bad debt", "blocks"),
            chains,
            caption="The same as a table: chains",
            name="map-chains",
        ),
        table_part(
            ("channel", "way", "under way", "value", "oldest for", "lost", "messages"),
            channels,
            caption="The same as a table: channels",
            name="map-channels",
        ),
    ]


def register(app: Dash, _: Catalog) -> None:
    """Let the button play the slider, one step at a time."""
    slider = {"type": "control", "name": "minute"}

    @app.callback(
        Output("player", "disabled"),
        Output("play", "children"),
        Input("play", "n_clicks"),
        prevent_initial_call=True,
    )
    def toggle(clicks: int | None) -> tuple[bool, str]:
        running = bool(clicks and clicks % 2)
        return not running, "❚❚ Pause" if running else "▶ Play"

    @app.callback(
        Output(slider, "value"),
        Input("player", "n_intervals"),
        State(slider, "value"),
        State(slider, "max"),
        prevent_initial_call=True,
    )
    def advance(_ticks: int, minute: int | None, last: int | None) -> object:
        if minute is None or last is None:
            return no_update
        return 0 if minute + STEP_MINUTES > last else minute + STEP_MINUTES


def player() -> list[Component]:
    """Return the button and the clock that it starts."""
    return [
        html.Button("▶ Play", id="play", n_clicks=0, type="button"),
        dcc.Interval(id="player", interval=FRAME_MILLISECONDS, disabled=True),
    ]


PAGE = Page(
    path="/map",
    title="Contagion map",
    about="What broke where, and in which order.",
    body=body,
    controls=controls,
    register=register,
    extra=player,
)
