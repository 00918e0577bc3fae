"""How things travel: chains, channels, and the life of a message."""

from abm.network.accidents import Reorg, reorganise, stall_finality
from abm.network.lanes import Lane, resolve_lane
from abm.network.messages import Fate, Message, Transit
from abm.network.places import Censorship
from abm.network.topology import ChainGraph, build_graph, channel_between
from abm.network.transport import Transport

__all__ = [
    "Censorship",
    "ChainGraph",
    "Fate",
    "Lane",
    "Message",
    "Reorg",
    "Transit",
    "Transport",
    "build_graph",
    "channel_between",
    "reorganise",
    "resolve_lane",
    "stall_finality",
]
