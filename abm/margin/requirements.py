"""Requirements of portfolios under any method, without the simulator."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from abm.margin.checks import check_number, checked_numbers
from abm.margin.core import Marks, Requirements
from abm.margin.methods import METHODS
from abm.market.instruments import InstrumentTable
from abm.market.pricing import value_delta_vega
from abm.scenario.market import StressGrid
from abm.units import SECONDS_PER_YEAR

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def margin_requirements(
    method: str,
    lots: ArrayLike | csr_array,
    *,
    price_usd: float,
    strike_usd: ArrayLike,
    seconds_left: ArrayLike,
    volatility: ArrayLike,
    is_call: ArrayLike,
    grid: StressGrid | None = None,
) -> Requirements:
    """Value portfolios of options on one underlying and say what margin they need.

    Parameters
    ----------
    method : str
        One of `abm.margin.METHODS`: ``span``, ``portfolio`` or ``standard``.
    lots : array_like or csr_array, shape (accounts, series) or (series,)
        Contracts, short below 0; one dimension is one account.
    price_usd : float
        Price of the underlying in dollars, above 0.
    strike_usd : array_like, shape (series,)
        Dollars, above 0.
    seconds_left : array_like, shape (series,)
        Time to expiry in whole seconds, at least 0; at 0 an option is worth its payoff.
    volatility : array_like, shape (series,)
        Implied volatility, annualised, at least 0.
    is_call : array_like of bool, shape (series,)
        Call where true, put elsewhere.
    grid : abm.scenario.market.StressGrid, optional
        Parameters of the method, those of a scenario's ``[margin]`` table; its defaults if None.

    Returns
    -------
    Requirements
        Dollars, each of shape (accounts,).

    Raises
    ------
    ValueError
        If the method is unknown, a shape is wrong, or a number not finite or out of its range;
        names the argument, its value and the rule.

    Examples
    --------
    A short strangle, and the same with the wings bought, a month before expiry.

    >>> found = margin_requirements(
    ...     "span",
    ...     [[0, -1, -1, 0], [1, -1, -1, 1]],
    ...     price_usd=2_000.0,
    ...     strike_usd=[1_600, 1_800, 2_200, 2_400],
    ...     seconds_left=[2_592_000] * 4,
    ...     volatility=[0.70, 0.66, 0.64, 0.66],
    ...     is_call=[False, False, True, True],
    ... )
    >>> found.maintenance.round(2)
    array([189.99,  80.  ])
    """
    if method not in METHODS:
        close = get_close_matches(method, METHODS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"method is {method!r}; it must be one of {', '.join(METHODS)}{hint}")
    check_number("price_usd", price_usd, above=0.0)
    strike = checked_numbers("strike_usd", strike_usd, above=0.0)
    if strike.ndim != 1:
        raise ValueError(f"strike_usd has shape {strike.shape}; it must have one dimension")
    left = checked_numbers("seconds_left", seconds_left, least=0.0, shape=strike.shape)
    implied = checked_numbers("volatility", volatility, least=0.0, shape=strike.shape)
    call = np.asarray(is_call, dtype=np.bool_)
    if call.shape != strike.shape:
        raise ValueError(f"is_call has shape {call.shape}; it must be {strike.shape}")
    positions = _positions(lots, len(strike))
    table = InstrumentTable(np.rint(left).astype(np.int64), strike, call)
    value, delta, vega = value_delta_vega(price_usd, strike, left / SECONDS_PER_YEAR, implied, call)
    alive = np.ones(len(strike), dtype=np.bool_)
    marks = Marks(price_usd, value, delta, vega, implied, alive)
    parameters = StressGrid() if grid is None else grid
    return METHODS[method](parameters).prepare(table, marks, 0).requirements(positions)


def _positions(lots: ArrayLike | csr_array, series: int) -> csr_array:
    """Return contracts as a checked sparse matrix."""
    if isinstance(lots, csr_array):
        checked_numbers("lots", lots.data)
        matrix: csr_array = lots.astype(np.float64)
    else:
        dense = np.atleast_2d(checked_numbers("lots", lots))
        matrix = csr_array(dense if dense.size else np.zeros((len(dense), series)))
    if matrix.ndim != 2 or matrix.shape[1] != series:  # noqa: PLR2004 - accounts by series
        raise ValueError(
            f"lots has shape {matrix.shape}; it must be (accounts, {series}), one column for "
            "each strike"
        )
    return matrix
