"""The commands that compare runs and tell why an account lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from abm.cli import app
from abm.scenario import load_scenario
from abm.studies.paired import run_pair

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"


def test_compare_prints_every_outcome_with_its_difference() -> None:
    told = CliRunner().invoke(
        app,
        [
            *("compare", str(SMALL_CRASH), "--without", "far_halt", "--replicates", "2"),
            *("--set", "clock.hours=1.5"),
        ],
    )
    assert told.exit_code == 0
    assert "small_crash, 2 replicates" in told.output
    assert "far halt" in told.output
    assert "bad_debt_usd" in told.output
    assert "4 of 4 runs, 0 failed" in told.output


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run with losses."""
    folder = tmp_path_factory.mktemp("why") / "run"
    run_pair(load_scenario(SMALL_CRASH), folder)
    return folder


def test_why_tells_of_the_largest_loser_and_of_all_losses(run_folder: Path) -> None:
    told = CliRunner().invoke(app, ["why", str(run_folder)])
    assert told.exit_code == 0
    assert told.output.startswith("Account ")
    assert "of margin is missing" in told.output
    assert "All bad debt of the run, by what it is put down to:" in told.output
    assert "far_halt" in told.output


def test_why_tells_of_the_account_that_is_asked_for(run_folder: Path) -> None:
    told = CliRunner().invoke(app, ["why", str(run_folder), "0"])
    assert told.exit_code == 0
    assert told.output.startswith("Account 0 ")
    assert "All bad debt" not in told.output
