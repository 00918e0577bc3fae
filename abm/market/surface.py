"""Implied volatility: a level that jumps as the price falls, and a smile free of arbitrage.

The smile is the surface SVI (SSVI) of Gatheral and Jacquier. Throughout, ``log_strike`` is k, the
logarithm of strike over forward, ``theta`` the total variance (volatility squared times years) of
an expiry at the money, and total variance has no unit. There are no rates: the forward is the
price.

References
----------
J. Gatheral and A. Jacquier, Arbitrage-free SVI volatility surfaces, Quantitative Finance 14 (2014),
59-71; sections 3 (the shapes of one expiry) and 4 (the surface).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.scenario.market import LOWEST_LEVEL, SHORTEST_SMILE_DAYS, TERM_DAYS
from abm.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_YEAR

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from abm.scenario.market import Volatility
    from abm.scenario.prices import VolatilityIndex

    Floats = NDArray[np.float64]
    Number = float | Floats

SHORTEST_SMILE_YEARS = SHORTEST_SMILE_DAYS * SECONDS_PER_DAY / SECONDS_PER_YEAR
# Below this curvature m and sigma, of the order of its inverse, would overflow.
NEARLY_FLAT = 1e-100
TERM_YEARS = TERM_DAYS * SECONDS_PER_DAY / SECONDS_PER_YEAR


def volatility_levels(
    prices_usd: NDArray[np.float64], step_seconds: int, rule: Volatility
) -> NDArray[np.float64]:
    """Level of implied volatility along a price path.

    Parameters
    ----------
    prices_usd : ndarray, shape (steps,)
        Price at each step, in dollars.
    step_seconds : int
        Time between them.
    rule : Volatility
        The scenario's rule, with its formula.

    Returns
    -------
    ndarray, shape (steps,)
        Annualised at-the-money volatility of 30 days.
    """
    if rule.index is not None:
        return _recorded_levels(rule.index, len(prices_usd), step_seconds)
    half_life = rule.average_half_life_hours * SECONDS_PER_HOUR
    keep = 0.5 ** (step_seconds / half_life)
    logs = np.log(prices_usd)
    average = logs[0]
    levels = np.empty_like(logs)
    for step, log_price in enumerate(logs.tolist()):
        average = keep * average + (1.0 - keep) * log_price
        levels[step] = rule.base * max(
            math.exp(rule.response * (average - log_price)), LOWEST_LEVEL
        )
    return levels


def _recorded_levels(index: VolatilityIndex, count: int, step_seconds: int) -> NDArray[np.float64]:
    """Levels of a recorded index, straight between its points."""
    known = np.arange(len(index.points)) * float(index.point_seconds)
    levels: NDArray[np.float64] = np.interp(
        np.arange(count) * float(step_seconds), known, np.array(index.points) / 100.0
    )
    return levels


@dataclass(frozen=True, slots=True)
class Smile:
    """Shape of a surface: what is left of it when every ``theta`` is known.

    Attributes
    ----------
    correlation : float
        rho, in (-1, 1): below 0 low strikes stand higher than high ones.
    curvature : float
        eta, at least 0: the steepness of both wings; 0 is a flat smile.
    power : float
        gamma, in [0, 1]: how much steeper short expiries are; 0.5 keeps the shape over strikes
        counted in standard deviations.

    Raises
    ------
    ValueError
        Names the argument, its value and the rule.
    """

    correlation: float
    curvature: float
    power: float

    def __post_init__(self) -> None:
        """Check the range of each parameter; arbitrage is `abm.market.arbitrage`'s question."""
        if not -1.0 < self.correlation < 1.0:
            raise ValueError(f"correlation is {self.correlation}; it must be > -1 and < 1")
        if not 0.0 <= self.curvature < math.inf:
            raise ValueError(f"curvature is {self.curvature}; it must be finite and >= 0")
        if not 0.0 <= self.power <= 1.0:
            raise ValueError(f"power is {self.power}; it must be in [0, 1]")

    @classmethod
    def of(cls, rule: Volatility) -> Smile:
        """Return the smile of a scenario's rule."""
        return cls(rule.smile_correlation, rule.smile_curvature, rule.smile_power)


def power_law(theta: ArrayLike, smile: Smile) -> NDArray[np.float64]:
    """Return phi(theta) = eta / (theta**gamma * (1 + theta)**(1 - gamma)), of the shape of theta.

    Raises
    ------
    ValueError
        Unless every theta is finite and above 0.

    References
    ----------
    Gatheral and Jacquier (2014), section 4, after the example of the power law.
    """
    variance = _above_zero("theta", theta)
    return smile.curvature * variance**-smile.power * (1.0 + variance) ** (smile.power - 1.0)


def ssvi_total_variance(
    log_strike: ArrayLike, theta: ArrayLike, smile: Smile
) -> NDArray[np.float64]:
    """Total implied variance of the surface SVI; the two arrays broadcast.

    Parameters
    ----------
    log_strike : array_like of float
        Logarithm of strike over forward.
    theta : array_like of float
        Total variance at the money, above 0.
    smile : Smile
        Shape of the surface.

    Returns
    -------
    ndarray
        Volatility squared times years, above 0; ``theta`` where ``log_strike`` is 0.

    Raises
    ------
    ValueError
        Names the argument, its first bad value and the rule.

    References
    ----------
    Gatheral and Jacquier (2014), section 4, the definition of the surface.

    Examples
    --------
    With rho = 0, gamma = 0.5 and theta = 1, phi is eta / sqrt(2). For eta = sqrt(2) and
    k = sqrt(3) that makes w = 1/2 * (1 + sqrt(3 + 1)) = 1.5 on either side.

    >>> smile = Smile(correlation=0.0, curvature=2**0.5, power=0.5)
    >>> ssvi_total_variance([-(3**0.5), 0.0, 3**0.5], 1.0, smile).round(12).tolist()
    [1.5, 1.0, 1.5]
    """
    strike = np.asarray(log_strike, dtype=np.float64)
    _require("log_strike", strike, np.isfinite(strike), "finite")
    variance = _above_zero("theta", theta)
    return _total_variance(strike, variance, smile.correlation, smile.curvature, smile.power)


def _total_variance(
    log_strike: Floats, theta: Floats, correlation: float, curvature: float, power: float
) -> Floats:
    # theta * phi(theta) = eta * (theta / (1 + theta))**(1 - gamma): one power instead of two.
    wing = curvature * (theta / (1.0 + theta)) ** (1.0 - power) * log_strike
    root = np.hypot(wing + correlation * theta, math.sqrt(1.0 - correlation**2) * theta)
    total: NDArray[np.float64] = 0.5 * (theta + correlation * wing + root)
    return total


@dataclass(frozen=True)
class RawSlice:
    """One expiry's smile in the raw parameters of SVI, or several of them.

    w(k) = a + b * (rho * (k - m) + sqrt((k - m)**2 + sigma**2))

    Attributes
    ----------
    a, b, rho, m, sigma : ndarray
        The parameters, of one shape: that of the ``theta`` they were made of.

    References
    ----------
    Gatheral and Jacquier (2014), section 3, the raw parameterization.
    """

    a: NDArray[np.float64]
    b: NDArray[np.float64]
    rho: NDArray[np.float64]
    m: NDArray[np.float64]
    sigma: NDArray[np.float64]

    def total_variance(self, log_strike: ArrayLike) -> NDArray[np.float64]:
        """Return w(k); the strikes broadcast against the parameters."""
        distance = np.asarray(log_strike, dtype=np.float64) - self.m
        return self.a + self.b * (self.rho * distance + np.hypot(distance, self.sigma))

    def slope(self, log_strike: ArrayLike) -> NDArray[np.float64]:
        """Return the first derivative of w in k."""
        distance = np.asarray(log_strike, dtype=np.float64) - self.m
        return self.b * (self.rho + distance / np.hypot(distance, self.sigma))

    def second_derivative(self, log_strike: ArrayLike) -> NDArray[np.float64]:
        """Return the second derivative of w in k, at least 0."""
        distance = np.asarray(log_strike, dtype=np.float64) - self.m
        radius = np.hypot(distance, self.sigma)
        return self.b * (self.sigma / radius) ** 2 / radius


def raw_slice(theta: ArrayLike, smile: Smile) -> RawSlice:
    """Return the surface's slice at one or more total variances as raw SVI.

    A flat slice has b = 0, and m = 0 and sigma = 1 stand for any.

    Parameters
    ----------
    theta : array_like of float
        Total variance at the money, above 0.
    smile : Smile
        Shape of the surface.

    Returns
    -------
    RawSlice
        Arrays of the shape of ``theta``.

    Raises
    ------
    ValueError
        Unless every theta is finite and above 0.

    References
    ----------
    Gatheral and Jacquier (2014), section 3: the raw equivalent of the natural parameters
    (0, 0, rho, theta, phi(theta)).

    Examples
    --------
    With rho = 0.6, phi = 2 and theta = 0.25: a = 0.25/2 * (1 - 0.36), b = 0.25 * 2/2,
    m = -0.6/2 and sigma = sqrt(1 - 0.36)/2.

    >>> raw = raw_slice(0.25, Smile(correlation=0.6, curvature=5**0.5 / 2, power=0.5))
    >>> [round(float(x), 12) for x in (raw.a, raw.b, raw.rho, raw.m, raw.sigma)]
    [0.08, 0.25, 0.6, -0.3, 0.4]
    """
    variance = _above_zero("theta", theta)
    rho = np.full_like(variance, smile.correlation)
    if smile.curvature < NEARLY_FLAT:
        nothing = np.zeros_like(variance)
        return RawSlice(a=variance, b=nothing, rho=rho, m=nothing, sigma=nothing + 1.0)
    phi = power_law(variance, smile)
    return RawSlice(
        a=0.5 * variance * (1.0 - rho**2),
        b=0.5 * variance * phi,
        rho=rho,
        m=-rho / phi,
        sigma=np.sqrt(1.0 - rho**2) / phi,
    )


def expiry_slice(level: float, seconds_left: ArrayLike, rule: Volatility) -> RawSlice:
    """Return the raw SVI slice of each expiry of a scenario.

    Parameters
    ----------
    level : float
        Level from `volatility_levels`, annualised.
    seconds_left : array_like of int
        Time to each expiry in seconds, above 0.
    rule : Volatility
        The scenario's rule.

    Returns
    -------
    RawSlice
        Arrays of the shape of ``seconds_left``.

    Raises
    ------
    ValueError
        Names the argument, its first bad value and the rule.
    """
    _require_number("level", level)
    years = _above_zero("seconds_left", seconds_left) / SECONDS_PER_YEAR
    smile_years = np.maximum(years, SHORTEST_SMILE_YEARS)
    full = raw_slice(_at_the_money(level, smile_years, rule) ** 2 * smile_years, Smile.of(rule))
    left = years / smile_years
    return RawSlice(full.a * left, full.b * left, full.rho, full.m, full.sigma)


def implied_volatility(
    price_usd: float,
    level: float,
    strike_usd: NDArray[np.float64],
    seconds_left: NDArray[np.int64],
    rule: Volatility,
) -> NDArray[np.float64]:
    """Implied volatility of each series.

    In the last day a series keeps the volatility of one day, so that total variance runs out in
    proportion to time at every strike; that adds no arbitrage (see `abm.market.arbitrage`).

    Parameters
    ----------
    price_usd : float
        Price of the underlying, in dollars, above 0.
    level : float
        Level from `volatility_levels`, annualised, above 0.
    strike_usd : ndarray, shape (instruments,)
        Strikes in dollars, above 0.
    seconds_left : ndarray of int64, shape (instruments,)
        Time to expiry in seconds; an expired series, at 0 or below, still gets an answer.
    rule : Volatility
        The scenario's rule, with its formula.

    Returns
    -------
    ndarray, shape (instruments,)
        Annualised, above 0; at most ``rule.highest`` at the money.

    Raises
    ------
    ValueError
        Names the argument, its first bad value and the rule.

    Examples
    --------
    Thirty days before expiry, at the money and 20 % to either side of it.

    >>> from abm.scenario.market import Volatility
    >>> strikes = np.array([80.0, 100.0, 120.0])
    >>> left = np.full(3, 30 * 86_400)
    >>> implied_volatility(100.0, 0.7, strikes, left, Volatility(base=0.7)).round(3).tolist()
    [0.788, 0.7, 0.711]
    """
    _require_number("price_usd", price_usd)
    _require_number("level", level)
    if strike_usd.size and not strike_usd.min() > 0.0:
        _require("strike_usd", strike_usd, strike_usd > 0, "> 0")
    return broadcast_volatility(price_usd, level, strike_usd, seconds_left, rule)


def broadcast_volatility(
    price_usd: Number, level: Number, strike_usd: Floats, left: NDArray[np.int64], rule: Volatility
) -> Floats:
    """Return `implied_volatility` of arguments that broadcast, for trusted input."""
    years = np.maximum(left / SECONDS_PER_YEAR, SHORTEST_SMILE_YEARS)
    total = _total_variance(
        np.log(strike_usd / price_usd),
        _at_the_money(level, years, rule) ** 2 * years,
        rule.smile_correlation,
        rule.smile_curvature,
        rule.smile_power,
    )
    volatility: NDArray[np.float64] = np.sqrt(total / years)
    return volatility


def _at_the_money(level: Number, years: Floats, rule: Volatility) -> Floats:
    term = np.maximum(TERM_YEARS / years, 1.0) ** rule.term_power
    return np.minimum(level * term, rule.highest)


def _require_number(name: str, value: float) -> None:
    if not 0.0 < value < math.inf:
        raise ValueError(f"{name} is {value}; it must be finite and > 0")


def _require(name: str, values: ArrayLike, good: ArrayLike, rule: str) -> None:
    passed = np.asarray(good)
    if not passed.all():
        raise ValueError(f"{name} is {np.asarray(values)[~passed].flat[0]}; it must be {rule}")


def _above_zero(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    _require(name, array, np.isfinite(array) & (array > 0), "finite and > 0")
    return array
