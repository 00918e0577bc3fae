"""The contagion map: chains and channels over time, with what is halted, under way and lost."""

from __future__ import annotations

import math
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from abm.analysis.figures.base import (
    GREEN,
    LAYOUT,
    ORANGE,
    PURPLE,
    RED,
    SEQUENTIAL,
    Figure,
    canvas,
    finish,
    nothing,
    words,
)
from abm.analysis.figures.facts import lacks, start_of
from abm.analysis.figures.map_history import ChainState, ChannelState, MapHistory, MapState
from abm.units import SECONDS_PER_HOUR, format_duration, format_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.recording.results import RunResults

TITLE = "The contagion map"
CAPTION = (
    "Chains (size: what stands there; colour: open liquidations of accounts whose collateral "
    "stands there; ✕: halted) and the channels between them (width: value under way; orange: "
    "something under way for over an hour; red: halted). Purple arrows are losses that flow to the "
    "venue at that moment."
)
SMALLEST, LARGEST = 24, 84
# A message under way for longer is drawn as late.
LATE_SECONDS = SECONDS_PER_HOUR
MOST_FRAMES = 48
# The mark of a channel stands at this share of its way out from the venue.
OUTWARD = 0.62
# Of the way between two chains, so much is left free at either.
GAP = 0.25

Place = tuple[float, float]
Places = dict[str, Place]
Trace = dict[str, Any]
"""A trace in the form of Plotly's JSON."""


def contagion_map(results: RunResults, second: int | None = None) -> Figure:
    """Return the map at one second of the run; at the moment of most stress if not given."""
    if why := _missing(results):
        return nothing(TITLE, CAPTION, why)
    history = history_of(results)
    at = history.most_stressed if second is None else second
    plot = canvas(_traces(history, history.state(at)))
    figure = Figure(TITLE, f"{CAPTION} {_moment(results, history.state(at))}", plot, "USD")
    return _finished(figure, history, _label(results, history.state(at)))


def contagion_film(results: RunResults) -> Figure:
    """Return the map over the whole run, with a slider and a button that plays it."""
    if why := _missing(results):
        return nothing(TITLE, CAPTION, why)
    history = history_of(results)
    chosen = frames_of(history)
    states = {at: history.state(at) for at in chosen}
    labels = {at: _label(results, state) for at, state in states.items()}
    opening = min(chosen, key=lambda at: abs(at - history.most_stressed))
    plot = canvas(_traces(history, states[opening]))
    frames = tuple(
        {
            "name": str(at),
            "data": _traces(history, states[at]),
            "layout": {"title": {"text": labels[at]}},
        }
        for at in chosen
    )
    still = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}}
    playing = {"fromcurrent": True, "frame": {"duration": 350, "redraw": True}}
    steps = [
        {"label": f"{at / SECONDS_PER_HOUR:.0f} h", "method": "animate", "args": [[str(at)], still]}
        for at in chosen
    ]
    plot.update_layout(
        sliders=[
            {"steps": steps, "active": chosen.index(opening), "x": 0.12, "len": 0.88, "y": -0.02}
        ],
        updatemenus=[
            {
                "type": "buttons",
                "x": 0.08,
                "y": -0.06,
                "direction": "left",
                "buttons": [
                    {"label": "▶ play", "method": "animate", "args": [None, playing]},
                    {"label": "❚❚", "method": "animate", "args": [[None], still]},
                ],
            }
        ],
    )
    figure = _finished(Figure(TITLE, CAPTION, plot, "USD", frames=frames), history, labels[opening])
    # Room below for the slider and the button.
    plot.update_layout(height=680, margin={"b": 110})
    return figure


@lru_cache(maxsize=4)
def history_of(results: RunResults) -> MapHistory:
    """Return the history of a run, read once however many of its moments are drawn."""
    return MapHistory(results)


def frames_of(history: MapHistory, most: int = MOST_FRAMES) -> list[int]:
    """Return the seconds of a film: samples evenly spread, and those at which shocks begin."""
    every = max(math.ceil(len(history.seconds) / most), 1)
    return history.seconds[::every]


def _missing(results: RunResults) -> str:
    return lacks(results, "chains", "collateral_usd") or (
        "" if results.has("channels") else lacks(results, "channels")
    )


def positions(chains: Sequence[str], venue: str | None) -> Places:
    """Place the venue in the middle and the other chains around it."""
    others = [name for name in chains if name != venue]
    places: Places = {} if venue is None else {venue: (0.0, 0.0)}
    for number, name in enumerate(others):
        angle = 2 * math.pi * (number + 0.5) / max(len(others), 1)
        places[name] = (1.6 * math.cos(angle), math.sin(angle))
    return places


def between(
    places: Places, channel_ends: tuple[str, str], shift: float = 0.07
) -> tuple[Place, Place]:
    """Return where the arrow of a channel begins and ends; the two directions run side by side."""
    (x0, y0), (x1, y1) = places[channel_ends[0]], places[channel_ends[1]]
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    aside_x, aside_y = -(y1 - y0) / length * shift, (x1 - x0) / length * shift
    begin = (x0 + GAP * (x1 - x0) + aside_x, y0 + GAP * (y1 - y0) + aside_y)
    end = (x1 - GAP * (x1 - x0) + aside_x, y1 - GAP * (y1 - y0) + aside_y)
    return begin, end


def channel_colour(state: ChannelState) -> str:
    """Return red for a halted channel, orange for a late one, green for one in order."""
    if state.blocked:
        return RED
    return ORANGE if state.delay_seconds > LATE_SECONDS else GREEN


def channel_width(state: ChannelState) -> float:
    """Return the width of a channel's line: wider by the value under way."""
    return 1.5 + min(1.6 * math.log10(1 + state.value_usd / 1e4), 8.0)


def node_sizes(history: MapHistory, state: MapState) -> list[float]:
    """Return the diameters of the chains: their areas are as what stands there."""
    most = history.most_usd or 1.0
    shares = [min(max(chain.equity_usd, 0.0) / most, 1.5) for chain in state.chains]
    return [SMALLEST + (LARGEST - SMALLEST) * math.sqrt(share / 1.5) for share in shares]


def chain_lines(chain: ChainState) -> list[str]:
    """Return what is written at a chain."""
    lines = [format_usd(chain.equity_usd) + " stand here"]
    if chain.stress:
        lines.append(f"{chain.stress:,} open liquidations")
    if chain.loss_usd:
        lines.append(f"bad debt {format_usd(chain.loss_usd)}")
    if chain.gap_usd is not None and chain.gap_usd < -1:
        lines.append(f"unbacked {format_usd(-chain.gap_usd)}")
    return lines


def _traces(history: MapHistory, state: MapState) -> list[Trace]:
    """Return always the same traces in the same order, as an animation needs them."""
    places = positions(history.chains, history.venue)
    traces = [_channel_trace(places, channel) for channel in state.channels]
    traces.append(_channel_middles(places, state))
    traces.append(_loss_trace(history, places, state))
    traces.append(_chain_trace(history, places, state))
    return traces


def _channel_trace(places: Places, state: ChannelState) -> Trace:
    begin, end = between(places, (state.channel.source, state.channel.destination))
    return {
        "type": "scatter",
        "x": [begin[0], end[0]],
        "y": [begin[1], end[1]],
        "mode": "lines+markers",
        "line": {
            "color": channel_colour(state),
            "width": channel_width(state),
            "dash": "dot" if state.blocked else "solid",
        },
        "marker": {
            "symbol": ["circle", "arrow"],
            "size": [1, 12 + channel_width(state)],
            "angleref": "previous",
            "color": channel_colour(state),
        },
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _channel_middles(places: Places, state: MapState) -> Trace:
    ends = [
        between(places, (item.channel.source, item.channel.destination)) for item in state.channels
    ]
    spots = [
        _outward(places[item.channel.source], begin, end)
        for item, (begin, end) in zip(state.channels, ends, strict=True)
    ]
    labels, hovers = [], []
    for item in state.channels:
        text = f"{item.channel.name} ({item.channel.protocol})<br>{item.messages:,} under way"
        text += f", {format_usd(item.value_usd)}"
        text += f"<br>the oldest for {format_duration(item.delay_seconds)}"
        text += f"<br>{item.lost:,} lost so far" + ("<br>halted" if item.blocked else "")
        hovers.append(text)
        label = ""
        if item.blocked:
            label = f"halted: {item.messages:,} wait<br>{format_usd(item.value_usd)}"
        elif item.delay_seconds > LATE_SECONDS:
            label = f"{item.messages:,} late<br>up to {format_duration(item.delay_seconds)}"
        labels.append(label)
    return {
        "type": "scatter",
        "x": [x for x, _ in spots],
        "y": [y for _, y in spots],
        "mode": "markers+text",
        "text": labels,
        "textposition": [_beside(begin, end) for begin, end in ends],
        "textfont": {"size": 14, "color": [channel_colour(item) for item in state.channels]},
        "hovertext": hovers,
        "hoverinfo": "text",
        "marker": {
            "size": 11,
            "color": [channel_colour(item) for item in state.channels],
            "symbol": ["x" if item.blocked else "circle" for item in state.channels],
        },
        "name": "channels",
        "showlegend": False,
    }


def _outward(source: Place, begin: Place, end: Place) -> Place:
    """Return the place of a channel's mark: nearer to its outer chain, where there is room."""
    share = OUTWARD if math.hypot(*source) < math.hypot(*end) else 1 - OUTWARD
    return begin[0] + share * (end[0] - begin[0]), begin[1] + share * (end[1] - begin[1])


def _beside(begin: Place, end: Place) -> str:
    """Return on which side of a channel its words stand: away from the other direction's."""
    upper = "top" if end[0] - begin[0] > 0 else "bottom"
    return f"{upper} {'right' if begin[1] - end[1] > 0 else 'left'}"


def _loss_trace(history: MapHistory, places: Places, state: MapState) -> Trace:
    """Return arrows from chains whose accounts have just left a loss to the venue that pays it."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    texts: list[str] = []
    sizes: list[float] = []
    if history.venue is not None:
        for chain in state.chains:
            if chain.lost_now_usd > 0 and chain.name != history.venue:
                begin, end = between(places, (chain.name, history.venue), shift=0.0)
                xs += [begin[0], end[0], None]
                ys += [begin[1], end[1], None]
                texts += [f"loss {format_usd(chain.lost_now_usd)}", "", ""]
                sizes += [1, 18, 0]
    return {
        "type": "scatter",
        "x": xs,
        "y": ys,
        "mode": "lines+markers+text",
        "text": texts,
        "textposition": "middle center",
        "textfont": {"color": PURPLE, "size": 15},
        "line": {"color": PURPLE, "width": 5, "dash": "dash"},
        "marker": {"symbol": "arrow", "angleref": "previous", "color": PURPLE, "size": sizes},
        "hoverinfo": "skip",
        "name": "losses",
        "showlegend": False,
    }


def _chain_trace(history: MapHistory, places: Places, state: MapState) -> Trace:
    labels = [
        "<br>".join(
            [
                f"<b>{chain.name}</b>"
                + (" (options venue)" if chain.name in history.venues else "")
                + (" ✕ halted" if chain.halted else ""),
                *chain_lines(chain),
            ]
        )
        for chain in state.chains
    ]
    spots = [places[chain.name] for chain in state.chains]
    return {
        "type": "scatter",
        "x": [x for x, _ in spots],
        "y": [y for _, y in spots],
        "mode": "markers+text",
        "text": labels,
        "textposition": ["top center" if y >= 0 else "bottom center" for _, y in spots],
        "hovertext": labels,
        "hoverinfo": "text",
        "textfont": {"size": 15},
        "marker": {
            "size": node_sizes(history, state),
            "color": [chain.stress for chain in state.chains],
            "colorscale": SEQUENTIAL,
            "opacity": 1,
            "cmin": 0,
            "cmax": max(history.most_stress, 1),
            "showscale": True,
            "colorbar": {"title": {"text": "open<br>liquidations"}, "thickness": 14, "len": 0.7},
            "symbol": [
                "x" if chain.halted else "square" if chain.name in history.venues else "circle"
                for chain in state.chains
            ],
            "line": {
                "width": [5 if chain.halted else 1.5 for chain in state.chains],
                "color": [RED if chain.halted else "#888" for chain in state.chains],
            },
        },
        "name": "chains",
        "showlegend": False,
    }


def _label(results: RunResults, state: MapState) -> str:
    """Return the moment, and the shocks that are on, for the head of the map."""
    moment = start_of(results) + timedelta(seconds=state.second)
    names = [words(shock.name) for shock in state.shocks]
    on = (
        f" · <span style='color:{RED}'>▲ {', '.join(names)}</span>"
        if names
        else " · no shock is on"
    )
    return f"<b>{moment:%d %b %Y %H:%M} UTC</b>, {state.second / SECONDS_PER_HOUR:.1f} h{on}"


def _moment(results: RunResults, state: MapState) -> str:
    """Say in a sentence what the map shows, for readers who cannot see it."""
    moment = start_of(results) + timedelta(seconds=state.second)
    loss = sum(chain.loss_usd for chain in state.chains)
    stress = sum(chain.stress for chain in state.chains)
    blocked = sum(item.blocked for item in state.channels)
    return (
        f"At {moment:%Y-%m-%d %H:%M} UTC {stress:,} liquidations are open, {blocked} channels are "
        f"halted, and bad debt so far is {format_usd(loss)}."
    )


def _finished(figure: Figure, history: MapHistory, label: str) -> Figure:
    places = np.array(list(positions(history.chains, history.venue).values()) or [(0.0, 0.0)])
    finish(
        figure,
        height=600,
        hovermode="closest",
        title={"text": label, "x": 0.02, "font": {"size": 16}},
        margin={**LAYOUT["margin"], "t": 60, "l": 20, "r": 20},
    )
    reach_x, reach_y = np.abs(places).max(axis=0) + np.array([0.75, 0.75])
    figure.plot.update_xaxes(visible=False, range=[-reach_x, reach_x], fixedrange=True)
    figure.plot.update_yaxes(visible=False, range=[-reach_y, reach_y], fixedrange=True)
    return figure


FIGURES = (contagion_film,)
"""The figures of contagion of one run."""
