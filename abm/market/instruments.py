"""The listed option series as one table of arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from abm.units import SECONDS_PER_HOUR, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abm.scenario.market import Market


@dataclass(frozen=True)
class InstrumentTable:
    """European options on one underlying, one row for each series.

    Attributes
    ----------
    expiry_second : ndarray of int64, shape (instruments,)
        Second of expiry, from the start of the run.
    strike_usd : ndarray of float64, shape (instruments,)
        Strike in dollars.
    is_call : ndarray of bool, shape (instruments,)
        Call where true, put elsewhere.
    """

    expiry_second: NDArray[np.int64]
    strike_usd: NDArray[np.float64]
    is_call: NDArray[np.bool_]

    @cached_property
    def expiries(self) -> frozenset[int]:
        """Seconds at which series expire. Only asked whether it holds one."""
        return frozenset(self.expiry_second.tolist())

    def __len__(self) -> int:
        """Return the number of series."""
        return len(self.strike_usd)

    def name(self, instrument: int, underlying: str = "ETH") -> str:
        """Return a readable name of one series, such as ``ETH-32h-150-P``."""
        hours = int(self.expiry_second[instrument]) / SECONDS_PER_HOUR
        letter = "C" if self.is_call[instrument] else "P"
        return f"{underlying}-{hours:g}h-{self.strike_usd[instrument]:g}-{letter}"

    def payoff(self, price_usd: float) -> NDArray[np.float64]:
        """Return what one contract of each series pays at a settlement price.

        Parameters
        ----------
        price_usd : float
            Settlement price in dollars.

        Returns
        -------
        ndarray, shape (instruments,)
            Dollars, at least 0.
        """
        sign = np.where(self.is_call, 1.0, -1.0)
        return np.maximum(sign * (price_usd - self.strike_usd), 0.0)


def list_instruments(market: Market) -> InstrumentTable:
    """Return the table of every series of a scenario: calls, then puts, expiry by expiry."""
    expiry, strike, call = [], [], []
    for listed in market.expiries:
        for is_call in (True, False):
            for strike_usd in listed.strikes_usd:
                expiry.append(seconds(listed.after_hours))
                strike.append(strike_usd)
                call.append(is_call)
    return InstrumentTable(
        np.array(expiry, dtype=np.int64), np.array(strike), np.array(call, dtype=np.bool_)
    )


def settlement_price(
    published_usd: Sequence[float], window_seconds: float, step_seconds: int
) -> float:
    """Return the average of published prices that settles an expiry.

    Parameters
    ----------
    published_usd : sequence of float
        The price that stood on the venue's chain at every step so far, in dollars.
    window_seconds : float
        Length of the average; as many whole steps as fit, at least the last one.
    step_seconds : int
        Time between two steps.

    Examples
    --------
    >>> settlement_price([90.0, 100.0, 104.0], window_seconds=120.0, step_seconds=60)
    102.0
    """
    steps = max(int(window_seconds / step_seconds), 1)
    return float(np.mean(published_usd[-steps:]))
