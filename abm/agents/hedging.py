"""How a market maker hedges: back to the edge of what it leaves open."""

from __future__ import annotations


def choose_hedge(option_delta: float, held_lots: int, band_lots: float) -> int:
    """Decide how many contracts of the underlying to trade.

    Parameters
    ----------
    option_delta : float
        Of all its options, in contracts.
    held_lots : int
        Contracts of the underlying that it holds, short below 0.
    band_lots : float
        Net delta that it leaves open either way.

    Returns
    -------
    int
        To buy, or to sell if below 0; what is left open is at most half a contract beyond the band.

    Examples
    --------
    Short puts have made it long by 60 contracts, of which 40 are hedged and 10 may stay open.

    >>> choose_hedge(60.0, -40, band_lots=10.0)
    -10
    >>> choose_hedge(45.0, -40, band_lots=10.0)
    0
    """
    net = option_delta + held_lots
    excess = max(abs(net) - band_lots, 0.0)
    return -round(excess) if net > 0 else round(excess)
