"""Exposures as networkx graphs, and those as GraphML or GEXF."""

from __future__ import annotations

import io
import re
from typing import IO, TYPE_CHECKING, Any, Literal, get_args

import networkx as nx
import numpy as np
from scipy import sparse

from abm.contagion.inputs import as_network, check_choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from abm.contagion.inputs import NetworkLike, SparseNetwork

    ExposureGraph: TypeAlias = nx.DiGraph[str]
    LayeredGraph: TypeAlias = nx.MultiDiGraph[str]

__all__ = [
    "GraphFormat",
    "exposure_graph",
    "exposure_matrix",
    "graph_text",
    "layered_graph",
    "write_graph",
]

GraphFormat = Literal["graphml", "gexf"]

WEIGHT = "exposure_usd"
LAYER = "layer"


def exposure_graph(exposures: NetworkLike, names: Sequence[str] | None = None) -> ExposureGraph:
    """Return a graph with an edge from every holder of a claim to its debtor.

    Parameters
    ----------
    exposures : array_like or sparse matrix, shape (nodes, nodes)
        ``exposures[i, j]`` is the claim of i on j, in dollars, at least 0; the diagonal is 0.
    names : sequence of str, optional
        Names of the nodes, all different; their numbers if None.

    Returns
    -------
    DiGraph
        Edges carry ``exposure_usd``.

    Raises
    ------
    ValueError
        If the matrix is not square, an entry negative or not finite, or the names are too many, too
        few, or the same.

    Examples
    --------
    >>> list(exposure_graph([[0, 5], [0, 0]], ["bridge", "vault"]).edges(data=True))
    [('bridge', 'vault', {'exposure_usd': 5.0})]
    """
    network = as_network("exposures", exposures)
    called = _names(names, network.shape[0])
    graph: ExposureGraph = nx.DiGraph()
    graph.add_nodes_from(called)
    for holder, debtor, amount in _links(network, called):
        graph.add_edge(holder, debtor, **{WEIGHT: amount})
    return graph


def layered_graph(
    layers: Mapping[str, NetworkLike], names: Sequence[str] | None = None
) -> LayeredGraph:
    """Return one graph of several kinds of exposure between the same nodes.

    Parameters
    ----------
    layers : mapping of str to array_like or sparse matrix, shape (nodes, nodes)
        Claims of i on j by layer, such as collateral, shared funds or backing, in dollars.
    names : sequence of str, optional
        Names of the nodes, all different; their numbers if None.

    Returns
    -------
    MultiDiGraph
        Edges are keyed by their layer and carry ``exposure_usd`` and ``layer``.

    Raises
    ------
    ValueError
        If there are no layers, they differ in size, an entry is negative or not finite, or the
        names are too many, too few, or the same.

    Examples
    --------
    >>> graph = layered_graph({"fund": [[0, 1], [0, 0]], "backing": [[0, 2], [0, 0]]})
    >>> list(graph.edges(keys=True, data="exposure_usd"))
    [('0', '1', 'fund', 1.0), ('0', '1', 'backing', 2.0)]
    """
    if not layers:
        raise ValueError("layers is empty; it must have at least one")
    graph: LayeredGraph = nx.MultiDiGraph()
    size: int | None = None
    for layer, exposures in layers.items():
        network = as_network(f"layers[{layer!r}]", exposures, size)
        size = network.shape[0]
        called = _names(names, size)
        graph.add_nodes_from(called)
        for holder, debtor, amount in _links(network, called):
            graph.add_edge(holder, debtor, layer, **{WEIGHT: amount, LAYER: layer})
    return graph


def exposure_matrix(graph: nx.Graph[Any], *, layer: str | None = None) -> SparseNetwork:
    """Return the exposures of a graph, with nodes in the graph's own order.

    Parameters
    ----------
    graph : DiGraph or MultiDiGraph
        Edges from holders to debtors with ``exposure_usd``; nodes may have any names.
    layer : str, optional
        The ``layer`` whose edges count; all of them if None, summed.

    Returns
    -------
    csr_array, shape (nodes, nodes)
        ``[i, j]`` is the claim of i on j, in dollars.

    Raises
    ------
    ValueError
        If the graph is undirected, an edge has no ``exposure_usd`` or one that is negative or not
        finite, an edge joins a node with itself, or no edge has the layer.

    Examples
    --------
    >>> graph = layered_graph({"fund": [[0, 1], [0, 0]], "backing": [[0, 2], [0, 0]]})
    >>> exposure_matrix(graph).toarray(), exposure_matrix(graph, layer="fund").toarray()
    (array([[0., 3.],
           [0., 0.]]), array([[0., 1.],
           [0., 0.]]))
    """
    if not graph.is_directed():
        raise ValueError("graph is undirected; its edges must lead from holders to debtors")
    place = {node: number for number, node in enumerate(graph)}
    found = [
        edge for edge in graph.edges(data=True) if layer is None or edge[2].get(LAYER) == layer
    ]
    if layer is not None and not found:
        known = dict.fromkeys(str(data.get(LAYER)) for _, _, data in graph.edges(data=True))
        check_choice("layer", layer, list(known))
    for holder, debtor, data in found:
        if WEIGHT not in data:
            raise ValueError(f"edge {holder!r} to {debtor!r} has no {WEIGHT}; it must have one")
    amounts = np.array([data[WEIGHT] for _, _, data in found], dtype=np.float64)
    rows = [place[holder] for holder, _, _ in found]
    columns = [place[debtor] for _, debtor, _ in found]
    size = len(place)
    network = sparse.coo_array((amounts, (rows, columns)), shape=(size, size))
    return as_network("graph", network)


def graph_text(graph: ExposureGraph | LayeredGraph, form: GraphFormat) -> str:
    """Return a graph as text that other programs read.

    Parameters
    ----------
    graph : DiGraph or MultiDiGraph
        Node and edge data must be text, numbers or truth values.
    form : {"graphml", "gexf"}
        GraphML (yEd, igraph, networkx) or GEXF 1.2 (Gephi).

    Returns
    -------
    str
        The same for the same graph: the date that GEXF would carry is left out. Edges of a layered
        graph are numbered, since layers are no identifiers; ``layer`` tells them apart.

    Raises
    ------
    ValueError
        If the format is unknown.

    Examples
    --------
    >>> nx.parse_graphml(graph_text(exposure_graph([[0, 5], [0, 0]]), "graphml")).edges["0", "1"]
    {'exposure_usd': 5.0}
    """
    check_choice("form", form, get_args(GraphFormat))
    buffer = io.BytesIO()
    write = nx.write_graphml_xml if form == "graphml" else nx.write_gexf
    write(_numbered(graph) if graph.is_multigraph() else graph, buffer)
    text = buffer.getvalue().decode("utf-8")
    return re.sub(r' lastmodifieddate="[^"]*"', "", text)


def write_graph(graph: ExposureGraph | LayeredGraph, form: GraphFormat, file: IO[str]) -> None:
    """Write `graph_text` to an open text file, with its errors."""
    file.write(graph_text(graph, form))


def _numbered(graph: nx.Graph[Any]) -> nx.MultiDiGraph[Any]:
    numbered: nx.MultiDiGraph[Any] = nx.MultiDiGraph()
    numbered.add_nodes_from(graph.nodes(data=True))
    for number, (holder, debtor, data) in enumerate(graph.edges(data=True)):
        numbered.add_edge(holder, debtor, str(number), **data)
    return numbered


def _names(names: Sequence[str] | None, size: int) -> list[str]:
    if names is None:
        return [str(number) for number in range(size)]
    called = [str(name) for name in names]
    if len(called) != size or len(set(called)) != size:
        raise ValueError(f"names are {called}; they must be {size} different ones")
    return called


def _links(network: SparseNetwork, names: Sequence[str]) -> Iterator[tuple[str, str, float]]:
    entries = network.tocoo()
    numbers: Iterable[tuple[int, int, float]] = zip(
        entries.row.tolist(), entries.col.tolist(), entries.data.tolist(), strict=True
    )
    for holder, debtor, amount in numbers:
        yield names[holder], names[debtor], amount
