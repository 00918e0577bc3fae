"""Scenarios small enough to run whole in a test."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from abm.scenario import Scenario, parse_scenario

# The same examples in every run, so that a test fails for a change and not by chance; with
# HYPOTHESIS_PROFILE=search fresh ones are looked for.
# Nothing is measured in time: another machine, or a busy one, must not fail a test.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fixed", UNTIMED, derandomize=True)
settings.register_profile("search", UNTIMED, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

ROOT = Path(__file__).parent.parent
FLAGSHIP = ROOT / "scenarios" / "message_halt_march_2020.toml"

ScenarioMaker = Callable[..., Scenario]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave nightly tests out unless the command asks for the marker."""
    if "nightly" in config.option.markexpr:
        return
    nightly = [item for item in items if item.get_closest_marker("nightly") is not None]
    if nightly:
        config.hook.pytest_deselected(items=nightly)
        items[:] = [item for item in items if item.get_closest_marker("nightly") is None]


@pytest.fixture(scope="session")
def flagship_data() -> dict[str, Any]:
    """Return the flagship as its file has it."""
    return tomllib.loads(FLAGSHIP.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def small_flagship(flagship_data: dict[str, Any]) -> ScenarioMaker:
    """Make the flagship with a tenth of the people and 30 hours of two-minute steps.

    Keyword arguments replace whole tables of the file.
    """

    def make(**tables: Any) -> Scenario:  # noqa: ANN401 - any table of a scenario
        data = {**flagship_data}
        data["clock"] = {**data["clock"], "hours": 30, "step_seconds": 120}
        data["traders"] = {
            kind: {**rule, "count": rule["count"] // 10} for kind, rule in data["traders"].items()
        }
        data["liquidators"] = {**data["liquidators"], "capital_median_usd": 40_000}
        data["market_makers"] = {**data["market_makers"], "capital_usd": 800_000, "quote_lots": 4}
        data["waterfall"] = {"insurance_fund_usd": 25_000}
        return parse_scenario({**data, **tables})

    return make
