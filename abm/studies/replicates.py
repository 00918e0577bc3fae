"""Runs scenarios over seeds, here or in processes of a local pool, and keeps their outcomes."""

from __future__ import annotations

from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

from abm.recording.schemas import SCHEMAS
from abm.simulation.run import BrokenRunError, simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from abm.recording.recorder import Value
    from abm.scenario.model import Scenario

RunRow = dict[str, "Value"]
"""The row of the `runs` table by column: parameters and outcomes of one run."""


@dataclass(frozen=True)
class BrokenReplicate:
    """A run that broke an invariant: a defect of this package, to be replayed by its seed.

    Attributes
    ----------
    seed : int
        Seed of the run.
    second : int
        Simulated second of the step that broke.
    breaches : tuple of str
        One sentence for each broken rule.
    """

    seed: int
    second: int
    breaches: tuple[str, ...]


def run_outcome(scenario: Scenario) -> RunRow | BrokenReplicate:
    """Run a scenario and return its row of the `runs` table alone, or how it broke."""
    try:
        recorder = simulate(scenario, tables=())
    except BrokenRunError as error:
        # The error holds all tables until then: too large to send, and pickle cannot build it.
        return BrokenReplicate(scenario.seed, error.second, error.breaches)
    return dict(zip(SCHEMAS["runs"].names, recorder.rows["runs"][0], strict=True))


def run_all(
    scenarios: Sequence[Scenario],
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[RunRow | BrokenReplicate]:
    """Run scenarios and return their outcomes in the same order.

    Parameters
    ----------
    scenarios : sequence of Scenario
        What to run, each with its own seed.
    workers : int
        Processes; 1 runs in this one. Outcomes do not depend on it. Processes are spawned, so a
        script that asks for more than one calls this under ``if __name__ == "__main__"``.
    progress : callable, optional
        Called with the number of runs done and the number in all after every run.

    Returns
    -------
    list of dict or BrokenReplicate
        One for each scenario.

    Raises
    ------
    ValueError
        If ``workers`` is below 1.
    concurrent.futures.process.BrokenProcessPool
        If a worker was killed, by the system for its memory or by hand.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers!r}; it must be at least 1")

    def tell(done: int) -> None:
        if progress is not None:
            progress(done, len(scenarios))

    if min(workers, len(scenarios)) <= 1:
        found = []
        for scenario in scenarios:
            found.append(run_outcome(scenario))
            tell(len(found))
        return found
    # Spawn: forking hangs once Polars was used in this process.
    pool = ProcessPoolExecutor(min(workers, len(scenarios)), mp_context=get_context("spawn"))
    try:
        futures: list[Future[RunRow | BrokenReplicate]] = [
            pool.submit(run_outcome, scenario) for scenario in scenarios
        ]
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()  # raises at once what a worker raised
            tell(done)
        return [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)
