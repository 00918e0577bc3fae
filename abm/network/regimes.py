"""How slow a channel is, and for how long: a state that lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.scenario.clock import Clock
    from abm.scenario.network import Channel


def draw_regime(channel: Channel, clock: Clock, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the multiple by which a channel's finality and attestation take longer.

    Its logarithm is an autoregression of order one in its stationary state, so a slow hour follows
    a slow hour and the median is 1.

    Parameters
    ----------
    channel : Channel
        Standard deviation and half-life.
    clock : Clock
        Steps of the run.
    rng : numpy.random.Generator
        The channel's own stream.

    Returns
    -------
    ndarray, shape (steps + 1,)
        Multiples, above 0.
    """
    half_life = channel.regime_half_life_hours * SECONDS_PER_HOUR
    keep = 0.5 ** (clock.step_seconds / half_life)
    draws = rng.standard_normal(clock.step_count + 1) * channel.regime_ln_sigma
    logs = np.empty_like(draws)
    log = logs[0] = float(draws[0])
    fresh = np.sqrt(1.0 - keep**2)
    for step, draw in enumerate(draws[1:].tolist(), start=1):
        log = keep * log + fresh * draw
        logs[step] = log
    multiples: NDArray[np.float64] = np.exp(logs)
    return multiples
