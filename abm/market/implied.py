"""Implied volatility: Black's formula inverted, for whole tables at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.market.pricing import ROOT_TWO_PI, black_value, log_ratio
from abm.market.pricing_checks import check_shapes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# A total volatility at which every option is worth its bound to the last bit.
LARGEST_TOTAL_VOLATILITY = 40.0
MOST_ITERATIONS = 200
# Relative change of the total volatility at which the search stops.
TOLERANCE = 1e-14
# Rounding of a price, in units of the forward, that is not held against it.
PRICE_ROUNDING = 1e-12


def implied_volatility_of_price(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    is_call: ArrayLike,
    discount: ArrayLike = 1.0,
) -> NDArray[np.float64]:
    """Find the volatility at which Black's formula gives a price.

    Newton's method on the logarithm of the time value, kept inside a bracket that bisection
    shrinks, so that it converges from any price.

    Parameters
    ----------
    price : array_like of float
        Dollars for one contract. All arguments broadcast against each other.
    forward, strike : array_like of float
        Dollars, above 0.
    years : array_like of float
        Time to expiry, at least 0; at 0 only the intrinsic value is a price.
    is_call : array_like of bool
        Call where true, put elsewhere.
    discount : array_like of float
        Value today of one dollar at expiry.

    Returns
    -------
    ndarray
        Annualised; 0 where the price is the intrinsic value and says nothing more.

    Raises
    ------
    ValueError
        If a price is outside its no-arbitrage bounds, an argument is out of its range, or the
        shapes do not fit.

    References
    ----------
    P. Jaeckel, Let's be rational, Wilmott 75 (2015): the logarithm of the time value as objective.

    Examples
    --------
    >>> from abm.market import black_76
    >>> price = black_76(100.0, 120.0, 0.5, 0.35, is_call=True)
    >>> float(implied_volatility_of_price(price, 100.0, 120.0, 0.5, is_call=True).round(12))
    0.35
    """
    check_shapes(
        price=price,
        forward=forward,
        strike=strike,
        years=years,
        is_call=is_call,
        discount=discount,
    )
    arrays = np.broadcast_arrays(
        *(np.asarray(item, dtype=np.float64) for item in (price, forward, strike, years, discount)),
        np.asarray(is_call, dtype=np.bool_),
    )
    shape = arrays[0].shape
    paid, future, struck, time, factor = (np.ravel(array) for array in arrays[:5])
    call = np.ravel(arrays[5]).astype(np.bool_)
    for name, values in (("forward", future), ("strike", struck), ("discount", factor)):
        for bad in values[~(np.isfinite(values) & (values > 0))][:1]:
            raise ValueError(f"{name} is {bad}; it must be finite and > 0")
    for bad in time[~(np.isfinite(time) & (time >= 0))][:1]:
        raise ValueError(f"years is {bad}; it must be finite and >= 0")
    time_value = _time_value(paid / factor, future, struck, call)
    expired = time == 0
    early = expired & (time_value > PRICE_ROUNDING * np.maximum(future, struck))
    for bad in paid[early][:1]:
        raise ValueError(f"price is {bad}; where years is 0 it must be the intrinsic value")
    total = _total_volatility(np.where(expired, 0.0, time_value), future, struck)
    return np.asarray(total / np.sqrt(np.where(expired, 1.0, time))).reshape(shape)


def _time_value(
    undiscounted: NDArray[np.float64],
    forward: NDArray[np.float64],
    strike: NDArray[np.float64],
    is_call: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return what a price has beyond the intrinsic value; check the bounds."""
    intrinsic = np.maximum(np.where(is_call, 1.0, -1.0) * (forward - strike), 0.0)
    highest = np.where(is_call, forward, strike)
    slack = PRICE_ROUNDING * np.maximum(forward, strike)
    good = (undiscounted >= intrinsic - slack) & (undiscounted <= highest + slack)
    if not good.all():
        index = int(np.flatnonzero(~good)[0])
        raise ValueError(
            f"price is {undiscounted[index]} undiscounted; it must be between "
            f"{intrinsic[index]} and {highest[index]}"
        )
    return np.maximum(undiscounted - intrinsic, 0.0)


def _total_volatility(
    target: NDArray[np.float64], forward: NDArray[np.float64], strike: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve for the total volatility at which the option out of the money is worth ``target``."""
    total = np.zeros_like(target)
    # Beyond its bound, or at nothing, there is no equation to solve.
    bound = np.minimum(forward, strike)
    total[target >= bound] = LARGEST_TOTAL_VOLATILITY
    open_ = np.flatnonzero((target > 0) & (target < bound))
    low = np.zeros(len(open_))
    high = np.full(len(open_), LARGEST_TOTAL_VOLATILITY)
    # The point of inflection of the price in the volatility, a safe start (Manaster, Koehler 1982).
    guess = np.maximum(np.sqrt(2.0 * np.abs(log_ratio(forward[open_], strike[open_]))), 1e-3)
    for _ in range(MOST_ITERATIONS):
        if not len(open_):
            break
        f, k, wanted = forward[open_], strike[open_], target[open_]
        value = black_value(f, k, guess, f < k)
        above = value > wanted
        high, low = np.where(above, guess, high), np.where(above, low, guess)
        d1 = log_ratio(f, k) / guess + 0.5 * guess
        vega = f * np.exp(-0.5 * d1 * d1) / ROOT_TWO_PI
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            fresh = guess - np.log(value / wanted) * value / vega
        fresh = np.where((fresh > low) & (fresh < high), fresh, 0.5 * (low + high))
        done = (np.abs(fresh - guess) <= TOLERANCE * fresh) | (value == wanted)
        total[open_[done]] = np.where(value == wanted, guess, fresh)[done]
        keep = ~done
        open_, low, high, guess = open_[keep], low[keep], high[keep], fresh[keep]
    total[open_] = guess
    return total
