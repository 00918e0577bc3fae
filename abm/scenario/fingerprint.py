"""Deterministic text and hash of a scenario: what names a run."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abm.scenario.model import Scenario


def canonical_json(scenario: Scenario) -> str:
    """Return the scenario with all its defaults as JSON with sorted keys."""
    return json.dumps(scenario.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


def fingerprint(scenario: Scenario) -> str:
    """Return the SHA-256 of the scenario, its seed included, in hexadecimal."""
    return hashlib.sha256(canonical_json(scenario).encode()).hexdigest()


def run_id(scenario: Scenario) -> str:
    """Return the name of the run of this scenario and seed: 16 hexadecimal digits."""
    return fingerprint(scenario)[:16]
