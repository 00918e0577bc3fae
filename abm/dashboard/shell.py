"""What stands around every page: the head, the menu, the choice of results, the controls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from dash import dcc, html

from abm.analysis.figures.base import INK_STYLE
from abm.dashboard.pages import PAGES
from abm.dashboard.parts import labelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dash.development.base_component import Component

    from abm.dashboard.catalog import Entry, Selection
    from abm.dashboard.pages.base import Choices, Control, Page

# How often a page looks whether its results have changed.
LOOK_MILLISECONDS = 5_000

HEAD = (
    """<!DOCTYPE html>
<html lang="en">
<head>{%metas%}<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{%title%}</title>{%favicon%}{%css%}<style>"""
    + INK_STYLE
    + """</style></head>
<body><a class="skip" href="#body">Skip to the page</a>{%app_entry%}
<footer>{%config%}{%scripts%}{%renderer%}</footer></body>
</html>"""
)


def layout() -> Component:
    """Return the frame that pages are shown in."""
    return html.Div(
        [
            dcc.Location(id="address", refresh="callback-nav"),
            dcc.Store(id="place", data={}),
            dcc.Store(id="signature", data=[]),
            dcc.Store(id="changed", data=0),
            dcc.Interval(id="look", interval=LOOK_MILLISECONDS),
            html.Header(
                [
                    html.Div("abm", className="brand"),
                    html.Div(id="chooser", className="chooser"),
                ]
            ),
            html.Nav(id="menu", **labelled("Pages")),
            html.Main(
                [
                    html.Div(id="head"),
                    html.Div(id="controls", className="controls"),
                    dcc.Loading(
                        html.Div(id="body"), delay_show=600, type="dot", show_initially=False
                    ),
                ]
            ),
        ],
        className="frame",
    )


def page_of(path: str | None) -> Page | None:
    """Return the page of an address."""
    return next((page for page in PAGES if page.path == (path or "/")), None)


def asked(search: str | None) -> dict[str, str]:
    """Return what an address asks for."""
    return dict(parse_qsl((search or "").removeprefix("?")))


def menu(selection: Selection, current: Page | None) -> list[Component]:
    """Return the links to all pages, for the same selection."""
    return [
        dcc.Link(
            page.title,
            href=page.path + selection.query,
            className="here" if page is current else "",
            title=page.about,
        )
        for page in PAGES
    ]


def chooser(
    entries: Sequence[Entry], selection: Selection, runs: dict[str, str]
) -> list[Component]:
    """Return the choice of a run or study and, of a study, of a run."""
    parts: list[Component] = []
    if entries:
        options = {entry.place: entry.label for entry in entries}
        value = selection.entry.place if selection.entry is not None else None
        parts.append(_list("choose-entry", "Results", options, value))
    if runs and selection.results is not None:
        value = selection.results.manifest.run_id
        parts.append(_list("choose-run", "Run", runs, value))
    return parts


def _list(name: Any, label: str, options: dict[str, str], value: Any) -> Component:  # noqa: ANN401
    return html.Label(
        [
            html.Span(label),
            dcc.Dropdown(
                id=name,
                options=[{"value": key, "label": text} for key, text in options.items()],
                value=value,
                clearable=False,
                searchable=len(options) > 8,  # noqa: PLR2004 - fewer are seen at once
            ),
        ],
        className="choice",
    )


def control_part(control: Control, choices: Choices) -> Component:
    """Return a control as a part of the page, with what the address chose."""
    name = {"type": "control", "name": control.name}
    value = choices.get(control.name, control.value)
    if control.kind == "list":
        if value not in control.options:
            value = control.value
        return _list(name, control.label, control.options, value)
    if control.kind == "text":
        entry = dcc.Input(id=name, value=value, type="text", debounce=True)
        return html.Label([html.Span(control.label), entry], className="choice short")
    least, most, step = control.span
    slider = dcc.Slider(
        id=name,
        min=least,
        max=most,
        step=step,
        value=int(value),
        marks=control.marks,
        allow_direct_input=False,
    )
    return html.Div(
        [html.Span(control.label), slider], className="slide", **labelled(control.label)
    )
