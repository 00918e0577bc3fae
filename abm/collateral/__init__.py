"""Where collateral sits and how it is reached: one module per architecture.

A new architecture is one module and one line in `ARCHITECTURES`.
"""

from __future__ import annotations

from collections.abc import Callable

from abm.collateral.architecture import (
    Architecture,
    Arrived,
    CallArrived,
    CollateralEvent,
    SeizureOrder,
    Seized,
    Surroundings,
)
from abm.collateral.claims import ClaimTable
from abm.collateral.message_passing import MessagePassing
from abm.collateral.silo import Silo

ARCHITECTURES: dict[str, Callable[[Surroundings], Architecture]] = {
    "message_passing": MessagePassing,
    "silo": Silo,
}

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "Arrived",
    "CallArrived",
    "ClaimTable",
    "CollateralEvent",
    "SeizureOrder",
    "Seized",
    "Surroundings",
]
