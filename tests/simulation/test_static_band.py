"""The static band against sums over members, from the balance sheets of a running world."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from abm.margin import option_values, total_value
from abm.scenario import parse_scenario
from abm.simulation.model import OptionsMarket
from abm.simulation.static_band import StaticBand, measure_band
from abm.units import MICRO

if TYPE_CHECKING:
    from abm.simulation.world import World

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"


def world_of(**tables: Any) -> World:  # noqa: ANN401 - any table of a scenario
    data = {**tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8")), **tables}
    return OptionsMarket(parse_scenario(data)).world


def band_of(world: World) -> StaticBand | None:
    """Return the band, so that mypy forgets what it was before."""
    return world.band


def shortfall_at(world: World, step: int) -> float:
    """Return what members cannot pay if the market of a step came at once, member by member."""
    value = option_values(
        world.instruments,
        float(world.path.price_usd[step]),
        float(world.path.level[step]),
        world.now,
        world.scenario.market.volatility,
    )
    own = world.cash.balances / MICRO + world.positions.sparse() @ value
    unit_usd = world.unit_usd(float(world.path.price_usd[step]))
    equity = own + total_value(world.owned_units(), unit_usd)
    return float(-np.minimum(equity, 0.0).sum())


def test_clearing_at_once_loses_what_members_cannot_pay() -> None:
    world = world_of(shocks={})
    measure_band(world)
    assert world.band is not None
    path = world.path.price_usd
    ends = (int(path.argmin()), int(path.argmax()))
    assert world.band.clearing_usd == pytest.approx(max(shortfall_at(world, at) for at in ends))
    assert world.band.clearing_usd > 100_000
    assert world.band.debtrank_usd > world.band.clearing_usd


def test_the_band_is_measured_once_and_not_before_the_first_shock() -> None:
    world = world_of()
    measure_band(world)
    assert band_of(world) is None
    world.step = world.scenario.first_shock_second // world.scenario.clock.step_seconds
    measure_band(world)
    first = band_of(world)
    assert first is not None
    world.step += 1
    measure_band(world)
    assert band_of(world) is first


def test_a_price_that_stands_still_costs_nothing() -> None:
    market = tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8"))["market"]
    flat = {"kind": "diffusion", "start_usd": 2_000, "annual_volatility": 0}
    world = world_of(market={**market, "price": flat}, shocks={})
    measure_band(world)
    assert world.band is not None
    assert world.band.clearing_usd == pytest.approx(0.0, abs=1e-6)


def test_a_venue_without_a_fund_has_a_band_too() -> None:
    world = world_of(shocks={}, waterfall={"insurance_fund_usd": 0})
    measure_band(world)
    assert world.band is not None
    assert 0 < world.band.clearing_usd <= world.band.debtrank_usd
