"""Shocks to prices: of the underlying and its volatility before the run, of stable tokens in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.scenario.shocks import PriceJump, VolatilityJump
from abm.units import SECONDS_PER_HOUR, seconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.scenario.shocks import StablecoinDepeg
    from abm.simulation.shocks.occurrences import Occurrence
    from abm.simulation.world import World


def price_multiples(
    occurrences: tuple[Occurrence, ...], step_count: int, step_seconds: int
) -> NDArray[np.float64]:
    """Return what jumps make of the price, as multiples, shape (steps + 1,)."""
    logs = np.zeros(step_count + 1)
    second = np.arange(step_count + 1) * step_seconds
    for when in occurrences:
        shock = when.shock
        if isinstance(shock, PriceJump):
            length = when.end_second - when.start_second
            move = np.clip((second - when.start_second) / length, 0.0, 1.0) * np.log(shock.factor)
            if shock.recovery_half_life_hours is not None:
                half_life = shock.recovery_half_life_hours * SECONDS_PER_HOUR
                move *= 0.5 ** (np.maximum(second - when.end_second, 0) / half_life)
            logs += move
    multiples: NDArray[np.float64] = np.exp(logs)
    return multiples


def added_volatility(
    occurrences: tuple[Occurrence, ...], step_count: int, step_seconds: int
) -> NDArray[np.float64]:
    """Return what jumps add to the level of volatility, shape (steps + 1,)."""
    added = np.zeros(step_count + 1)
    second = np.arange(step_count + 1) * step_seconds
    for when in occurrences:
        if isinstance(when.shock, VolatilityJump):
            lasts = (when.start_second <= second) & (second < when.end_second)
            added += lasts * when.shock.added_volatility
    return added


def depeg(world: World, shock: StablecoinDepeg, when: Occurrence) -> None:
    """Set what a stable token is worth in this step."""
    fallen = min((world.now - when.start_second) / seconds(shock.fall_hours), 1.0)
    worth = 1.0 - fallen * (1.0 - shock.worth_usd)
    world.place.tokens.depeg(shock.token, worth, seen=shock.venue_sees_it)
