"""Who matters most, by simulated failure and by DebtRank."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from abm.cli import app
from abm.errors import ScenarioError
from abm.scenario import load_scenario
from abm.scenario.shocks import AgentOutage, ChannelHalt
from abm.studies.importance import _rank_correlation, importance, outages
from abm.studies.losses import loss_of
from abm.studies.replicates import run_outcome

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"

# All collateral on one chain, one relayer and one market maker: thirteen that can fail.
LEAN = (
    "shocks={}",
    "traders.sellers.home_chains={far=1}",
    "traders.buyers.home_chains={far=1}",
    "liquidators.home_chains={far=1}",
    "relayers.count=1",
    "market_makers.count=1",
)


def test_everything_that_can_fail_has_a_failure() -> None:
    scenario = load_scenario(SMALL_CRASH)
    found = dict(outages(scenario, 1.0, 0.5))
    kinds = [name.partition(":")[0] for name in found]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    assert counts == {
        "chain": 3,
        "channel": 4,
        "protocol": 1,
        "relayer": 3,
        "oracle": 3,
        "maker": 2,
    }
    whole = found["protocol:relay"]
    assert isinstance(whole, ChannelHalt)
    assert set(whole.channels) == set(scenario.channels)
    relayer = found["relayer:2"]
    assert isinstance(relayer, AgentOutage)
    assert (relayer.relayers, relayer.market_makers) == ((2,), ())
    assert {(shock.at_hours, shock.duration_hours) for shock in found.values()} == {(1.0, 0.5)}


def test_a_knock_out_is_the_difference_of_two_runs_of_one_seed() -> None:
    scenario = load_scenario(SMALL_CRASH, (*LEAN, "clock.hours=1.5"))
    found = importance(scenario, at_hours=0.5, duration_hours=1.0, replicates=1)
    shock = dict(outages(scenario, 0.5, 1.0))["oracle:venue"]
    failed = scenario.model_copy(update={"shocks": {"any_name": shock}})
    base, other = run_outcome(scenario), run_outcome(failed)
    assert isinstance(base, dict)
    assert isinstance(other, dict)
    entity = next(entity for entity in found.entities if entity.name == "oracle:venue")
    assert entity.knock_out.value == pytest.approx(loss_of(other) - loss_of(base))
    assert entity.knock_out.low is None
    assert found.base.value == pytest.approx(loss_of(base))
    losses = [entity.knock_out.value for entity in found.entities]
    assert losses == sorted(losses, reverse=True)


def test_perfect_order_correlates_wholly_and_its_reverse_against() -> None:
    impact = np.array([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]])
    same = _rank_correlation(impact, impact * 1e6, 0.95)
    assert same is not None
    assert same.value == same.low == same.high == pytest.approx(1.0)
    against = _rank_correlation(impact, -impact, 0.95)
    assert against is not None
    assert against.value == pytest.approx(-1.0)


def test_ranks_of_one_pair_swapped_correlate_by_the_textbook() -> None:
    # Ranks 1, 2, 3 against 2, 1, 3: 1 - 6 * 2 / (3 * 8) = 0.5.
    found = _rank_correlation(np.array([[1.0, 2.0, 3.0]]), np.array([[2.0, 1.0, 3.0]]), 0.95)
    assert found is not None
    assert found.value == pytest.approx(0.5)


def test_without_any_difference_there_is_no_correlation() -> None:
    flat = np.zeros((2, 4))
    assert _rank_correlation(flat, np.ones((2, 4)), 0.95) is None


@pytest.mark.slow
def test_a_second_set_of_seeds_ranks_the_first_three_alike() -> None:
    scenario = load_scenario(SMALL_CRASH, LEAN)
    first = importance(scenario, at_hours=0.5, duration_hours=2.0, replicates=4)
    second = importance(scenario, at_hours=0.5, duration_hours=2.0, replicates=4, first=4)
    assert not set(first.seeds) & set(second.seeds)
    assert first.first() == second.first()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--at-hours", "2"], "at_hours is 2; it must be from 0 to before the end of the run"),
        (["--duration-hours", "0"], "duration_hours is 0; it must be above 0 hours"),
    ],
)
def test_a_window_outside_of_the_run_is_refused(options: list[str], message: str) -> None:
    told = CliRunner().invoke(
        app, ["importance", str(SMALL_CRASH), "--set", "clock.hours=1.5", *options]
    )
    assert isinstance(told.exception, ScenarioError)
    assert message in str(told.exception)


def test_the_command_ranks_and_prints_json() -> None:
    sets = [part for key in (*LEAN, "clock.hours=0.5") for part in ("--set", key)]
    arguments = ["importance", str(SMALL_CRASH), "--replicates", "1", *sets]
    told = CliRunner().invoke(app, [*arguments, "--again"])
    assert told.exit_code == 0
    assert "chain:far" in told.output
    assert "the first three" in told.output
    told = CliRunner().invoke(app, [*arguments, "--json"])
    assert len(json.loads(told.output)["entities"]) == 13
