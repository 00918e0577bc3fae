"""A price that follows the traded underlying's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.market.paths.kind import path_of_returns

if TYPE_CHECKING:
    from abm.market.paths.kind import DrawnPath, Grid, Noise
    from abm.scenario.prices import FollowingPrice


def following(price: FollowingPrice, grid: Grid, noise: Noise) -> DrawnPath:
    """Draw the leader's returns times beta, and a diffusion of its own.

    Raises
    ------
    ValueError
        If there is no leader: the traded underlying cannot follow itself.
    """
    if noise.leader is None:
        raise ValueError("a following price needs the path of the traded underlying")
    years = grid.step_years
    own = noise.moves(grid.step_count)
    returns = (
        price.beta * np.diff(np.log(noise.leader.price_usd))
        + price.annual_drift * years
        + price.annual_volatility * np.sqrt(years) * own
    )
    return path_of_returns(price.start_usd, returns, own)
