"""What each kind of trader looks for, and how large it trades: no Mesa, no state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

from abm.venue import Side

if TYPE_CHECKING:
    from abm.scenario.agents import Traders

STANDARD_NORMAL = NormalDist()

MEAN_SIZE = 0.5
"""Mean of an order's drawn size, in the largest that its strategy would like, under every law."""

LARGEST_SIZE = 50.0
"""A heavy tail is cut here: no order is larger than this many of the largest a strategy likes."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to trade.

    Attributes
    ----------
    side : Side
        Of its first leg.
    use : float
        Largest share that one order takes: of the deposit for a buyer, of free margin for a seller.
    delta : tuple of float
        Range of the absolute delta that it looks for.
    put_share : float
        Chance that it picks a put.
    legs : {"one", "spread"}
        Whether it buys the next strike out of the money with what it sells.
    opening : {"premium", "margin", "order"}
        By what its position before the run is sized: a multiple of an order's premium, its margin,
        or one order.
    follows_trend : bool
        Whether it buys calls after a rise and puts after a fall, and nothing in between.
    """

    side: Side
    use: float
    delta: tuple[float, float]
    put_share: float
    legs: Literal["one", "spread"] = "one"
    opening: Literal["premium", "margin", "order"] = "margin"
    follows_trend: bool = False


STRATEGIES: dict[str, Strategy] = {
    "buy_options": Strategy(Side.BUY, 0.03, (0.10, 0.50), 0.5, opening="premium"),
    # Hedgers hold the underlying and buy puts below it; few buy calls for a short elsewhere.
    "hedge": Strategy(Side.BUY, 0.03, (0.20, 0.45), 0.85, opening="premium"),
    # Lottery tickets: far calls for little money.
    "buy_lottery": Strategy(Side.BUY, 0.01, (0.02, 0.12), 0.25, opening="premium"),
    "sell_options": Strategy(Side.SELL, 0.25, (0.10, 0.35), 0.6),
    # Covered calls and cash-secured puts far from the money.
    "sell_yield": Strategy(Side.SELL, 0.15, (0.05, 0.20), 0.4),
    "sell_leveraged": Strategy(Side.SELL, 0.6, (0.20, 0.50), 0.75),
    "trade_spreads": Strategy(Side.SELL, 0.2, (0.20, 0.45), 0.5, legs="spread", opening="order"),
    "follow_trend": Strategy(
        Side.BUY, 0.03, (0.30, 0.60), 0.5, opening="premium", follows_trend=True
    ),
}
"""By the names that scenarios use."""

SMALLEST_TREND = 0.005
"""Log move over the look-back from which a trend is followed."""


def wants_put(
    strategy: Strategy, put_share: float | None, trend: float, draw: float
) -> bool | None:
    """Decide between put and call, or for nothing.

    Parameters
    ----------
    strategy : Strategy
    put_share : float or None
        The scenario's chance of a put, instead of the strategy's.
    trend : float
        Log move of the price over the look-back.
    draw : float
        Uniform in [0, 1).

    Returns
    -------
    bool or None
        None where a follower sees no trend.

    Examples
    --------
    >>> [wants_put(STRATEGIES["follow_trend"], None, trend, 0.0) for trend in (-0.02, 0.001, 0.02)]
    [True, None, False]
    """
    if strategy.follows_trend:
        return None if abs(trend) < SMALLEST_TREND else trend < 0
    return draw < (strategy.put_share if put_share is None else put_share)


def order_size(parameters: Traders, draw: float) -> float:
    """Return the size of an order, in the largest that its strategy would like.

    Parameters
    ----------
    parameters : Traders
        Whose law and tail are the scenario's; the mean is 1/2 under every law, but for the cut of
        the tail.
    draw : float
        Uniform in [0, 1).

    Returns
    -------
    float
        Above 0, at most `LARGEST_SIZE`.
    """
    if parameters.size_law == "uniform":
        return draw
    if parameters.size_law == "lognormal":
        sigma = parameters.size_ln_sigma
        normal = STANDARD_NORMAL.inv_cdf(min(max(draw, 1e-12), 1.0 - 1e-12))
        return min(MEAN_SIZE * math.exp(sigma * normal - sigma * sigma / 2.0), LARGEST_SIZE)
    # A Pareto law from a least size on: its mean is least * index / (index - 1).
    index = parameters.size_tail_index
    least = MEAN_SIZE * (index - 1.0) / index
    return min(least * math.pow(1.0 - draw, -1.0 / index), LARGEST_SIZE)
