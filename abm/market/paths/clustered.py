"""A price whose volatility clusters: GARCH with more weight on falls and fat-tailed moves.

References
----------
L. R. Glosten, R. Jagannathan and D. E. Runkle, On the relation between the expected value and the
volatility of the nominal excess return on stocks, Journal of Finance 48 (1993), 1779-1801.
D. B. Nelson, ARCH models as diffusion approximations, Journal of Econometrics 45 (1990), 7-38.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from abm.market.paths.kind import path_of_returns

if TYPE_CHECKING:
    from abm.market.paths.kind import DrawnPath, Grid, Noise
    from abm.scenario.prices import ClusteredPrice


def clustered(price: ClusteredPrice, grid: Grid, noise: Noise) -> DrawnPath:
    """Draw returns with the variance that the returns before them leave.

    The next variance is ``(1 - p) * mean + (shock + fall * (z < 0)) * z**2 * variance + keep *
    variance``, with p = shock + fall / 2 + keep; z is Student's t with variance 1, so that the mean
    variance is kept.
    """
    shock, fall, keep = price.weights(grid.step_seconds)
    mean = price.annual_volatility**2 * grid.step_years
    constant = (1.0 - shock - fall / 2.0 - keep) * mean
    normals = noise.moves(grid.step_count)
    degrees = price.tail_degrees
    # Student's t is a normal over the root of a mean square; scaled to variance 1.
    squares = noise.rng.chisquare(degrees, grid.step_count)
    moves = normals * np.sqrt((degrees - 2.0) / squares)
    returns = np.empty(grid.step_count)
    variance = mean
    for step, move in enumerate(moves.tolist()):
        returns[step] = math.sqrt(variance) * move
        weight = shock + fall if move < 0 else shock
        variance = constant + (weight * move * move + keep) * variance
    returns += price.annual_drift * grid.step_years
    return path_of_returns(price.start_usd, returns, moves)
