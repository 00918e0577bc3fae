"""Sets what is reported of an event beside what the scenario built on it gives, over seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from abm.errors import Problem, ScenarioError
from abm.recording.schemas import SCHEMAS
from abm.scenario.references import unknown
from abm.studies.losses import LOSS, loss_of, run_whole, seeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from abm.scenario.history import HistoricRange
    from abm.scenario.model import Scenario
    from abm.studies.replicates import RunRow

Verdict = Literal["inside", "below", "above"]


@dataclass(frozen=True)
class Comparison:
    """One measure as it is reported and as the runs have it.

    Attributes
    ----------
    name : str
        Of the measure in the scenario.
    reported : HistoricRange
        What is reported.
    values : tuple of float
        Of the runs, in the order of their seeds; a run in which the divisor is 0 has none.
    """

    name: str
    reported: HistoricRange
    values: tuple[float, ...]

    def quantile(self, probability: float) -> float | None:
        """Return a quantile of the runs' values, None where there are none."""
        return float(np.quantile(self.values, probability)) if self.values else None

    @property
    def inside(self) -> float | None:
        """Share of the runs within what is reported."""
        low, high = self.reported.low, self.reported.high
        hits = [low <= value <= high for value in self.values]
        return sum(hits) / len(hits) if hits else None

    @property
    def verdict(self) -> Verdict | None:
        """Where the median run stands to what is reported."""
        median = self.quantile(0.5)
        if median is None:
            return None
        if median < self.reported.low:
            return "below"
        return "above" if median > self.reported.high else "inside"


def compare_with_history(
    scenario: Scenario,
    *,
    replicates: int = 20,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Comparison]:
    """Run a scenario over seeds and set its measures beside what is reported.

    Parameters
    ----------
    scenario : Scenario
        With a table ``history``.
    replicates : int
        Runs, with the scenario's seed and those after it.
    workers : int
        Processes.
    progress : callable, optional
        Told of the runs done and of all.

    Returns
    -------
    list of Comparison
        In the order of the scenario.

    Raises
    ------
    ScenarioError
        If the scenario reports nothing, a measure names no number of a run, or a run breaks.
    ValueError
        If there is no replicate.
    """
    if not scenario.history:
        rule = "the scenario must say what is reported: [history.NAME] with outcome, low, high"
        raise ScenarioError(scenario.name, [Problem("history", "", rule)])
    if problems := list(_problems(scenario.history)):
        raise ScenarioError(scenario.name, problems)
    rows = run_whole(seeded(scenario, replicates), workers=workers, progress=progress)
    return [
        Comparison(name, reported, tuple(_values(rows, reported)))
        for name, reported in scenario.history.items()
    ]


def _problems(history: Mapping[str, HistoricRange]) -> Iterator[Problem]:
    """Check before anything runs that every measure is one of a run's numbers."""
    numbers = [LOSS, *(item.name for item in SCHEMAS["runs"].columns if item.kind != "text")]
    for name, reported in history.items():
        for key in ("outcome", "per"):
            value = getattr(reported, key)
            if value is not None and value not in numbers:
                yield unknown(f"history.{name}.{key}", value, numbers, "outcomes")


def _values(rows: list[RunRow], reported: HistoricRange) -> list[float]:
    values = []
    for row in rows:
        value = loss_of(row, reported.outcome)
        if reported.per is not None:
            divisor = loss_of(row, reported.per)
            if divisor == 0:
                continue
            value /= divisor
        values.append(value)
    return values
