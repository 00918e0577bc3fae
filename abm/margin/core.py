"""The shared margin core: revalues every account at once over a stress grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.market.pricing import black_value, sensitivities
from abm.market.surface import implied_volatility
from abm.units import SECONDS_PER_YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from abm.margin.grids import StressPoints
    from abm.margin.positions import PositionTable
    from abm.market.instruments import InstrumentTable
    from abm.scenario.market import StressGrid, Volatility


@dataclass(frozen=True)
class Marks:
    """Values of every series at one price.

    Attributes
    ----------
    price_usd : float
        Price of the underlying, in dollars.
    value : ndarray, shape (instruments,)
        Dollars for one contract.
    delta : ndarray, shape (instruments,)
        Change of value for one dollar of the underlying.
    vega : ndarray, shape (instruments,)
        Change of value in dollars for 1.00 of volatility.
    volatility : ndarray, shape (instruments,)
        Implied volatility, annualised.
    alive : ndarray of bool, shape (instruments,)
        Series that have not expired.
    """

    price_usd: float
    value: NDArray[np.float64]
    delta: NDArray[np.float64]
    vega: NDArray[np.float64]
    volatility: NDArray[np.float64]
    alive: NDArray[np.bool_]


def mark_instruments(
    instruments: InstrumentTable, price_usd: float, level: float, now: int, rule: Volatility
) -> Marks:
    """Value every series at a price and a volatility level; expired series are worth 0."""
    left = np.maximum(instruments.expiry_second - now, 0)
    alive = instruments.expiry_second > now
    volatility = implied_volatility(price_usd, level, instruments.strike_usd, left, rule)
    years = left / SECONDS_PER_YEAR
    greeks = sensitivities(
        price_usd, instruments.strike_usd, years, volatility, instruments.is_call
    )
    return Marks(
        price_usd=price_usd,
        value=np.where(alive, greeks.value, 0.0),
        delta=np.where(alive, greeks.delta, 0.0),
        vega=np.where(alive, greeks.vega, 0.0),
        volatility=volatility,
        alive=alive,
    )


def option_values(
    instruments: InstrumentTable, price_usd: float, level: float, now: int, rule: Volatility
) -> NDArray[np.float64]:
    """Value one contract of every series, in dollars, shape (instruments,): `Marks.value` alone."""
    left = np.maximum(instruments.expiry_second - now, 0)
    volatility = implied_volatility(price_usd, level, instruments.strike_usd, left, rule)
    total = volatility * np.sqrt(left / SECONDS_PER_YEAR)
    value = black_value(price_usd, instruments.strike_usd, total, instruments.is_call)
    return np.where(instruments.expiry_second > now, value, 0.0)


def stress_changes(
    instruments: InstrumentTable, marks: Marks, now: int, points: StressPoints
) -> NDArray[np.float64]:
    """Change in value of one contract of each series at each stress point.

    The smile stays with the strike: a point moves the volatility of every series by the same
    factor.

    Returns
    -------
    ndarray, shape (instruments, points)
        Dollars, times the point's cover; 0 for expired series.
    """
    left = np.maximum(instruments.expiry_second - now, 0)
    total = marks.volatility * np.sqrt(left / SECONDS_PER_YEAR)
    stressed = black_value(
        marks.price_usd * points.price_factor[np.newaxis, :],
        instruments.strike_usd[:, np.newaxis],
        total[:, np.newaxis] * points.volatility_factor[np.newaxis, :],
        instruments.is_call[:, np.newaxis],
    )
    change: NDArray[np.float64] = (stressed - marks.value[:, np.newaxis]) * points.cover
    change[~marks.alive] = 0.0
    return change


@dataclass(frozen=True)
class Requirements:
    """The result of one margin pass.

    Attributes
    ----------
    position_value : ndarray, shape (accounts,)
        Mark-to-market of the positions, in dollars; negative for net short options.
    profit : ndarray, shape (accounts, points)
        Change of each account's value at each stress point, in dollars.
    maintenance : ndarray, shape (accounts,)
        Dollars, at least 0; exactly 0 for an account without positions.
    """

    position_value: NDArray[np.float64]
    profit: NDArray[np.float64]
    maintenance: NDArray[np.float64]


class MarginCore:
    """Requirements of all accounts in one pass: each series is priced once per stress point.

    Parameters
    ----------
    instruments : InstrumentTable
        The listed series.
    grid : StressGrid
        The scenario's parameters.
    points : StressPoints
        The grid's points.
    """

    def __init__(
        self, instruments: InstrumentTable, grid: StressGrid, points: StressPoints
    ) -> None:
        self.instruments = instruments
        self.grid = grid
        self.points = points

    def changes(self, marks: Marks, now: int) -> NDArray[np.float64]:
        """Return the stressed changes of every series, shape (instruments, points)."""
        return stress_changes(self.instruments, marks, now, self.points)

    def requirements(
        self, positions: PositionTable, marks: Marks, changes: NDArray[np.float64]
    ) -> Requirements:
        """Return values and requirements of all accounts.

        The maintenance requirement is the worst loss over the grid, at least the short option
        minimum of every short contract. Gains offset losses inside an account, never between
        accounts.
        """
        return self._requirements(positions.sparse(), marks, changes)

    def renewed(
        self,
        previous: Requirements,
        positions: PositionTable,
        accounts: NDArray[np.int64],
        marks: Marks,
        changes: NDArray[np.float64],
    ) -> Requirements:
        """Return what `requirements` would, where only some accounts' positions have changed.

        Parameters
        ----------
        previous : Requirements
            Of the same marks and changes, before.
        positions : PositionTable
            As they are now.
        accounts : ndarray of int64, shape (changed,)
            Every account that traded since ``previous``.
        marks : Marks
            Current marks.
        changes : ndarray, shape (instruments, points)
            Stressed changes at these marks.
        """
        fresh = self._requirements(positions.sparse_rows(accounts), marks, changes)
        value, profit, maintenance = (
            array.copy()
            for array in (previous.position_value, previous.profit, previous.maintenance)
        )
        value[accounts] = fresh.position_value
        profit[accounts] = fresh.profit
        maintenance[accounts] = fresh.maintenance
        return Requirements(value, profit, maintenance)

    def _requirements(
        self, matrix: csr_array, marks: Marks, changes: NDArray[np.float64]
    ) -> Requirements:
        profit: NDArray[np.float64] = matrix @ changes
        # Along rows of 16 numbers NumPy's minimum is slow; along columns it is not.
        scan = np.maximum(-np.minimum.reduce(profit.T.copy()), 0.0)
        # Whole numbers below 2**53 add exactly in float64.
        shorts = np.concatenate([[0.0], np.cumsum(np.maximum(-matrix.data, 0.0))])
        short = shorts[matrix.indptr[1:]] - shorts[matrix.indptr[:-1]]
        floor = self.grid.short_option_minimum * marks.price_usd * short
        return Requirements(matrix @ marks.value, profit, np.maximum(scan, floor))

    def initial_after(
        self,
        profit: NDArray[np.float64],
        short_contracts: float,
        marks: Marks,
        change: NDArray[np.float64],
        lots: int,
    ) -> float:
        """Return the initial requirement of one account after a trade.

        Parameters
        ----------
        profit : ndarray, shape (points,)
            The account's stressed changes before the trade, in dollars.
        short_contracts : float
            Contracts it would be short after the trade.
        marks : Marks
            Current marks.
        change : ndarray, shape (points,)
            Stressed changes of the traded series, in dollars.
        lots : int
            Contracts traded, sold below 0.

        Returns
        -------
        float
            Dollars, at least 0.
        """
        scan = max(-float((profit + lots * change).min()), 0.0)
        floor = self.grid.short_option_minimum * marks.price_usd * short_contracts
        return self.grid.initial_factor * max(scan, floor)
