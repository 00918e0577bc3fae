"""Runs a study on local worker processes; a killed worker's runs are run again."""

from __future__ import annotations

import multiprocessing
import os
import signal
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


@dataclass(frozen=True, eq=False)
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
    with _one_thread_each():
        if _dies(_nothing):
            raise RuntimeError(
                "worker processes cannot start; in a script, run the study under "
                "`if __name__ == '__main__':`"
            )
        while suspects := _until_broken(tasks, workers, tell):
            # One of them ended its worker. Alone, each shows whether it was that one.
            for task in suspects:
                tell(failure=_run_alone(task))


def _until_broken(tasks: Iterator[_Task], workers: int, tell: Callable[..., None]) -> list[_Task]:
    """Run tasks until a worker dies; return those that were under way, none at the end."""
    under_way: dict[Future[bool], _Task] = {}
    task: _Task | None = None
    with _pool(workers) as pool:
        try:
            while True:
                while len(under_way) < AHEAD * workers and (task := next(tasks, None)):
                    under_way[pool.submit(_run, task)] = task
                task = None
                if not under_way:
                    return []
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    failure = future.result()
                    del under_way[future]
                    tell(failure=failure)
        except BrokenProcessPool:
            # The task at hand was taken, but may not have been submitted.
            lost = dict.fromkeys([*under_way.values(), *([task] if task else [])])
            return list(lost)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _run_alone(task: _Task) -> bool:
    """Run a task that may end its worker, a few times; return whether it failed."""
    for _ in range(DEATHS):
        # What did not come back may have been written all the same.
        if task.planned.run_id in finished_ids(task.folder):
            return False
        with _pool(1) as pool:
            try:
                return pool.submit(_run, task).result()
            except BrokenProcessPool:
                continue
    write_failure(task.folder, task.planned, f"its worker died {DEATHS} times")
    return True


def _pool(workers: int) -> ProcessPoolExecutor:
    # Spawned, not forked: the parent may hold threads, and every platform behaves alike.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_interrupts)


def _leave_interrupts() -> None:
    """Let Ctrl-C reach the driver alone; it ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _nothing() -> None:
    """Show that a worker starts."""


def _dies(work: Callable[[], None]) -> bool:
    with _pool(1) as pool:
        try:
            pool.submit(work).result()
        except BrokenProcessPool:
            return True
    return False


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
