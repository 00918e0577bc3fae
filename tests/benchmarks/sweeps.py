"""How much a sweep adds to its runs, beside Mesa's batch_run and EMA workbench.

Every figure is a ratio or a cost for each run, of processor or wall time within this one program:
efficiency of two workers on runs of one second; cost of a short run; memory of the driver over ten
thousand tiny runs; and the same small model under `mesa.batch_run` and the workbench, if installed.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from abm.recording.recorder import Recorder
from abm.recording.schemas import SCHEMAS

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"
STUDY = """
name = "bench"
question = "What does a run cost besides itself?"
scenario = "{scenario}"
replicates = {replicates}

[factors."liquidation.grace_seconds"]
values = [0, 300]
"""
TINY_RUNS = int(os.environ.get("ABM_BENCH_TINY_RUNS", "10000"))
SHORT_RUNS = 400
SECOND_RUNS = 16
EFFICIENCY, OVERHEAD_MS, DRIVER_MB = 0.95, 10.0, 300.0


def tiny_run(scenario: Any, _: object = None) -> Recorder:  # noqa: ANN401 - a scenario
    """Stand in for a run that takes no time: what is left is what the sweep adds."""
    recorder = Recorder()
    row: dict[str, Any] = dict.fromkeys(SCHEMAS["runs"].names, 0)
    row |= {"scenario": scenario.name, "seed": scenario.seed, "architecture": "silo"}
    recorder.add("runs", *row.values())
    return recorder


def second_run(scenario: Any, watch: object = None) -> Recorder:  # noqa: ANN401
    """Stand in for a run of one second that needs no core, so that busy machines measure alike."""
    time.sleep(1.0)
    return tiny_run(scenario, watch)


def sweep(replicates: int, workers: int, kind: str) -> tuple[float, float]:
    """Sweep in a fresh process; return wall seconds and the driver's most memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study.toml"
        study.write_text(STUDY.format(scenario=SMALL_CRASH, replicates=replicates))
        command = [sys.executable, __file__, kind, str(study), str(workers)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        return float(told[-2]), float(told[-1])


def drive(study: str, workers: int) -> None:
    """Run one sweep; print its seconds and the most memory this process held."""
    from abm.sweeps import load_study, plan_study, run_study

    plan = plan_study(load_study(study))
    first: list[float] = []

    def told(*_: int) -> None:
        first.append(time.perf_counter()) if not first else None

    begin = time.perf_counter()
    run_study(plan, Path(study).parent / "out", workers=workers, progress=told)
    # Workers take a second or two to start, once: a sweep of hours does not see it.
    begin = first[0] if workers > 1 else begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(time.perf_counter() - begin, peak)


def efficiency() -> float:
    """Return the share of the ideal that two workers reach on runs of one second."""
    seconds, _ = sweep(SECOND_RUNS // 2, 2, "second")
    # The clock starts when the first run has ended, a second after it began.
    return (SECOND_RUNS / 2) / (seconds + 1.0)


def small_runs(number: int) -> list[dict[str, Any]]:
    """Return the rows of some short runs of the simulator itself, as the other two run it."""
    return [short_run(seed) for seed in range(number)]


def short_run(seed: int) -> dict[str, Any]:
    """Run the small crash for an hour with a seed; return its row."""
    from abm.scenario import load_scenario
    from abm.simulation.run import simulate

    recorder = simulate(load_scenario(SMALL_CRASH, (*SHORT, f"seed={seed}")))
    return dict(zip(SCHEMAS["runs"].names, recorder.rows["runs"][0], strict=True))


def with_mesa(number: int) -> float:
    """Return the wall seconds of mesa.batch_run on two processes."""
    import mesa

    class_of_runs = type(
        "Runs", (mesa.Model,), {"__init__": _start, "step": lambda self: _end(self)}
    )
    globals()["Runs"] = class_of_runs  # its processes find it by name
    begin = time.perf_counter()
    mesa.batch_run(
        class_of_runs,
        {"number": list(range(number))},
        number_processes=2,
        display_progress=False,
    )
    return time.perf_counter() - begin
