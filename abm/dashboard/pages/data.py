"""Data: the tables with their units; what is shown can be taken as CSV or Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from dash import Input, Output, State, html, no_update

from abm.analysis.figures.base import words
from abm.dashboard.pages.base import Choices, Control, Page
from abm.dashboard.parts import notice, table_part
from abm.dashboard.tables import (
    COMPARISONS,
    ROWS_ON_A_PAGE,
    Question,
    QuestionError,
    answer,
    columns_of,
    described,
    tables_of,
)

if TYPE_CHECKING:
    from dash import Dash
    from dash.development.base_component import Component

    from abm.dashboard.catalog import Catalog, Selection


def controls(selection: Selection, choices: Choices) -> list[Control]:
    """Return the choices of a table, a column, a comparison and a value."""
    tables = tables_of(selection)
    if not tables:
        return []
    chosen = choices.get("table")
    table = chosen if chosen in tables else next(iter(tables))
    columns = {name: name for name in columns_of(selection, table)}
    return [
        Control("table", "Table", tables, table),
        Control("column", "Where", {"": "all rows", **columns}, ""),
        Control("compare", "is", COMPARISONS, "equal"),
        Control("value", "value", kind="text", value=""),
        Control("sort", "Sorted by", {"": "as recorded", **columns}, ""),
        Control("page", "Page of rows", kind="text", value="1"),
    ]


def question_of(choices: Choices, table: str) -> Question:
    """Return the question that the controls ask."""
    return Question(
        table,
        choices.get("column") or "",
        choices.get("compare") or "equal",
        str(choices.get("value") or ""),
        choices.get("sort") or "",
    )


def body(selection: Selection, choices: Choices, _: Catalog) -> list[Component]:
    """Return a page of rows, how many there are, and the links to take them all."""
    tables = tables_of(selection)
    if not tables or selection.entry is None:
        return [notice("There is no table here.")]
    table = choices.get("table")
    table = table if table in tables else next(iter(tables))
    question = question_of(choices, table)
    try:
        rows = answer(selection, question)
    except QuestionError as error:
        return [notice(str(error))]
    text = str(choices.get("page") or "1")
    page = max(int(text), 1) if text.isdecimal() else 1
    count = rows.count()
    pages = max(-(-count // ROWS_ON_A_PAGE), 1)
    page = min(page, pages)
    frame = rows.page(page)
    rows_text = "1 row" if count == 1 else f"{count:,} rows"
    known = described(table)
    run: dict[str, str] = (
        {"run": selection.results.manifest.run_id} if selection.study and selection.results else {}
    )
    asked = {"at": selection.entry.place, **run, **vars(question)}
    links = [
        html.A(
            f"Take {'this row' if count == 1 else f'these {count:,} rows'} as {name}",
            href=f"/download/{ending}?{urlencode(asked)}",
            id=f"download-{ending}",
            className="button",
        )
        for ending, name in (("csv", "CSV"), ("parquet", "Parquet"))
    ]
    headings = [
        html.Span(
            [name, html.Br(), html.Small(known[name][0])] if name in known else name,
            title=known[name][1] if name in known else "",
        )
        for name in frame.columns
    ]
    cells = [[_cell(value) for value in row] for row in frame.iter_rows()]
    caption = (
        f"{words(table)}: {rows_text}, page {page:,} of {pages:,}. Under each name its unit; "
        "its meaning shows when pointed at, and stands below."
    )
    meanings = [(name, unit, meaning) for name, (unit, meaning) in known.items()]
    return [
        html.P(links, className="links"),
        html.P(rows_text, id="row-count"),
        table_part(headings, cells, caption=caption, name="rows"),
        html.Details(
            [
                html.Summary("What the columns mean"),
                table_part(("column", "unit", "meaning"), meanings, name="meanings"),
            ]
        ),
    ]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return str(value) if isinstance(value, int) else f"{value:,.6g}"


def register(app: Dash, _: Catalog) -> None:
    """Choose columns anew when another table is chosen."""

    @app.callback(
        Output("address", "search", allow_duplicate=True),
        Input({"type": "control", "name": "table"}, "value"),
        State("place", "data"),
        prevent_initial_call=True,
    )
    def choose_table(table: str | None, place: dict[str, str]) -> object:
        known: dict[str, str] = {key: place[key] for key in ("at", "run") if key in place}
        if not table or table == place.get("table", "runs"):
            return no_update
        return f"?{urlencode({**known, 'table': table})}"


PAGE = Page(
    path="/data",
    title="Data",
    about="The tables themselves, with units, to look at and to take away.",
    body=body,
    controls=controls,
    needs="any",
    register=register,
)
