"""Sweep: an outcome over any two factors, what matters most, how sure, and a point's runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from dash import ALL, Input, Output, State, dcc, html, no_update

from abm.analysis.figures.base import words
from abm.analysis.figures.study_runs import (
    factor_names,
    level_order,
    narrowed,
    outcome_of,
    outcomes_of,
    runs_by_level,
    values_of,
)
from abm.analysis.figures.sweep import converged, heat_map, loss_distribution, tornado
from abm.dashboard.pages.base import Choices, Control, Page
from abm.dashboard.parts import figure_part, notice, table_part
from abm.units import format_value

if TYPE_CHECKING:
    from dash import Dash
    from dash.development.base_component import Component

    from abm.dashboard.catalog import Catalog, Selection
    from abm.recording.study import StudyResults

DEFAULT = "bad_debt_usd"
ONLY = "only "
MOST_RUNS = 60


def controls(selection: Selection, choices: Choices) -> list[Control]:
    """Return the choices of an outcome, two factors, and a level of each factor."""
    study = selection.study
    if study is None or not study.run_count or not study.factors:
        return []
    factors = factor_names(study)
    names = list(factors)
    outcomes = {item.key: item.name for item in outcomes_of(study)}
    runs = runs_by_level(study, choices.get("outcome") or DEFAULT)
    return [
        Control("outcome", "Outcome", outcomes, DEFAULT if DEFAULT in outcomes else None),
        Control("across", "Across", factors, names[0]),
        Control("down", "Down", {"": "nothing", **factors}, names[1] if len(names) > 1 else ""),
        *(
            Control(
                ONLY + name,
                f"Only {factors[name]}",
                {"": "all", **{level: level for level in level_order(runs, name)}},
                "",
            )
            for name in names
        ),
    ]


def chosen_levels(choices: Choices) -> dict[str, str]:
    """Return the levels that the reader narrowed factors to."""
    return {
        name.removeprefix(ONLY): str(value)
        for name, value in choices.items()
        if name.startswith(ONLY) and value
    }


def body(selection: Selection, choices: Choices, _: Catalog) -> list[Component]:
    """Return the map, the tornado, convergence, the spread, and the runs of a point."""
    study = selection.study
    if study is None or not study.run_count:
        return []
    if not study.factors:
        why = "Runs are finished, and none is gathered yet: the map over factors comes at the end."
        return [
            notice(f"{why} ({selection.progress}.)"),
            figure_part(loss_distribution(study), "spread"),
        ]
    outcome = choices.get("outcome") or DEFAULT
    levels = chosen_levels(choices)
    across = choices.get("across") or study.factors[0]
    down = choices.get("down") or None
    down = None if down == across else down
    return [
        figure_part(heat_map(study, outcome, across, down, levels), "heat"),
        html.Div(runs_part(selection, outcome, levels), id="opened", role="status"),
        figure_part(tornado(study, outcome, levels), "tornado"),
        figure_part(converged(study, outcome, levels), "convergence"),
        figure_part(loss_distribution(study, outcome, levels), "spread"),
    ]


def runs_part(selection: Selection, key: str, levels: dict[str, str]) -> list[Component]:
    """Return the runs at the chosen levels, each a way to open it."""
    study = selection.study
    if study is None or selection.entry is None:
        return []
    if not levels:
        return [html.P("Click a cell, or choose levels above, to see the runs of a point.")]
    found = narrowed(runs_by_level(study, key, "run_id"), levels).sort("point", "replicate")
    point = ", ".join(f"{words(name)} = {level}" for name, level in levels.items())
    rows = [
        _row(study, selection.entry.place, row, value, key)
        for row, value in zip(
            found.head(MOST_RUNS).iter_rows(named=True),
            values_of(found, key).head(MOST_RUNS).to_list(),
            strict=True,
        )
    ]
    headings = ("run", "replicate", *(words(name) for name in study.factors), words(key))
    more = f" The first {MOST_RUNS} are shown." if len(found) > MOST_RUNS else ""
    caption = f"{len(found):,} runs at {point}.{more}"
    return [table_part(headings, rows, caption=caption, name="point-runs")]


def _row(
    study: StudyResults, place: str, row: dict[str, Any], value: float | None, key: str
) -> tuple[Any, ...]:
    address = f"/?{urlencode({'at': place, 'run': row['run_id']})}"
    outcome = outcome_of(study, key)
    unit = outcome.unit if outcome is not None else ""
    written = "none" if value is None else format_value(value, unit)
    link = dcc.Link(row["run_id"], href=address)
    return link, row["replicate"], *(str(row[name]) for name in study.factors), written


def register(app: Dash, catalog: Catalog) -> None:
    """Open the runs of a cell when it is clicked."""

    @app.callback(
        Output("opened", "children"),
        Input("heat", "clickData"),
        State("place", "data"),
        State({"type": "control", "name": ALL}, "value"),
        State({"type": "control", "name": ALL}, "id"),
        prevent_initial_call=True,
    )
    def open_cell(
        click: dict[str, Any] | None, place: dict[str, str], values: list[Any], ids: list[Any]
    ) -> object:
        selection = catalog.select(place.get("at"), place.get("run"))
        if not click or selection.study is None:
            return no_update
        choices = {found["name"]: value for found, value in zip(ids, values, strict=True)}
        levels = chosen_levels(choices)
        spot = click["points"][0]
        for name, axis in (("across", "x"), ("down", "y")):
            factor = choices.get(name)
            if factor in selection.study.factors:
                levels[str(factor)] = str(spot[axis])
        return runs_part(selection, choices.get("outcome") or DEFAULT, levels)


PAGE = Page(
    path="/sweep",
    title="Sweep",
    about="How an outcome moves over the factors of a study, and how sure that is.",
    body=body,
    controls=controls,
    needs="study",
    register=register,
)
