"""From a study to its runs: every point is a checked scenario before the first run starts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from abm.errors import Problem, ScenarioError
from abm.recording.manifest import installed_versions
from abm.scenario import Scenario, canonical_json, load_scenario, parse_scenario, run_id
from abm.sweeps.design import Point, Points, design_points
from abm.sweeps.keys import changed, key_faults, matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from abm.sweeps.keys import Path
    from abm.sweeps.study import Study

RunIds = Any  # an array of uint64: a run's name is 16 hexadecimal digits

# A seed that stands in a scenario's text just once, to cut the text there.
NO_SEED = 8_070_450_532_247_928_832
# So many refused points are named; a wrong range would else fill the screen.
MOST_FAULTS = 20
SEEDS = 2**63


@dataclass(frozen=True)
class PlannedRun:
    """One run of a study.

    Attributes
    ----------
    point, replicate : int
        Places in the design.
    seed : int
    run_id : str
        Name of the run, by its scenario and seed alone.
    """

    point: int
    replicate: int
    seed: int
    run_id: str
    plan: Plan = field(repr=False, compare=False)

    @property
    def factors(self) -> Point:
        """The value of every factor."""
        return self.plan.points[self.point]

    @property
    def scenario(self) -> Scenario:
        """What to run."""
        return self.plan.scenario(self.point).model_copy(update={"seed": self.seed})


@dataclass(frozen=True, eq=False)
class Plan:
    """A study with its base scenario and its points; runs are made when asked for.

    Attributes
    ----------
    study : Study
    base : Scenario
    points : Points
        Values of the factors, each point once.
    place_of_row : ndarray of int, shape (rows of the design,)
        The point that each row of the design is; rounding or few levels may repeat one.
    ids : ndarray of uint64, shape (points, replicates)
        Names of the runs.
    """

    study: Study
    base: Scenario
    points: Points
    place_of_row: NDArray[np.int64]
    ids: RunIds

    @property
    def run_count(self) -> int:
        """Number of runs, at most, if the study may stop."""
        return int(self.ids.size)

    @property
    def identity(self) -> str:
        """SHA-256 of what makes results of this study belong together: base, tables, pairing."""
        study = self.study
        parts = [run_id(self.base), sorted(study.tables), study.counterfactual]
        if study.table_seconds is not None:
            parts.append(study.table_seconds)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def versions(self) -> dict[str, str]:
        """Of all that a result may depend on, as installed here."""
        return installed_versions()

    @cached_property
    def data(self) -> dict[str, Any]:
        """The base scenario as nested dictionaries."""
        return self.base.model_dump(mode="json")

    @cached_property
    def paths(self) -> dict[str, list[Path]]:
        """The keys that each factor changes."""
        return {name: matches(self.data, name) for name in self.study.factors}

    @property
    def scenarios(self) -> list[Scenario]:
        """The scenario of every point, with the base's seed."""
        return [self.scenario(point) for point in range(len(self.points))]

    def scenario(self, point: int) -> Scenario:
        """Return the scenario of a point, with the base's seed."""
        tables = changed(self.data, self.paths, self.points[point])
        return parse_scenario(tables, self.study.scenario)

    def runs(self, replicates: Iterable[int] | None = None) -> Iterator[PlannedRun]:
        """Yield runs, replicate by replicate, so that a study cut short has all points."""
        for replicate in range(self.study.replicates) if replicates is None else replicates:
            for point in range(len(self.points)):
                yield self.run(point, replicate)

    def run(self, point: int, replicate: int) -> PlannedRun:
        """Return one run."""
        seed = seed_of(self.study, self.base.seed, self.points[point], replicate)
        name = f"{int(self.ids[point, replicate]):016x}"
        return PlannedRun(point, replicate, seed, name, self)

    def part(self, points: NDArray[np.intp], replicates: int) -> Plan:
        """Return the plan of some of the points alone, with fewer replicates."""
        study = self.study.model_copy(update={"replicates": replicates, "stopping": None})
        chosen, rows = self.points.take(points), np.arange(len(points))
        return replace(
            self,
            study=study,
            points=chosen,
            place_of_row=rows,
            ids=self.ids[points, :replicates],
        )


def plan_study(study: Study, base: Scenario | None = None) -> Plan:
    """Expand a study and check every point.

    Parameters
    ----------
    study : Study
    base : Scenario, optional
        The base scenario with the study's changes; read from the study's file if not given.

    Raises
    ------
    ScenarioError
        If the base scenario is faulty, a factor names no key of it, or points are refused: each
        named with its values.
    """
    for goal, command in ((study.calibration, "calibrate"), (study.rare, "rare")):
        if goal is not None:
            rule = f"its points are chosen while it runs: abm {command}"
            raise ScenarioError(study.name, [Problem(f"study.{command}", "", rule)])
    base = load_scenario(study.scenario, study.changes) if base is None else base
    data = base.model_dump(mode="json")
    if faults := key_faults(data, study.factors):
        raise ScenarioError(study.scenario, faults)
    if base.seed + study.replicates > SEEDS:
        rule = f"with {study.replicates} replicates, seeds pass {SEEDS}"
        raise ScenarioError(study.scenario, [Problem("seed", str(base.seed), rule)])
    paths = {name: matches(data, name) for name in study.factors}
    points = design_points(study)
    ids = np.empty((len(points), study.replicates), dtype=np.uint64)
    refused: list[Problem] = []
    for number, point in enumerate(points):
        try:
            scenario = parse_scenario(changed(data, paths, point))
        except ScenarioError as error:
            refused += _with_point(error, number, point)
            if len(refused) >= MOST_FAULTS:
                break
            continue
        seeds = [seed_of(study, base.seed, point, n) for n in range(study.replicates)]
        ids[number] = _names(scenario, seeds)
    if refused:
        raise ScenarioError(study.scenario, refused)
    # Rounding or few levels may repeat a point; it is run once.
    _, first, inverse = np.unique(ids[:, 0], return_index=True, return_inverse=True)
    order = np.sort(first)
    return Plan(study, base, points.take(order), np.searchsorted(order, first[inverse]), ids[order])


def seed_of(study: Study, base_seed: int, point: Point, replicate: int) -> int:
    """Return the seed of a run: the same at every point, or one of the point's own.

    Independent seeds depend on a point's values, not on its number, so that a level added later
    leaves the others' runs what they are.
    """
    if study.streams == "common":
        return base_seed + replicate
    text = json.dumps([base_seed, point, replicate], sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")


def _with_point(error: ScenarioError, number: int, point: Point) -> list[Problem]:
    values = ", ".join(f"{name} = {value}" for name, value in point.items())
    return [
        replace(problem, key=f"point {number} ({values}), {problem.key}")
        for problem in error.problems
    ]


def _names(scenario: Scenario, seeds: list[int]) -> list[int]:
    """Return what `run_id` says of a scenario with each seed, as numbers.

    The scenario is written once, not once for each seed: a study may have a million of them.
    """
    text = canonical_json(scenario.model_copy(update={"seed": NO_SEED}))
    before, _, after = text.partition(str(NO_SEED))
    start, end = hashlib.sha256(before.encode()), after.encode()
    names = []
    for seed in seeds:
        whole = start.copy()
        whole.update(str(seed).encode() + end)
        names.append(int.from_bytes(whole.digest()[:8], "big"))
    return names
