"""Architectures: what capital does under each, against what is lost, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from abm.analysis.figures.architectures import SIDE_BY_SIDE, side_by_side
from abm.dashboard.pages.base import Choices, Page
from abm.dashboard.parts import figure_parts
from abm.errors import AbmError
from abm.recording.results import read_results

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from abm.dashboard.catalog import Catalog, Selection

# So many single runs of a folder are set side by side.
MOST_RUNS = 200


def body(selection: Selection, _: Choices, catalog: Catalog) -> list[Component]:
    """Return the figures of the study's runs, or of all single runs of the folder."""
    if selection.study is not None:
        runs = selection.study.frame("architecture", *SIDE_BY_SIDE)
    else:
        runs = single_runs(catalog)
    return figure_parts(side_by_side(runs), "architectures")


def single_runs(catalog: Catalog) -> pl.DataFrame:
    """Return the outcomes of the single runs in the folder; those that cannot be read left out."""
    frames = []
    for entry in [entry for entry in catalog.entries() if entry.kind == "run"][:MOST_RUNS]:
        try:
            frame = read_results(catalog.folder_of(entry.place)).table("runs")
        except AbmError:
            continue
        names = [name for name in ("architecture", *SIDE_BY_SIDE) if name in frame.columns]
        frames.append(frame.select(names).with_columns(pl.col(pl.Categorical).cast(pl.String)))
    return pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()


PAGE = Page(
    path="/architectures",
    title="Architectures",
    about="Efficiency against shortfall, under each way of holding collateral.",
    body=body,
    needs="any",
)
