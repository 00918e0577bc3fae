"""Where collateral sits and how it is reached: one module per architecture.

A new architecture is one module and one line in `ARCHITECTURES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.collateral.architecture import (
    Architecture,
    Arrived,
    CallArrived,
    CollateralEvent,
    Seized,
    SeizureOrder,
    Surroundings,
)
from abm.collateral.claims import ClaimTable
from abm.collateral.message_passing import MessagePassing
from abm.collateral.silo import Silo

if TYPE_CHECKING:
    from collections.abc import Callable

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
    "Seized",
    "SeizureOrder",
    "Surroundings",
]
