"""Systemic risk in cross-chain crypto-options markets, simulated agent by agent.

Examples
--------
>>> import abm
>>> scenario = abm.load_scenario("scenarios/calm_week.toml")  # doctest: +SKIP
>>> results = abm.run_pair(scenario, Path("results/calm"))  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from abm.recording.files import write_run
    from abm.recording.results import read_results
    from abm.scenario import Scenario, load_scenario
    from abm.simulation.run import simulate
    from abm.studies.paired import run_pair

__version__ = "0.1.0"

# Names are imported when first used: importing abm itself stays instant.
_HOMES = {
    "Scenario": "abm.scenario",
    "load_scenario": "abm.scenario",
    # From the room that teaches results to draw themselves.
    "read_results": "abm.analysis.notebooks",
    "run_pair": "abm.studies.paired",
    "simulate": "abm.simulation.run",
    "write_run": "abm.recording.files",
}

__all__ = [
    "Scenario",
    "__version__",
    "load_scenario",
    "read_results",
    "run_pair",
    "simulate",
    "write_run",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Import a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module 'abm' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
