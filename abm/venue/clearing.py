"""A clearing house: who is margined together, where their contracts trade, who pays for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
