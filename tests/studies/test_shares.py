"""The loss divided among the channels of contagion."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from abm.cli import app
from abm.errors import ScenarioError
from abm.scenario import load_scenario
from abm.scenario.contagion import SWITCHES, open_switches
from abm.simulation.run import simulate
from abm.studies.shares import contagion_shares, shapley_values

if TYPE_CHECKING:
    from abm.recording.recorder import Recorder, Value

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"


def run(*overrides: str) -> Recorder:
    return simulate(load_scenario(SMALL_CRASH, overrides))


def value(recorder: Recorder, column: str) -> Value:
    return recorder.column("runs", column)[0]


# --- Shapley values


def test_the_glove_game_has_its_known_values() -> None:
    # One left glove (a) and two right ones (b, c); a pair is worth 1. The left glove adds 1 unless
    # it comes first (probability 1/3); a right one only if it comes second, after a (1/6).
    games = [frozenset(names) for size in range(4) for names in combinations("abc", size)]
    worth = {game: float("a" in game and len(game) > 1) for game in games}
    assert shapley_values("abc", worth) == pytest.approx({"a": 2 / 3, "b": 1 / 6, "c": 1 / 6})


@given(worths=st.lists(st.floats(-1e6, 1e6), min_size=16, max_size=16))
def test_values_sum_to_what_all_add_to_nothing(worths: list[float]) -> None:
    games = [frozenset(names) for size in range(5) for names in combinations("abcd", size)]
    worth = dict(zip(games, worths, strict=True))
    found = shapley_values("abcd", worth)
    whole = worth[frozenset("abcd")] - worth[frozenset()]
    assert sum(found.values()) == pytest.approx(whole, abs=1e-6)


@given(worths=st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4))
def test_who_changes_nothing_gets_nothing(worths: list[float]) -> None:
    games = [frozenset(names) for size in range(4) for names in combinations("abc", size)]
    without_c = dict(zip([frozenset(n) for n in ("", "a", "b", "ab")], worths, strict=True))
    worth = {game: without_c[game - {"c"}] for game in games}
    assert shapley_values("abc", worth)["c"] == 0.0


# --- the switches in a run


def test_a_switch_changes_a_run_if_it_can_matter_to_it_and_no_other() -> None:
    whole = run().rows["steps"]
    matter = open_switches(load_scenario(SMALL_CRASH))
    assert {"late_margin", "oracle_error", "congestion"} <= set(matter)
    for name in SWITCHES:
        changed = run(f"contagion.{name}=false").rows["steps"] != whole
        assert changed == (name in matter), name


def test_without_late_margin_no_margin_message_is_late_or_lost() -> None:
    found = run("contagion.late_margin=false")
    assert value(found, "messages_late") == value(found, "messages_lost") == 0
    for name in ("end_second", "expected_second"):
        assert found.column("messages", name)
    arrived = zip(
        found.column("messages", "end_second"),
        found.column("messages", "expected_second"),
        found.column("messages", "fate"),
        strict=True,
    )
    assert all(end == expected for end, expected, fate in arrived if fate == "delivered")


def test_without_oracle_error_the_published_price_is_the_true_one() -> None:
    found = run("contagion.oracle_error=false")
    assert found.column("steps", "published_usd")[1:] == found.column("steps", "price_usd")[1:]
    assert run().column("steps", "published_usd")[1:] != run().column("steps", "price_usd")[1:]


def test_without_congestion_gas_stays_calm_in_a_spike() -> None:
    gas = dict.fromkeys(("venue", "far", "near"), 0.0)
    found = run("contagion.congestion=false")
    chains, costs = found.column("chains", "chain"), found.column("chains", "gas_usd")
    for chain, cost in list(zip(chains, costs, strict=True))[3:]:
        gas[str(chain)] = max(gas[str(chain)], float(cost or 0))
    # As the scenario has them, in calm.
    assert gas == {"venue": 0.02, "far": 1.0, "near": 0.05}


def test_a_scenario_without_channels_has_no_late_margin() -> None:
    scenario = load_scenario(
        SMALL_CRASH, ("collateral.architecture=silo", "channels={}", "protocols={}", "shocks={}")
    )
    assert "late_margin" not in open_switches(scenario)
    assert "late_margin" in open_switches(load_scenario(SMALL_CRASH))


# --- the study


def test_shares_add_up_to_what_the_channels_carry() -> None:
    scenario = load_scenario(SMALL_CRASH, ("clock.hours=1.5",))
    found = contagion_shares(scenario, switches=("late_margin", "oracle_error"), replicates=2)
    assert found.runs == 8
    assert found.seeds == (13, 14)
    carried = sum(share.shapley.value for share in found.switches)
    assert carried == pytest.approx(found.total.value - found.without_any.value)
    for share in found.switches:
        # Of two players the value is the mean of coming first and coming last.
        mean = (share.alone_on.value + share.alone_off.value) / 2
        assert share.shapley.value == pytest.approx(mean)


def test_a_closed_channel_cannot_be_asked_for() -> None:
    scenario = load_scenario(SMALL_CRASH, ("contagion.congestion=false",))
    with pytest.raises(ScenarioError, match=r"'congestion'; it must be a channel .* that is open"):
        contagion_shares(scenario, switches=("congestion",))


def test_the_price_that_sales_move_has_a_share_like_any_other_channel() -> None:
    market = ("hedge_market.depth_usd=20_000", "market_makers.hedging.band_lots=5.0")
    scenario = load_scenario(SMALL_CRASH, market)
    found = contagion_shares(scenario, switches=("fire_sale_price",), replicates=1)
    share = found.switches[0]
    assert share.switch == "fire_sale_price"
    assert (
        share.shapley.value == share.alone_off.value == found.total.value - found.without_any.value
    )
    assert share.shapley.value != 0


def test_without_any_open_channel_there_is_nothing_to_divide() -> None:
    closed = tuple(f"contagion.{name}=false" for name in SWITCHES)
    with pytest.raises(ScenarioError, match="no channel of contagion is open"):
        contagion_shares(load_scenario(SMALL_CRASH, closed))


def test_the_command_prints_a_table_or_json() -> None:
    options = ["--switch", "congestion", "--replicates", "1", "--set", "clock.hours=1"]
    told = CliRunner().invoke(app, ["shares", str(SMALL_CRASH), *options])
    assert told.exit_code == 0
    assert "1 replicates, 2 runs" in told.output
    assert "congestion" in told.output
    told = CliRunner().invoke(app, ["shares", str(SMALL_CRASH), *options, "--json"])
    assert json.loads(told.output)["switches"][0]["switch"] == "congestion"


def test_an_unknown_outcome_is_one_message() -> None:
    options = ["--outcome", "loss", "--replicates", "1", "--set", "clock.hours=1"]
    told = CliRunner().invoke(app, ["shares", str(SMALL_CRASH), "--switch", "congestion", *options])
    assert told.exit_code != 0
    assert isinstance(told.exception, ScenarioError)
    assert "it must be one of loss_usd" in str(told.exception)
