"""The exogenous market of a run: price, volatility and gas at every step, drawn at the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.market import Grid, SpotPrice, draw_paths, volatility_levels
from abm.scenario.prices import FollowingPrice
from abm.simulation.shocks.market import added_volatility, price_multiples
from abm.simulation.shocks.occurrences import Occurrence, draw_occurrences
from abm.units import SECONDS_PER_HOUR, SECONDS_PER_YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.randomness import Streams
    from abm.scenario.model import Scenario

REALISED_HALF_LIFE_SECONDS = 1_800.0
# Gas moves slowly: about an hour until half of a deviation is gone.
GAS_HALF_LIFE_SECONDS = 3_600.0
# An hourly move below this leaves gas alone.
CALM_HOURLY_MOVE = 0.01


@dataclass(frozen=True)
class MarketPath:
    """Everything about the market that no agent changes.

    Attributes
    ----------
    price_usd, level, realised : ndarray, shape (steps + 1,)
        Price of the traded underlying in dollars, level of implied volatility, realised volatility
        of the last half hour; both annualised.
    others_usd : dict of str to ndarray, shape (steps + 1,)
        Prices of the other underlyings.
    gas : dict of str to ndarray, shape (steps + 1,)
        Gas of each chain in multiples of calm, before shocks.
    occurrences : tuple of Occurrence
        When which shock happens.
    """

    price_usd: NDArray[np.float64]
    others_usd: dict[str, NDArray[np.float64]]
    level: NDArray[np.float64]
    realised: NDArray[np.float64]
    gas: dict[str, NDArray[np.float64]]
    occurrences: tuple[Occurrence, ...] = ()

    def spot(self, step: int) -> float:
        """Return the traded underlying's price at a step, with those of the others if any."""
        price = float(self.price_usd[step])
        if not self.others_usd:
            return price
        return SpotPrice(price, {name: float(path[step]) for name, path in self.others_usd.items()})


def draw_market(scenario: Scenario, streams: Streams) -> MarketPath:
    """Draw the market of a run."""
    clock, market = scenario.clock, scenario.market
    prices, others = draw_paths(market, Grid(clock.step_count, clock.step_seconds), streams)
    occurrences = draw_occurrences(scenario, prices, streams)
    multiples = price_multiples(occurrences, clock.step_count, clock.step_seconds)
    prices *= multiples
    for name, other in market.others.items():
        if isinstance(other.price, FollowingPrice):
            others[name] *= multiples**other.price.beta
    levels = volatility_levels(prices, clock.step_seconds, market.volatility)
    levels += added_volatility(occurrences, clock.step_count, clock.step_seconds)
    realised = _realised(prices, clock.step_seconds, market.volatility.base)
    gas = {
        name: _gas(
            prices,
            clock.step_seconds,
            chain.gas_noise,
            chain.gas_volatility_response,
            streams.get("gas", name),
        )
        for name, chain in scenario.chains.items()
    }
    return MarketPath(prices, others, levels, realised, gas, occurrences)


def _realised(prices: NDArray[np.float64], step_seconds: int, start: float) -> NDArray[np.float64]:
    """Exponentially weighted volatility of the steps' returns, annualised."""
    keep = 0.5 ** (step_seconds / REALISED_HALF_LIFE_SECONDS)
    squares = np.diff(np.log(prices), prepend=np.log(prices[0])) ** 2
    variance = start**2 * step_seconds / SECONDS_PER_YEAR
    smoothed = np.empty_like(squares)
    for step, square in enumerate(squares.tolist()):
        variance = keep * variance + (1.0 - keep) * square
        smoothed[step] = variance
    return np.sqrt(smoothed * SECONDS_PER_YEAR / step_seconds)


def _gas(
    prices: NDArray[np.float64],
    step_seconds: int,
    noise: float,
    response: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Multiple of calm gas: a mean-reverting logarithm, and more where the price just moved."""
    keep = 0.5 ** (step_seconds / GAS_HALF_LIFE_SECONDS)
    shocks = rng.standard_normal(len(prices)) * noise * np.sqrt(1.0 - keep**2)
    logs = np.empty(len(prices))
    log = 0.0
    for step, shock in enumerate(shocks.tolist()):
        log = keep * log + shock
        logs[step] = log
    window = max(SECONDS_PER_HOUR // step_seconds, 1)
    past = np.concatenate([np.full(window, prices[0]), prices])[: len(prices)]
    moves = np.maximum(np.abs(np.log(prices / past)) - CALM_HOURLY_MOVE, 0.0)
    multiples: NDArray[np.float64] = np.exp(logs) * (1.0 + response * moves)
    return multiples
