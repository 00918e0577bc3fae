"""Geometric Brownian motion with jumps.

References
----------
R. C. Merton, Option pricing when underlying stock returns are discontinuous, Journal of Financial
Economics 3 (1976), 125-144; section 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.market.paths.kind import path_of_returns

if TYPE_CHECKING:
    from abm.market.paths.kind import DrawnPath, Grid, Noise
    from abm.scenario.prices import JumpDiffusionPrice


def jump_diffusion(price: JumpDiffusionPrice, grid: Grid, noise: Noise) -> DrawnPath:
    """Draw normal returns, and a Poisson number of normal jumps in every step.

    Over a time t the log return has the cumulants ``(drift + rate * mean) * t``,
    ``(volatility**2 + rate * (mean**2 + deviation**2)) * t`` and, from the third on, those of the
    jumps alone.
    """
    years = grid.step_years
    moves = noise.moves(grid.step_count)
    counts = noise.rng.poisson(price.jumps_per_year * years, grid.step_count)
    # The sum of n jumps is normal with n times their mean and variance.
    sizes = price.jump_mean * counts + price.jump_deviation * np.sqrt(
        counts
    ) * noise.rng.standard_normal(grid.step_count)
    returns = price.annual_drift * years + price.annual_volatility * np.sqrt(years) * moves + sizes
    return path_of_returns(price.start_usd, returns, moves)
