"""From a failing scenario to the smallest that still fails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from abm.cli import app
from abm.errors import ScenarioError
from abm.scenario import canonical_json, load_scenario
from abm.scenario.shocks import Counterfactual
from abm.studies.losses import loss_of
from abm.studies.replicates import run_outcome
from abm.studies.shrink import failing, scenario_text, shrink

if TYPE_CHECKING:
    from abm.scenario import Scenario

ROOT = Path(__file__).parents[2]
SMALL_CRASH = ROOT / "tests" / "scenario" / "small_crash.toml"


def test_only_what_makes_it_fail_is_left() -> None:
    def fails(scenario: Scenario) -> bool:
        return "gas" in scenario.shocks and scenario.traders["sellers"].count >= 5

    found = shrink(load_scenario(SMALL_CRASH), fails).scenario
    assert list(found.shocks) == ["gas"]
    # 30, 15, 7; three would be too few.
    assert found.traders["sellers"].count == 7
    assert list(found.traders) == ["sellers"]
    # The shock starts at 0.75 hours, so that 1.25 cannot be halved to 0.625.
    assert found.clock.hours == 1.25
    assert found.market_makers.count == found.relayers.count == found.liquidators.count == 1


def test_a_written_scenario_reads_as_the_same(tmp_path: Path) -> None:
    for path in (SMALL_CRASH, *sorted((ROOT / "scenarios").glob("*.toml"))):
        scenario = load_scenario(path)
        copy = tmp_path / path.name
        copy.write_text(scenario_text(scenario), encoding="utf-8")
        plain = scenario.model_copy(update={"counterfactual": Counterfactual()})
        assert canonical_json(load_scenario(copy)) == canonical_json(plain)


def test_the_command_writes_a_smaller_scenario_that_still_loses(tmp_path: Path) -> None:
    out = tmp_path / "small.toml"
    condition = "loss_usd > 10_000"
    told = CliRunner().invoke(
        app,
        ["shrink", str(SMALL_CRASH), "--fails", condition, "--out", str(out), "--most-runs", "25"],
    )
    assert told.exit_code == 0
    assert "without shocks.far_halt" in told.output
    small = run_outcome(load_scenario(out))
    assert isinstance(small, dict)
    assert loss_of(small) > 10_000


def test_a_sound_scenario_is_not_shrunk(tmp_path: Path) -> None:
    out = tmp_path / "small.toml"
    told = CliRunner().invoke(
        app, ["shrink", str(SMALL_CRASH), "--fails", "loss_usd > 1e12", "--out", str(out)]
    )
    assert isinstance(told.exception, ScenarioError)
    assert "there is nothing to shrink" in str(told.exception)
    assert not out.exists()


def test_a_run_that_breaks_can_be_asked_for() -> None:
    assert not failing("broken")(load_scenario(SMALL_CRASH, ("clock.hours=0.8",)))


@pytest.mark.parametrize("condition", ["loss_usd", "loss_usd = 5", "> 5", "loss_usd > much"])
def test_a_condition_that_says_nothing_is_refused(condition: str) -> None:
    with pytest.raises(ValueError, match="it must be 'broken' or like"):
        failing(condition)
