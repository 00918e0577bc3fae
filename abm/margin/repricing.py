"""Latency buffer of a book: the stress grid repriced over moves that messages bring too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.margin.buffers import stretched_scan_range
from abm.margin.methods import METHODS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from abm.margin.core import Marks
    from abm.market.instruments import InstrumentTable
    from abm.scenario.market import StressGrid


def repriced_buffer(
    positions: csr_array,
    instruments: InstrumentTable,
    marks: Marks,
    now: int,
    grid: StressGrid,
    latency_range: float,
) -> NDArray[np.float64]:
    """Return what requirements grow by over a grid whose price range covers the latency, too.

    The grid's price range becomes sqrt(range**2 + latency_range**2), every series is priced anew at
    its points, and the buffer is the difference of the two worst losses of each account. Next to
    delta times price times the growth of the range it sees the curvature: more for short gamma,
    less for long. The short option minimum, which knows no range, is left out of both.

    An account whose worst loss lies inside the grid gets no buffer, and none below 0: a stretched
    grid has its points elsewhere, which says nothing about the risk.

    Parameters
    ----------
    positions : csr_array of float64, shape (accounts, instruments)
        Contracts, short below 0.
    instruments : InstrumentTable
        The listed series.
    marks : Marks
        Values of the series at the current price.
    now : int
        Second of the marks, from the start of the run.
    grid : StressGrid
        The scenario's method of margin and its ranges.
    latency_range : float
        Move of the price during the latency, a share of it, at least 0:
        `abm.margin.buffers.required_buffer` of the price's volatility over one second, by
        ``square_root`` z*volatility*sqrt(mean delay), by ``mixture_quantile`` the quantile over all
        delays. Its coverage should be the one that the grid's range stands for.

    Returns
    -------
    ndarray, shape (accounts,)
        Dollars, at least 0; exactly 0 for an account without positions and without latency.

    Raises
    ------
    ValueError
        If ``latency_range`` is negative or not finite, stretches the range to 1 or more, or the
        grid is one without a price range.

    References
    ----------
    Section 5 of the reference cases, the portfolio version.

    Examples
    --------
    A call deep in the money, bought and sold. The latency of 400 seconds stretches a range of 3 %
    to one of 5 %, so that 100 dollars of the underlying can lose 2 dollars more.

    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from abm.margin import mark_instruments
    >>> from abm.margin.buffers import required_buffer
    >>> from abm.margin.latency import DelayDistribution
    >>> from abm.market import InstrumentTable
    >>> from abm.scenario.market import StressGrid, Volatility
    >>> call = InstrumentTable(np.array([86_400]), np.array([1.0]), np.array([True]))
    >>> marks = mark_instruments(call, 100.0, 0.8, 0, Volatility(base=0.8))
    >>> book = csr_array(np.array([[1.0], [-1.0]]))
    >>> delays = DelayDistribution.from_samples([400.0])
    >>> moved = required_buffer("square_root", 0.04 / 20 / 2.326348, delays, 0.99)
    >>> round(moved, 6)
    0.04
    >>> grid = StressGrid(price_scan_range=0.03)
    >>> repriced_buffer(book, call, marks, 0, grid, moved).round(4).tolist()
    [2.0, 2.0]
    """
    stretched = stretched_scan_range(grid.price_scan_range, latency_range)
    if stretched >= 1.0:
        raise ValueError(
            f"latency_range is {latency_range}; with a price_scan_range of "
            f"{grid.price_scan_range} it must stretch the range to less than 1"
        )
    if grid.grid == "standard":
        raise ValueError(
            "grid.grid is 'standard'; it must be 'span' or 'portfolio', whose points have a price "
            "range"
        )
    plain, wide = (
        METHODS[grid.grid](
            grid.model_copy(update={"price_scan_range": scan_range, "short_option_minimum": 0.0})
        )
        .prepare(instruments, marks, now)
        .requirements(positions)
        .maintenance
        for scan_range in (grid.price_scan_range, stretched)
    )
    return np.maximum(wide - plain, 0.0)
