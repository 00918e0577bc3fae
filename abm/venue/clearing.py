"""A clearing house: who is margined together, where their contracts trade, who pays for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.venue.orders import Side
from abm.venue.quotes import NO_ASK, NO_BID

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.venue.exchange import Exchange
    from abm.venue.waterfall import Waterfall


@dataclass(frozen=True)
class Clearing:
    """What a liquidation needs of the venue that an account is margined at.

    A venue clears for itself, so that an account counts for nothing elsewhere; one that clears for
    several nets what an account holds at all of them.

    Attributes
    ----------
    name, chain : str
        Of the venue that clears.
    exchanges : tuple of Exchange
        Books in which contracts of its accounts trade.
    waterfall : Waterfall
        Who pays what an account leaves.
    makers : tuple of int
        Accounts that may take positions over.
    house : int
        The venue's own account.
    """

    name: str
    chain: str
    exchanges: tuple[Exchange, ...]
    waterfall: Waterfall
    makers: tuple[int, ...]
    house: int


class Offered:
    """What a clearing house's venues have for accounts that must close, in one step.

    Nothing is quoted while they do, so that what is gone stays gone. Series are the bits of whole
    numbers, as `PositionTable.sides` has them.
    """

    def __init__(self, exchanges: tuple[Exchange, ...]) -> None:
        self._exchanges = exchanges
        bids = [exchange.best(Side.BUY) != NO_BID for exchange in exchanges]
        asks = [exchange.best(Side.SELL) != NO_ASK for exchange in exchanges]
        self._bids = _bits(np.logical_or.reduce(bids))
        self._asks = _bits(np.logical_or.reduce(asks))

    def meets(self, long: int, short: int) -> bool:
        """Return whether anything is there for series held long, or for those held short."""
        return bool(long & self._bids or short & self._asks)

    def look_again(self, side: Side, instrument: int) -> None:
        """Forget a side of a series on which nothing is left."""
        if not any(exchange.offers(side, instrument) for exchange in self._exchanges):
            if side is Side.BUY:
                self._bids &= ~(1 << instrument)
            else:
                self._asks &= ~(1 << instrument)


def _bits(series: NDArray[np.bool_]) -> int:
    """Return a mask over series as the bits of a whole number, the first series' the lowest.

    >>> _bits(np.array([True, False, True]))
    5
    """
    return int.from_bytes(np.packbits(series, bitorder="little").tobytes(), "little")
