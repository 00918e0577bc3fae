"""Implied volatility: a level that jumps as the price falls, and a smile around the price."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from abm.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.scenario.market import Volatility

# A series quotes at least one hour of time value; the smile in k needs a floor of time, too.
SHORTEST_SMILE_YEARS = 1 / 365
SMILE_LIMIT = 2.0


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
    half_life = rule.average_half_life_hours * SECONDS_PER_HOUR
    keep = 0.5 ** (step_seconds / half_life)
    logs = np.log(prices_usd)
    average = logs[0]
    levels = np.empty_like(logs)
    for step, log_price in enumerate(logs.tolist()):
        average = keep * average + (1.0 - keep) * log_price
        levels[step] = rule.base * max(math.exp(rule.response * (average - log_price)), 0.5)
    return levels


def implied_volatility(
    price_usd: float,
    level: float,
    strike_usd: NDArray[np.float64],
    seconds_left: NDArray[np.int64],
    rule: Volatility,
) -> NDArray[np.float64]:
    """Implied volatility of each series.

    Parameters
    ----------
    price_usd : float
        Price of the underlying, in dollars.
    level : float
        Level from `volatility_levels`, annualised.
    strike_usd : ndarray, shape (instruments,)
        Strikes in dollars.
    seconds_left : ndarray of int64, shape (instruments,)
        Time to expiry in seconds.
    rule : Volatility
        The scenario's rule, with its formula.

    Returns
    -------
    ndarray, shape (instruments,)
        Annualised, above 0 and at most ``rule.highest``.
    """
    years = np.maximum(seconds_left / SECONDS_PER_YEAR, SHORTEST_SMILE_YEARS)
    k = np.clip(np.log(strike_usd / price_usd) / np.sqrt(years), -SMILE_LIMIT, SMILE_LIMIT)
    term = (30 * SECONDS_PER_DAY / SECONDS_PER_YEAR / years) ** rule.term_power
    smile = np.maximum(1.0 + rule.skew * k + rule.curvature * k * k, 0.2)
    return np.minimum(level * term * smile, rule.highest)
