"""Where collateral sits and how it is reached: one module per architecture.

A new architecture is one module and one line in `ARCHITECTURES`.
"""

from __future__ import annotations

from abm.collateral.architecture import (
    Architecture,
    Arrived,
    CallArrived,
    CollateralEvent,
    Reach,
    Seized,
    SeizureOrder,
    Surroundings,
)
from abm.collateral.asset_bridge import AssetBridge
from abm.collateral.bridge import Bridge
from abm.collateral.centralized_exchange import CentralizedExchange
from abm.collateral.claims import ClaimTable
from abm.collateral.layer2_aggregation import Layer2Aggregation
from abm.collateral.lock_and_mint import LockAndMint
from abm.collateral.message_passing import MessagePassing
from abm.collateral.passage import Move, MoveKind, Passage
from abm.collateral.silo import Silo
from abm.collateral.tokens import Representation, TokenTable, make_token_table
from abm.collateral.unified_pool import UnifiedPool

ARCHITECTURES: dict[str, type[Architecture]] = {
    "silo": Silo,
    "asset_bridge": AssetBridge,
    "lock_and_mint": LockAndMint,
    "message_passing": MessagePassing,
    "layer2_aggregation": Layer2Aggregation,
    "unified_pool": UnifiedPool,
    "centralized_exchange": CentralizedExchange,
}

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "Arrived",
    "Bridge",
    "CallArrived",
    "ClaimTable",
    "CollateralEvent",
    "Move",
    "MoveKind",
    "Passage",
    "Reach",
    "Representation",
    "Seized",
    "SeizureOrder",
    "Surroundings",
    "TokenTable",
    "make_token_table",
]
