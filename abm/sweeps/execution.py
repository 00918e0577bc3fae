"""Runs a study on local workers or on a cluster: what is there stays, what is lost is run again."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, Protocol

import numpy as np

from abm.errors import ResultsError
from abm.sweeps.batches import Batch, Order
from abm.sweeps.dataset import LOG, Held, job_of, open_dataset, read_note, study_status
from abm.sweeps.gathering import Holder, drop_damaged, gather
from abm.sweeps.local import LocalWorkers
from abm.sweeps.stopping import Stops
from abm.sweeps.store import LocalStore, open_store

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from abm.sweeps.batches import Job, Record
    from abm.sweeps.dataset import StudyStatus
    from abm.sweeps.plan import Plan, PlannedRun, RunIds
    from abm.sweeps.store import Store

StudyProgress = Callable[[int, int, int], None]
"""Told of finished, failed and planned runs after every batch."""

# A batch is to take this long: then neither sending nor writing it matters.
BATCH_SECONDS = 1.0
MOST_IN_BATCH = 500
# Towards the end each worker is to have so many batches before it yet, down to a tenth of the usual
# size: large ones would let the others wait for the last.
BATCHES_LEFT, SMALLEST_PART = 4, 10
# A file that is damaged time and again is no accident.
ATTEMPTS = 3


class Workers(Protocol):
    """What runs batches, wherever it does."""

    def run(self, supply: Supply) -> Generator[Record]:
        """Run batches until there are none, and yield the record of each."""


class Supply:
    """Hands out runs in batches of about a second, as long as the last ones took.

    Parameters
    ----------
    job : Job
    runs : iterator of PlannedRun
        Those to run.
    count : int
        How many they are.
    """

    def __init__(self, job: Job, runs: Iterator[PlannedRun], count: int) -> None:
        self.job = job
        self.runs = runs
        self.left = count
        self.size = 1

    def next(self, workers: int) -> Batch | None:
        """Return the next batch for one of so many workers, None where there is none."""
        size = self.size
        if workers > 1:
            share = ceil(self.left / (BATCHES_LEFT * workers))
            size = min(size, max(share, ceil(size / SMALLEST_PART)))
        orders = [Order.of(run) for run in islice(self.runs, size)]
        self.left -= len(orders)
        return Batch(self.job, tuple(orders)) if orders else None

    def learn(self, record: Record) -> None:
        """Take what a batch took; sizes grow by steps, since the first run of a worker is slow."""
        runs = len(record.finished) + len(record.failed)
        fitting = int(BATCH_SECONDS * runs / max(record.seconds, 1e-3))
        self.size = max(1, min(fitting, 2 * self.size, MOST_IN_BATCH))


def run_study(
    plan: Plan,
    place: str | Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: StudyProgress | None = None,
    retry_failed: bool = False,
) -> StudyStatus:
    """Run what a study has not run yet, and gather the results.

    Parameters
    ----------
    plan : Plan
        From `abm.sweeps.plan_study`.
    place : str or Path
        Folder or fsspec URL where the dataset stands or comes to stand.
    workers : int
        Processes; 1 runs in this process. The results do not depend on it.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers are used instead. They must all see the place.
    progress : callable, optional
        Told after every batch.
    retry_failed : bool
        Run those again that failed.

    Returns
    -------
    StudyStatus

    Raises
    ------
    ResultsError
        If the place holds something else, or files there are damaged time and again.
    ClusterError
        If the cluster cannot be used.
    ValueError
        If ``workers`` is below 1.
    OSError
        If files cannot be written, as on a full disk; what is written stays, and is gone on from.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}; it must be at least 1")
    store = open_store(place)
    hands = _hands(workers, scheduler)
    with _alone(store):
        held = open_dataset(store, plan)
        if retry_failed:
            held = _without_failures(held)
        _run_all(plan, store, held, hands, progress)
    return study_status(place)


def _hands(workers: int, scheduler: str | None) -> Workers:
    if scheduler is None:
        return LocalWorkers(workers)
    from abm.sweeps.cluster import ClusterWorkers  # noqa: PLC0415 - without the extra, not needed

    return ClusterWorkers(scheduler)


def _run_all(
    plan: Plan, store: Store, held: Held, hands: Workers, progress: StudyProgress | None
) -> None:
    gathered = read_note(store)["gathered"]
    for _ in range(ATTEMPTS):
        spared = _run_missing(plan, store, held, hands, progress)
        if not drop_damaged(store, held):
            break
    else:
        raise ResultsError(
            store.place, f"files of batches were damaged {ATTEMPTS} times; see the disk"
        )
    if held.shards or spared != gathered["spared"]:
        gather(store, plan, [Holder(store, held, gathered)], spared)


def _run_missing(
    plan: Plan, store: Store, held: Held, hands: Workers, progress: StudyProgress | None
) -> int:
    """Run what is missing, block of replicates by block; return how many runs were spared."""
    job, stops = job_of(plan, store), Stops(plan, store, held)
    done, lost = len(held.finished), len(held.failed)
    for replicates in stops.blocks():
        ended = np.union1d(held.finished, held.failed)
        supply = _missing(job, plan, replicates, stops.going_on(), ended)
        # Closed at once when this loop is left by an error: no worker then goes on unseen.
        with closing(hands.run(supply)) as records:
            for record in records:
                store.append(LOG, record.to_line())
                held.add(record)
                supply.learn(record)
                done, lost = done + len(record.finished), lost + len(record.failed)
                if progress is not None:
                    progress(done, lost, plan.run_count - stops.spared)
        stops.look(held, replicates)
    return stops.spared


def _without_failures(held: Held) -> Held:
    """Return what is held as if no run had failed; those that fail again are noted anew."""
    nothing = np.array([], dtype=np.uint64)
    shards = {name: replace(shard, failed=nothing) for name, shard in held.shards.items()}
    return Held(held.gathered, nothing, shards)


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """Let no second driver into a folder of this machine; the lock ends with the process."""
    if not isinstance(store, LocalStore) or fcntl is None:
        yield
        return
    store.folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(store.folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise ResultsError(store.place, "another process sweeps into it now") from error
    try:
        yield
    finally:
        os.close(descriptor)


def _missing(job: Job, plan: Plan, replicates: range, points: RunIds, ended: RunIds) -> Supply:
    """Return the supply of the runs of a block that have not ended, replicate by replicate."""

    def missing(replicate: int) -> RunIds:
        ids = plan.ids[points, replicate]
        # Names that ended are in order: to look each up takes no time, however many they are.
        places = np.minimum(np.searchsorted(ended, ids), max(len(ended) - 1, 0))
        return points[ended[places] != ids] if len(ended) else points

    runs = (plan.run(point, place) for place in replicates for point in missing(place).tolist())
    return Supply(job, runs, sum(len(missing(place)) for place in replicates))
