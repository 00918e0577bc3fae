"""What the recording tests share: a small scenario and one run of it with its counterfactual."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from abm.scenario import load_scenario
from abm.studies.paired import run_pair

if TYPE_CHECKING:
    from abm.recording.results import RunResults
    from abm.scenario import Scenario

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    """Load a scenario with two shocks, fifty traders and losses."""
    return load_scenario(SMALL_CRASH)


@pytest.fixture(scope="session")
def run(scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> RunResults:
    """Return the small scenario's results; not to be changed, use a copy."""
    return run_pair(scenario, tmp_path_factory.mktemp("results") / "small_crash")
