"""Depositors of the insurance fund, and guardians who pause channels."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from abm.errors import ScenarioError
from abm.scenario import Scenario, load_scenario, parse_scenario
from abm.simulation.model import OptionsMarket
from abm.venue import Side
from tests.conftest import ROOT

if TYPE_CHECKING:
    from abm.recording.events import Event
    from abm.simulation.world import World
    from tests.conftest import ScenarioMaker

Tables = dict[str, Any]
DEPOSITORS = {"count": 6, "share": 0.6, "leave_below": 1.0, "notice_hours": 1.0}
FUND = 25_000 * 10**6


def lose(world: World, micro_dollars: int) -> None:
    """Let the fund pay a loss of an account."""
    trader, maker = 0, world.makers[0]
    changes = np.zeros_like(world.cash.balances)
    changes[trader] = -micro_dollars - int(world.cash.balances[trader])
    changes[maker] = -changes[trader]
    world.cash.settle(changes)
    world.clearings[0].waterfall.pay(trader, world.now)


def events(world: World, kind: str) -> list[Event]:
    return [event for event in world.log.events if event.kind == kind]


def fund(world: World) -> int:
    return world.clearings[0].waterfall.fund()


def quiet(small_flagship: ScenarioMaker, **tables: Any) -> OptionsMarket:  # noqa: ANN401
    return OptionsMarket(small_flagship(shocks={}, **tables))


def test_nobody_leaves_a_fund_that_loses_nothing(small_flagship: ScenarioMaker) -> None:
    model = quiet(small_flagship, fund_depositors=DEPOSITORS)
    for _ in range(60):
        model.step()
    assert fund(model.world) == FUND
    assert not events(model.world, "fund_notice")


def test_those_whose_threshold_is_passed_leave_after_their_notice_with_their_part_of_the_rest(
    small_flagship: ScenarioMaker,
) -> None:
    model = quiet(small_flagship, fund_depositors=DEPOSITORS)
    model.step()
    lose(model.world, FUND // 2)
    model.step()
    asked = len(events(model.world, "fund_notice"))
    assert asked > 0
    assert fund(model.world) == FUND // 2
    for _ in range(29):
        model.step()
    assert not events(model.world, "fund_exit")
    model.step()
    left = events(model.world, "fund_exit")
    assert len(left) == asked
    paid = FUND // 2 - fund(model.world)
    assert sum(round(event.value_usd * 10**6) for event in left) == paid
    assert 0 < paid <= 0.6 * FUND / 2


def test_a_depositor_bears_losses_until_it_is_paid(small_flagship: ScenarioMaker) -> None:
    paid = []
    for second_loss in (0, FUND // 4):
        model = quiet(small_flagship, fund_depositors=DEPOSITORS)
        model.step()
        lose(model.world, FUND // 2)
        model.step()
        first = len(events(model.world, "fund_notice"))
        lose(model.world, second_loss)
        for _ in range(30):
            model.step()
        paid.append(sum(event.value_usd for event in events(model.world, "fund_exit")[:first]))
    assert paid[1] == pytest.approx(paid[0] / 2, rel=1e-6)


def test_no_depositor_runs_where_runs_are_switched_off(small_flagship: ScenarioMaker) -> None:
    model = quiet(small_flagship, fund_depositors=DEPOSITORS, contagion={"withdrawal_run": False})
    model.step()
    lose(model.world, FUND // 2)
    model.step()
    assert not events(model.world, "fund_notice")


@pytest.fixture(scope="module")
def forged() -> Tables:
    path = ROOT / "scenarios" / "forged_collateral_april_2026.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def guarded(forged: Tables, **rule: Any) -> Scenario:  # noqa: ANN401 - keys of a table
    clock = {**forged["clock"], "hours": 24}
    guardians = {**forged["guardians"], "notice_ln_sigma": 0.0, **rule}
    return parse_scenario({**forged, "clock": clock, "guardians": guardians})


def run(scenario: Scenario) -> World:
    model = OptionsMarket(scenario)
    for _ in range(scenario.clock.step_count):
        model.step()
    return model.world


def test_guardians_pause_the_channels_of_a_theft_once_a_quorum_has_noticed(
    forged: Tables,
) -> None:
    scenario = guarded(forged, notice_median_seconds=1_800.0)
    world = run(scenario)
    pause = events(world, "guardian_pause")[0]
    theft = next(event for event in world.log.events if event.kind == "minted_unbacked")
    assert pause.cause == theft.id
    late = pause.second - theft.second - 1_800
    assert 0 <= late <= scenario.clock.step_seconds
    assert pause.place == forged["shocks"]["forged_message"]["protocol"]
    paused = [name for name, rule in scenario.channels.items() if rule.protocol == pause.place]
    assert paused
    assert all(world.transport.blocked_until(name) > world.now for name in paused)


def test_a_quorum_that_notices_later_lets_more_be_stolen(forged: Tables) -> None:
    stolen = {}
    for notice in (60.0, 20_000.0):
        world = run(guarded(forged, notice_median_seconds=notice))
        stolen[notice] = sum(event.value_usd for event in events(world, "forged"))
    assert stolen[60.0] <= stolen[20_000.0]


def test_thefts_below_the_alarm_are_not_looked_at(forged: Tables) -> None:
    assert not events(run(guarded(forged, alarm_usd=1e9)), "guardian_pause")


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"guardians": {"quorum": 4}}, "quorum = 4 is above the 3 guardians"),
        ({"fund_depositors": {**DEPOSITORS, "share": 0.0}}, "above 0|greater than 0"),
        ({"fund_depositors": {**DEPOSITORS, "leave_below": 1.5}}, "at most 1|less than or equal"),
    ],
)
def test_watchers_that_cannot_be_are_refused(forged: Tables, tables: Tables, words: str) -> None:
    data = {**forged}
    for name, rule in tables.items():
        data[name] = {**forged.get(name, {}), **rule}
    with pytest.raises(ScenarioError, match=words):
        parse_scenario(data)


def test_depositors_need_a_fund(small_flagship: ScenarioMaker) -> None:
    with pytest.raises(ScenarioError, match="a fund above 0"):
        small_flagship(fund_depositors=DEPOSITORS, waterfall={"insurance_fund_usd": 0.0})


def test_a_pause_between_two_makers_is_seen_by_the_second() -> None:
    overrides = (
        "further_venues.second.chain=near",
        "further_venues.second.insurance_fund_usd=1_000",
        "traders.buyers.venues={main=1}",
        "traders.sellers.venues={main=1}",
        (
            "channels.nf={source='near',destination='far',protocol='relay',"
            "finality_median_seconds=10,attestation_median_seconds=5}"
        ),
        (
            "channels.fn={source='far',destination='near',protocol='relay',"
            "finality_median_seconds=60,attestation_median_seconds=5}"
        ),
        "guardians={count=3,quorum=1,notice_median_seconds=60,pause_hours=0.5}",
        "market_makers.count=6",
        "market_makers.funding_width=1.0",
        (
            "shocks.theft={kind='bridge_exploit',protocol='relay',at_hours=0.75,duration_hours=1.5,"
            "detection_hours=1.5,share=0.5}"
        ),
        "seed=2",
    )
    model = OptionsMarket(load_scenario(ROOT / "tests/scenario/small_crash.toml", overrides))
    world = model.world
    while not any(event.kind == "guardian_pause" for event in world.log.events):
        model.step()
    # In this step four makers quoted before the pause, and two after it, far wider.
    asks = world.exchange.quotes.ticks[Side.SELL][4, :, 0].tolist()
    assert sorted(asks) == [117, 117, 117, 117, 141, 141]
