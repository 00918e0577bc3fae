"""One self-contained HTML page for a run: no network is needed to read it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from plotly.io import to_html
from plotly.offline import get_plotlyjs

from abm.analysis.figures import FIGURES
from abm.analysis.summary import headline, summarise, what_was_left_out

if TYPE_CHECKING:
    from abm.recording.results import RunResults

STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1080px;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.question { font-style: italic; } .headline { font-size: 1.15rem; font-weight: 600; }
.caption, footer { color: #777; font-size: .9rem; }
table { border-collapse: collapse; } th, td { padding: .3rem 1rem .3rem 0; text-align: left; }
td + td, th + th { text-align: right; padding-left: 1.5rem; }
tr { border-bottom: 1px solid var(--line); }
td.indent { padding-left: 1.5rem; color: #777; } code { word-break: break-all; }
"""


def render_report(results: RunResults) -> str:
    """Return the page of a run, with its counterfactual where there is one."""
    scenario = results.manifest.scenario
    sections = []
    for make in FIGURES:
        figure = make(results)
        div = to_html(
            figure.plot,
            include_plotlyjs=False,
            full_html=False,
            div_id=make.__name__,
            config={"displayModeBar": False, "responsive": True},
        )
        sections.append(
            f"<section aria-label='{escape(figure.title)}'><h2>{escape(figure.title)}</h2>"
            f"<p class='caption'>{escape(figure.caption)}</p>{div}</section>"
        )
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(scenario['name'])}</title><style>{STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head><body>"
        f"<h1>{escape(scenario['name'].replace('_', ' '))}</h1>"
        f"<p class='question'>{escape(scenario['question'])}</p>"
        f"<p class='headline'>{escape(headline(results))}</p>"
        f"{_summary_table(results)}{''.join(sections)}{_run_card(results)}</body></html>\n"
    )


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
    items = "".join(f"<br>{key}: <code>{escape(str(value))}</code>" for key, value in card.items())
    return f"<footer><h2>Run card</h2>{items.removeprefix('<br>')}</footer>"
