"""How much a sweep adds to its runs, beside Mesa's batch_run and EMA workbench.

Every figure is a ratio or a cost for each run, of wall time within this one program: efficiency of
two workers on runs of one second; cost of a short run; memory of the driver over ten thousand tiny
runs; and the same small model under `mesa.batch_run` and the workbench, if installed.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import redirect_stderr
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import mesa

from abm.recording.schemas import SCHEMAS
from abm.scenario import load_scenario
from abm.simulation.run import simulate

if TYPE_CHECKING:
    from abm.scenario import Scenario

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"
SHORT: tuple[str, ...] = (
    "clock.hours=1",
    "shocks.gas.at_hours=0.5",
    "shocks.far_halt.at_hours=0.25",
    "shocks.far_halt.duration_hours=0.5",
)
GRACE_SECONDS = (0, 300)
STUDY = """
name = "bench"
question = "What does a run cost besides itself?"
scenario = "{scenario}"
changes = {changes}
replicates = {replicates}

[factors."liquidation.grace_seconds"]
values = {grace}
"""
TINY_RUNS = int(os.environ.get("ABM_BENCH_TINY_RUNS", "10000"))
SHORT_RUNS = 400
SECOND_RUNS = 80
ROUNDS = 3
TABLES = () if os.environ.get("ABM_BENCH_BARE") else None
"""What others' runs record: nothing but outcomes if ABM_BENCH_BARE is set."""

EFFICIENCY, OVERHEAD_MS, DRIVER_MB, DRIVER_GROWTH = 0.95, 10.0, 300.0, 0.5


class Sweep(NamedTuple):
    """What a sweep took, as `tests.benchmarks.sweep_driver.drive` says it."""

    seconds: float
    seconds_from_first_run: float
    peak_mb: float
    growth_mb: float


def sweep(runs: int, workers: int, kind: str) -> Sweep:
    """Sweep in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study.toml"
        points = {"changes": list(SHORT), "grace": list(GRACE_SECONDS)}
        text = STUDY.format(scenario=SMALL_CRASH, replicates=runs // 2, **points)
        study.write_text(text, encoding="utf-8")
        driver = [sys.executable, "-m", "tests.benchmarks.sweep_driver"]
        command = [*driver, kind, str(study), str(workers)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        return Sweep(*(float(number) for number in told[-4:]))


def efficiency() -> float:
    """Return the share of the ideal that two workers reach on runs of one second."""
    # The clock starts when the first run has ended, a second after it began.
    return SECOND_RUNS / 2 / (sweep(SECOND_RUNS, 2, "second").seconds_from_first_run + 1.0)


@cache
def short_scenario(grace_seconds: int) -> Scenario:
    """Return the small crash for an hour, read and checked once, as a sweep does."""
    return load_scenario(SMALL_CRASH, (*SHORT, f"liquidation.grace_seconds={grace_seconds}"))


def short_run(number: int) -> dict[str, Any]:
    """Run one of the study's points with a seed of its own; return its row.

    All tables are recorded, as whoever calls `simulate` gets them: that a sweep records none it
    does not keep is what it does for its user.
    """
    scenario = short_scenario(GRACE_SECONDS[number % len(GRACE_SECONDS)])
    recorder = simulate(scenario.model_copy(update={"seed": number}), tables=TABLES)
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
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")  # of its other ways to run, which are not installed
        try:
            import ema_workbench as workbench  # noqa: PLC0415 - an extra
        except ImportError:
            return None
        model = workbench.Model("abm", function=short_run)
        model.uncertainties = [workbench.IntegerParameter("number", 0, 1_000_000)]
        model.outcomes = [workbench.ScalarOutcome("bad_debt_usd")]
        begin = time.perf_counter()
        with workbench.MultiprocessingEvaluator(model, n_processes=2) as evaluator:
            _, outcomes = evaluator.perform_experiments(scenarios=runs)
        seconds = time.perf_counter() - begin
        assert len(outcomes["bad_debt_usd"]) == runs
        return seconds


def report(what: str, value: str, wanted: str, *, met: bool) -> bool:
    """Print a figure beside what is wanted of it."""
    print(f"{what:58}{value:>16}   {wanted}{'' if met else '   NOT MET'}", flush=True)
    return met


def bench_overhead() -> list[bool]:
    """Print what a sweep adds to runs of a second and to runs of no time, and what it holds."""
    shares = [efficiency() for _ in range(ROUNDS)]
    share = max(shares)
    what = f"two workers, runs of one second, of ideal (median {median(shares):.1%})"
    met = [report(what, f"{share:.1%}", ">= 95 %", met=share >= EFFICIENCY)]
    cost = 1_000 * sweep(SHORT_RUNS, 1, "tiny").seconds / SHORT_RUNS
    what = "a sweep adds to each short run"
    met.append(report(what, f"{cost:.2f} ms", "<= 10 ms", met=cost <= OVERHEAD_MS))
    few, many = (sweep(runs, 2, "tiny") for runs in (TINY_RUNS // 10, TINY_RUNS))
    what = f"driver, {TINY_RUNS // 10:,} and {TINY_RUNS:,} tiny runs, gathering included"
    peaks = f"{few.peak_mb:.0f}, {many.peak_mb:.0f} MB"
    met.append(report(what, peaks, "<= 300 MB", met=many.peak_mb <= DRIVER_MB))
    growth = many.growth_mb
    what = "its growth while they run, for each 1,000"
    met.append(report(what, f"{growth:.3f} MB", "<= 0.5 MB", met=growth <= DRIVER_GROWTH))
    each = 1_000 * many.seconds / TINY_RUNS
    print(f"    {TINY_RUNS:,} tiny runs on two workers: {each:.2f} ms each")
    return met


def bench_others() -> list[bool]:
    """Print how much longer others take for the same runs; ours are on the disk at the end."""
    runs = SHORT_RUNS
    ours: list[float] = []
    theirs: dict[str, list[float]] = {"mesa.batch_run": [], "EMA workbench": []}
    # In turns, so that what else the machine does falls on all alike.
    for _ in range(ROUNDS):
        ours.append(sweep(runs, 2, "real").seconds)
        theirs["mesa.batch_run"].append(with_mesa(runs))
        if (seconds := with_workbench(runs)) is not None:
            theirs["EMA workbench"].append(seconds)
    met = []
    for name, times in theirs.items():
        if not times:
            print(f"{name} is not installed: pip install 'abm[bench]'")
            continue
        ratio = min(times) / min(ours)
        what = f"{name}, {runs} runs of the simulator, over ours"
        met.append(report(what, f"{ratio:.2f}", ">= 1", met=ratio >= 1))
        print(
            f"    {min(times):.1f} s, ours {min(ours):.1f} s; medians {median(times):.1f} s, ",
            end="",
        )
        print(f"{median(ours):.1f} s")
    return met


def main() -> int:
    """Print all figures; return the number that fall short."""
    return (bench_overhead() + bench_others()).count(False)


if __name__ == "__main__":
    sys.exit(main())
