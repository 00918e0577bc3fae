"""What contracts are really worth, whatever the venue believes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.margin import option_values, option_values_along

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.simulation.world import World

STEPS_AT_ONCE = 64
"""Steps valued in one pass: for so few series, a pass takes as long as its calls of NumPy."""


class TrueValues:
    """Values of all series at the true price of each step.

    Where no trade moves the price, it is known from the start of a run, and many steps are valued
    in one pass.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._first = 0
        self._values = np.zeros((0, len(world.instruments)))

    def now(self) -> NDArray[np.float64]:
        """Return what one contract of each series is worth now, in dollars, (instruments,)."""
        world = self._world
        if world.local is not None and world.local.moves:
            level = float(world.path.level[world.step])
            rule = world.scenario.market.volatility
            return option_values(world.instruments, world.price_usd, level, world.now, rule)
        if not 0 <= world.step - self._first < len(self._values):
            self._value_from(world.step)
        values: NDArray[np.float64] = self._values[world.step - self._first]
        return values

    def _value_from(self, step: int) -> None:
        """Value the next steps."""
        world = self._world
        steps = slice(step, step + STEPS_AT_ONCE)
        price_usd = world.path.price_usd[steps]
        seconds = np.arange(step, step + len(price_usd)) * world.scenario.clock.step_seconds
        rule = world.scenario.market.volatility
        self._first = step
        self._values = option_values_along(
            world.instruments, price_usd, world.path.level[steps], seconds, rule
        )
