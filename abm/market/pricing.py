"""Option value by Black's formula, for whole tables at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# Below this total volatility the value is the intrinsic one to the last bit of a float64.
SMALLEST_TOTAL_VOLATILITY = 1e-12


def black_value(
    forward: ArrayLike,
    strike: ArrayLike,
    total_volatility: ArrayLike,
    is_call: ArrayLike,
    discount: ArrayLike = 1.0,
) -> NDArray[np.float64]:
    """Value of European options on a forward.

    Parameters
    ----------
    forward : array_like of float
        Forward price in dollars, above 0. All arguments broadcast against each other.
    strike : array_like of float
        Strike in dollars, above 0.
    total_volatility : array_like of float
        Volatility times the square root of the time to expiry in years, at least 0.
    is_call : array_like of bool
        Call where true, put elsewhere.
    discount : array_like of float
        Value today of one dollar at expiry.

    Returns
    -------
    ndarray
        Dollars for one contract on one unit, in [0, discount*forward] for a call and in
        [0, discount*strike] for a put.

    References
    ----------
    F. Black, The pricing of commodity contracts, J. Financial Economics 3 (1976), equation (16).
    """
    forward = np.asarray(forward, dtype=np.float64)
    strike = np.asarray(strike, dtype=np.float64)
    deviation = np.maximum(np.asarray(total_volatility), SMALLEST_TOTAL_VOLATILITY)
    d1 = np.log(forward / strike) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    sign = np.where(is_call, 1.0, -1.0)
    undiscounted = sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * d2))
    value: NDArray[np.float64] = np.maximum(undiscounted, 0.0) * discount
    return value


@dataclass(frozen=True)
class BlackGreeks:
    """Value and first sensitivities of a table of options, undiscounted, in dollars.

    ``delta`` is the change for one dollar of the forward, ``vega`` for 1.00 of volatility.
    """

    value: NDArray[np.float64]
    delta: NDArray[np.float64]
    vega: NDArray[np.float64]


def black_greeks(
    forward: ArrayLike,
    strike: ArrayLike,
    total_volatility: ArrayLike,
    is_call: ArrayLike,
    years: ArrayLike,
) -> BlackGreeks:
    """Value, delta and vega in one pass; arguments as `black_value`, and the time in years."""
    forward = np.asarray(forward, dtype=np.float64)
    strike = np.asarray(strike, dtype=np.float64)
    deviation = np.maximum(np.asarray(total_volatility), SMALLEST_TOTAL_VOLATILITY)
    d1 = np.log(forward / strike) / deviation + 0.5 * deviation
    sign = np.where(is_call, 1.0, -1.0)
    in_forward, in_strike = ndtr(sign * d1), ndtr(sign * (d1 - deviation))
    density = np.exp(-0.5 * d1 * d1) / np.sqrt(2.0 * np.pi)
    return BlackGreeks(
        value=np.maximum(sign * (forward * in_forward - strike * in_strike), 0.0),
        delta=sign * in_forward,
        vega=forward * density * np.sqrt(np.asarray(years)),
    )
