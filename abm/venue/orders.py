"""What is asked of the exchange, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Side(IntEnum):
    """Buy or sell; the value is the sign of the position change."""

    BUY = 1
    SELL = -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


SIDES = (Side.BUY, Side.SELL)
"""Both, as a tuple: iterating over an enumeration takes a microsecond."""


class Lifetime(StrEnum):
    """What happens to the part of an order that does not trade at once."""

    REST = "rest"
    IMMEDIATE = "immediate"


@dataclass(frozen=True, slots=True)
class Order:
    """One order for one series.

    Attributes
    ----------
    account : int
        Who pays or is paid.
    instrument : int
        Row of the instrument table.
    side : Side
    lots : int
        Contracts, above 0.
    limit_ticks : int
        Worst acceptable premium, in ticks, at least 1.
    lifetime : Lifetime
    """

    account: int
    instrument: int
    side: Side
    lots: int
    limit_ticks: int
    lifetime: Lifetime = Lifetime.IMMEDIATE


class TradeKind(StrEnum):
    """Why a trade happened."""

    OPENING = "opening"
    ORDER = "order"
    CLOSE_OUT = "close_out"
    TAKE_OVER = "take_over"


@dataclass(frozen=True, slots=True)
class Trade:
    """Contracts that changed hands at one premium."""

    instrument: int
    buyer: int
    seller: int
    lots: int
    price_ticks: int
    aggressor: Side
    kind: TradeKind
