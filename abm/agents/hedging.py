"""How a market maker hedges: back to the edge of what it leaves open, as fast as depth allows."""

from __future__ import annotations


def choose_hedge(
    option_delta: float,
    held_lots: int,
    *,
    band_lots: float,
    most_lots: float,
    only_reduces: bool = False,
) -> int:
    """Decide how many contracts of the underlying to trade.

    Parameters
    ----------
    option_delta : float
        Of all its options, in contracts.
    held_lots : int
        Contracts of the underlying that it holds, short below 0.
    band_lots : float
        Net delta that it leaves open either way.
    most_lots : float
        What it trades at once at most; one contract always.
    only_reduces : bool
        Whether it may only make its position in the underlying smaller: in liquidation.

    Returns
    -------
    int
        To buy, or to sell if below 0; what is left open is at most half a contract beyond the band
        where neither limit holds it back.

    Examples
    --------
    Short puts have made it long by 60 contracts, of which 40 are hedged and 10 may stay open.

    >>> choose_hedge(60.0, -40, band_lots=10.0, most_lots=100.0)
    -10
    >>> choose_hedge(45.0, -40, band_lots=10.0, most_lots=100.0)
    0
    >>> choose_hedge(60.0, -40, band_lots=10.0, most_lots=4.5)
    -4
    >>> choose_hedge(60.0, -40, band_lots=10.0, most_lots=100.0, only_reduces=True)
    0
    """
    net = option_delta + held_lots
    lots = min(round(max(abs(net) - band_lots, 0.0)), max(int(most_lots), 1))
    if only_reduces:
        lots = min(lots, abs(held_lots)) if net * held_lots > 0 else 0
    return -lots if net > 0 else lots
