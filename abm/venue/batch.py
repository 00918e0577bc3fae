"""One auction of one series: all that crosses trades at one price.

References
----------
E. Budish, P. Cramton and J. Shim, The high-frequency trading arms race: frequent batch auctions as
a market design response, Quarterly Journal of Economics 130 (2015), 1547-1621; section VII.A.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from abm.venue.orders import ANY_ASK, ANY_BID, Side
from abm.venue.sharing import share_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Margin = Literal["pro_rata", "time"]


@dataclass(frozen=True, slots=True)
class Interest:
    """What somebody would trade at one limit or better.

    Attributes
    ----------
    account : int
    side : Side
    lots : int
        Contracts, above 0.
    limit_ticks : int
        Worst acceptable premium, `ANY_BID` or `ANY_ASK` where any will do.
    since : int
        Place in the order of arrival; no two have the same.
    standing : bool
        Whether it stood there before the batch.
    """

    account: int
    side: Side
    lots: int
    limit_ticks: int
    since: int
    standing: bool = False


@dataclass(frozen=True)
class AuctionResult:
    """What an auction comes to.

    Attributes
    ----------
    price_ticks : int
        The one premium.
    lots : tuple of int
        Contracts that trade of each interest, in the order given.
    """

    price_ticks: int
    lots: tuple[int, ...]


def clear(interests: Sequence[Interest], margin: Margin = "pro_rata") -> AuctionResult | None:
    """Clear one series.

    The price is the one, from the lowest to the highest limit, at which most trades; of several,
    the one with the least left over; of those the highest where buyers are left, the lowest where
    sellers are, else the middle. Better limits trade first. What stands at the last limit that
    trades is shared: what stood there before the batch by time, then the batch's own pro rata (by
    largest remainders, ties by time) or by time.

    Parameters
    ----------
    interests : sequence of Interest
        Both sides; none with the same account on sides that cross.
    margin : {"pro_rata", "time"}
        How the batch's own orders share the last price.

    Returns
    -------
    AuctionResult or None
        None where nothing trades.

    Examples
    --------
    >>> buyers = [Interest(0, Side.BUY, 6, 12, 1), Interest(1, Side.BUY, 6, 11, 2)]
    >>> sellers = [Interest(2, Side.SELL, 5, 8, 3), Interest(3, Side.SELL, 10, 10, 4)]
    >>> clear([*buyers, *sellers])
    AuctionResult(price_ticks=10, lots=(6, 6, 5, 7))
    """
    price = _price(interests)
    if price is None:
        return None
    willing = {
        side: [place for place, item in enumerate(interests) if _trades_at(item, side, price)]
        for side in Side
    }
    volume = min(sum(interests[place].lots for place in places) for places in willing.values())
    lots = [0] * len(interests)
    for side, places in willing.items():
        for place, traded in _allot(interests, places, side, volume, margin):
            lots[place] = traded
    return AuctionResult(price, tuple(lots))


def _trades_at(item: Interest, side: Side, price: int) -> bool:
    return item.side is side and side * (item.limit_ticks - price) >= 0


def _price(interests: Sequence[Interest]) -> int | None:
    """Return the premium that clears a series, if anything crosses."""
    limits = sorted({item.limit_ticks for item in interests} - {ANY_BID, ANY_ASK})
    # Between two limits nothing changes, so that one premium stands for all of them.
    middles = [(low + high) // 2 for low, high in pairwise(limits)]
    prices = np.array(sorted({*limits, *middles}), dtype=np.int64)
    if not len(prices):
        return None
    demand, supply = (_willing(interests, side, prices) for side in (Side.BUY, Side.SELL))
    volume = np.minimum(demand, supply)
    if not volume.max():
        return None
    best = np.flatnonzero(volume == volume.max())
    surplus = (demand - supply)[best]
    best = best[np.abs(surplus) == np.abs(surplus).min()]
    left = int((demand - supply)[best[0]])
    lowest, highest = int(prices[best[0]]), int(prices[best[-1]])
    if left > 0 and int((demand - supply)[best[-1]]) > 0:
        return highest
    return (lowest + highest) // 2 if left == 0 else lowest


def _willing(
    interests: Sequence[Interest], side: Side, prices: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the contracts of a side that would trade at each premium."""
    own = sorted((item.limit_ticks, item.lots) for item in interests if item.side is side)
    limits = np.array([limit for limit, _ in own], dtype=np.int64)
    total = np.concatenate([[0], np.cumsum([lots for _, lots in own], dtype=np.int64)])
    if side is Side.BUY:
        return np.asarray(total[-1] - total[np.searchsorted(limits, prices, side="left")])
    return np.asarray(total[np.searchsorted(limits, prices, side="right")])


def _allot(
    interests: Sequence[Interest], places: list[int], side: Side, volume: int, margin: Margin
) -> Iterator[tuple[int, int]]:
    """Yield what trades of each interest of a side, the best limit first."""

    def rank(place: int) -> tuple[int, bool]:
        item = interests[place]
        fresh = not item.standing
        return -side * item.limit_ticks, fresh

    left = volume
    ordered = sorted(places, key=lambda place: (rank(place), interests[place].since))
    for (_, fresh), group in groupby(ordered, key=rank):
        members = list(group)
        sizes = [interests[place].lots for place in members]
        shares = pro_rata(sizes, left) if fresh and margin == "pro_rata" else in_turn(sizes, left)
        yield from zip(members, shares, strict=True)
        left -= sum(shares)


def in_turn(sizes: Sequence[int], total: int) -> list[int]:
    """Give each its size until the total is used up.

    >>> in_turn([3, 4, 5], 6)
    [3, 3, 0]
    """
    shares = []
    for size in sizes:
        shares.append(min(size, total))
        total -= shares[-1]
    return shares


def pro_rata(sizes: Sequence[int], total: int) -> list[int]:
    """Share a total in proportion to sizes, in whole numbers by largest remainders.

    >>> pro_rata([3, 4, 5], 6)
    [2, 2, 2]
    """
    weights = np.array(sizes, dtype=np.int64)
    shares: list[int] = share_out(min(total, sum(sizes)), weights).tolist()
    return shares
