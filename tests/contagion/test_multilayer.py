"""One graph of all layers, and DebtRank on it."""

from __future__ import annotations

import networkx as nx
import pytest

from abm.contagion import Exposure, Node, graph_text, multilayer_graph, node_importance

NODES = [
    Node("venue", "venue", 100.0),
    Node("chain:a", "chain", 80.0),
    Node("channel:x", "channel", 80.0),
    Node("relayer:0", "relayer", 40.0),
]
EDGES = [
    Exposure("venue", "chain:a", "collateral", 80.0),
    Exposure("chain:a", "channel:x", "reach", 80.0),
    Exposure("channel:x", "relayer:0", "relayers", 20.0),
]


def test_stress_passes_on_through_what_only_carries() -> None:
    # The relayer carries 20 of the channel's 80: a quarter of the channel, so a quarter of the
    # chain, so 0.25 * 80 / 100 of the venue, which alone bears losses.
    found = {item.name: item for item in node_importance(multilayer_graph(NODES, EDGES), {"venue"})}
    assert found["relayer:0"].impact == pytest.approx(0.2)
    assert found["channel:x"].impact == pytest.approx(0.8)
    assert found["chain:a"].impact == pytest.approx(0.8)
    assert found["venue"].impact == pytest.approx(0.0)
    # Mean over the failures of the three others.
    assert found["venue"].vulnerability == pytest.approx((0.8 + 0.8 + 0.2) / 3)
    assert found["relayer:0"].vulnerability == 0.0


def test_two_layers_between_the_same_nodes_add_up() -> None:
    both = [*EDGES, Exposure("venue", "chain:a", "settlement", 10.0)]
    graph = multilayer_graph(NODES, both)
    assert graph.number_of_edges("venue", "chain:a") == 2
    found = {item.name: item.impact for item in node_importance(graph, {"venue"})}
    assert found["chain:a"] == pytest.approx(0.9)


def test_a_node_without_a_buffer_is_exhausted_by_any_loss() -> None:
    nodes = [Node("venue", "venue", 100.0), Node("fund", "fund", 0.0), Node("bank", "bank", 5.0)]
    edges = [Exposure("venue", "fund", "funds", 50.0), Exposure("fund", "bank", "deposits", 1.0)]
    found = {item.name: item.impact for item in node_importance(multilayer_graph(nodes, edges))}
    # The bank's failure empties the fund, whose failure takes half of the venue's 100 of 105.
    assert found["bank"] == pytest.approx(50 / 105, abs=1e-6)


@pytest.mark.parametrize("form", ["graphml", "gexf"])
def test_the_graph_can_be_exported(form: str) -> None:
    text = graph_text(multilayer_graph(NODES, EDGES), form)  # type: ignore[arg-type] # parametrized
    assert "collateral" in text
    assert "buffer_usd" in text
    if form == "graphml":
        read = nx.parse_graphml(text, force_multigraph=True)
        assert read.nodes["venue"] == {"kind": "venue", "buffer_usd": 100.0}
        layers = {(a, b): data["layer"] for a, b, data in read.edges(data=True)}
        assert layers["chain:a", "channel:x"] == "reach"


def test_an_exposure_to_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no node 'chain:b'"):
        multilayer_graph(NODES, [Exposure("venue", "chain:b", "collateral", 1.0)])


def test_the_same_exposure_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="comes twice"):
        multilayer_graph(NODES, [EDGES[0], EDGES[0]])


def test_bearers_that_are_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match="the graph has chain, channel, relayer, venue"):
        node_importance(multilayer_graph(NODES, EDGES), {"bank"})
