"""Where losses come from: all of them by root, and what happened on the way to one.

Drawn from `abm.analysis.cause_tree`, whose sums are exact.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from abm.analysis.cause_tree import WAYS, Cause
from abm.analysis.cause_tree import cause_tree as tree_of_losses
from abm.analysis.figures.base import (
    BLUE,
    CYCLE,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    YELLOW,
    Figure,
    canvas,
    finish,
    nothing,
    words,
)
from abm.analysis.figures.facts import (
    horizon_of,
    lacks,
    mark_shocks,
    scenario_of,
    time_title,
    times,
)
from abm.units import dollars, format_usd

if TYPE_CHECKING:
    from abm.recording.results import RunResults

TITLE = "From a root to a loss"
ALL = "All losses by root, account and way"
TABLES = ("liquidations", "events", "messages", "auctions")
# So many accounts of a root are drawn by themselves, the largest losses; the others as one.
MOST_ACCOUNTS = 12
# So many things on the way to one loss are drawn; all stand in its table.
MOST_LINES = 40
# Of the whole: light words can be read on it, on a white page and on a black one.
DARK = "#4d4d4d"
LIGHT = (ORANGE, PURPLE, SKY, YELLOW)
COLOURS = {"auction": ORANGE, "message": RED, "trades": PURPLE, "event": BLUE, "liquidation": GREY}


def lacks_tree(results: RunResults) -> str:
    """Say why losses of a run cannot be traced, or return an empty string."""
    for table in TABLES:
        if not results.has(table):
            return lacks(results, table)
    if not {"name", "clock", "channels", "shocks"} <= set(scenario_of(results)):
        return (
            "A study keeps no scenario of each run, and the roots of losses are its shocks. Run "
            "the scenario of this run by itself, with “abm run”, to trace them."
        )
    return "" if losses(results) else "No account left a loss in this run."


@lru_cache(maxsize=4)
def tree_of(results: RunResults) -> Cause:
    """Return the tree of all losses of a run, made once however often it is drawn."""
    return tree_of_losses(results)


def losses(results: RunResults) -> list[tuple[str, Cause]]:
    """Return the losses of a run with their roots, the largest first."""
    found = [(root.label, loss) for root in tree_of(results).children for loss in root.children]
    return sorted(found, key=lambda item: (-(item[1].loss_micro or 0), item[1].number or 0))


def loss_of(results: RunResults, liquidation: int | None = None) -> tuple[str, Cause] | None:
    """Return the loss of a liquidation with its root, or the largest; None if there is none."""
    found = losses(results)
    return next((item for item in found if liquidation in (None, item[1].number)), None)


def all_causes(results: RunResults) -> Figure:
    """Return all losses of a run by root, by account, and by the way in which each arose."""
    caption = (
        "Bad debt put down to the shock that held each liquidation up longest, to a theft where "
        "most of it is that tokens stood for nothing, or to the market; then by account, and by "
        "way: missing backing, collateral sold too low, contracts closed too dear, margin that "
        "came late, or a gap in the price. Widths are dollars and add up exactly. It divides "
        "losses; what a shock caused is the difference from the paired run."
    )
    if why := lacks_tree(results):
        return nothing(ALL, caption, why, unit="USD")
    nodes = _nodes(tree_of(results))
    plot = canvas(
        go.Icicle(
            ids=[name for name, *_ in nodes],
            parents=[parent for _, parent, *_ in nodes],
            labels=[label for *_, label, _, _ in nodes],
            # Whole micro-dollars: parts of floats may add up to more than the whole.
            values=[micro for *_, micro, _ in nodes],
            text=[format_usd(dollars(micro)) for *_, micro, _ in nodes],
            marker={"colors": [colour for *_, colour in nodes]},
            branchvalues="total",
            texttemplate="%{label}<br>%{text}",
            textfont={"color": ["#111" if colour in LIGHT else "#fff" for *_, colour in nodes]},
            hovertemplate="%{label}: %{text}, %{percentRoot:.1%} of all<extra></extra>",
            tiling={"orientation": "v"},
            sort=False,
        )
    )
    # What is too narrow for words that can be read has them when pointed at.
    return finish(
        Figure(ALL, caption, plot, "USD"),
        height=520,
        hovermode="closest",
        uniformtext={"minsize": 12, "mode": "hide"},
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
    )


Node = tuple[str, str, str, int, str]


def _nodes(tree: Cause) -> list[Node]:
    """Return name, parent, label, micro-dollars and colour of every part, parents first."""
    nodes: list[Node] = [("all", "", "all bad debt", tree.loss_micro or 0, DARK)]
    for place, root in enumerate(tree.children):
        name, colour = f"all/{place}", CYCLE[place % len(CYCLE)]
        nodes.append((name, "all", words(root.label), root.loss_micro or 0, colour))
        shown, rest = root.children[:MOST_ACCOUNTS], root.children[MOST_ACCOUNTS:]
        groups = [(loss.label, [loss]) for loss in shown]
        groups += [(f"{len(rest):,} other accounts", list(rest))] if rest else []
        for number, (label, parts) in enumerate(groups):
            inside = f"{name}/{number}"
            nodes.append((inside, name, label, sum(loss.loss_micro or 0 for loss in parts), colour))
            for way in WAYS:
                ways = [cause for loss in parts for cause in loss.children if cause.kind == way]
                if micro := sum(cause.loss_micro or 0 for cause in ways):
                    nodes.append((f"{inside}/{way}", inside, words(way), micro, colour))
    return nodes


def cause_tree(results: RunResults, liquidation: int | None = None) -> Figure:
    """Return what happened on the way to one loss, in time; to the largest if not given."""
    caption = (
        "One loss divided by the ways in which it arose, and under each what happened on it: "
        "auctions (orange), messages (red), closing trades (purple), events (blue), each as long "
        "as it took."
    )
    if why := lacks_tree(results):
        return nothing(TITLE, caption, why, unit="USD")
    found = loss_of(results, liquidation)
    if found is None:
        why = f"Liquidation {liquidation} left no loss in this run."
        return nothing(TITLE, caption, why, unit="USD")
    root, loss = found
    every = [cause for _, cause in loss.walk()]
    shown = every[:MOST_LINES]
    if len(every) > len(shown):
        caption += f" The first {len(shown)} of {len(every)} lines; the table has all."
    begin, horizon = loss.second or 0, horizon_of(results)
    spans = [_span(cause, begin, horizon) for cause in shown]
    plot = canvas()
    for line, (cause, (start, end)) in enumerate(zip(shown, spans, strict=True)):
        if end > start:
            plot.add_scatter(
                x=times(results, [start, end]),
                y=[-line, -line],
                mode="lines",
                line={"color": COLOURS.get(cause.kind, GREY), "width": 7},
                hovertext=told(cause),
                hoverinfo="text",
            )
    plot.add_scatter(
        x=times(results, [end for _, end in spans]),
        y=[-line for line in range(len(shown))],
        mode="markers+text",
        text=[f"<b>{told(each)}</b>" if each.loss_micro else told(each) for each in shown],
        textposition="middle right",
        marker={
            "size": 9,
            "symbol": ["diamond" if each.kind in WAYS else "circle" for each in shown],
            "color": [COLOURS.get(each.kind, GREY) for each in shown],
        },
        hovertemplate="%{text}<extra></extra>",
    )
    mark_shocks(results, plot)
    last = max(end for _, end in spans)
    room = max(last - begin, 600)
    plot.update_xaxes(range=times(results, [begin - room * 0.1, last + room]))
    plot.update_yaxes(visible=False, range=[-len(shown) - 0.2, 3.2])
    title = f"{TITLE}: {words(root)}, {format_usd(loss.loss_usd or 0.0)}, {loss.label}"
    return finish(
        Figure(title, caption, plot, "USD"),
        x=time_title(results),
        height=230 + 30 * len(shown),
        hovermode="closest",
        showlegend=False,
    )


def told(cause: Cause) -> str:
    """Write a cause for people, with its loss where it has one.

    >>> told(Cause("gap", "gap", None, None, 1_500_000))
    'gap: 1.50 USD'
    """
    label = words(cause.label)
    return label if cause.loss_usd is None else f"{label}: {format_usd(cause.loss_usd)}"


def _span(cause: Cause, begin: int, horizon: int) -> tuple[int, int]:
    """Return from when to when a cause is drawn; a way stands where the loss began."""
    if cause.second is None:
        return begin, begin
    if cause.kind != "event" and cause.end_second is None:
        return cause.second, horizon
    return cause.second, max(cause.end_second or cause.second, cause.second)


FIGURES = (all_causes, cause_tree)
"""The figures of causes of one run."""
