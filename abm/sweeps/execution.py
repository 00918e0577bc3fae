"""Runs a study on local worker processes; a killed worker's runs are run again."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from abm.simulation.run import Progress, simulate
from abm.sweeps.dataset import (
    PAIR,
    compact,
    failed_ids,
    finished_ids,
    open_dataset,
    study_status,
    write_failure,
    write_shard,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abm.sweeps.dataset import StudyStatus
    from abm.sweeps.plan import Plan, PlannedRun

StudyProgress = Callable[[int, int, int], None]
"""Told of finished, failed and planned runs after every run."""

# A run during which this many workers died is given up.
DEATHS = 3
# Runs handed to the pool at once, for each worker: enough to keep it busy, few to hold in memory.
AHEAD = 4
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class _Task:
    """One run and where it goes, as it is sent to a worker."""

    planned: PlannedRun
    folder: Path
    tables: tuple[str, ...]
    counterfactual: bool
    time_limit_seconds: float | None


class _TooLongError(Exception):
    """A run took longer than its study allows."""


def run_study(
    plan: Plan, folder: str | Path, *, workers: int = 1, progress: StudyProgress | None = None
) -> StudyStatus:
    """Run what a study has not run yet, and gather the results.

    Parameters
    ----------
    plan : Plan
        From `abm.sweeps.plan_study`.
    folder : str or Path
        Where the dataset stands or comes to stand.
    workers : int
        Processes; 1 runs in this process. The results do not depend on it.
    progress : callable, optional
        Told after every run.

    Returns
    -------
    StudyStatus

    Raises
    ------
    ResultsError
        If the folder holds something else.
    ValueError
        If ``workers`` is below 1.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}; it must be at least 1")
    place = Path(folder)
    open_dataset(place, plan)
    finished, failed = finished_ids(place), failed_ids(place)
    study = plan.study
    tasks = (
        _Task(run, place, study.tables, study.counterfactual, study.time_limit_seconds)
        for run in plan.runs()
        if run.run_id not in finished and run.run_id not in failed
    )
    done, lost = len(finished), len(failed)

    def tell(*, failure: bool) -> None:
        nonlocal done, lost
        done, lost = done + (not failure), lost + failure
        if progress is not None:
            progress(done, lost, plan.run_count)

    if workers == 1:
        for task in tasks:
            tell(failure=_run(task))
    else:
        _run_in_pool(tasks, workers, tell)
    compact(place, plan)
    return study_status(place)


def _run(task: _Task) -> bool:
    """Run one run and write its shard, or its failure; return whether it failed."""
    planned = task.planned
    try:
        watch = _watch(task.time_limit_seconds)
        recorders = {"": simulate(planned.scenario, watch)}
        if task.counterfactual:
            recorders[f"{PAIR}."] = simulate(planned.scenario.without_shocks(), watch)
    except Exception as error:  # noqa: BLE001 - whatever ends a run is noted, the others go on
        write_failure(task.folder, planned, f"{type(error).__name__}: {error}")
        return True
    write_shard(task.folder, planned, task.tables, recorders)
    return False


def _watch(seconds: float | None) -> Progress | None:
    """Return what a run tells of its steps, to end it when its time is over."""
    if seconds is None:
        return None
    end = time.monotonic() + seconds

    def check(_: int) -> None:
        if time.monotonic() > end:
            raise _TooLongError(f"longer than {seconds:g} s")

    return check


def _run_in_pool(tasks: Iterator[_Task], workers: int, tell: Callable[..., None]) -> None:
    """Run tasks on worker processes, and again those that a dying worker lost."""
    lost: list[_Task] = []
    deaths: dict[str, int] = {}
    with _one_thread_each():
        while True:
            broken = _until_broken(lost, tasks, workers, tell)
            if broken is None:
                return
            lost = []
            for task in broken:
                identifier = task.planned.run_id
                deaths[identifier] = deaths.get(identifier, 0) + 1
                if deaths[identifier] < DEATHS:
                    lost.append(task)
                else:
                    write_failure(task.folder, task.planned, f"its worker died {DEATHS} times")
                    tell(failure=True)


def _until_broken(
    first: list[_Task], tasks: Iterator[_Task], workers: int, tell: Callable[..., None]
) -> list[_Task] | None:
    """Run tasks until a worker dies; return those that were under way, or None at the end."""
    # Spawned, not forked: the parent may hold threads, and every platform behaves alike.
    context = multiprocessing.get_context("spawn")
    waiting = list(first)
    under_way: dict[Future[bool], _Task] = {}
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            while True:
                while len(under_way) < AHEAD * workers:
                    task = waiting.pop() if waiting else next(tasks, None)
                    if task is None:
                        break
                    under_way[pool.submit(_run, task)] = task
                if not under_way:
                    return None
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    failure = future.result()
                    del under_way[future]
                    tell(failure=failure)
        except BrokenProcessPool:
            # What did not come back may have been written all the same.
            return [*waiting, *under_way.values()]


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let new processes compute on one thread each: as many workers as cores fill the machine."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
