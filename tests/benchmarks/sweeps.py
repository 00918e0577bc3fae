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

import mesa

from abm.recording.recorder import Recorder
from abm.recording.schemas import SCHEMAS
from abm.scenario import load_scenario
from abm.simulation.run import simulate
from abm.sweeps import batches, load_study, plan_study, run_study

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"
SHORT: tuple[str, ...] = (
    "clock.hours=1",
    "shocks.gas.at_hours=0.5",
    "shocks.far_halt.at_hours=0.25",
)
SHORT += ("shocks.far_halt.duration_hours=0.5",)
STUDY = """
name = "bench"
question = "What does a run cost besides itself?"
scenario = "{scenario}"
changes = {changes}
replicates = {replicates}

[factors."liquidation.grace_seconds"]
values = [0, 300]
"""
TINY_RUNS = int(os.environ.get("ABM_BENCH_TINY_RUNS", "10000"))
SHORT_RUNS = 400
SECOND_RUNS = 120
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


STAND_INS = {"tiny": tiny_run, "second": second_run}


def sweep(replicates: int, workers: int, kind: str) -> tuple[float, float]:
    """Sweep in a fresh process; return wall seconds and the driver's most memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study.toml"
        text = STUDY.format(scenario=SMALL_CRASH, changes=list(SHORT), replicates=replicates)
        study.write_text(text, encoding="utf-8")
        command = [sys.executable, __file__, kind, str(study), str(workers)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        return float(told[-2]), float(told[-1])


def drive(study: str, workers: int) -> None:
    """Run one sweep; print its seconds and the most memory this process held."""
    plan = plan_study(load_study(study))
    first: list[float] = []

    def told(*_: int) -> None:
        if not first:
            first.append(time.perf_counter())

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


def short_run(number: int) -> dict[str, Any]:
    """Run the small crash for an hour with a seed of its own; return its row."""
    scenario = load_scenario(SMALL_CRASH, (*SHORT, f"seed={number}"))
    recorder = simulate(scenario)
    return dict(zip(SCHEMAS["runs"].names, recorder.rows["runs"][0], strict=True))


class Runs(mesa.Model):
    """A short run as Mesa's batch_run asks for it: a model that is over after one step."""

    def __init__(self, number: int, rng: int | None = None) -> None:
        super().__init__(rng=rng)
        self.number = number
        self.row: dict[str, Any] = {}
        self.datacollector = mesa.DataCollector({"row": lambda model: model.row})

    def step(self) -> None:
        """Run all of it."""
        self.row = short_run(self.number)
        self.datacollector.collect(self)
        self.running = False


def with_mesa(runs: int) -> float:
    """Return the wall seconds of mesa.batch_run on two processes, its results in memory."""
    begin = time.perf_counter()
    found = mesa.batch_run(
        Runs, {"number": list(range(runs))}, number_processes=2, display_progress=False
    )
    seconds = time.perf_counter() - begin
    assert len({row["number"] for row in found}) == runs
    return seconds


def with_workbench(runs: int) -> float | None:
    """Return the wall seconds of EMA workbench on two processes; None if not installed."""
    try:
        import ema_workbench as workbench  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    model = workbench.Model("abm", function=short_run)
    model.uncertainties = [workbench.IntegerParameter("number", 0, 1_000_000)]
    model.outcomes = [workbench.ScalarOutcome("bad_debt_usd")]
    begin = time.perf_counter()
    with workbench.MultiprocessingEvaluator(model, n_processes=2) as evaluator:
        evaluator.perform_experiments(scenarios=runs)
    return time.perf_counter() - begin


def report(what: str, value: str, wanted: str, *, met: bool) -> bool:
    """Print a figure beside what is wanted of it."""
    print(f"{what:58}{value:>16}   {wanted}{'' if met else '   NOT MET'}")
    return met


def main() -> int:
    """Print all figures; return the number that fall short."""
    share = efficiency()
    met = [
        report(
            "two workers, runs of one second, of ideal",
            f"{share:.1%}",
            ">= 95 %",
            met=share >= EFFICIENCY,
        )
    ]
    seconds, _ = sweep(SHORT_RUNS // 2, 1, "tiny")
    cost = 1_000 * seconds / SHORT_RUNS
    met.append(
        report(
            "a sweep adds to each short run", f"{cost:.2f} ms", "<= 10 ms", met=cost <= OVERHEAD_MS
        )
    )
    _, few = sweep(TINY_RUNS // 20, 2, "tiny")
    seconds, many = sweep(TINY_RUNS // 2, 2, "tiny")
    growth = f"{few:.0f} to {many:.0f} MB"
    met.append(
        report(
            f"driver from {TINY_RUNS // 10:,} to {TINY_RUNS:,} tiny runs",
            growth,
            "<= 300 MB",
            met=many <= DRIVER_MB,
        )
    )
    print(f"    {TINY_RUNS:,} tiny runs on two workers: {1_000 * seconds / TINY_RUNS:.2f} ms each")
    # In turns, so that what else the machine does falls on all alike.
    ours, theirs, workbench = [], [], []
    for _ in range(2):
        begin = time.perf_counter()
        sweep(SHORT_RUNS // 4, 2, "real")
        ours.append(time.perf_counter() - begin)
        theirs.append(with_mesa(SHORT_RUNS // 2))
        workbench.append(with_workbench(SHORT_RUNS // 2))
    ratio = min(theirs) / min(ours)
    met.append(
        report(
            f"mesa.batch_run, {SHORT_RUNS // 2} runs of the simulator, over ours",
            f"{ratio:.2f}",
            ">= 1",
            met=ratio >= 1,
        )
    )
    known = [seconds for seconds in workbench if seconds is not None]
    if known:
        ratio = min(known) / min(ours)
        met.append(
            report("EMA workbench, the same, over ours", f"{ratio:.2f}", ">= 1", met=ratio >= 1)
        )
    else:
        print("EMA workbench is not installed: pip install 'abm[bench]'")
    return met.count(False)


# Workers import this file: what stands in for the simulator stands in there as well.
if len(sys.argv) > 1 and sys.argv[1] in STAND_INS:
    batches.simulate = STAND_INS[sys.argv[1]]  # type: ignore[assignment,attr-defined]

if __name__ == "__main__":
    if len(sys.argv) > 1:
        drive(sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(main())
