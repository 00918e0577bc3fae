"""The frontier of a reverse stress test: as a table, and as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
import polars as pl

from abm.analysis.figures import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence


def frontier_figure(frontier: pl.DataFrame, axes: Sequence[str]) -> Figure:
    """Draw which shocks exhaust each layer.

    Parameters
    ----------
    frontier : polars.DataFrame
        A row for each layer and ray: ``layer``, ``exhausted``, and a column for each axis.
    axes : sequence of str
        Columns of the axes, two or three; the first two are drawn, the third is told by size.

    Returns
    -------
    Figure
    """
    across, up, *more = axes
    plot = go.Figure()
    for layer in frontier["layer"].unique(maintain_order=True):
        points = frontier.filter(pl.col("layer") == layer, pl.col("exhausted")).sort(across)
        third = points[more[0]] if more else pl.Series([0.0] * points.height)
        largest = float(third.max() or 0.0) or 1.0  # type: ignore[arg-type] # a column of floats
        plot.add_scatter(
            x=points[across],
            y=points[up],
            mode="markers",
            name=str(layer).replace("_", " "),
            marker={"size": [10 + 14 * float(value) / largest for value in third]},
            text=[f"{more[0].replace('_', ' ')} {value:.3g}" for value in third] if more else None,
        )
    plot.update_xaxes(title_text=across.replace("_", " "), rangemode="tozero")
    plot.update_yaxes(title_text=up.replace("_", " "), rangemode="tozero")
    size = f"; larger marks need more of {more[0].replace('_', ' ')}" if more else ""
    caption = f"Smallest shocks seen that exhaust each layer, one mark for each direction{size}."
    return Figure("What exhausts each layer", caption, plot)
