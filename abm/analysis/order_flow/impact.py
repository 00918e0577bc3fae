"""How flow moves prices: order-flow imbalance, Kyle's lambda and VPIN.

References
----------
R. Cont, A. Kukanov and S. Stoikov, The price impact of order book events, Journal of Financial
Econometrics 12 (2014), 47-88; equations (3) and (4) for the imbalance.
A. S. Kyle, Continuous auctions and insider trading, Econometrica 53 (1985), 1315-1335.
D. Easley, M. Lopez de Prado and M. O'Hara, Flow toxicity and liquidity in a high-frequency world,
Review of Financial Studies 25 (2012), 1457-1493; section 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST_FOR_A_LINE = 3


@dataclass(frozen=True)
class Impact:
    """A straight line of price changes over flow.

    Attributes
    ----------
    slope : float
        Price change per contract of net flow.
    standard_error : float
        Of the slope, robust to unequal variances (White, HC1).
    r_squared : float
        Share of the variance that flow explains.
    count : int
        Observations.
    """

    slope: float
    standard_error: float
    r_squared: float
    count: int


def price_impact(flow: NDArray[np.float64], change: NDArray[np.float64]) -> Impact | None:
    """Fit ``change = a + slope * flow`` by least squares.

    With net signed trades as flow the slope is Kyle's lambda; with the imbalance of quotes, the
    impact of Cont, Kukanov and Stoikov.

    Parameters
    ----------
    flow, change : ndarray, shape (observations,)
        Net contracts bought, and the price change over the same time.

    Returns
    -------
    Impact or None
        None for fewer than three observations, or where all flows are the same.
    """
    if len(flow) < FEWEST_FOR_A_LINE or np.ptp(flow) == 0:
        return None
    x, y = flow - flow.mean(), change - change.mean()
    square = float((x * x).sum())
    slope = float((x * y).sum()) / square
    left = y - slope * x
    count = len(flow)
    variance = float((x * x * left * left).sum()) / square**2 * count / (count - 2)
    total = float((y * y).sum())
    explained = 1.0 - float((left * left).sum()) / total if total > 0 else 0.0
    return Impact(slope, variance**0.5, explained, count)


def quote_imbalance(
    bid: NDArray[np.float64],
    bid_lots: NDArray[np.float64],
    ask: NDArray[np.float64],
    ask_lots: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Order-flow imbalance of the best quotes, from one observation to the next.

    A bid that rises or stays adds its size, one that falls or stays takes the earlier size away;
    an ask the other way round.

    Parameters
    ----------
    bid, bid_lots, ask, ask_lots : ndarray, shape (observations,)
        Best premiums and contracts at them.

    Returns
    -------
    ndarray, shape (observations - 1,)
        Contracts, above 0 where demand grew.

    Examples
    --------
    The bid rises from 10 to 11 with 5 lots, the ask stays at 12 and shrinks from 7 to 4: 5 + 3.

    >>> import numpy as np
    >>> quote_imbalance(*map(np.array, ([10.0, 11.0], [2.0, 5.0], [12.0, 12.0], [7.0, 4.0])))
    array([8.])
    """
    added = (bid[1:] >= bid[:-1]) * bid_lots[1:] - (bid[1:] <= bid[:-1]) * bid_lots[:-1]
    asked = (ask[1:] <= ask[:-1]) * ask_lots[1:] - (ask[1:] >= ask[:-1]) * ask_lots[:-1]
    imbalance: NDArray[np.float64] = added - asked
    return imbalance


def trade_imbalance(
    signed_lots: NDArray[np.float64], volume: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Net over total contracts, from -1 to 1; 0 where nothing was traded."""
    return np.divide(signed_lots, volume, out=np.zeros_like(signed_lots), where=volume > 0)


def volume_synchronised_toxicity(signed_lots: NDArray[np.int64], buckets: int = 50) -> float | None:
    """VPIN: mean imbalance of buckets of equal volume, of which the sides are known.

    Parameters
    ----------
    signed_lots : ndarray of int64, shape (trades,)
        Contracts in the order of trading, above 0 where the buyer took the price.
    buckets : int
        Into how many buckets of equal volume the trades are cut; trades are split between two.

    Returns
    -------
    float or None
        From 0, where every bucket is balanced, to 1; None for fewer contracts than buckets.
    """
    volume = np.concatenate([[0.0], np.cumsum(np.abs(signed_lots))])
    net = np.concatenate([[0.0], np.cumsum(signed_lots)])
    if volume[-1] < buckets:
        return None
    edges = np.linspace(0.0, volume[-1], buckets + 1)
    at_edges = np.interp(edges, volume, net)
    return float(np.abs(np.diff(at_edges)).mean() * buckets / volume[-1])
