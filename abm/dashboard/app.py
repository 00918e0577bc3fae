"""The dashboard: one Dash application over one folder of results."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl
from dash import ALL, Dash, Input, Output, State, html, no_update
from flask import Response, abort, request

from abm.dashboard.catalog import Catalog, run_label
from abm.dashboard.pages import PAGES
from abm.dashboard.parts import notice
from abm.dashboard.shell import HEAD, asked, chooser, control_part, layout, menu, page_of
from abm.dashboard.tables import Question, answer
from abm.errors import AbmError

if TYPE_CHECKING:
    from pathlib import Path

    from abm.dashboard.catalog import Selection
    from abm.dashboard.pages.base import Choices, Control, Page

# So many runs of a study are listed to choose from; a click in the sweep reaches any.
MOST_RUNS = 300
LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")
# Nothing is loaded from anywhere else, nor sent there.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "worker-src 'self' blob:; connect-src 'self'; frame-ancestors 'none'; form-action 'self'"
)
KINDS = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


def make_app(root: Path, *, only_loopback: bool = True) -> Dash:
    """Return the application that shows a folder.

    Parameters
    ----------
    root : Path
        The folder; it need not exist yet.
    only_loopback : bool
        Refuse requests that name another host, as pages of other sites may send them.
    """
    catalog = Catalog(root)
    app = Dash(
        __name__,
        title="abm",
        update_title="",
        suppress_callback_exceptions=True,
        serve_locally=True,
        index_string=HEAD,
    )
    app.layout = layout()
    _add_frame(app, catalog)
    _add_body(app, catalog)
    for page in PAGES:
        if page.register is not None:
            page.register(app, catalog)
    _add_downloads(app, catalog)
    _guard(app, only_loopback=only_loopback)
    return app


def _selection(catalog: Catalog, wanted: dict[str, str]) -> Selection:
    return catalog.select(wanted.get("at"), wanted.get("run"))


def _runs(selection: Selection) -> dict[str, str]:
    """Return the runs of a study to choose from, the chosen one among them."""
    study = selection.study
    if study is None or selection.results is None:
        return {}
    frame = study.frame("run_id", "replicate", "bad_debt_usd", *study.factors).head(MOST_RUNS)
    runs = {
        str(row["run_id"]): run_label(row, study.factors) for row in frame.iter_rows(named=True)
    }
    chosen = selection.results.manifest.run_id
    return runs if chosen in runs else {chosen: chosen, **runs}


def _choices(catalog: Catalog, selection: Selection, wanted: Choices) -> Choices:
    return {**wanted, "entries": catalog.entries() if selection.entry is not None else []}


def _controls(page: Page, selection: Selection, choices: Choices) -> list[Control]:
    """Return what a reader of a page may choose; nothing where its results lack something."""
    try:
        return page.controls(selection, choices)
    except (AbmError, KeyError, pl.exceptions.PolarsError):
        return []  # the body meets the same fault, and says it


def _add_frame(app: Dash, catalog: Catalog) -> None:
    @app.callback(
        Output("menu", "children"),
        Output("chooser", "children"),
        Output("head", "children"),
        Output("controls", "children"),
        Output("place", "data"),
        Input("address", "pathname"),
        Input("address", "search"),
    )
    def show(path: str | None, search: str | None) -> tuple[Any, ...]:
        """Draw the frame of an address: menu, choices, controls; the body follows."""
        wanted = asked(search)
        selection, page = _selection(catalog, wanted), page_of(path)
        frame = menu(selection, page), chooser(catalog.entries(), selection, _runs(selection))
        if page is None:
            head = [html.H1("There is no such page"), html.P("Choose one from the menu.")]
            return *frame, head, [], {}
        place = {"path": page.path, "search": search or "", **wanted}
        controls = _controls(page, selection, _choices(catalog, selection, wanted))
        parts = [control_part(control, wanted) for control in controls]
        if controls and page.extra is not None:
            parts += page.extra()
        return *frame, [html.H1(page.title), html.P(page.about, className="about")], parts, place

    @app.callback(
        Output("address", "search", allow_duplicate=True),
        Input("choose-entry", "value"),
        State("place", "data"),
        prevent_initial_call=True,
    )
    def choose_entry(chosen: str | None, place: dict[str, str]) -> object:
        selection = _selection(catalog, place)
        now = selection.entry.place if selection.entry is not None else None
        return no_update if chosen in (None, now) else f"?at={chosen}"

    @app.callback(
        Output("address", "search", allow_duplicate=True),
        Input("choose-run", "value"),
        State("place", "data"),
        prevent_initial_call=True,
    )
    def choose_run(chosen: str | None, place: dict[str, str]) -> object:
        selection = _selection(catalog, place)
        if chosen is None or selection.entry is None or selection.results is None:
            return no_update
        if chosen == selection.results.manifest.run_id:
            return no_update
        return f"?at={selection.entry.place}&run={chosen}"

    @app.callback(
        Output("signature", "data"),
        Output("changed", "data"),
        Input("look", "n_intervals"),
        State("place", "data"),
        State("signature", "data"),
    )
    def look(ticks: int | None, place: dict[str, str], known: list[str]) -> object:
        """Notice that results have changed, so that a running sweep is followed."""
        selection = _selection(catalog, place or {})
        entry = selection.entry.place if selection.entry is not None else None
        now = [entry or "", catalog.signature(entry)]
        if now == known:
            return no_update, no_update
        # The first look at an entry finds what has just been drawn.
        return now, ticks if known and known[0] == now[0] else no_update


def _add_body(app: Dash, catalog: Catalog) -> None:
    @app.callback(
        Output("body", "children"),
        Input("place", "data"),
        Input("changed", "data"),
        Input({"type": "control", "name": ALL}, "value"),
        State({"type": "control", "name": ALL}, "id"),
    )
    def draw(place: dict[str, str], _: int, values: list[Any], ids: list[Any]) -> list[Any]:
        """Draw the page for what its reader has chosen."""
        page = page_of((place or {}).get("path", ""))
        if not place or page is None:
            return []
        selection = _selection(catalog, place)
        chosen = {found["name"]: value for found, value in zip(ids, values, strict=True)}
        try:
            return body_of(page, selection, {**place, **chosen}, catalog)
        except AbmError as error:
            return [notice(str(error))]
        except (KeyError, pl.exceptions.PolarsError) as error:
            # Results of another version may lack a column that no figure asks after.
            why = f"This page cannot be drawn from these results: they lack {error}"
            return [notice(f"{why}. Run the scenario again with this version.")]


def body_of(page: Page, selection: Selection, choices: Choices, catalog: Catalog) -> list[Any]:
    """Return what a page shows of a selection, or what keeps it from showing anything."""
    if selection.problem and not (page.needs == "nothing" and selection.entry is not None):
        return [notice(selection.problem)]
    if page.needs == "study" and selection.study is None:
        return [
            notice(
                "This page is about a study of many runs, and a single run is chosen. Choose a "
                "study above, or make one with “abm sweep STUDY”."
            )
        ]
    return page.body(selection, choices, catalog)


def _add_downloads(app: Dash, catalog: Catalog) -> None:
    def download(ending: str) -> Response:
        """Return the rows that a data page shows as a file."""
        if ending not in KINDS:
            abort(404)
        wanted = dict(request.args)
        selection = _selection(catalog, wanted)
        keys = ("table", "column", "compare", "value", "sort")
        try:
            question = Question(**{"table": "", **{k: wanted[k] for k in keys if k in wanted}})
            content = answer(selection, question).as_bytes(ending)
        except AbmError as error:
            return Response(f"{error}\n", status=400, mimetype="text/plain")
        name = re.sub(r"\W+", "_", question.table)
        return Response(
            content,
            mimetype=KINDS[ending],
            headers={"Content-Disposition": f"attachment; filename={name}.{ending}"},
        )

    app.server.add_url_rule("/download/<ending>", "download", download)


def _guard(app: Dash, *, only_loopback: bool) -> None:
    def refuse_strangers() -> None:
        # A page of another site that names this machine by a name of its own is sent away.
        if only_loopback and not LOOPBACK.fullmatch(request.host):
            abort(403)

    def keep_inside(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    app.server.before_request(refuse_strangers)
    app.server.after_request(keep_inside)
