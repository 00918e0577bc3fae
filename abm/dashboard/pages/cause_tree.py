"""Cause tree: all losses by root; pick one and walk from its root to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import html

from abm.analysis.cause_tree import loss_by_root_and_way
from abm.analysis.figures.base import words
from abm.analysis.figures.cause_tree import all_causes, cause_tree, lacks_tree, loss_of, losses
from abm.analysis.figures.facts import rows_of, scenario_of, times
from abm.analysis.why import clock, ending, story
from abm.dashboard.pages.base import Choices, Control, Page
from abm.dashboard.parts import figure_part, labelled, table_part
from abm.units import format_usd

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from abm.dashboard.catalog import Catalog, Selection
    from abm.recording.results import RunResults

MOST_LOSSES = 300
FOR_A_STORY = (
    "waterfall",
    "liquidations",
    "events",
    "accounts",
    "messages",
    "auctions",
    "trades",
    "steps",
)


def controls(selection: Selection, _: Choices) -> list[Control]:
    """Return the choice of a loss, the largest first."""
    results = selection.results
    if results is None or lacks_tree(results):
        return []
    found = losses(results)
    options = {
        str(loss.number): f"{format_usd(loss.loss_usd or 0.0)}: {loss.label}, {words(root)}"
        for root, loss in found[:MOST_LOSSES]
    }
    return [Control("loss", f"Loss ({len(found):,} of them)", options, next(iter(options)))]


def body(selection: Selection, choices: Choices, _: Catalog) -> list[Component]:
    """Return all losses by root, one from its root down, the same as tables, and its story."""
    results = selection.results
    if results is None:
        return []
    parts: list[Component] = [figure_part(all_causes(results), "roots")]
    if lacks_tree(results):
        return parts
    by_root = loss_by_root_and_way(results)
    money = [[row[0], *map(format_usd, row[1:])] for row in by_root.iter_rows()]
    headings = tuple(words(name) for name in by_root.columns)
    caption = "The same as a table: bad debt by root and way"
    parts.append(table_part(headings, money, caption=caption, name="root-ways"))
    chosen = choices.get("loss")
    found = loss_of(results, int(chosen) if chosen not in (None, "") else None)
    parts.append(figure_part(cause_tree(results, found[1].number if found else None), "tree"))
    if found is None:
        return parts
    root, loss = found
    rows = [
        (
            _moment(results, cause.second),
            _moment(results, cause.end_second),
            words(cause.kind),
            html.Span(words(cause.label), style={"paddingLeft": f"{depth * 1.2}rem"}),
            "" if cause.loss_usd is None else format_usd(cause.loss_usd),
        )
        for depth, cause in loss.walk()
    ]
    caption = f"The same as a table; the root is {words(root)}"
    headings = ("begin, UTC", "end, UTC", "kind", "what", "of the loss")
    parts.append(table_part(headings, rows, caption=caption, name="tree-steps"))
    liquidations = rows_of(results, "liquidations")
    account = int(liquidations.filter(liquidation=loss.number)["account"][0])
    return [*parts, *_story(results, account)]


def _moment(results: RunResults, second: int | None) -> str:
    return "" if second is None else f"{times(results, [second])[0]:%d %b %H:%M:%S}"


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
    about="What each loss is put down to, and what happened on the way to it.",
    body=body,
    controls=controls,
)
