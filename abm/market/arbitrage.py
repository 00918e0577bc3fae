"""Checks that a surface of implied volatility allows no static arbitrage.

A *butterfly* arbitrage is a price of calls that is not convex in the strike (a negative density), a
*calendar* arbitrage one that falls with time to expiry. The closed conditions speak of the surface
SVI at given total variances; `durrleman` judges any raw SVI slice strike by strike, and
`surface_faults` the surface of a scenario as `abm.market.surface.implied_volatility` makes it.

References
----------
J. Gatheral and A. Jacquier, Arbitrage-free SVI volatility surfaces, Quantitative Finance 14 (2014),
59-71; section 2 (definitions), theorems 4.1 (calendar) and 4.2 (butterfly).
V. Durrleman, From implied to spot volatilities, Finance and Stochastics 14 (2010), 157-177.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.market.surface import RawSlice, Smile, expiry_slice, power_law
from abm.scenario.market import BUTTERFLY_BOUND

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from abm.scenario.market import Volatility

LOG_STRIKES = np.linspace(-3.0, 3.0, 1_201)
ROUNDING = 1e-9


def durrleman(log_strike: ArrayLike, slices: RawSlice) -> NDArray[np.float64]:
    """Durrleman's g(k), whose sign is that of the density at the strike.

    Parameters
    ----------
    log_strike : array_like of float
        Logarithm of strike over forward; broadcasts against the slice's parameters.
    slices : RawSlice
        One expiry's smile, or several.

    Returns
    -------
    ndarray
        A slice is free of butterfly arbitrage if this is nowhere below 0; a flat one has 1.

    Notes
    -----
    As the total variance shrinks by a common factor c, g is a concave function of c that is at
    least 0 at c = 0: a slice without butterfly arbitrage stays so while it runs out in proportion
    to time, as the surface does in the last day.

    References
    ----------
    Gatheral and Jacquier (2014), section 2.2.

    Examples
    --------
    The slice by which the paper shows arbitrage (section 3, after A. Vogt).

    >>> parameters = (-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)
    >>> durrleman([0.0, 0.9], RawSlice(*map(np.asarray, parameters))).round(2).tolist()
    [1.04, -0.03]
    """
    strike = np.asarray(log_strike, dtype=np.float64)
    total, slope = slices.total_variance(strike), slices.slope(strike)
    moved = (1.0 - strike * slope / (2.0 * total)) ** 2
    bent = slope**2 / 4.0 * (1.0 / total + 0.25)
    density: NDArray[np.float64] = moved - bent + slices.second_derivative(strike) / 2.0
    return density


def butterfly_terms(
    theta: ArrayLike, smile: Smile
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the two terms of Theorem 4.2, each of the shape of ``theta``.

    The first is theta * phi * (1 + |rho|), to stay below 4; the second
    theta * phi**2 * (1 + |rho|), to be at most 4. Together they are sufficient, not necessary.

    Raises
    ------
    ValueError
        Unless every theta is finite and above 0.
    """
    phi = power_law(theta, smile)
    first = np.asarray(theta) * phi * (1.0 + abs(smile.correlation))
    return first, first * phi


def is_butterfly_free(theta: ArrayLike, smile: Smile) -> NDArray[np.bool_]:
    """Return where Theorem 4.2 rules out butterfly arbitrage, of the shape of ``theta``.

    Raises
    ------
    ValueError
        Unless every theta is finite and above 0.

    Examples
    --------
    At theta = 1 and gamma = 0.5 the second term is eta**2 / 2 * (1 + |rho|).

    >>> is_butterfly_free(1.0, Smile(correlation=-0.5, curvature=2.3, power=0.5))
    np.True_
    >>> is_butterfly_free(1.0, Smile(correlation=-0.5, curvature=2.4, power=0.5))
    np.False_
    """
    first, second = butterfly_terms(theta, smile)
    return np.logical_and(first < BUTTERFLY_BOUND, second <= BUTTERFLY_BOUND)


def is_calendar_free(theta: ArrayLike, smile: Smile) -> bool:
    """Return whether Theorem 4.1 rules out calendar arbitrage.

    The theorem asks that theta does not fall with time and that
    0 <= d(theta * phi)/d theta <= (1 + sqrt(1 - rho**2)) / rho**2 * phi; for the power law the
    derivative is phi * (1 - gamma) / (1 + theta), so that the second holds for every `Smile`.

    Parameters
    ----------
    theta : array_like of float, shape (expiries,)
        Total variance at the money, in the order of time.
    smile : Smile
        Shape of the surface.

    Raises
    ------
    ValueError
        Unless every theta is finite and above 0.

    Examples
    --------
    >>> is_calendar_free([0.01, 0.02, 0.05], Smile(correlation=-0.13, curvature=0.81, power=0.5))
    True
    """
    variance = np.atleast_1d(np.asarray(theta, dtype=np.float64))
    phi = power_law(variance, smile)
    growth = phi * (1.0 - smile.power) / (1.0 + variance)
    square = smile.correlation**2
    allowed = (1.0 + np.sqrt(1.0 - square)) * phi
    rising = bool((np.diff(variance) >= 0.0).all())
    return rising and bool((growth >= 0.0).all() and (growth * square <= allowed).all())


def surface_faults(
    level: float,
    seconds_left: ArrayLike,
    rule: Volatility,
    log_strike: ArrayLike = LOG_STRIKES,
) -> tuple[str, ...]:
    """Search a scenario's surface for static arbitrage, point by point.

    Parameters
    ----------
    level : float
        Level from `abm.market.surface.volatility_levels`, annualised, above 0.
    seconds_left : array_like of int, shape (expiries,)
        Times to expiry in seconds, above 0 and increasing.
    rule : Volatility
        The scenario's rule.
    log_strike : array_like of float, shape (strikes,)
        Where to look; from 1/20 to 20 times the price, if not given.

    Returns
    -------
    tuple of str
        One sentence for the worst point of each expiry at fault; empty for a sound surface.

    Raises
    ------
    ValueError
        Names the argument, its first bad value and the rule.

    Examples
    --------
    >>> from abm.scenario.market import Volatility
    >>> surface_faults(0.7, [3_600, 86_400, 2_592_000], Volatility(base=0.7))
    ()
    """
    left = np.atleast_1d(np.asarray(seconds_left, dtype=np.float64))
    gaps = np.diff(left)
    if not (gaps > 0).all():
        later = left[1:][~(gaps > 0)][0]
        raise ValueError(f"seconds_left is {later} after a longer or equal time; it must increase")
    strike = np.asarray(log_strike, dtype=np.float64)
    slices = expiry_slice(level, left[:, np.newaxis], rule)
    density = durrleman(strike, slices)
    growth = np.diff(slices.total_variance(strike), axis=0)
    faults = [
        f"butterfly: g is {row.min():.4g} at log strike {strike[row.argmin()]:.4g}, "
        f"{seconds:.0f} seconds before expiry"
        for seconds, row in zip(left, density, strict=True)
        if row.min() < -ROUNDING
    ]
    faults += [
        f"calendar: total variance changes by {row.min():.4g} at log strike "
        f"{strike[row.argmin()]:.4g}, from {earlier:.0f} to {later:.0f} seconds before expiry"
        for earlier, later, row in zip(left, left[1:], growth, strict=False)
        if row.min() < -ROUNDING
    ]
    return tuple(faults)
