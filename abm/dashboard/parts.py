"""The parts that pages are made of: figures with their words, tables, key numbers, notices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import dcc, html

from abm.analysis.figures.base import SMALL_HEIGHT, sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dash.development.base_component import Component

    from abm.analysis.answers import Answer
    from abm.analysis.figures import Figure
    from abm.recording.results import RunResults

GRAPH: Any = {"displaylogo": False, "responsive": True, "displayModeBar": False}


def labelled(text: str) -> dict[str, Any]:
    """Return the label of a part for screen readers, as a keyword of its component."""
    return {"aria-label": text}


def figure_part(figure: Figure, name: str) -> Component:
    """Return a figure with its title, what it shows, its unit and the number of runs."""
    title = sentence(figure.title)
    inside: list[Component] = [html.H2(title), html.P(figure.caption, className="caption")]
    if figure.empty:
        inside.append(html.P(figure.empty, className="empty", id=f"empty-{name}"))
    else:
        height = figure.plot.layout.height
        graph = dcc.Graph(id=name, figure=figure.plot, config=GRAPH, style={"height": height})
        # For screen readers the drawing is one picture; its words stand above.
        inside.append(
            html.Div(
                graph,
                role="img",
                style={"minHeight": height},
                **labelled(f"{title}. {figure.caption}"),
            )
        )
        inside.append(html.P(figure.note, className="note"))
    small = not figure.empty and figure.plot.layout.height == SMALL_HEIGHT
    kind = "figure half" if small else "figure"
    return html.Section(inside, className=kind, **labelled(title))


def figure_parts(figures: Sequence[Figure], prefix: str = "figure") -> list[Component]:
    """Return several figures, named by their place."""
    return [figure_part(figure, f"{prefix}-{number}") for number, figure in enumerate(figures)]


def answer_parts(answers: Sequence[Answer]) -> Component:
    """Return the numbers that answer the question, each with how sure it is."""
    return html.Div(
        [
            html.Div(
                [
                    html.Div(answer.label, className="label"),
                    html.Div(answer.value, className="value"),
                    html.Div(answer.certainty, className="certainty"),
                ],
                className="answer",
            )
            for answer in answers
        ],
        className="answers",
    )


def table_part(
    headings: Sequence[Any], rows: Sequence[Sequence[Any]], *, caption: str = "", name: str = ""
) -> Component:
    """Return a table; cells may be text or components."""
    head = html.Thead(html.Tr([html.Th(heading, scope="col") for heading in headings]))
    body = html.Tbody([html.Tr([html.Td(cell) for cell in row]) for row in rows])
    inside = [html.Caption(caption)] if caption else []
    known: dict[str, Any] = {"id": name} if name else {}
    table = html.Table([*inside, head, body], **known)
    # Wide tables scroll by themselves, and by keyboard.
    return html.Div(table, className="wide", tabIndex="0")


def notice(text: str, name: str = "notice") -> Component:
    """Return a notice: what is missing and what to do."""
    return html.Div(text, className="notice", id=name, role="status")


def run_card(results: RunResults) -> Component:
    """Return seed, versions and hashes of a run, as far as it carries them."""
    manifest, outcome = results.manifest, results.outcome
    versions = ", ".join(f"{name} {number}" for name, number in sorted(manifest.versions.items()))
    rows = [
        ("run", manifest.run_id),
        ("scenario", outcome.get("scenario")),
        ("seed", outcome.get("seed")),
        ("architecture", outcome.get("architecture")),
        ("traders", f"{outcome['traders']:,}" if outcome.get("traders") is not None else None),
        ("length", f"{outcome['hours']:g} hours" if outcome.get("hours") is not None else None),
        ("shocks", ", ".join(manifest.scenario.get("shocks", ())) or outcome.get("shocks")),
        ("scenario SHA-256", manifest.fingerprint),
        ("versions", versions),
        ("platform", manifest.platform),
    ]
    shown = [(key, html.Code(str(value))) for key, value in rows if value not in (None, "")]
    part = table_part(("", ""), shown, name="run-card")
    return html.Section([html.H2("Run card"), part], className="card", **labelled("Run card"))
