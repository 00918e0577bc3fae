"""Liquidators whose cash runs low bring dollars over the bridge to where they bid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from abm.errors import ScenarioError
from abm.simulation.model import OptionsMarket
from abm.units import MICRO

if TYPE_CHECKING:
    from abm.network import Transit
    from abm.simulation.world import World
    from tests.conftest import ScenarioMaker


def model_of(
    small_flagship: ScenarioMaker,
    flagship_data: dict[str, Any],
    shocks: dict[str, Any] | None = None,
    **rule: Any,  # noqa: ANN401 - keys of the table
) -> OptionsMarket:
    liquidators = {
        **flagship_data["liquidators"],
        "capital_median_usd": 40_000,
        "reserve_fraction": 1.0,
        **rule,
    }
    return OptionsMarket(small_flagship(shocks=shocks or {}, liquidators=liquidators))


def spend(world: World, slot: int) -> int:
    """Take nine tenths of a liquidator's cash away; return what it had."""
    holder, token = world.holders.liquidator + slot, world.cash.token
    held = world.ledger.balance(holder, token)
    world.ledger.transfer(holder, world.holders.outside, token, held * 9 // 10)
    return held


def cash(world: World, slot: int) -> int:
    return world.ledger.balance(world.holders.liquidator + slot, world.cash.token)


def sent(world: World) -> list[Transit]:
    return [t for t in world.transport.transits if t.message.kind == "replenishment"]


def test_a_liquidator_that_is_low_gets_back_to_what_it_had_after_the_lanes_delay(
    small_flagship: ScenarioMaker, flagship_data: dict[str, Any]
) -> None:
    model = model_of(small_flagship, flagship_data)
    world = model.world
    slot = world.liquidators.chains.index("arbitrum")
    had = spend(world, slot)
    for _ in range(20):
        model.step()
    (transit,) = sent(world)
    assert transit.message.channel == "to_arbitrum"
    assert transit.end_second is not None
    assert transit.end_second - transit.message.sent_second >= 20
    assert cash(world, slot) == had
    start = round(float(world.liquidators.capital_usd[slot]) * MICRO)
    left = world.ledger.balance(world.holders.reserve + slot, world.cash.token)
    assert left == start - had * 9 // 10


def test_none_comes_over_a_halted_lane_and_what_is_on_its_way_is_accounted_for(
    small_flagship: ScenarioMaker, flagship_data: dict[str, Any]
) -> None:
    halt = {
        "halt": {
            "kind": "channel_halt",
            "channels": ["to_arbitrum"],
            "at_hours": 0.01,
            "duration_hours": 5,
        }
    }
    model = model_of(small_flagship, flagship_data, shocks=halt)
    world = model.world
    model.step()
    slot = world.liquidators.chains.index("arbitrum")
    had = spend(world, slot)
    for _ in range(60):
        model.step()  # which checks what is under way
    assert len(sent(world)) == 1
    assert cash(world, slot) < had // 2
    assert world.replenishing.under_way > 0


def test_without_a_reserve_none_comes(
    small_flagship: ScenarioMaker, flagship_data: dict[str, Any]
) -> None:
    model = model_of(small_flagship, flagship_data, reserve_fraction=0.0)
    spend(model.world, 0)
    for _ in range(20):
        model.step()
    assert not sent(model.world)


def test_a_reserve_that_no_lane_leads_from_is_refused(
    small_flagship: ScenarioMaker, flagship_data: dict[str, Any]
) -> None:
    liquidators = {
        **flagship_data["liquidators"],
        "home_chains": {"elsewhere": 1.0},
        "reserve_fraction": 0.5,
    }
    chains = {**flagship_data["chains"], "elsewhere": {"block_seconds": 2, "gas_usd": 0.1}}
    with pytest.raises(ScenarioError, match="a channel from venue to elsewhere"):
        small_flagship(liquidators=liquidators, chains=chains)
