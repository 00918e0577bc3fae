"""Running a study: shards, resuming after kills, failures, and what the dataset holds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from abm.errors import ResultsError
from abm.recording.schemas import SCHEMAS
from abm.simulation.run import simulate
from abm.sweeps import (
    Plan,
    load_study,
    plan_study,
    read_failures,
    read_runs,
    run_study,
    study_status,
)
from abm.sweeps.batches import SHARDS, Record
from abm.sweeps.dataset import LOG, job_of
from abm.sweeps.execution import Supply
from abm.sweeps.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = ("runs.parquet", "liquidations/00000.parquet")
KEEP = 'tables = ["liquidations"]\ncounterfactual = true\n'


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, write_into: Callable[..., Path]) -> Path:
    """Return the folder of a study that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    run_study(planned(write_into(folder, KEEP)), folder / "out")
    return folder / "out"


def planned(path: Path) -> Plan:
    return plan_study(load_study(path))


def contents(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in FILES]


def test_every_run_is_a_row_with_its_factors_and_outcomes(
    whole: Path, write_study: Callable[..., Path]
) -> None:
    runs = read_runs(whole)
    assert runs["point"].to_list() == [0, 1, 2, 3] * 2
    assert runs["replicate"].to_list() == [0] * 4 + [1] * 4
    assert runs["factor liquidation.grace_seconds"].to_list() == [0, 300] * 4
    first = next(planned(write_study(KEEP)).runs())
    actual, without = simulate(first.scenario), simulate(first.scenario.without_shocks())
    row = runs.row(0, named=True)
    assert row["run_id"] == first.run_id
    for name in SCHEMAS["runs"].names:
        assert row[name] == actual.column("runs", name)[0]
        assert row[f"without_shocks.{name}"] == without.column("runs", name)[0]


def test_a_kept_table_has_the_rows_of_all_runs(whole: Path) -> None:
    table = pl.read_parquet(whole / "liquidations" / "*.parquet")
    counts = {key[0]: len(part) for key, part in table.group_by("run_id")}
    runs = read_runs(whole)
    expected = dict(zip(runs["run_id"], runs["breaches"], strict=True))
    assert counts == {name: count for name, count in expected.items() if count}


def test_few_files_are_left(whole: Path) -> None:
    found = {path.relative_to(whole).as_posix() for path in whole.rglob("*") if path.is_file()}
    assert found == {*FILES, "study.json"}


def test_the_status_counts_runs(whole: Path) -> None:
    status = study_status(whole)
    assert (status.planned, status.finished, status.failed, status.left) == (8, 8, 0, 0)


@pytest.mark.slow
def test_two_workers_leave_the_same_bytes_as_one(
    whole: Path, write_study: Callable[..., Path], tmp_path: Path
) -> None:
    told: list[tuple[int, int, int]] = []
    run_study(
        planned(write_study(KEEP)),
        tmp_path / "out",
        workers=2,
        progress=lambda *counts: told.append(counts),
    )
    assert contents(tmp_path / "out") == contents(whole)
    assert told[-1] == (8, 0, 8)
    assert told == sorted(told)


def test_a_study_goes_on_where_it_stood(
    whole: Path, write_study: Callable[..., Path], tmp_path: Path
) -> None:
    plan = planned(write_study(KEEP))

    def stop(finished: int, *_: int) -> None:
        if finished >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(plan, tmp_path / "out", progress=stop)
    before = study_status(tmp_path / "out").finished
    assert 3 <= before < 8
    told: list[int] = []
    run_study(plan, tmp_path / "out", progress=lambda finished, *_: told.append(finished))
    assert told[0] > before
    assert told[-1] == 8
    assert contents(tmp_path / "out") == contents(whole)


def test_a_level_that_is_added_later_runs_alone(
    whole: Path, write_study: Callable[..., Path], tmp_path: Path
) -> None:
    half = '[factors."shocks.far_halt.duration_hours"]\nvalues = [0.25]\n'
    grace = '[factors."liquidation.grace_seconds"]\nvalues = [0, 300]\n'
    run_study(planned(write_study(KEEP, half + grace)), tmp_path / "out")
    told: list[int] = []
    run_study(
        planned(write_study(KEEP)),
        tmp_path / "out",
        progress=lambda finished, *_: told.append(finished),
    )
    assert told[0] > 4
    assert told[-1] == 8
    assert contents(tmp_path / "out") == contents(whole)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds worker processes in /proc")
@pytest.mark.parametrize("victim", ["worker", "driver"])
def test_after_a_kill_the_dataset_is_the_uninterrupted_one(
    whole: Path, write_study: Callable[..., Path], tmp_path: Path, victim: str
) -> None:
    study, out = write_study(KEEP), tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "abm",
        "sweep",
        str(study),
        "--workers",
        "2",
        "--out",
        str(out),
    ]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (out / LOG).is_file() or not (out / LOG).read_bytes():
        assert time.monotonic() < deadline
        assert driver.poll() is None
        time.sleep(0.02)
    os.kill(driver.pid if victim == "driver" else workers_of(driver.pid)[0], signal.SIGKILL)
    status = driver.wait(timeout=120)
    if victim == "driver":
        assert status == -signal.SIGKILL
        again = subprocess.run(command, check=False, capture_output=True, text=True)
        assert again.returncode == 0, again.stderr + again.stdout
    else:
        assert status == 0
    assert contents(out) == contents(whole)


def workers_of(pid: int) -> list[int]:
    """Return the worker processes of a driver, without the one that tracks resources."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        command = Path(f"/proc/{child}/cmdline").read_bytes()
        if b"spawn_main" in command:
            found.append(int(child))
    return found


def test_a_run_that_takes_too_long_fails_and_the_others_go_on(
    write_study: Callable[..., Path], tmp_path: Path
) -> None:
    limit = "time_limit_seconds = 0.01\n"
    status = run_study(planned(write_study(limit)), tmp_path / "out")
    assert (status.finished, status.failed) == (0, 8)
    failures = read_failures(tmp_path / "out")
    assert failures is not None
    assert set(failures["error"]) == {"_TooLongError: longer than 0.01 s"}
    assert failures["seed"].to_list() == [13] * 4 + [14] * 4
    assert json.loads(failures["scenario"][7])["liquidation"]["grace_seconds"] == 300
    with pytest.raises(ResultsError, match="no run is gathered yet"):
        read_runs(tmp_path / "out")


def test_a_folder_with_runs_that_are_no_longer_planned_is_refused(
    whole: Path, write_study: Callable[..., Path]
) -> None:
    fewer = '[factors."shocks.far_halt.duration_hours"]\nvalues = [0.25, 0.5]\n'
    grace = '[factors."liquidation.grace_seconds"]\nvalues = [0]\n'
    before = contents(whole)
    with pytest.raises(ResultsError, match="holds 4 runs that the study no longer plans"):
        run_study(planned(write_study(KEEP, fewer + grace)), whole)
    assert contents(whole) == before


def test_a_spare_folder_of_a_killed_writer_is_no_run(
    write_study: Callable[..., Path], tmp_path: Path
) -> None:
    plan = planned(write_study("time_limit_seconds = 0.01\n"))
    run_study(plan, tmp_path / "out")
    (tmp_path / "out" / SHARDS).mkdir()
    (tmp_path / "out" / SHARDS / ".writing-x").write_text("half", encoding="utf-8")
    assert run_study(plan, tmp_path / "out").failed == 8


@pytest.mark.slow
def test_a_script_without_a_main_guard_is_told_so(
    write_study: Callable[..., Path], tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from abm.sweeps import load_study, plan_study, run_study\n"
        f"run_study(plan_study(load_study({str(write_study())!r})), "
        f"{str(tmp_path / 'out')!r}, workers=2)\n",
        encoding="utf-8",
    )
    ended = subprocess.run([sys.executable, str(script)], check=False, capture_output=True)
    assert ended.returncode != 0
    assert b"under `if __name__ == '__main__':`" in ended.stderr
    assert read_failures(tmp_path / "out") is None


@pytest.mark.parametrize("workers", [1, 2, 16])
def test_batches_are_of_a_second_and_become_small_towards_the_end(
    write_study: Callable[..., Path], workers: int
) -> None:
    plan = planned(write_study())
    runs = [plan.run(0, 0) for _ in range(1_000)]
    supply = Supply(job_of(plan, LocalStore(Path())), iter(runs), len(runs))
    sizes = []
    while batch := supply.next(workers):
        sizes.append(len(batch.orders))
        finished = [order.run_id for order in batch.orders]
        # Runs of 10 ms: a hundred in a second.
        supply.learn(Record("", finished, [], [], {}, 0.01 * len(finished)))
    assert sum(sizes) == 1_000
    assert sizes[0] == 1
    assert max(sizes) == (100 if workers < 16 else 16)
    if workers == 1:
        # Nobody waits for the last one.
        assert set(sizes[7:-1]) == {100}
        return
    # None is larger than a quarter of what each worker still has to do, or a tenth of a second.
    left = 1_000
    for size in sizes:
        assert size <= max(-(-left // (4 * workers)), 10)
        left -= size
    assert sizes[-1] <= 10


def test_a_worker_leaves_without_taking_its_modules_apart() -> None:
    # What is registered before runs after it: never.
    program = (
        "import atexit; atexit.register(print, 'slow'); from abm.sweeps import local; "
        "local._attend(); atexit.register(print, 'its own'); print('work')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout.split("\n") == ["work", "its own", ""]


def test_another_studys_folder_is_refused(whole: Path, write_study: Callable[..., Path]) -> None:
    with pytest.raises(ResultsError, match=r"runs of another study or base scenario \(halts\)"):
        run_study(planned(write_study()), whole)


@pytest.mark.parametrize("make", ["file", "other"])
def test_a_folder_that_holds_something_else_is_refused(
    write_study: Callable[..., Path], tmp_path: Path, make: str
) -> None:
    out = tmp_path / "out"
    if make == "file":
        out.write_text("mine", encoding="utf-8")
    else:
        out.mkdir()
        (out / "mine").write_text("mine", encoding="utf-8")
    with pytest.raises(ResultsError, match=r"need a folder|holds no study"):
        run_study(planned(write_study()), out)


def test_a_folder_without_a_study_has_no_status(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="is this the folder of a study"):
        study_status(tmp_path)
    (tmp_path / "study.json").write_text("{", encoding="utf-8")
    with pytest.raises(ResultsError, match="cannot be read"):
        study_status(tmp_path)


def test_no_worker_is_no_number_of_workers(
    write_study: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="workers is 0; it must be at least 1"):
        run_study(planned(write_study()), tmp_path / "out", workers=0)
