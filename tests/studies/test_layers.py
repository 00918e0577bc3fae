"""How often layers are exhausted."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from abm.cli import app
from abm.scenario import load_scenario
from abm.studies.layers import is_exhausted, layer_risk, layers_of
from abm.studies.replicates import run_outcome

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"


def test_layers_are_counted_over_seeds() -> None:
    scenario = load_scenario(SMALL_CRASH, ("waterfall.backstop.size_usd=1e7",))
    fund, backstop, socialised = layer_risk(scenario, replicates=2)
    rows = [run_outcome(scenario.model_copy(update={"seed": seed})) for seed in (13, 14)]
    paid = [row["paid_by_fund_usd"] for row in rows if isinstance(row, dict)]
    assert fund.paid.value == sum(float(amount or 0) for amount in paid) / 2
    assert (fund.size_usd, backstop.size_usd, socialised.size_usd) == (20_000, 1e7, None)
    assert fund.exhausted.value > 0
    assert backstop.exhausted.value == socialised.exhausted.value == 0


def test_what_is_unresolved_at_the_end_counts() -> None:
    scenario = load_scenario(SMALL_CRASH, ("waterfall.backstop.size_usd=1_000",))
    row: dict[str, float | None] = {
        "bad_debt_usd": 0.0,
        "unresolved_usd": 20_500.0,
        "fund_exhausted_second": None,
        "backstop_exhausted_second": None,
        "socialised_exhausted_second": None,
    }
    assert layers_of(scenario) == ["fund", "backstop", "socialised"]
    assert is_exhausted(scenario, dict(row), "fund")
    assert not is_exhausted(scenario, dict(row), "backstop")
    assert not is_exhausted(scenario, dict(row), "socialised")


def test_the_command_prints_probabilities() -> None:
    told = CliRunner().invoke(
        app, ["layers", str(SMALL_CRASH), "--replicates", "1", "--set", "clock.hours=1"]
    )
    assert told.exit_code == 0
    assert "P(exhausted)" in told.output
