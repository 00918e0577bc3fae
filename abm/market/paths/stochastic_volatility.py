"""Variance that reverts to its mean and moves against the price: Heston's model.

References
----------
S. L. Heston, A closed-form solution for options with stochastic volatility, Review of Financial
Studies 6 (1993), 327-343.
L. Andersen, Simple and efficient simulation of the Heston stochastic volatility model, Journal of
Computational Finance 11 (2008), 1-42; the quadratic-exponential scheme of section 3.2.4 for the
variance and equation (33) for the price.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from abm.market.paths.kind import path_of_returns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.market.paths.kind import DrawnPath, Grid, Noise
    from abm.scenario.prices import StochasticVolatilityPrice

SWITCH = 1.5
"""Variance over squared mean of the next variance from which the exponential form is taken."""


def stochastic_volatility(price: StochasticVolatilityPrice, grid: Grid, noise: Noise) -> DrawnPath:
    """Draw the variance by the quadratic-exponential scheme and the log price around it.

    A correlation with another path is that of the part of the moves which the variance does not
    drive: of the whole move it is ``correlation * sqrt(1 - leverage**2)``.
    """
    moves = noise.moves(grid.step_count)
    variance = variance_path(price, grid, noise.rng)
    now, then = variance[:-1], variance[1:]
    years = grid.step_years
    # The integral of the variance by the trapezium rule; what of it the variance's own move tells.
    integral = 0.5 * years * (now + then)
    own_move = (
        then - now - price.reversion_per_year * (price.mean_volatility**2 * years - integral)
    ) / price.volatility_of_variance
    returns = (
        price.annual_drift * years
        + price.leverage * own_move
        + np.sqrt((1.0 - price.leverage**2) * integral) * moves
    )
    return path_of_returns(price.start_usd, returns, moves)


def variance_path(
    price: StochasticVolatilityPrice, grid: Grid, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw the annualised variance at every step, at least 0, shape (step_count + 1,)."""
    kappa, xi = price.reversion_per_year, price.volatility_of_variance
    mean = price.mean_volatility**2
    keep = math.exp(-kappa * grid.step_years)
    # Andersen (2008), equations (17) and (18).
    from_now = xi**2 * keep * (1.0 - keep) / kappa
    from_mean = mean * xi**2 * (1.0 - keep) ** 2 / (2.0 * kappa)
    uniforms = rng.random(grid.step_count)
    normals = ndtri(np.clip(uniforms, np.finfo(float).tiny, None))
    variances = np.empty(grid.step_count + 1)
    variances[0] = variance = price.start_volatility**2
    draws = zip(uniforms.tolist(), normals.tolist(), strict=True)
    for step, (uniform, normal) in enumerate(draws, start=1):
        expected = mean + (variance - mean) * keep
        ratio = (variance * from_now + from_mean) / expected**2
        if ratio <= SWITCH:
            inverse = 2.0 / ratio
            square = inverse - 1.0 + math.sqrt(inverse * (inverse - 1.0))
            variance = expected / (1.0 + square) * (math.sqrt(square) + normal) ** 2
        else:
            at_zero = (ratio - 1.0) / (ratio + 1.0)
            above = math.log((1.0 - at_zero) / (1.0 - uniform)) if uniform > at_zero else 0.0
            variance = above * expected / (1.0 - at_zero)
        variances[step] = variance
    return variances
