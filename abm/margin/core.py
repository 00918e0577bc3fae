"""The shared margin core: what every method of margin works from, and what it answers.

A method is told the series and their marks once, and prices each series once per stress point; then
it answers for any number of accounts by products of sparse positions with small tables. A new
method is one file and one line in `abm.margin.METHODS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy.sparse import csr_array

from abm.margin.checks import check_number
from abm.market.pricing import black_value, value_delta_vega
from abm.market.surface import broadcast_volatility, implied_volatility
from abm.units import SECONDS_PER_YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.margin.grids import StressPoints
    from abm.margin.positions import PositionTable
    from abm.market.instruments import InstrumentTable
    from abm.scenario.market import Volatility


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
    """Value every series at a price and a volatility level; expired series are worth 0.

    Raises
    ------
    ValueError
        If the price is not finite and above 0, or the level not finite and at least 0.
    """
    check_number("price_usd", price_usd, above=0.0)
    check_number("level", level, least=0.0)
    left = np.maximum(instruments.expiry_second - now, 0)
    alive = instruments.expiry_second > now
    volatility = implied_volatility(price_usd, level, instruments.strike_usd, left, rule)
    years = left / SECONDS_PER_YEAR
    value, delta, vega = value_delta_vega(
        price_usd, instruments.strike_usd, years, volatility, instruments.is_call
    )
    return Marks(
        price_usd=price_usd,
        value=np.where(alive, value, 0.0),
        delta=np.where(alive, delta, 0.0),
        vega=np.where(alive, vega, 0.0),
        volatility=volatility,
        alive=alive,
    )


def option_values(
    instruments: InstrumentTable, price_usd: float, level: float, now: int, rule: Volatility
) -> NDArray[np.float64]:
    """Value one contract of every series, in dollars, shape (instruments,): `Marks.value` alone.

    Raises
    ------
    ValueError
        As `mark_instruments`.
    """
    check_number("price_usd", price_usd, above=0.0)
    check_number("level", level, least=0.0)
    moments = np.array([price_usd]), np.array([level]), np.array([now])
    found: NDArray[np.float64] = option_values_along(instruments, *moments, rule)[0]
    return found


def option_values_along(
    instruments: InstrumentTable,
    price_usd: NDArray[np.float64],
    level: NDArray[np.float64],
    now: NDArray[np.int64],
    rule: Volatility,
) -> NDArray[np.float64]:
    """Value one contract of every series at several moments at once, for trusted input.

    Parameters
    ----------
    instruments : InstrumentTable
        The series.
    price_usd, level, now : ndarray, shape (moments,)
        Price in dollars, level of volatility and second of each moment.
    rule : Volatility
        The scenario's.

    Returns
    -------
    ndarray, shape (moments, instruments)
        Dollars; what `option_values` returns at each moment.
    """
    price, second = price_usd[:, np.newaxis], now[:, np.newaxis]
    left = np.maximum(instruments.expiry_second - second, 0)
    volatility = broadcast_volatility(
        price, level[:, np.newaxis], instruments.strike_usd, left, rule
    )
    total = volatility * np.sqrt(left / SECONDS_PER_YEAR)
    value = black_value(price, instruments.strike_usd, total, instruments.is_call)
    return np.where(instruments.expiry_second > second, value, 0.0)


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
    """The result of one margin pass, in dollars, each of shape (accounts,).

    Attributes
    ----------
    position_value : ndarray
        Mark-to-market of the positions; negative for net short options.
    maintenance, initial : ndarray
        What equity, positions included, must not fall below, and what it must reach for a new
        trade; at least 0, and exactly 0 for an account without positions.
    """

    position_value: NDArray[np.float64]
    maintenance: NDArray[np.float64]
    initial: NDArray[np.float64]


class PreparedMargin(Protocol):
    """A method of margin at one set of marks: every series is priced already."""

    def requirements(self, positions: csr_array) -> Requirements:
        """Return values and requirements of accounts, one for each row of positions.

        Parameters
        ----------
        positions : csr_array of float64, shape (accounts, instruments)
            Contracts, short below 0.

        Raises
        ------
        ValueError
            If the positions are not in as many series as are priced.
        """
        ...

    def initial(self, lots: NDArray[np.int64]) -> float:
        """Return the initial requirement of one account, in dollars, from its row of contracts."""
        ...

    def with_perpetuals(
        self, positions: csr_array, perpetuals: NDArray[np.float64]
    ) -> Requirements:
        """Return the same as `requirements` for accounts that hold perpetuals, too.

        Parameters
        ----------
        positions : csr_array of float64, shape (accounts, instruments)
            Contracts, short below 0.
        perpetuals : ndarray, shape (accounts,)
            Contracts of one unit of the underlying each, short below 0, settled in cash, so that
            they add nothing to the value.
        """
        ...


class MarginMethod(Protocol):
    """A method of margin, with its parameters."""

    def prepare(self, instruments: InstrumentTable, marks: Marks, now: int) -> PreparedMargin:
        """Price every series at every stress point, for as long as the marks stand."""
        ...


def renewed(
    previous: Requirements,
    prepared: PreparedMargin,
    positions: PositionTable,
    accounts: NDArray[np.int64],
) -> Requirements:
    """Return the requirements of all accounts where only some accounts' positions have changed.

    Equal, to the last bit, to a whole pass.

    Parameters
    ----------
    previous : Requirements
        Of the same marks, before.
    prepared : PreparedMargin
        The method at these marks.
    positions : PositionTable
        As they are now.
    accounts : ndarray of int64, shape (changed,)
        Every account that traded since ``previous``.
    """
    fresh = prepared.requirements(positions.sparse_rows(accounts))
    value, maintenance, initial = (
        array.copy() for array in (previous.position_value, previous.maintenance, previous.initial)
    )
    value[accounts] = fresh.position_value
    maintenance[accounts] = fresh.maintenance
    initial[accounts] = fresh.initial
    return Requirements(value, maintenance, initial)


def unit_initial(prepared: PreparedMargin, instruments: int) -> NDArray[np.float64]:
    """Return the initial requirement of one short contract of each series alone, in dollars."""
    return prepared.requirements(_one_short_of_each(instruments)).initial


@lru_cache(maxsize=8)
def _one_short_of_each(instruments: int) -> csr_array:
    return csr_array(-np.eye(instruments))


def one_row(lots: NDArray[np.int64]) -> csr_array:
    """Return one account's contracts as a sparse row."""
    return csr_array(lots[np.newaxis, :].astype(np.float64))
