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

    def offered(self) -> tuple[int, int]:
        """Return the series with a bid, and those with an ask, quoted or resting at any venue.

        Both as bits, as `PositionTable.sides` has them.
        """
        bids = [exchange.best(Side.BUY) != NO_BID for exchange in self.exchanges]
        asks = [exchange.best(Side.SELL) != NO_ASK for exchange in self.exchanges]
        return _bits(np.logical_or.reduce(bids)), _bits(np.logical_or.reduce(asks))


def _bits(series: NDArray[np.bool_]) -> int:
    """Return a mask over series as the bits of a whole number, the first series' the lowest.

    >>> _bits(np.array([True, False, True]))
    5
    """
    return int.from_bytes(np.packbits(series, bitorder="little").tobytes(), "little")
