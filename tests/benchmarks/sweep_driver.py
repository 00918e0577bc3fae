"""One sweep in a process of its own, which says what it took; started by `tests.benchmarks.sweeps`.

    python -m tests.benchmarks.sweep_driver KIND STUDY WORKERS

It imports what `abm sweep` does and nothing else, so that its memory is that of a driver.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from abm.recording.schemas import SCHEMAS
from abm.sweeps import load_study, plan_study, run_study

if TYPE_CHECKING:
    from abm.recording.recorder import Recorder

PAGE_MB = resource.getpagesize() / 2**20
MOMENT_SECONDS = 0.05


def tiny_run(scenario: Any, *_: object, **__: object) -> Recorder:  # noqa: ANN401 - a scenario
    """Stand in for a run that takes no time: what is left is what the sweep adds."""
    from abm.recording.recorder import Recorder  # noqa: PLC0415 - a worker's

    recorder = Recorder()
    row: dict[str, Any] = dict.fromkeys(SCHEMAS["runs"].names, 0)
    row |= {"scenario": scenario.name, "seed": scenario.seed, "architecture": "silo"}
    recorder.add("runs", *row.values())
    return recorder


def second_run(scenario: Any, *_: object, **__: object) -> Recorder:  # noqa: ANN401
    """Stand in for a run of one second that needs no core, so that busy machines measure alike."""
    time.sleep(1.0)
    return tiny_run(scenario)


STAND_INS = {"tiny": tiny_run, "second": second_run}


def stand_in(kind: str) -> None:
    """Let runs of this process be of a kind; ``real`` ones are the simulator's."""
    if kind in STAND_INS:
        import abm.simulation.run  # noqa: PLC0415 - a worker's

        abm.simulation.run.simulate = STAND_INS[kind]


def resident_mb() -> float:
    """Return the memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_MB


def drive(study: str, workers: int) -> list[float]:
    """Run a sweep; return what it took.

    Returns
    -------
    list of float
        Wall seconds from the call to the dataset; the same from the first run that ended, for
        workers take a while to start, once; most memory in MB; growth in MB for 1,000 runs, fitted
        over the second half of them.
    """
    plan = plan_study(load_study(study))
    ended: list[tuple[float, int, float]] = []

    def told(done: int, *_: int) -> None:
        now = time.perf_counter()
        if not ended or now - ended[-1][0] > MOMENT_SECONDS:
            ended.append((now, done, resident_mb()))

    begin = time.perf_counter()
    run_study(plan, Path(study).parent / "out", workers=workers, progress=told)
    end = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    half = np.array(ended[len(ended) // 2 :])
    slope = 1_000 * float(np.polyfit(half[:, 1], half[:, 2], 1)[0]) if len(half) > 1 else 0.0
    return [end - begin, end - ended[0][0], peak, slope]


# Workers import this file, too: what stands in for the simulator stands in there.
if __name__ == "__mp_main__":
    stand_in(sys.argv[1])

if __name__ == "__main__":
    if int(sys.argv[3]) == 1:
        stand_in(sys.argv[1])
    print(*drive(sys.argv[2], int(sys.argv[3])))
