"""The exposure graph of a recorded run, from its tables, and the static numbers it yields."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from abm.contagion import Exposure, Node, multilayer_graph, node_importance
from abm.errors import ResultsError

if TYPE_CHECKING:
    from abm.contagion.graphs import LayeredGraph
    from abm.recording.results import RunResults

BEARERS = ("venue", "traders", "maker")
"""Kinds of node whose buffers are somebody's money."""


def recorded_seconds(results: RunResults) -> list[int]:
    """Return the seconds at which a run recorded its exposures, in order."""
    seconds: list[int] = results.table("nodes")["second"].unique().sort().to_list()
    return seconds


def exposure_graph(results: RunResults, second: int | None = None) -> LayeredGraph:
    """Return who depended on whom in a run.

    Parameters
    ----------
    results : RunResults
        The run.
    second : int, optional
        When; the last record at or before it counts. The start of the run if not given.

    Returns
    -------
    MultiDiGraph
        Nodes with ``kind`` and ``buffer_usd``; an edge from holder to debtor for each layer, with
        ``exposure_usd`` and ``layer``: what `abm.simulation.exposures` says of a running world.

    Raises
    ------
    ResultsError
        If the second is before the start.
    """
    at = [found for found in recorded_seconds(results) if found <= (second or 0)]
    if not at:
        raise ResultsError(results.folder, f"second {second} is before the start of the run")
    then = pl.col("second") == at[-1]
    nodes = results.table("nodes").filter(then).select("node", "kind", "buffer_usd")
    edges = results.table("exposures").filter(then)
    return multilayer_graph(
        (Node(*row) for row in nodes.iter_rows()),
        (
            Exposure(*row)
            for row in edges.select("holder", "debtor", "layer", "exposure_usd").iter_rows()
        ),
    )


def static_importance(graph: LayeredGraph) -> pl.DataFrame:
    """Return the DebtRank of every node of an exposure graph, the largest impact first.

    Returns
    -------
    polars.DataFrame
        ``node``, ``kind``; ``impact``, the share of the money of all who bear losses that the
        node's failure takes beyond its own; ``vulnerability``, its mean stress by the others'.
    """
    found = node_importance(graph, BEARERS)
    return pl.DataFrame(
        [tuple(item) for item in found],
        schema={
            "node": pl.String,
            "kind": pl.String,
            "impact": pl.Float64,
            "vulnerability": pl.Float64,
        },
        orient="row",
    ).sort("impact", "node", descending=[True, False])


def layer_totals(graph: LayeredGraph) -> pl.DataFrame:
    """Return for each layer its edges and the dollars on them, the largest first."""
    edges = [(data["layer"], data["exposure_usd"]) for _, _, data in graph.edges(data=True)]
    frame = pl.DataFrame(
        edges, schema={"layer": pl.String, "exposure_usd": pl.Float64}, orient="row"
    )
    return (
        frame.group_by("layer")
        .agg(pl.len().alias("edges"), pl.col("exposure_usd").sum())
        .sort("exposure_usd", "layer", descending=[True, False])
    )
