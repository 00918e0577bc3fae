"""Compare: two runs or points of a study on the same axes, and their difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.analysis.figures.base import words
from abm.analysis.figures.compare import all_over_time, difference_table
from abm.dashboard.catalog import run_label
from abm.dashboard.pages.base import Choices, Control, Page
from abm.dashboard.parts import figure_parts, notice, table_part

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from abm.dashboard.catalog import Catalog, Selection
    from abm.recording.results import RunResults

PAIR = "the same run without the shocks"
MOST_RUNS = 500


def make_controls(selection: Selection, choices: Choices) -> list[Control]:
    """Return the choice of what to compare with: the pair, another run, or a run of the study."""
    if selection.results is None:
        return []
    options = {"": PAIR} if selection.results.counterfactual is not None else {}
    for entry in choices.get("entries", []):
        if entry.kind == "run" and entry != selection.entry:
            options[f"{entry.place}|"] = entry.label
    study = selection.study
    if study is not None and selection.entry is not None:
        frame = study.frame("run_id", "replicate", "bad_debt_usd", *study.factors)
        for row in frame.head(MOST_RUNS).iter_rows(named=True):
            if row["run_id"] != selection.results.manifest.run_id:
                key = f"{selection.entry.place}|{row['run_id']}"
                options[key] = run_label(row, study.factors)
    first = next(iter(options), "")
    return [Control("with", "Compare with (B)", options, first)] if options else []


def body(selection: Selection, choices: Choices, catalog: Catalog) -> list[Component]:
    """Return every outcome of both and their difference, and both over time."""
    first = selection.results
    if first is None:
        return []
    key = choices.get("with")
    second: RunResults | None
    if key:
        place, _, run_id = str(key).partition("|")
        other = catalog.select(place, run_id or None)
        second, name = other.results, f"B: {place} {run_id[:8]}"
        if second is None:
            return [notice(other.problem or "The run to compare with is not there.")]
    else:
        second, name = first.counterfactual, "B: without the shocks"
    if second is None:
        why = (
            "There is nothing to compare with: this run has no paired run, and there is no other "
            "run in the folder. Run the scenario with a change, into a folder beside this one."
        )
        return [notice(why)]
    here = selection.entry.place if selection.entry is not None else ""
    names = (f"A: {words(here)} {first.manifest.run_id[:8]}", name)
    table = difference_table(first, second)
    return [
        table_part(table.columns, table.rows(), caption=f"{names[0]} against {names[1]}"),
        *figure_parts(all_over_time(first, second, names), "compare"),
    ]


PAGE = Page(
    path="/compare",
    title="Compare",
    about="Two runs side by side on the same axes, and what differs.",
    body=body,
    controls=make_controls,
)
