from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from abm.scenario import Scenario
from abm.scenario.faults import _models_in

if TYPE_CHECKING:
    from pydantic import BaseModel

PACKAGE = Path(__file__).parent.parent / "abm"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_MODULE = 400


def names_read(path: Path) -> set[str]:
    """Return every attribute and name that a module reads."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return found | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def scenario_models() -> list[type[BaseModel]]:
    """Return every table of a scenario, the whole file first."""
    models: list[type[BaseModel]] = [Scenario]
    for model in models:
        for field in model.model_fields.values():
            models += [found for found in _models_in(field) if found not in models]
    return models


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_fits_in_a_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


def test_only_one_module_makes_random_generators() -> None:
    makers = {"default_rng", "Generator", "PCG64", "RandomState", "SeedSequence", "Random"}
    calls = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in makers
    }
    assert calls == {"randomness.py"}


def test_no_module_reads_the_clock_or_a_hash() -> None:
    banned = {"perf_counter", "now", "utcnow", "today", "hash", "monotonic", "id"}
    own = {"now", "id"}  # attributes of ours: a world's second, a number in a table
    # `abm plan` times a run to say how long a study takes, progress is told by the second, batches
    # are made as long as the last ones took, and a study may limit a run's time; no result depends
    # on any of it.
    timed = {"pilot.py", "progress.py", "batches.py"}
    for path in (module for module in MODULES if module.name not in timed):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                assert name not in banned - own, f"{path}:{node.lineno} calls {name}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in own, f"{path}:{node.lineno} calls {node.func.id}"


def test_every_key_of_a_scenario_is_read_by_some_code() -> None:
    """A knob that no code reads does nothing, and says it does something."""
    outside = [path for path in MODULES if path.parent.name != "scenario"]
    read = {name for path in outside for name in names_read(path)}
    properties = {
        name for path in MODULES if path.parent.name == "scenario" for name in names_read(path)
    }
    # `kind` and `source` tell variants apart and where figures come from; both are recorded whole.
    told = {"kind", "source"}
    for model in scenario_models():
        for key in model.model_fields:
            assert key in read | properties | told, f"{model.__name__}.{key} is read nowhere"


def test_every_key_of_a_scenario_says_what_it_is() -> None:
    tables = {"clock", "market", "tokens", "chains", "venue", "collateral", "margin", "traders"}
    for model in scenario_models():
        for key, field in model.model_fields.items():
            table = bool(_models_in(field)) or key in tables
            described = field.description or table or key in {"kind", "channels", "chains"}
            assert described, f"{model.__name__}.{key} has no description"
