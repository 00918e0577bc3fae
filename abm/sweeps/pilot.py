"""How long a study takes and how much disk it fills, from a few of its runs."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.sweeps.dataset import open_dataset, read_note
from abm.sweeps.execution import run_study
from abm.sweeps.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from abm.sweeps.plan import Plan

# First, middle and last point of a design: its runs may differ in length by their factors.
PILOT_POINTS = 3


@dataclass(frozen=True)
class Pilot:
    """What a few runs of a study took.

    Attributes
    ----------
    seconds : list of float
        Of each run, its counterfactual and writing included; the first one, which loads what the
        others find loaded, ran once more.
    bytes_per_run : float
        Of the gathered files.
    """

    seconds: list[float]
    bytes_per_run: float

    @property
    def seconds_per_run(self) -> float:
        """Mean of the runs."""
        return sum(self.seconds) / len(self.seconds)


def run_pilot(plan: Plan) -> Pilot:
    """Run up to three points of a study in a folder that is removed."""
    last = len(plan.points) - 1
    points = sorted({round(last * part / (PILOT_POINTS - 1)) for part in range(PILOT_POINTS)})
    seconds = []
    size = 0
    for number, point in enumerate([points[0], *points]):
        with tempfile.TemporaryDirectory() as aside:
            start = time.perf_counter()
            run_study(plan.part(np.array([point]), 1), aside)
            if number:
                seconds.append(time.perf_counter() - start)
                files = read_note(open_store(aside))["gathered"]["files"]
                size += sum(files.values())
    return Pilot(seconds, size / len(points))


def missing_runs(plan: Plan, place: str | Path) -> int:
    """Return how many runs of a study are not at a place yet.

    Raises
    ------
    ResultsError
        If the place holds something else.
    """
    store = open_store(place)
    if not store.names():
        return plan.run_count
    held = open_dataset(store, plan)
    return int((~np.isin(plan.ids, np.union1d(held.finished, held.failed))).sum())
