"""What a run is: typed, frozen, checked once."""

from abm.scenario.fingerprint import canonical_json, fingerprint, run_id
from abm.scenario.loading import load_scenario, parse_scenario, scenario_schema
from abm.scenario.model import Scenario

__all__ = [
    "Scenario",
    "canonical_json",
    "fingerprint",
    "load_scenario",
    "parse_scenario",
    "run_id",
    "scenario_schema",
]
