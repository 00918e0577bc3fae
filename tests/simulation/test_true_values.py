"""What contracts are really worth at every step, worked out for many steps at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abm.margin import option_values
from abm.scenario import load_scenario
from abm.simulation import true_values
from abm.simulation.model import OptionsMarket

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"


@pytest.mark.parametrize(
    "overrides", [(), ("hedge_market.depth_usd=200_000", "market_makers.hedging.band_lots=5.0")]
)
def test_values_follow_the_true_price_of_every_step(
    monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...]
) -> None:
    monkeypatch.setattr(true_values, "STEPS_AT_ONCE", 7)
    model = OptionsMarket(load_scenario(SMALL_CRASH, overrides))
    world = model.world
    displaced = False
    for _ in range(world.scenario.clock.step_count):
        model.step()
        # Whatever trades of the step have done to the price counts, too.
        expected = option_values(
            world.instruments,
            world.price_usd,
            float(world.path.level[world.step]),
            world.now,
            world.scenario.market.volatility,
        )
        np.testing.assert_array_equal(world.true_values.now(), expected)
        displaced = displaced or float(world.price_usd) != float(world.path.price_usd[world.step])
    assert displaced == bool(overrides)
