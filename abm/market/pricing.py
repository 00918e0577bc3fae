"""Option value by Black's formula and its derivatives, for whole tables at once.

Every argument broadcasts against the others. Volatility is annualised, time in years of 365 days,
money in dollars for one contract on one unit of the underlying.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from abm.market.pricing_checks import (
    check_above_zero,
    check_not_negative,
    check_shapes,
    check_spot_inputs,
)

# Below this total volatility the value is the intrinsic one to the last bit of a float64.
SMALLEST_TOTAL_VOLATILITY = 1e-12
# Below this the subtraction may round, and the quotient is the better way.
FAR_BELOW = -0.5
# Options valued at once.
BLOCK = 8_192
ROOT_TWO_PI = np.sqrt(2.0 * np.pi)

Floats = NDArray[np.float64]


def log_ratio(price: Floats, strike: Floats) -> Floats:
    """Return ln(price / strike), exact to the last digits also where the two nearly agree."""
    # Numbers within a factor of two subtract without rounding (Sterbenz 1974).
    excess = (price - strike) / strike
    ratio = np.log1p(excess)
    far = excess < FAR_BELOW
    return np.where(far, np.log(price / strike), ratio) if far.any() else np.asarray(ratio)


def black_value(
    forward: ArrayLike,
    strike: ArrayLike,
    total_volatility: ArrayLike,
    is_call: ArrayLike,
    discount: ArrayLike = 1.0,
) -> Floats:
    """Value of European options on a forward, for trusted input.

    The option out of the money is valued and the other one taken from parity, so that nothing is
    lost where an option is nearly all intrinsic value.

    Parameters
    ----------
    forward : array_like of float
        Forward price in dollars, above 0.
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
        Dollars, in [0, discount*forward] for a call and in [0, discount*strike] for a put.

    References
    ----------
    F. Black, The pricing of commodity contracts, J. Financial Economics 3 (1976), equation (16).
    """
    arguments = (forward, strike, total_volatility, is_call, discount)
    if np.broadcast(*arguments).size <= BLOCK:
        return _black_value(*arguments)
    return _by_blocks(arguments)


def _black_value(
    forward: ArrayLike,
    strike: ArrayLike,
    total_volatility: ArrayLike,
    is_call: ArrayLike,
    discount: ArrayLike,
) -> Floats:
    """Return what `black_value` does, all at once.

    With l and u the lower and the upper of forward and strike, and s the total volatility, the
    option out of the money is worth l*N(h) - u*N(h - s), h = s/2 - ln(u/l)/s: a call where the
    strike is the upper one, a put elsewhere.
    """
    forward = np.asarray(forward, dtype=np.float64)
    deviation = np.maximum(total_volatility, SMALLEST_TOTAL_VOLATILITY)
    lower, upper = np.minimum(forward, strike), np.maximum(forward, strike)
    gap = upper - lower
    # Numbers within a factor of two subtract without rounding (Sterbenz 1974).
    h = 0.5 * deviation - np.log1p(gap / lower) / deviation
    time_value = lower * ndtr(h) - upper * ndtr(h - deviation)
    in_the_money = (forward > strike) == is_call
    value: Floats = (np.maximum(time_value, 0.0) + gap * in_the_money) * discount
    return value


def _by_blocks(arguments: tuple[ArrayLike, ...]) -> Floats:
    """Return `_black_value` of large tables, whose intermediate results stay in a core's cache."""
    # Of type Any: the type stubs know no operand that is still to be made.
    operands: Any = [*(np.asarray(argument) for argument in arguments), None]
    roles: Any = [*[["readonly"]] * len(arguments), ["writeonly", "allocate"]]
    kinds = [*(part.dtype for part in operands[:-1]), np.dtype(np.float64)]
    with np.nditer(
        operands, ["external_loop", "buffered"], roles, kinds, buffersize=BLOCK
    ) as blocks:
        for *block, value in blocks:
            value[...] = _black_value(*block)
        result: Floats = blocks.operands[-1]
    return result


def black_76(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    is_call: ArrayLike,
    discount: ArrayLike = 1.0,
) -> Floats:
    """Value European options on a forward (Black 1976).

    Parameters
    ----------
    forward, strike : array_like of float
        Dollars, above 0.
    years : array_like of float
        Time to expiry, at least 0; at 0 the value is the payoff.
    volatility : array_like of float
        Annualised, at least 0.
    is_call : array_like of bool
        Call where true, put elsewhere.
    discount : array_like of float
        Value today of one dollar at expiry, above 0.

    Returns
    -------
    ndarray
        Dollars for one contract.

    Raises
    ------
    ValueError
        Names the argument, its first bad value and the rule.

    Examples
    --------
    At the money the formula is forward * (2 N(sd/2) - 1); with sd = 0.2 that is 7.9656.

    >>> black_76(100.0, 100.0, 1.0, 0.2, is_call=True).round(4)
    np.float64(7.9656)
    """
    check_shapes(
        forward=forward,
        strike=strike,
        years=years,
        volatility=volatility,
        is_call=is_call,
        discount=discount,
    )
    check_above_zero(forward=forward, strike=strike, discount=discount)
    check_not_negative(years=years, volatility=volatility)
    total = np.asarray(volatility, dtype=np.float64) * np.sqrt(np.asarray(years))
    return black_value(forward, strike, total, is_call, discount)


def black_scholes_merton(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    is_call: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend: ArrayLike = 0.0,
) -> Floats:
    """Value European options on a spot with a continuous yield (Merton 1973).

    Parameters
    ----------
    spot, strike : array_like of float
        Dollars, above 0.
    years, volatility : array_like of float
        At least 0.
    is_call : array_like of bool
        Call where true, put elsewhere.
    rate, dividend : array_like of float
        Continuous rates, per year.

    Returns
    -------
    ndarray
        Dollars for one contract.

    Raises
    ------
    ValueError
        Names the argument, its first bad value and the rule.

    References
    ----------
    R. C. Merton, Theory of rational option pricing, Bell J. Economics 4 (1973), section 7.
    """
    check_spot_inputs(spot, strike, years, volatility, is_call, rate, dividend)
    time = np.asarray(years, dtype=np.float64)
    discount = np.exp(-np.asarray(rate) * time)
    forward = np.asarray(spot) * np.exp((np.asarray(rate) - np.asarray(dividend)) * time)
    total = np.asarray(volatility) * np.sqrt(time)
    return black_value(forward, strike, total, is_call, discount)


@dataclass(frozen=True)
class Greeks:
    """Value and sensitivities of a table of options.

    Attributes
    ----------
    value : ndarray
        Dollars for one contract.
    delta, gamma : ndarray
        First and second change for one dollar of the spot.
    vega, volga : ndarray
        First and second change for 1.00 of volatility.
    vanna : ndarray
        Change of delta for 1.00 of volatility.
    theta : ndarray
        Change for one year that passes.
    rho, dividend_rho : ndarray
        Change for 1.00 of the rate and of the yield.
    """

    value: Floats
    delta: Floats
    gamma: Floats
    vega: Floats
    volga: Floats
    vanna: Floats
    theta: Floats
    rho: Floats
    dividend_rho: Floats


def greeks(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    is_call: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend: ArrayLike = 0.0,
) -> Greeks:
    """Return the value of options and all sensitivities; arguments as `black_scholes_merton`.

    At expiry, or without volatility, delta is that of the payoff and every sensitivity to
    volatility is 0.

    Raises
    ------
    ValueError
        Names the argument, its first bad value and the rule.

    References
    ----------
    E. G. Haug, The Complete Guide to Option Pricing Formulas, 2nd ed. (2007), chapter 2.
    """
    check_spot_inputs(spot, strike, years, volatility, is_call, rate, dividend)
    return sensitivities(spot, strike, years, volatility, is_call, rate=rate, dividend=dividend)


def sensitivities(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    is_call: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend: ArrayLike = 0.0,
) -> Greeks:
    """Return what `greeks` does, for trusted input: nothing is checked."""
    spot, strike = np.asarray(spot, dtype=np.float64), np.asarray(strike, dtype=np.float64)
    time, vol = np.asarray(years, dtype=np.float64), np.asarray(volatility, dtype=np.float64)
    rate, dividend = np.asarray(rate, dtype=np.float64), np.asarray(dividend, dtype=np.float64)
    discount, growth = np.exp(-rate * time), np.exp(-dividend * time)
    terms = _Terms.of(spot, strike, time, vol, is_call, rate - dividend)
    d1, d2, sign, density = terms.d1, terms.d1 - terms.safe, terms.sign, terms.density
    in_spot, in_strike = terms.in_spot, ndtr(sign * d2)
    safe_vol = np.where(terms.alive, vol, 1.0)
    safe_root = np.where(terms.alive, terms.root, 1.0)
    spread = spot * growth * density
    carry = sign * (dividend * spot * growth * in_spot - rate * strike * discount * in_strike)
    return Greeks(
        value=black_value(spot * growth / discount, strike, terms.deviation, is_call, discount),
        delta=sign * growth * in_spot,
        gamma=growth * density / (spot * terms.safe),
        vega=spread * terms.root,
        volga=spread * terms.root * d1 * d2 / safe_vol,
        vanna=-growth * density * d2 / safe_vol,
        theta=-spread * safe_vol / (2.0 * safe_root) + carry,
        rho=sign * strike * time * discount * in_strike,
        dividend_rho=-sign * spot * time * growth * in_spot,
    )


def value_delta_vega(
    spot: float, strike: Floats, years: Floats, volatility: Floats, is_call: NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats]:
    """Return these three of `sensitivities`, without rate and yield: what a mark is made of."""
    terms = _Terms.of(np.asarray(spot), strike, years, volatility, is_call, 0.0)
    value = black_value(spot, strike, terms.deviation, is_call)
    return value, terms.sign * terms.in_spot, spot * terms.density * terms.root


class _Terms(NamedTuple):
    """What the sensitivities of a table of options have in common."""

    root: Floats
    deviation: Floats
    alive: NDArray[np.bool_]
    safe: Floats
    d1: Floats
    sign: Floats
    in_spot: Floats
    density: Floats

    @classmethod
    def of(
        cls,
        spot: Floats,
        strike: Floats,
        time: Floats,
        vol: Floats,
        is_call: ArrayLike,
        drift: Floats | float,
    ) -> Self:
        """Return the terms; ``drift`` is the rate less the yield."""
        root = np.sqrt(time)
        deviation = vol * root
        alive = deviation > SMALLEST_TOTAL_VOLATILITY
        safe = np.where(alive, deviation, SMALLEST_TOTAL_VOLATILITY)
        d1 = (log_ratio(spot, strike) + drift * time) / safe + 0.5 * safe
        sign = np.where(is_call, 1.0, -1.0)
        density = np.where(alive, np.exp(-0.5 * d1 * d1) / ROOT_TWO_PI, 0.0)
        return cls(root, deviation, alive, safe, d1, sign, ndtr(sign * d1), density)
