"""The commands that run many runs, and the one that runs a run again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from typer.testing import CliRunner

from abm.cli import app
from abm.errors import ResultsError
from abm.recording.files import write_run
from abm.scenario import load_scenario
from abm.simulation.run import simulate
from abm.studies.verify import first_difference

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"


def test_a_study_is_planned_run_and_counted(
    write_study: Callable[..., Path], tmp_path: Path
) -> None:
    study, out = str(write_study()), str(tmp_path / "out")
    run = CliRunner()
    planned = run.invoke(app, ["plan", study, "--out", out])
    assert "4 points, 2 replicates, 8 runs, 8 of them to run" in planned.output
    assert "one run took" in planned.output
    swept = run.invoke(app, ["sweep", study, "--out", out])
    assert swept.exit_code == 0
    assert "8 of 8 runs, 0 failed" in swept.output
    told = run.invoke(app, ["status", out])
    assert told.output == "halts: 8 of 8 runs finished, 0 failed, 0 left\n"
    again = run.invoke(app, ["plan", study, "--out", out])
    assert "8 runs, 0 of them to run" in again.output
    assert "one run took" not in again.output


def test_a_study_with_failed_runs_says_where_they_stand_and_exits_with_1(
    write_study: Callable[..., Path], tmp_path: Path
) -> None:
    study, out = str(write_study("time_limit_seconds = 0.01\n")), str(tmp_path / "out")
    swept = CliRunner().invoke(app, ["sweep", study, "--out", out])
    assert swept.exit_code == 1
    assert f"8 runs failed; why stands in {out}/failures.parquet" in swept.output


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Return the folder of a short run."""
    scenario = load_scenario(SMALL_CRASH, ("clock.hours=0.5", "shocks={}"))
    folder = tmp_path / "run"
    folder.mkdir()
    write_run(simulate(scenario), scenario, folder)
    return folder


def test_a_run_is_verified_by_running_it_again(run_folder: Path) -> None:
    assert first_difference(run_folder) is None
    told = CliRunner().invoke(app, ["verify", str(run_folder)])
    assert (told.exit_code, told.output) == (
        0,
        f"{run_folder}: every table that it recorded is the same\n",
    )


def test_the_first_difference_is_named_by_table_row_and_column(run_folder: Path) -> None:
    steps = pl.read_parquet(run_folder / "steps.parquet")
    price = steps["price_usd"].to_list()
    price[3] = 1.5
    steps.with_columns(price_usd=pl.Series(price)).write_parquet(run_folder / "steps.parquet")
    assert str(first_difference(run_folder)).startswith("steps, row 3, price_usd: 1.5, run again")
    steps.head(5).write_parquet(run_folder / "steps.parquet")
    assert first_difference(run_folder) == "steps has 5 rows, run again 31"
    assert CliRunner().invoke(app, ["verify", str(run_folder)]).exit_code == 1


def test_a_folder_that_is_no_run_cannot_be_verified(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no manifest"):
        first_difference(tmp_path)
