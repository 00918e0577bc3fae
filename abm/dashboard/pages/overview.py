"""Overview: what was asked, the answer in three numbers, and what exactly was run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import html

from abm.analysis.answers import answers_of_run, answers_of_study
from abm.analysis.figures.losses import loss_over_time
from abm.analysis.figures.sweep import loss_distribution
from abm.analysis.summary import headline, summarise
from abm.dashboard.pages.base import Choices, Page
from abm.dashboard.parts import (
    answer_parts,
    figure_part,
    labelled,
    notice,
    run_card,
    table_part,
)

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from abm.dashboard.catalog import Catalog, Selection
    from abm.recording.results import RunResults
    from abm.recording.study import StudyResults

MOST_FAILURES = 20


def body(selection: Selection, _: Choices, __: Catalog) -> list[Component]:
    """Return the page of a run, or of a study with its worst run below."""
    parts: list[Component] = []
    if selection.study is not None:
        parts += _study(selection, selection.study)
    if selection.problem:
        parts.append(notice(selection.problem))
    if selection.study is not None:
        parts += failures(selection.study)
    if selection.results is not None:
        parts += _run(selection.results, in_study=selection.study is not None)
    return parts


def _study(selection: Selection, study: StudyResults) -> list[Component]:
    parts: list[Component] = [
        html.P(study.question, className="question"),
        html.P(f"{selection.progress}.", className="progress", id="progress"),
    ]
    if study.run_count:
        parts += [
            answer_parts(answers_of_study(study)),
            figure_part(loss_distribution(study), "all"),
        ]
    return parts


def _run(results: RunResults, *, in_study: bool) -> list[Component]:
    question = results.manifest.scenario.get("question")
    if in_study:
        parts: list[Component] = [html.H2(f"One run of it: {results.manifest.run_id}")]
    else:
        parts = [html.P(question, className="question")] if question else []
    lines = summarise(results)
    pair = results.counterfactual is not None
    rows = [
        (
            html.Span(line.label, className="indent" if line.indent else ""),
            line.actual,
            *([line.without or ""] if pair else []),
        )
        for line in lines
    ]
    headings = ("", "this run", *(["without the shocks"] if pair else []))
    return [
        *parts,
        answer_parts(answers_of_run(results)),
        html.P(headline(results), className="headline"),
        figure_part(loss_over_time(results), "loss-over-time"),
        html.Section(
            [html.H2("All outcomes"), table_part(headings, rows, name="outcomes")],
            **labelled("All outcomes"),
        ),
        run_card(results),
    ]


def failures(study: StudyResults) -> list[Component]:
    """Return the errors of runs that failed, with the seeds that replay them."""
    rows = [
        (
            html.Code(str(note.get("run_id", ""))),
            str(note.get("seed", "")),
            (str(note.get("error", "")).strip().splitlines() or [""])[-1],
        )
        for note in study.failures(MOST_FAILURES)
    ]
    if not rows:
        return []
    head = html.H2("Runs that failed")
    part = table_part(("run", "seed", "error"), rows, name="failures")
    return [html.Section([head, part], **labelled("Runs that failed"))]


PAGE = Page(
    path="/",
    title="Overview",
    about="What was asked, the answer, and what exactly was run.",
    body=body,
    needs="nothing",
)
