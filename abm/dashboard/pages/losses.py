"""Losses: the spread over runs, and of one run who paid, why, and what the funds would cover."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import html

from abm.analysis.figures import commitments
from abm.analysis.figures.losses import FIGURES
from abm.analysis.figures.sweep import layers_used, loss_distribution
from abm.dashboard.pages.base import Choices, Page
from abm.dashboard.parts import figure_part, figure_parts

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from abm.dashboard.catalog import Catalog, Selection


def body(selection: Selection, _: Choices, __: Catalog) -> list[Component]:
    """Return the figures of a study, where there is one, then those of the run."""
    parts: list[Component] = []
    if selection.study is not None:
        parts.append(html.H2("All runs of the study"))
        parts.append(figure_part(loss_distribution(selection.study), "distribution"))
        parts.append(figure_part(layers_used(selection.study), "layers"))
    if selection.results is not None:
        if selection.study is not None:
            parts.append(html.H2(f"The run {selection.results.manifest.run_id}"))
        figures = [make(selection.results) for make in (*FIGURES, *commitments.FIGURES)]
        parts += figure_parts(figures, "losses")
    return parts


PAGE = Page(
    path="/losses",
    title="Losses",
    about="How much was lost, who paid, and what held liquidations up.",
    body=body,
)
