"""Paths of prices, drawn for the whole run before its first step.

A new kind is a table in `abm.scenario.prices`, a module here and a line in `KINDS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.market.paths.clustered import clustered
from abm.market.paths.diffusion import diffusion
from abm.market.paths.following import following
from abm.market.paths.jump_diffusion import jump_diffusion
from abm.market.paths.kind import DrawnPath, Grid, Noise, PathKind
from abm.market.paths.replay import replay
from abm.market.paths.stochastic_volatility import stochastic_volatility
from abm.scenario.prices import (
    ClusteredPrice,
    DiffusionPrice,
    FollowingPrice,
    JumpDiffusionPrice,
    ReplayPrice,
    StochasticVolatilityPrice,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from abm.randomness import Streams
    from abm.scenario.market import Market
    from abm.scenario.prices import OtherPrice

__all__ = ["KINDS", "DrawnPath", "Grid", "Noise", "PathKind", "draw_paths", "price_path"]

KINDS: dict[type[OtherPrice], PathKind] = {
    ReplayPrice: replay,
    DiffusionPrice: diffusion,
    JumpDiffusionPrice: jump_diffusion,
    StochasticVolatilityPrice: stochastic_volatility,
    ClusteredPrice: clustered,
    FollowingPrice: following,
}


def price_path(
    price: OtherPrice,
    step_count: int,
    step_seconds: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Draw one price at every step, correlated with no other.

    Parameters
    ----------
    price : one of the tables in `abm.scenario.prices`
        The scenario's rule.
    step_count : int
        Steps of the run.
    step_seconds : int
        Length of one, in seconds.
    rng : numpy.random.Generator
        The stream of this path.

    Returns
    -------
    ndarray, shape (step_count + 1,)
        Dollars; the first is the price at second 0.
    """
    return KINDS[type(price)](price, Grid(step_count, step_seconds), Noise(rng)).price_usd


def draw_paths(
    market: Market, grid: Grid, streams: Streams
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Draw the traded underlying's price and those of the others, each from a stream of its own.

    Parameters
    ----------
    market : Market
        The scenario's rules.
    grid : Grid
        The steps of the run.
    streams : Streams
        Of the run: ``price`` for the traded underlying, ``price`` and its name for another.

    Returns
    -------
    tuple of ndarray and dict of str to ndarray, shapes (step_count + 1,)
        Dollars; another underlying added or taken away changes no other path.
    """
    traded = KINDS[type(market.price)](market.price, grid, Noise(streams.get("price")))
    others = {
        name: KINDS[type(other.price)](
            other.price, grid, Noise(streams.get("price", name), traded, other.correlation)
        ).price_usd
        for name, other in market.others.items()
    }
    return traded.price_usd, others
