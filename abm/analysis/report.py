"""One self-contained HTML page for a run: no network is needed to read it."""

from __future__ import annotations

from html import escape
from itertools import combinations
from typing import TYPE_CHECKING, Any

from plotly.io import to_html
from plotly.offline import get_plotlyjs

from abm.analysis.answers import answers_of_study
from abm.analysis.figures import REPORT
from abm.analysis.figures.architectures import SIDE_BY_SIDE, side_by_side
from abm.analysis.figures.base import INK_STYLE, sentence, words
from abm.analysis.figures.compare import all_over_time, difference_table
from abm.analysis.figures.sweep import FIGURES as STUDY_FIGURES
from abm.analysis.figures.sweep import heat_map, layers_used
from abm.analysis.summary import headline, summarise, what_was_left_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.analysis.figures import Figure
    from abm.recording.results import RunResults
    from abm.recording.study import StudyResults

STYLE = (
    """
:root { color-scheme: light dark; --line: #8884; --ink: #222; --quiet: #5b5b5b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --quiet: #a8a8a8; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1080px;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.question { font-style: italic; } .headline { font-size: 1.15rem; font-weight: 600; }
.caption, .note, footer { color: var(--quiet); font-size: .9rem; }
.empty { border: 1px dashed var(--line); padding: 1rem; color: var(--quiet); }
table { border-collapse: collapse; } th, td { padding: .3rem 1rem .3rem 0; text-align: left; }
td + td, th + th { text-align: right; padding-left: 1.5rem; }
tr { border-bottom: 1px solid var(--line); }
td.indent { padding-left: 1.5rem; color: var(--quiet); } code { word-break: break-all; }
"""
    + INK_STYLE
)


def render_report(results: RunResults) -> str:
    """Return the page of a run, with its counterfactual where there is one."""
    scenario = results.manifest.scenario
    return _page(
        scenario["name"],
        scenario["question"],
        [
            f"<p class='headline'>{escape(headline(results))}</p>",
            _summary_table(results),
            *_sections([make(results) for make in REPORT]),
            _run_card(results),
        ],
    )


def render_pair_report(first: RunResults, second: RunResults) -> str:
    """Return the page of two runs on the same axes."""
    names = (_name(first, "A"), _name(second, "B"))
    table = difference_table(first, second)
    return _page(
        "comparison",
        f"{names[0]} against {names[1]}",
        [
            _table(table.columns, table.rows()),
            *_sections(all_over_time(first, second, names)),
            _run_card(first),
            _run_card(second),
        ],
    )


def render_study_report(study: StudyResults, key: str = "bad_debt_usd") -> str:
    """Return the page of a study: its answer, and the figures of one outcome.

    Raises
    ------
    ResultsError
        If no run of the study is gathered.
    """
    factors = study.factors
    figures = [make(study, key) for make in STUDY_FIGURES]
    figures.append(layers_used(study))
    if factors:
        pairs: list[tuple[str, str | None]] = [*combinations(factors, 2)]
        pairs = pairs or [(factors[0], None)]
        figures = [*(heat_map(study, key, *pair) for pair in pairs), *figures]
    figures += side_by_side(study.frame("architecture", *SIDE_BY_SIDE))
    rows = [(item.label, item.value, item.certainty) for item in answers_of_study(study)]
    return _page(
        study.name,
        study.question,
        [_table(("", "value", "how sure"), rows), *_sections(figures), _study_card(study)],
    )


def _page(name: str, question: str, parts: list[str]) -> str:
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(name)}</title><style>{STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head><body>"
        f"<h1>{escape(name.replace('_', ' '))}</h1>"
        f"<p class='question'>{escape(question)}</p>{''.join(parts)}</body></html>\n"
    )


def _sections(figures: Sequence[Figure]) -> list[str]:
    """Return a section for each figure, with what it shows beside it."""
    sections = []
    for number, figure in enumerate(figures):
        title = escape(sentence(figure.title))
        sections.append(
            f"<section aria-label='{title}'><h2>{title}</h2>"
            f"<p class='caption'>{escape(figure.caption)}</p>"
        )
        if figure.empty:
            sections.append(f"<p class='empty'>{escape(figure.empty)}</p></section>")
            continue
        drawing = to_html(
            figure.drawing,
            include_plotlyjs=False,
            full_html=False,
            div_id=f"figure-{number}",
            config={"displayModeBar": False, "responsive": True},
            auto_play=False,
            validate=False,  # a second time: it was when it was drawn
        )
        note = escape(figure.note)
        sections.append(f"{drawing}<p class='note'>{note}</p></section>")
    return sections


def _table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{escape(str(heading))}</th>" for heading in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _name(results: RunResults, letter: str) -> str:
    scenario = results.manifest.scenario
    name = str(scenario.get("name", "run")).replace("_", " ")
    return f"{letter}: {name} {results.manifest.run_id[:8]}"


def _study_card(study: StudyResults) -> str:
    versions = study.note.get("versions") or {}
    card = {
        "runs": f"{study.run_count:,}",
        "factors": ", ".join(words(factor) for factor in study.factors),
        "identity": str(study.note.get("identity", "")),
        "versions": ", ".join(f"{name} {number}" for name, number in sorted(versions.items())),
    }
    items = "<br>".join(f"{key}: <code>{escape(value)}</code>" for key, value in card.items())
    return f"<footer><h2>Study card</h2>{items}</footer>"


def _summary_table(results: RunResults) -> str:
    pair = results.counterfactual is not None
    other = f"<th>without {escape(what_was_left_out(results))}</th>" if pair else ""
    head = f"<tr><th></th><th>this run</th>{other}</tr>"
    rows = []
    for line in summarise(results):
        name = f"<td class='indent'>{line.label}</td>" if line.indent else f"<td>{line.label}</td>"
        other = f"<td>{line.without}</td>" if line.without is not None else ""
        rows.append(f"<tr>{name}<td>{line.actual}</td>{other}</tr>")
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _run_card(results: RunResults) -> str:
    manifest = results.manifest
    versions = ", ".join(f"{name} {number}" for name, number in sorted(manifest.versions.items()))
    card: dict[str, Any] = {
        "run": manifest.run_id,
        "seed": manifest.scenario["seed"],
        "scenario SHA-256": manifest.fingerprint,
        "versions": versions,
        "platform": manifest.platform,
    }
    if manifest.replaced:
        card["played by agents of another program"] = ", ".join(manifest.replaced)
    items = "".join(f"<br>{key}: <code>{escape(str(value))}</code>" for key, value in card.items())
    return f"<footer><h2>Run card</h2>{items.removeprefix('<br>')}</footer>"
