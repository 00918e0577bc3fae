"""What a searcher sees, and what it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from abm.venue import Side

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from abm.margin import Marks
    from abm.venue import Order

Level = tuple[int, int]
"""Premium in ticks and contracts of one price of a book."""


class Purpose(StrEnum):
    """Why a searcher trades."""

    FRONT_RUN = "front_run"
    RESALE = "resale"
    BACK_RUN = "back_run"
    SNIPE = "snipe"
    CLOSE_OUT = "close_out"
    CLOSE_OUT_RESALE = "close_out_resale"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class Seen:
    """An order that waits and can be read.

    Attributes
    ----------
    number : int
        Of the queue.
    order : Order
    catchable : bool
        Whether what a searcher asks now may be settled before it.
    outbid_usd : float
        Fee above which it is: 0 where it comes first anyway.
    """

    number: int
    order: Order
    catchable: bool
    outbid_usd: float = 0.0


@dataclass(frozen=True)
class SearcherView:
    """What a searcher sees when it decides.

    Attributes
    ----------
    marks : Marks
        The venue's marks.
    seen : tuple of Seen
        All that waits and can be read, in the order of asking.
    levels : callable
        Returns the prices of a side of a series with the contracts at each, the best first,
        without the searcher's own.
    bid_ticks, ask_ticks : ndarray of int64, shape (instruments,)
        Best premiums, quoted or resting.
    inventory : ndarray of int64, shape (instruments,)
        Its own contracts, short below 0.
    unit_margin_usd : ndarray, shape (instruments,)
        Initial requirement of one short contract alone, in dollars.
    free_margin_usd : float
        Equity beyond its initial requirement.
    taker_fee_usd : float
        For one contract.
    tick_usd : float
    fee_ranks : bool
        Whether a higher fee gets ahead.
    close_outs : tuple of Order
        What the venue will close after what is asked now is settled, and before what is asked later
        can be: one for each side of a series.
    """

    marks: Marks
    seen: tuple[Seen, ...]
    levels: Callable[[Side, int], list[Level]]
    bid_ticks: NDArray[np.int64]
    ask_ticks: NDArray[np.int64]
    inventory: NDArray[np.int64]
    unit_margin_usd: NDArray[np.float64]
    free_margin_usd: float
    taker_fee_usd: float
    tick_usd: float
    fee_ranks: bool = False
    close_outs: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What a searcher asks for.

    Attributes
    ----------
    order : Order
    purpose : Purpose
    fee_usd : float
        Bid for its place.
    behind : int or None
        Number of the waiting order behind which it is to come.
    only_reduces : bool
        Whether it is cut to what brings the position towards zero.
    replaces : bool
        Whether all that rests of the searcher is cancelled first.
    """

    order: Order
    purpose: Purpose
    fee_usd: float = 0.0
    behind: int | None = None
    only_reduces: bool = False
    replaces: bool = False


def margin_usd(view: SearcherView, instrument: int, side: Side, ticks: int) -> float:
    """Return what one contract binds: its premium where it is bought, its margin where sold."""
    if side is Side.BUY:
        return ticks * view.tick_usd
    return float(view.unit_margin_usd[instrument])
