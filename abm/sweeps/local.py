"""Runs batches on worker processes of this machine; what a killed worker lost is run again."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from abm.sweeps.batches import Batch, Record, note_deaths, run_batch

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from multiprocessing.process import BaseProcess

    from abm.sweeps.execution import Supply

# A run during which this many workers died is given up.
DEATHS = 3
# Batches handed to the pool at once, for each worker: enough to keep it busy.
AHEAD = 3
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class LocalWorkers:
    """Worker processes that live as long as the sweep; one of them works in this process.

    Parameters
    ----------
    workers : int
        Processes; 1 runs in this process.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, supply: Supply) -> Generator[Record]:
        """Run batches until there are none, and yield the record of each.

        Raises
        ------
        RuntimeError
            If worker processes cannot start.
        """
        if self.workers == 1:
            while batch := supply.next(1):
                yield run_batch(batch)
            return
        with _one_thread_each():
            pool = _started(self.workers)
            suspects: list[Batch] = []
            while True:
                yield from self._until_broken(pool, supply, suspects)
                if not suspects:
                    return
                # One of them ended its worker. Alone, each shows whether it was that one.
                for batch in suspects:
                    yield from run_alone(batch)
                suspects.clear()
                pool = _pool(self.workers)

    def _until_broken(
        self, pool: ProcessPoolExecutor, supply: Supply, suspects: list[Batch]
    ) -> Iterator[Record]:
        """Run batches until a worker dies; leave those that were under way to the suspects."""
        under_way: dict[Future[Record], Batch] = {}
        batch: Batch | None = None
        try:
            while True:
                while len(under_way) < AHEAD * self.workers and (
                    batch := supply.next(self.workers)
                ):
                    under_way[pool.submit(run_batch, batch)] = batch
                batch = None
                if not under_way:
                    return
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    record = future.result()
                    del under_way[future]
                    yield record
        except BrokenProcessPool:
            # The batch at hand was taken, but may not have been submitted.
            suspects += dict.fromkeys([*under_way.values(), *([batch] if batch else [])])
        finally:
            pool.shutdown(wait=not under_way, cancel_futures=True)


def run_alone(batch: Batch) -> Iterator[Record]:
    """Run a batch that may end its worker, a few times; then each of its runs by itself."""
    for _ in range(DEATHS):
        with _pool(1) as pool:
            try:
                yield pool.submit(run_batch, batch).result()
            except BrokenProcessPool:
                continue
            return
    if len(batch.orders) == 1:
        yield note_deaths(batch, DEATHS)
        return
    for order in batch.orders:
        yield from run_alone(replace(batch, orders=(order,)))


def _pool(workers: int) -> ProcessPoolExecutor:
    # Spawned, not forked: the parent may hold threads, and every platform behaves alike.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_attend)


def _attend() -> None:
    """Let Ctrl-C reach the driver alone, which ends its workers; end with it if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    atexit.register(_leave)
    driver = multiprocessing.parent_process()
    if driver is not None:
        threading.Thread(target=_end_with, args=(driver,), daemon=True).start()


def _leave() -> None:
    """End at once: what it wrote is closed, and to take all modules apart takes half a second."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _end_with(driver: BaseProcess) -> None:
    driver.join()
    os._exit(1)


def _started(workers: int) -> ProcessPoolExecutor:
    """Return a pool whose workers have all started, at once, and loaded what they run."""
    pool = _pool(workers)
    try:
        wait([pool.submit(_load) for _ in range(workers)])
        pool.submit(_load).result()
    except BrokenProcessPool as error:
        pool.shutdown()
        raise RuntimeError(
            "worker processes cannot start; in a script, run the study under "
            "`if __name__ == '__main__':`"
        ) from error
    return pool


def _load() -> None:
    """Load what a run takes, in a worker, and show that it starts."""
    import_module("abm.simulation.run")


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
