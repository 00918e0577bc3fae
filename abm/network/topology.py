"""The graph of chains and channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx

if TYPE_CHECKING:
    from abm.scenario.model import Scenario

    ChainGraph = nx.DiGraph[str]
else:
    ChainGraph = nx.DiGraph


def build_graph(scenario: Scenario) -> ChainGraph:
    """Return the directed graph of a scenario.

    Nodes are chains with ``profile``, ``jurisdiction``, ``block_seconds`` and ``gas_usd``; edges
    are channels with ``channel`` (its name) and ``protocol``.
    """
    graph: ChainGraph = nx.DiGraph(name=scenario.name)
    for name, chain in scenario.chains.items():
        graph.add_node(
            name,
            profile=chain.profile,
            jurisdiction=chain.jurisdiction,
            block_seconds=chain.block_seconds,
            gas_usd=chain.gas_usd,
        )
    for name, channel in scenario.channels.items():
        graph.add_edge(channel.source, channel.destination, channel=name, protocol=channel.protocol)
    return graph


def channel_between(graph: ChainGraph, source: str, destination: str) -> str:
    """Return the name of the channel from one chain to another.

    Raises
    ------
    KeyError
        If no channel joins them in this direction.
    """
    name: str = graph.edges[source, destination]["channel"]
    return name
