"""What is asked of the exchange, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple


class Side(IntEnum):
    """Buy or sell; the value is the sign of the position change."""

    BUY = 1
    SELL = -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return SELL if self is BUY else BUY


BUY, SELL = Side.BUY, Side.SELL
"""The members as names of a module: where every fill asks, that is ten times as fast."""

SIDES = (BUY, SELL)
"""Both, as a tuple: iterating over an enumeration takes a microsecond."""


class Lifetime(StrEnum):
    """What happens to the part of an order that does not trade at once.

    It rests, or it is cancelled; a post-only order rests as a whole, or is cancelled as a whole
    where it could trade at once.
    """

    REST = "rest"
    IMMEDIATE = "immediate"
    POST_ONLY = "post_only"


class SelfTrade(StrEnum):
    """What goes where an account's order would trade with its own: the older, the newer, or both.

    The newer one goes with all that is left of it.
    """

    CANCEL_RESTING = "cancel_resting"
    CANCEL_INCOMING = "cancel_incoming"
    CANCEL_BOTH = "cancel_both"


ANY_BID, ANY_ASK = 0, 2**62
"""Limits in ticks of a market order that sells, and of one that buys: no premium is beyond them."""


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
        Worst acceptable premium, in ticks, at least 1; `ANY_BID` or `ANY_ASK` where any will do.
    lifetime : Lifetime
    """

    account: int
    instrument: int
    side: Side
    lots: int
    limit_ticks: int
    lifetime: Lifetime = Lifetime.IMMEDIATE

    @property
    def is_market(self) -> bool:
        """Whether it trades at whatever premiums there are."""
        return self.limit_ticks == (ANY_ASK if self.side is Side.BUY else ANY_BID)


def market_order(account: int, instrument: int, side: Side, lots: int) -> Order:
    """Return an order that trades at whatever premiums there are, and then ends."""
    return Order(account, instrument, side, lots, ANY_ASK if side is Side.BUY else ANY_BID)


class TradeKind(StrEnum):
    """Why a trade happened."""

    OPENING = "opening"
    ORDER = "order"
    CLOSE_OUT = "close_out"
    TAKE_OVER = "take_over"


class Trade(NamedTuple):
    """Contracts that changed hands at one premium."""

    instrument: int
    buyer: int
    seller: int
    lots: int
    price_ticks: int
    aggressor: Side
    kind: TradeKind
