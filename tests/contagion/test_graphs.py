"""Exposures as graphs, and graphs as text."""

from __future__ import annotations

import io
import re
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.contagion import (
    default_cascade,
    exposure_graph,
    exposure_matrix,
    graph_text,
    layered_graph,
    write_graph,
)

EXPOSURES = [[0.0, 5.0, 0.0], [0.0, 0.0, 2.5], [1.0, 0.0, 0.0]]
NAMES = ["bridge", "vault", "maker"]
LAYERS = {"fund": [[0, 1, 0], [0, 0, 0], [0, 0, 0]], "backing": [[0, 2, 0], [0, 0, 3], [0, 0, 0]]}


def test_an_edge_leads_from_the_holder_of_a_claim_to_its_debtor() -> None:
    graph = exposure_graph(EXPOSURES, NAMES)
    assert list(graph) == NAMES
    assert dict(graph.edges) == {
        ("bridge", "vault"): {"exposure_usd": 5.0},
        ("vault", "maker"): {"exposure_usd": 2.5},
        ("maker", "bridge"): {"exposure_usd": 1.0},
    }


def test_nodes_without_links_and_names_keep_their_place() -> None:
    graph = exposure_graph(np.zeros((2, 2)))
    assert list(graph) == ["0", "1"]
    assert exposure_matrix(graph).toarray().tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_layers_between_the_same_nodes_are_told_apart_and_summed() -> None:
    graph = layered_graph(LAYERS, NAMES)
    assert graph.number_of_edges() == 3
    assert graph.edges["bridge", "vault", "fund"] == {"exposure_usd": 1.0, "layer": "fund"}
    assert exposure_matrix(graph).toarray().tolist() == [[0, 3, 0], [0, 0, 3], [0, 0, 0]]
    assert exposure_matrix(graph, layer="backing").toarray().tolist() == LAYERS["backing"]


def test_measures_run_on_a_graph() -> None:
    # Holder 2 has 1 in bridge 0, which fails.
    matrix = exposure_matrix(exposure_graph(EXPOSURES, NAMES))
    assert default_cascade(matrix, [-1, 1, 0.5]).defaults_by_round == ((0,), (2,), (1,))


@given(
    st.lists(st.floats(0.0, 1e12), min_size=9, max_size=9),
    st.sampled_from(["graphml", "gexf"]),
)
@settings(deadline=None, max_examples=40)
def test_exposures_survive_the_way_into_text_and_back(cells: list[float], form: Any) -> None:  # noqa: ANN401 - a literal
    matrix = np.array(cells).reshape(3, 3)
    np.fill_diagonal(matrix, 0.0)
    text = graph_text(exposure_graph(matrix, NAMES), form)
    read = nx.read_graphml if form == "graphml" else nx.read_gexf
    back = read(io.BytesIO(text.encode()))
    assert exposure_matrix(back).toarray().tolist() == matrix.tolist()
    assert list(back) == NAMES


@pytest.mark.parametrize("form", ["graphml", "gexf"])
def test_layers_survive_the_way_into_text_and_back(form: Any) -> None:  # noqa: ANN401 - a literal
    graph = layered_graph(LAYERS, NAMES)
    text = graph_text(graph, form)
    if form == "graphml":
        back = nx.read_graphml(io.BytesIO(text.encode()), force_multigraph=True)
    else:
        back = nx.read_gexf(io.BytesIO(text.encode()))
    for layer, exposures in LAYERS.items():
        assert exposure_matrix(back, layer=layer).toarray().tolist() == exposures


def test_edges_of_layers_have_identifiers_of_their_own() -> None:
    text = graph_text(layered_graph(LAYERS, NAMES), "graphml")
    identifiers = re.findall(r'<edge .*id="(\w+)"', text)
    assert identifiers == ["0", "1", "2"]


@pytest.mark.parametrize("form", ["graphml", "gexf"])
def test_text_carries_no_date_and_is_what_is_written(form: Any) -> None:  # noqa: ANN401 - a literal
    graph = exposure_graph(EXPOSURES, NAMES)
    file = io.StringIO()
    write_graph(graph, form, file)
    assert file.getvalue() == graph_text(graph, form)
    assert "lastmodified" not in file.getvalue()
    assert file.getvalue().startswith("<")


def test_a_graph_without_directions_is_refused() -> None:
    with pytest.raises(ValueError, match="graph is undirected; its edges must lead from holders"):
        exposure_matrix(nx.path_graph(3))


def test_a_graph_is_refused_with_the_edge_that_is_wrong() -> None:
    graph = exposure_graph(EXPOSURES, NAMES)
    graph.add_edge("vault", "bridge")
    with pytest.raises(ValueError, match="edge 'vault' to 'bridge' has no exposure_usd"):
        exposure_matrix(graph)
    graph.edges["vault", "bridge"]["exposure_usd"] = -1.0
    with pytest.raises(ValueError, match=r"graph\[1, 0\] is -1.0; it must be finite and at least"):
        exposure_matrix(graph)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: exposure_graph(EXPOSURES, ["a", "b"]), "they must be 3 different ones"),
        (lambda: exposure_graph(EXPOSURES, ["a", "b", "a"]), "they must be 3 different ones"),
        (lambda: layered_graph({}), "layers is empty; it must have at least one"),
        (lambda: layered_graph({"a": [[0]], "b": EXPOSURES}), r"layers\['b'\] has shape \(3, 3\)"),
        (lambda: exposure_matrix(layered_graph(LAYERS), layer="funds"), "nearest: fund"),
        (lambda: graph_text(exposure_graph(EXPOSURES), "gml"), "nearest: graphml"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_input_is_named_with_its_value_and_its_rule(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=message):
        call()
