"""How things travel: chains, channels, and the life of a message."""

from abm.network.messages import Fate, Message, Transit
from abm.network.topology import ChainGraph, build_graph, channel_between
from abm.network.transport import Transport

__all__ = [
    "ChainGraph",
    "Fate",
    "Message",
    "Transit",
    "Transport",
    "build_graph",
    "channel_between",
]
