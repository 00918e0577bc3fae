"""Which series are listed: strikes near the price, and more as it moves.

The table of instruments holds the whole ladder of strikes from the start, so that every array keeps
its shape; a mask says which of them may trade. What is listed stays listed until it expires.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.market.instruments import InstrumentTable


def list_near(
    instruments: InstrumentTable,
    listed: NDArray[np.bool_],
    price_usd: float,
    nearest_strikes: int | None,
) -> NDArray[np.bool_]:
    """Return what is listed once a venue has looked at a price.

    Parameters
    ----------
    instruments : InstrumentTable
        The whole ladder.
    listed : ndarray of bool, shape (instruments,)
        What was listed before.
    price_usd : float
        The price that the venue believes.
    nearest_strikes : int or None
        Strikes on either side of the price that are listed, expiry by expiry, calls and puts; a
        strike at the price counts as one above. None for all.

    Returns
    -------
    ndarray of bool, shape (instruments,)
        At least what was listed before.

    Examples
    --------
    >>> from abm.market.instruments import InstrumentTable
    >>> strikes = np.array([80.0, 90.0, 100.0, 110.0, 120.0])
    >>> table = InstrumentTable(np.full(5, 3_600), strikes, np.ones(5, dtype=bool))
    >>> first = list_near(table, np.zeros(5, dtype=bool), 101.0, 1)
    >>> strikes[first].tolist(), strikes[list_near(table, first, 85.0, 1)].tolist()
    ([100.0, 110.0], [80.0, 90.0, 100.0, 110.0])
    """
    if nearest_strikes is None:
        return np.ones(len(instruments), dtype=np.bool_)
    fresh = listed.copy()
    for expiry in np.unique(instruments.expiry_second).tolist():
        same = instruments.expiry_second == expiry
        strikes = np.unique(instruments.strike_usd[same])
        above = int(np.searchsorted(strikes, price_usd))
        near = strikes[max(above - nearest_strikes, 0) : above + nearest_strikes]
        fresh |= same & np.isin(instruments.strike_usd, near)
    return fresh
