"""Cause tree: pick a loss and walk from its root to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import html

from abm.analysis.figures.base import words
from abm.analysis.figures.cause_tree import cause_tree, losses, walk
from abm.analysis.figures.facts import lacks, scenario_of, times
from abm.analysis.why import clock, ending, story
from abm.dashboard.pages.base import Choices, Control, Page
from abm.dashboard.parts import figure_part, labelled, table_part
from abm.units import format_usd

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from abm.dashboard.catalog import Catalog, Selection
    from abm.recording.results import RunResults

MOST_LOSSES = 300
NEEDED = ("waterfall", "liquidations", "events")
FOR_A_STORY = (*NEEDED, "accounts", "messages", "auctions", "trades", "steps")


def controls(selection: Selection, _: Choices) -> list[Control]:
    """Return the choice of a loss, the largest first."""
    results = selection.results
    if results is None or any(lacks(results, table) for table in NEEDED):
        return []
    found = losses(results).head(MOST_LOSSES)
    options = {
        str(row["liquidation"]): (
            f"{format_usd(row['loss_usd'])}: account {row['account']}, {row['chain']}"
        )
        for row in found.iter_rows(named=True)
    }
    return [Control("loss", f"Loss ({len(options)} of them)", options, next(iter(options)))]


def body(selection: Selection, choices: Choices, _: Catalog) -> list[Component]:
    """Return the tree of a loss, the same as a table, and its story in words."""
    results = selection.results
    if results is None:
        return []
    chosen = choices.get("loss")
    number = int(chosen) if chosen not in (None, "") else None
    parts: list[Component] = [figure_part(cause_tree(results, number), "tree")]
    if any(lacks(results, table) for table in NEEDED):
        return parts
    found = losses(results)
    number = int(found["liquidation"][0]) if number is None else number
    rows = [
        (
            f"{times(results, [step.second])[0]:%d %b %H:%M:%S}",
            step.depth,
            words(step.kind),
            step.text,
            "yes" if step.on_the_way else "",
        )
        for step in walk(results, number)
    ]
    headings = ("time, UTC", "steps from the root", "what", "in words", "on the way to the loss")
    parts.append(table_part(headings, rows, caption="The same as a table", name="tree-steps"))
    account = int(found.filter(liquidation=number)["account"][0])
    return [*parts, *_story(results, account)]


def _story(results: RunResults, account: int) -> list[Component]:
    if not all(results.has(table) for table in FOR_A_STORY) or "clock" not in scenario_of(results):
        return []
    told = story(results, account)
    moments = [html.Li([html.Time(clock(told, m.second)), " ", m.text]) for m in told.moments]
    return [
        html.Section(
            [
                html.H2(f"The story of account {account} ({words(told.kind)})"),
                html.Ol(moments, className="story"),
                html.P(ending(told), className="headline"),
            ],
            **labelled("The story in words"),
        )
    ]


PAGE = Page(
    path="/causes",
    title="Cause tree",
    about="From one loss back to its root.",
    body=body,
    controls=controls,
)
