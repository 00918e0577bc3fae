"""One graph of all that depends on each other in a market, layer by layer, with buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import networkx as nx
import numpy as np

from abm.contagion.debtrank import debtrank_importance
from abm.contagion.graphs import LAYER, WEIGHT, exposure_matrix

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from abm.contagion.graphs import LayeredGraph

__all__ = ["Exposure", "Node", "NodeImportance", "multilayer_graph", "node_importance"]

# A buffer of nothing is taken for a micro-dollar, so that any loss exhausts it.
SMALLEST_BUFFER_USD = 1e-6


class Node(NamedTuple):
    """Something that can fail: its name, what it is, and the loss in dollars that exhausts it."""

    name: str
    kind: str
    buffer_usd: float


class Exposure(NamedTuple):
    """What ``holder`` loses at most, in dollars, through one layer if ``debtor`` fails."""

    holder: str
    debtor: str
    layer: str
    exposure_usd: float


class NodeImportance(NamedTuple):
    """DebtRank of one node.

    Attributes
    ----------
    name, kind : str
    impact : float
        Share of all that bears losses which its failure takes, beyond its own.
    vulnerability : float
        Mean stress over the failures of the others, from 0 to 1.
    """

    name: str
    kind: str
    impact: float
    vulnerability: float


def multilayer_graph(nodes: Iterable[Node], exposures: Iterable[Exposure]) -> LayeredGraph:
    """Return a graph with an edge for every layer in which one node depends on another.

    Parameters
    ----------
    nodes : iterable of Node
        In the order that the graph keeps.
    exposures : iterable of Exposure
        Between these nodes, one for each holder, debtor and layer.

    Returns
    -------
    MultiDiGraph
        Nodes carry ``kind`` and ``buffer_usd``; edges lead from holder to debtor, are keyed by
        their layer, and carry ``exposure_usd`` and ``layer``.

    Raises
    ------
    ValueError
        If an exposure names no node, or comes twice.

    Examples
    --------
    >>> nodes = [Node("venue", "venue", 50.0), Node("chain:base", "chain", 80.0)]
    >>> graph = multilayer_graph(nodes, [Exposure("venue", "chain:base", "collateral", 80.0)])
    >>> graph.edges["venue", "chain:base", "collateral"]
    {'exposure_usd': 80.0, 'layer': 'collateral'}
    """
    graph: LayeredGraph = nx.MultiDiGraph()
    for node in nodes:
        graph.add_node(node.name, kind=node.kind, buffer_usd=float(node.buffer_usd))
    for holder, debtor, layer, amount in exposures:
        for end in (holder, debtor):
            if end not in graph:
                raise ValueError(f"{holder!r} to {debtor!r} in {layer!r}: there is no node {end!r}")
        if graph.has_edge(holder, debtor, layer):
            raise ValueError(f"{holder!r} to {debtor!r} in {layer!r} comes twice")
        graph.add_edge(holder, debtor, layer, **{WEIGHT: float(amount), LAYER: layer})
    return graph


def node_importance(
    graph: LayeredGraph, bearers: Collection[str] | None = None
) -> tuple[NodeImportance, ...]:
    """Return linear DebtRank impact and vulnerability of every node of a multilayer graph.

    Parameters
    ----------
    graph : MultiDiGraph
        From `multilayer_graph`.
    bearers : collection of str, optional
        Kinds of node whose buffers are somebody's money; the stress of the others only passes on.
        All kinds if not given.

    Returns
    -------
    tuple of NodeImportance
        In the order of the graph.

    Raises
    ------
    ValueError
        If no node is of these kinds.

    Examples
    --------
    The venue counts 80 on a chain and has 160 to lose: the chain's failure takes half of it.

    >>> nodes = [Node("venue", "venue", 160.0), Node("chain:base", "chain", 80.0)]
    >>> graph = multilayer_graph(nodes, [Exposure("venue", "chain:base", "collateral", 80.0)])
    >>> [(found.name, found.impact) for found in node_importance(graph, bearers={"venue"})]
    [('venue', 0.0), ('chain:base', 0.5)]
    """
    kinds = [str(kind) for _, kind in graph.nodes(data="kind")]
    buffers = np.array([data["buffer_usd"] for _, data in graph.nodes(data=True)], dtype=float)
    buffers = np.maximum(buffers, SMALLEST_BUFFER_USD)
    counted = np.array([bearers is None or kind in bearers for kind in kinds], dtype=bool)
    if not counted.any():
        raise ValueError(f"bearers are {bearers!r}; the graph has {', '.join(sorted(set(kinds)))}")
    weights = np.where(counted, buffers, 0.0)
    found = debtrank_importance(
        exposure_matrix(graph), buffers, variant="linear", weights=weights / weights.sum()
    )
    return tuple(
        NodeImportance(name, kind, float(impact), float(vulnerability))
        for name, kind, impact, vulnerability in zip(
            graph, kinds, found.impact, found.vulnerability, strict=True
        )
    )
