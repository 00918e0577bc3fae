"""What the analysis tests share: small runs of very different outcomes, and where they stand."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from abm.recording.files import COUNTERFACTUAL, write_run
from abm.recording.results import read_results
from abm.scenario import parse_scenario
from abm.simulation.run import simulate
from abm.studies.paired import run_pair

if TYPE_CHECKING:
    from collections.abc import Callable

    from abm.recording.results import RunResults
    from abm.scenario import Scenario

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"

FLAT = {"kind": "diffusion", "start_usd": 2_000, "annual_volatility": 0}

# Changes of whole tables of the small scenario, by the name of the run.
RUNS: dict[str, dict[str, Any]] = {
    # Two shocks and losses, with every counter of the outcome but the uncovered loss above zero.
    "crash": {},
    # The same fall with nothing failing, so that there is no counterfactual.
    "no_shocks": {"shocks": {}},
    # The price stands still: two shocks, no losses.
    "no_losses": {"market.price": FLAT},
    # All collateral stands at the venue: no messages, and the price stands still.
    "no_messages": {
        "market.price": FLAT,
        "collateral": {"architecture": "silo"},
        "channels": {},
        "protocols": {},
        "shocks": {},
    },
    # Collateral at the venue while the price falls.
    "silo_crash": {"collateral": {"architecture": "silo"}},
    # Sales of what was seized, and makers' hedges, move the price of each chain.
    "local_crash": {
        "hedge_market": {"depth_usd": 200_000},
        "market_makers.hedging": {"band_lots": 5},
    },
    # A chain stands still.
    "chain_halt": {
        "shocks": {
            "near_stall": {
                "kind": "chain_halt",
                "chains": ["near"],
                "at_hours": 0.5,
                "duration_hours": 1,
            }
        }
    },
    # Seized at once, so that seizures wait in the halt for longer than messages live.
    "no_grace": {"liquidation.grace_seconds": 0},
}


def scenario_of(changes: dict[str, Any]) -> Scenario:
    data = tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8"))
    for key, value in changes.items():
        table = data
        *parents, last = key.split(".")
        for part in parents:
            table = table[part]
        table[last] = value
    return parse_scenario(data)


@pytest.fixture(scope="session")
def results_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], RunResults]:
    """Give the results of a run by its name; each is run once."""
    folder = tmp_path_factory.mktemp("results")

    def results(name: str) -> RunResults:
        if not (folder / name).is_dir():
            run_pair(scenario_of(RUNS[name]), folder / name)
        return read_results(folder / name)

    return results


@pytest.fixture(scope="session")
def crash(results_of: Callable[[str], RunResults]) -> RunResults:
    """Return the run with losses, two shocks and a counterfactual."""
    return results_of("crash")


@pytest.fixture(scope="session")
def local_crash(results_of: Callable[[str], RunResults]) -> RunResults:
    """Return the same run with a market on every chain."""
    return results_of("local_crash")


@pytest.fixture(scope="session")
def better_with_shocks(tmp_path_factory: pytest.TempPathFactory) -> RunResults:
    """Return results in which the run is better than its counterfactual: crash, swapped."""
    folder = tmp_path_factory.mktemp("swapped")
    scenario = scenario_of({})
    write_run(simulate(scenario.without_shocks()), scenario, folder)
    (folder / COUNTERFACTUAL).mkdir()
    write_run(simulate(scenario), scenario.without_shocks(), folder / COUNTERFACTUAL)
    return read_results(folder)
