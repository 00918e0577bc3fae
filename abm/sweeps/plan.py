"""From a study to its runs: every point is a checked scenario before the first run starts."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from abm.errors import Problem, ScenarioError
from abm.scenario import Scenario, load_scenario, parse_scenario, run_id
from abm.sweeps.design import Point, design_points

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abm.sweeps.study import Study


@dataclass(frozen=True)
class PlannedRun:
    """One run of a study.

    Attributes
    ----------
    point, replicate : int
        Places in the design.
    factors : dict
        The value of every factor.
    run_id : str
        Name of the run, by its scenario and seed alone.
    scenario : Scenario
        What to run.
    """

    point: int
    replicate: int
    factors: Point
    run_id: str
    scenario: Scenario


@dataclass(frozen=True)
class Plan:
    """A study with its base scenario and the scenario of every point.

    Attributes
    ----------
    study : Study
    base : Scenario
    points : list of dict
        Values of the factors.
    scenarios : list of Scenario
        One for each point, with the base's seed.
    """

    study: Study
    base: Scenario
    points: list[Point]
    scenarios: list[Scenario]

    @property
    def run_count(self) -> int:
        """Number of runs."""
        return len(self.points) * self.study.replicates

    @property
    def identity(self) -> str:
        """SHA-256 of what makes results of this study belong together: base, tables, pairing."""
        parts = (run_id(self.base), sorted(self.study.tables), self.study.counterfactual)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def runs(self) -> Iterator[PlannedRun]:
        """Yield every run, replicate by replicate, so that a study cut short has all points."""
        for replicate in range(self.study.replicates):
            for point, scenario in enumerate(self.scenarios):
                seed = self._seed(point, replicate)
                seeded = scenario.model_copy(update={"seed": seed})
                yield PlannedRun(point, replicate, self.points[point], run_id(seeded), seeded)

    def _seed(self, point: int, replicate: int) -> int:
        if self.study.streams == "common":
            return self.base.seed + replicate
        text = f"{self.base.seed} {point} {replicate}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")


def plan_study(study: Study) -> Plan:
    """Expand a study and check every point.

    Raises
    ------
    ScenarioError
        If the base scenario is faulty, a factor names no key of it, or a point is refused: named
        with the point.
    """
    base = load_scenario(study.scenario, study.changes)
    data = base.model_dump(mode="json")
    paths = {name: _matches(data, name) for name in study.factors}
    faults = [
        Problem(f"factors.{name}", "", "the scenario has no such key", _nearest(data, name))
        for name, found in paths.items()
        if not found
    ]
    faults += [
        Problem(f"factors.{name}", "", "a replicate has a seed of its own; vary replicates")
        for name, found in paths.items()
        if ["seed"] in found
    ]
    faults += list(_nested(paths))
    if faults:
        raise ScenarioError(study.scenario, faults)
    # Rounding or few levels may repeat a point; it is run once.
    points: dict[str, Point] = {}
    scenarios = []
    for number, point in enumerate(design_points(study)):
        changed = copy.deepcopy(data)
        for name, value in point.items():
            for path in paths[name]:
                _write(changed, path, value)
        values = ", ".join(f"{name} = {value}" for name, value in point.items())
        scenario = parse_scenario(changed, f"{study.scenario}, point {number} ({values})")
        if run_id(scenario) not in points:
            points[run_id(scenario)] = point
            scenarios.append(scenario)
    return Plan(study, base, list(points.values()), scenarios)


def _nested(paths: dict[str, list[list[str]]]) -> Iterator[Problem]:
    """Name the factors that change what another one changes, too."""
    changed: dict[tuple[str, ...], str] = {}
    for name, found in paths.items():
        for path in found:
            for length in range(1, len(path) + 1):
                other = changed.get(tuple(path[:length]))
                if other is not None and other != name:
                    yield Problem(f"factors.{name}", "", f"factors.{other} changes the same key")
            changed[tuple(path)] = name


def _matches(data: Any, name: str) -> list[list[str]]:  # noqa: ANN401 - tables of a scenario
    """Return the paths that a dotted name with wildcards stands for."""
    found: list[tuple[list[str], Any]] = [([], data)]
    for part in name.split("."):
        further: list[tuple[list[str], Any]] = []
        for path, table in found:
            keys = list(_children(table))
            chosen = keys if part == "*" else [key for key in keys if key == part]
            further += [([*path, key], _children(table)[key]) for key in chosen]
        found = further
    return [path for path, _ in found]


def _children(table: Any) -> dict[str, Any]:  # noqa: ANN401
    if isinstance(table, dict):
        return table
    if isinstance(table, list):
        return {str(place): item for place, item in enumerate(table)}
    return {}


def _write(data: Any, path: list[str], value: object) -> None:  # noqa: ANN401
    *parents, last = path
    for part in parents:
        data = _children(data)[part]
    if isinstance(data, list):
        data[int(last)] = value
    else:
        data[last] = value


def _nearest(data: Any, name: str) -> str:  # noqa: ANN401
    known: list[str] = []
    pending = [("", data)]
    while pending:
        path, table = pending.pop()
        for key, child in _children(table).items():
            inner = f"{path}.{key}" if path else key
            known.append(inner)
            pending.append((inner, child))
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else ""
