"""The smallest shock that exhausts each layer: a search along rays, on the same streams."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from abm.errors import Problem, ScenarioError
from abm.scenario import parse_scenario
from abm.scenario.loading import apply_override
from abm.studies.layers import is_exhausted, layers_of
from abm.studies.losses import run_whole, seeded
from abm.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from abm.scenario.model import Scenario
    from abm.studies.replicates import RunRow

LONGEST_FALL_HOURS = 1.0
"""The price falls within this time, or within the rest of the run."""


@dataclass(frozen=True)
class Axis:
    """One number of a scenario that makes a shock worse.

    Attributes
    ----------
    name : str
        What it is called, with its unit, such as ``price_fall_share``.
    path : str
        Key of the scenario that it sets.
    calm, worst : float
        Values of the key where the shock is nothing, and where it is as large as is searched.
    shown_calm, shown_worst : float
        The same as people read them: a factor of 0.6 is a fall of 0.4.
    """

    name: str
    path: str
    calm: float
    worst: float
    shown_calm: float
    shown_worst: float

    def value(self, size: float) -> float:
        """Return the key's value at a size from 0 to 1."""
        return self.calm + size * (self.worst - self.calm)

    def shown(self, size: float) -> float:
        """Return that as people read it."""
        return self.shown_calm + size * (self.shown_worst - self.shown_calm)


@dataclass(frozen=True)
class FrontierPoint:
    """The smallest shock along one ray that exhausts a layer.

    Attributes
    ----------
    layer : str
        Of `abm.scenario.waterfall.LAYERS`.
    direction : tuple of float
        Share of each axis' worst at the end of the ray; the largest is 1.
    size : float or None
        Where on the ray, from 0 to 1; None where not even its end is enough.
    shock : dict of str to float
        Value on each axis there, or at the ray's end.
    resolution : float
        It is enough at ``size``, and was not at ``size - resolution``.
    monotone : bool
        Whether no larger shock on this ray was seen to be too small.
    """

    layer: str
    direction: tuple[float, ...]
    size: float | None
    shock: dict[str, float]
    resolution: float
    monotone: bool


@dataclass(frozen=True)
class Frontier:
    """The frontier of shocks that exhaust each layer.

    Attributes
    ----------
    scenario : str
    axes : tuple of Axis
    points : tuple of FrontierPoint
        By layer, in the order of rays.
    share : float
        Share of the seeds in which a layer must be exhausted.
    seeds : tuple of int
    runs : int
    """

    scenario: str
    axes: tuple[Axis, ...]
    points: tuple[FrontierPoint, ...]
    share: float
    seeds: tuple[int, ...]
    runs: int

    def smallest(self, layer: str) -> FrontierPoint | None:
        """Return the point of a layer nearest to no shock: the least sum of shares of the worst."""
        reached = [
            point for point in self.points if point.layer == layer and point.size is not None
        ]
        return min(
            reached, key=lambda point: (point.size or 0.0) * sum(point.direction), default=None
        )


def default_axes(
    scenario: Scenario, *, worst_fall: float = 0.5, worst_halt_hours: float | None = None
) -> tuple[Scenario, tuple[Axis, ...]]:
    """Return a scenario with three shocks that are nothing yet, and the axes that make them grow.

    The price falls by up to ``worst_fall`` within an hour, all channels halt, and relayers leave
    for the rest of the run; all from the first scheduled shock on, or from the start. The
    scenario's own shocks are left out.

    Raises
    ------
    ScenarioError
        If a number is out of range.
    """
    starts = [shock.start_second for shock in scenario.shocks.values() if not shock.is_drawn]
    at = min(starts, default=0) / SECONDS_PER_HOUR
    left = scenario.clock.hours - at
    halt = min(left, 24.0) if worst_halt_hours is None else worst_halt_hours
    if not 0 < worst_fall < 1:
        rule = "it must be above 0 and below 1"
        raise ScenarioError(scenario.name, [Problem("worst_fall", f"{worst_fall:g}", rule)])
    if not 0 < halt <= left:
        rule = f"it must be above 0 and at most {left:g}, what is left of the run"
        raise ScenarioError(scenario.name, [Problem("worst_halt_hours", f"{halt:g}", rule)])
    # A halt of no length is none; this is the shortest that a scenario may hold and shorter
    # than any step.
    least = 1.0 / SECONDS_PER_HOUR
    data = scenario.model_dump(mode="json", exclude_unset=True)
    data.pop("counterfactual", None)
    data["shocks"] = {
        "fall": {
            "kind": "price_jump",
            "at_hours": at,
            "duration_hours": min(LONGEST_FALL_HOURS, left),
            "factor": 1.0,
        },
        "exit": {
            "kind": "relayer_exit",
            "at_hours": at,
            "duration_hours": left,
            "fraction": 0.0,
        },
    }
    axes = [
        Axis("price_fall_share", "shocks.fall.factor", 1.0, 1.0 - worst_fall, 0.0, worst_fall),
        Axis("relayers_lost_share", "shocks.exit.fraction", 0.0, 1.0, 0.0, 1.0),
    ]
    if scenario.channels:
        data["shocks"]["halt"] = {
            "kind": "channel_halt",
            "at_hours": at,
            "duration_hours": least,
            "channels": list(scenario.channels),
        }
        path = "shocks.halt.duration_hours"
        axes.insert(1, Axis("halt_hours", path, least, halt, 0.0, halt))
    return parse_scenario(data, scenario.name), tuple(axes)


def rays(dimensions: int, divisions: int = 2) -> list[tuple[float, ...]]:
    """Return directions of the positive corner, each with its largest part 1.

    Examples
    --------
    >>> rays(2, 2)
    [(0.0, 1.0), (0.5, 1.0), (1.0, 0.0), (1.0, 0.5), (1.0, 1.0)]
    """
    parts = [number / divisions for number in range(divisions + 1)]
    return [ray for ray in product(parts, repeat=dimensions) if max(ray) == 1.0]


def reverse_stress(
    scenario: Scenario,
    axes: Sequence[Axis],
    *,
    divisions: int = 1,
    halvings: int = 4,
    share: float = 0.5,
    replicates: int = 2,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Frontier:
    """Search the smallest shock on every ray that exhausts each funded layer, and the last.

    Along a ray more shock is taken to be worse: the interval between enough and not enough is
    halved, and every run that says otherwise is told by ``monotone``.

    Parameters
    ----------
    scenario : Scenario
        With the shocks whose keys the axes set, such as `default_axes` makes.
    axes : sequence of Axis
    divisions : int
        Fineness of the fan of rays, at least 1; see `rays`.
    halvings : int
        Each point is known to one part in two to this power of its ray.
    share : float
        Of the seeds in which a layer must be exhausted, above 0 and at most 1.
    replicates, workers, progress
        As for other studies; progress tells runs so far and at most.

    Returns
    -------
    Frontier

    Raises
    ------
    ScenarioError
        If an axis sets what the scenario refuses, or a run breaks.
    ValueError
        If a number is out of range.
    """
    if divisions < 1 or halvings < 0 or not 0 < share <= 1 or not axes:
        raise ValueError(
            f"divisions is {divisions!r}, halvings {halvings!r}, share {share!r}; they must be at "
            "least 1, at least 0, and above 0 and at most 1, with an axis or more"
        )
    layers = layers_of(scenario)
    probe = _Probe(scenario, tuple(axes), replicates, workers)
    found: list[FrontierPoint] = []
    fan = rays(len(axes), divisions)
    most = len(fan) * (1 + halvings * len(layers)) * replicates
    for direction in fan:
        for layer in layers:
            found.append(_search(probe, layer, direction, halvings, share))
            if progress is not None:
                progress(probe.runs, most)
    order = {layer: place for place, layer in enumerate(layers)}
    return Frontier(
        scenario.name,
        tuple(axes),
        tuple(sorted(found, key=lambda point: order[point.layer])),
        share,
        tuple(base.seed for base in probe.bases),
        probe.runs,
    )


def frontier_table(frontier: Frontier) -> pl.DataFrame:
    """Return a row for each layer and ray.

    Returns
    -------
    polars.DataFrame
        ``layer``; ``exhausted``, whether the ray reaches that far; a column for each axis, with its
        value at the frontier or at the ray's end; ``size`` and ``resolution`` on the ray;
        ``monotone``.
    """
    return pl.DataFrame(
        [
            {
                "layer": point.layer,
                "exhausted": point.size is not None,
                **point.shock,
                "size": point.size,
                "resolution": point.resolution,
                "monotone": point.monotone,
            }
            for point in frontier.points
        ],
        schema_overrides={"size": pl.Float64},
    )


class _Probe:
    """Runs a scenario at points of shocks, each once, and says which layers were exhausted."""

    def __init__(
        self, scenario: Scenario, axes: tuple[Axis, ...], replicates: int, workers: int
    ) -> None:
        self.axes = axes
        self.bases = seeded(scenario, replicates)
        self.runs = 0
        self._workers = workers
        self._seen: dict[tuple[float, ...], list[RunRow]] = {}

    def share(self, layer: str, point: tuple[float, ...]) -> float:
        """Return in which share of the seeds a shock exhausts a layer."""
        if point not in self._seen:
            scenarios = [self._shocked(base, point) for base in self.bases]
            self._seen[point] = run_whole(scenarios, workers=self._workers)
            self.runs += len(scenarios)
        rows = self._seen[point]
        return float(np.mean([is_exhausted(self.bases[0], row, layer) for row in rows]))

    def on_ray(self, direction: tuple[float, ...]) -> list[float]:
        """Return the sizes at which a ray was looked at."""
        sizes = [
            max(point)
            for point in self._seen
            if np.allclose(np.array(point), max(point) * np.array(direction))
        ]
        return sorted(sizes)

    def _shocked(self, base: Scenario, point: tuple[float, ...]) -> Scenario:
        data = base.model_dump(mode="json", exclude_unset=True)
        problems = [
            fault
            for axis, size in zip(self.axes, point, strict=True)
            if (fault := apply_override(data, f"{axis.path}={axis.value(size)!r}")) is not None
        ]
        if problems:
            raise ScenarioError(base.name, problems)
        return parse_scenario(data, base.name)


def _search(
    probe: _Probe, layer: str, direction: tuple[float, ...], halvings: int, share: float
) -> FrontierPoint:
    def enough(size: float) -> bool:
        return probe.share(layer, tuple(part * size for part in direction)) >= share

    size: float | None = None
    resolution = 1.0
    if enough(1.0):
        low, high = 0.0, 1.0
        for _ in range(halvings):
            middle = (low + high) / 2.0
            low, high = (low, middle) if enough(middle) else (middle, high)
        size, resolution = high, high - low
    looked = [(at, enough(at)) for at in probe.on_ray(direction)]
    monotone = [found for _, found in looked] == sorted(found for _, found in looked)
    end = 1.0 if size is None else size
    shock = {
        axis.name: axis.shown(part * end) for axis, part in zip(probe.axes, direction, strict=True)
    }
    return FrontierPoint(layer, direction, size, shock, resolution, monotone)
