"""Geometric Brownian motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.market.paths.kind import path_of_returns

if TYPE_CHECKING:
    from abm.market.paths.kind import DrawnPath, Grid, Noise
    from abm.scenario.prices import DiffusionPrice


def diffusion(price: DiffusionPrice, grid: Grid, noise: Noise) -> DrawnPath:
    """Draw independent normal returns."""
    years = grid.step_years
    moves = noise.moves(grid.step_count)
    returns = price.annual_drift * years + price.annual_volatility * np.sqrt(years) * moves
    return path_of_returns(price.start_usd, returns, moves)
