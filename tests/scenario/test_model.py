from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from abm.scenario import Scenario, fingerprint, load_scenario

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def scenario(small_crash: Path) -> Scenario:
    return load_scenario(small_crash)


def test_a_scenario_cannot_be_changed(scenario: Scenario) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        scenario.seed = 3
    with pytest.raises(ValidationError, match="frozen"):
        scenario.clock.hours = 3.0


def test_the_clock_counts_whole_seconds_and_steps(scenario: Scenario) -> None:
    # 2.5 hours are 9,000 seconds, or 150 steps of a minute.
    assert scenario.clock.start == datetime(2024, 1, 1, tzinfo=UTC)
    assert scenario.clock.horizon_seconds == 9_000
    assert scenario.clock.step_count == 150


def test_a_step_is_a_minute_unless_the_scenario_says_otherwise(
    small_crash: Path, tmp_path: Path
) -> None:
    text = small_crash.read_text(encoding="utf-8")
    path = tmp_path / "silent.toml"
    path.write_text(text.replace("step_seconds = 60\n", ""), encoding="utf-8")
    assert load_scenario(path).clock.step_count == 150
    assert load_scenario(path, ("clock.step_seconds=30",)).clock.step_count == 300


def test_shocks_start_and_end_on_whole_seconds(scenario: Scenario) -> None:
    # far_halt: 0.75 h is second 2,700; 1.25 h are 4,500 s.
    halt = scenario.shocks["far_halt"]
    assert (halt.start_second, halt.end_second) == (2_700, 7_200)


def test_the_first_shock_is_the_earliest_not_the_first_in_the_file(small_crash: Path) -> None:
    scenario = load_scenario(small_crash, ("shocks.gas.at_hours=0.5",))
    assert next(iter(scenario.shocks)) == "far_halt"
    assert scenario.first_shock_second == 1_800


def test_without_shocks_everything_else_stays(scenario: Scenario) -> None:
    calm = scenario.without_shocks()
    assert calm.shocks == {}
    assert calm.model_dump(exclude={"shocks"}) == scenario.model_dump(exclude={"shocks"})
    assert len(scenario.shocks) == 2
    assert fingerprint(calm) != fingerprint(scenario)


def test_a_scenario_without_shocks_has_its_first_at_the_end(scenario: Scenario) -> None:
    assert scenario.without_shocks().first_shock_second == 9_000


def test_the_cash_token_is_the_one_that_is_a_dollar(scenario: Scenario) -> None:
    name = scenario.cash_token
    assert name == "USDC"
    assert scenario.tokens[name].worth == "dollar"
