"""The graph of chains and channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from abm.network import build_graph, channel_between

if TYPE_CHECKING:
    from tests.network.conftest import ScenarioMaker


def test_chains_are_nodes_and_channels_are_directed_edges(make_scenario: ScenarioMaker) -> None:
    graph = build_graph(make_scenario())
    assert sorted(graph.nodes) == ["far", "home", "side"]
    assert graph.nodes["far"] == {
        "profile": None,
        "jurisdiction": None,
        "block_seconds": 1e-6,
        "gas_usd": 0.5,
    }
    assert sorted(graph.edges) == [("far", "home"), ("home", "far"), ("home", "side")]
    assert graph.edges["far", "home"] == {"channel": "back", "protocol": "post"}


def test_a_channel_is_found_in_its_own_direction_alone(make_scenario: ScenarioMaker) -> None:
    graph = build_graph(make_scenario())
    assert channel_between(graph, "home", "far") == "out"
    assert channel_between(graph, "far", "home") == "back"
    with pytest.raises(KeyError):
        channel_between(graph, "side", "home")
