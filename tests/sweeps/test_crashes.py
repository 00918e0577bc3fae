"""Full disks, damaged files, torn logs, other versions: after them the dataset is the same."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from abm.errors import ResultsError
from abm.sweeps import Plan, load_study, plan_study, read_runs, run_study, study_status
from abm.sweeps.batches import SHARDS, STUDY
from abm.sweeps.dataset import GATHERING, LOG, READY
from abm.sweeps.store import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILES = ("runs.parquet", "liquidations/00000.parquet")
KEEP = 'tables = ["liquidations"]\n'


def planned(path: Path) -> Plan:
    return plan_study(load_study(path))


def contents(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in FILES]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, write_into: Callable[..., Path]) -> Path:
    """Return the folder of a study that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    run_study(planned(write_into(folder, KEEP)), folder / "out")
    return folder / "out"


@pytest.fixture
def plan(write_study: Callable[..., Path]) -> Plan:
    """Return the plan of the same study."""
    return planned(write_study(KEEP))


def stop_after(runs: int) -> Callable[[int, int, int], None]:
    def stop(finished: int, *_: int) -> None:
        if finished >= runs:
            raise KeyboardInterrupt

    return stop


def cut_short(plan: Plan, out: Path, runs: int = 3) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_study(plan, out, progress=stop_after(runs))


@pytest.mark.parametrize("calls", [0, 1, 3])
def test_a_disk_that_is_full_stops_the_study_which_then_goes_on(
    plan: Plan, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    write, left = LocalStore.write, [calls]

    def full(self: LocalStore, name: str, content: bytes) -> None:
        if name.startswith(SHARDS):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
        write(self, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "write", full)
        with pytest.raises(OSError, match="No space left"):
            run_study(plan, tmp_path / "out")
    run_study(plan, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(whole)


def test_a_disk_that_is_full_while_files_are_gathered_loses_nothing(
    plan: Plan, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: LocalStore, name: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "output", full)
        with pytest.raises(OSError, match="No space left"):
            run_study(plan, tmp_path / "out")
    assert study_status(tmp_path / "out").finished == 8
    told: list[int] = []
    run_study(plan, tmp_path / "out", progress=lambda finished, *_: told.append(finished))
    assert told == []
    assert contents(tmp_path / "out") == contents(whole)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Path:
    """Return a folder on a file system of 100 kB; skip where none can be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(place)]
    if mount is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs to be root")
    return place


def test_on_a_disk_that_is_really_full_the_study_waits_for_room(
    plan: Plan, whole: Path, tiny_disk: Path
) -> None:
    try:
        with pytest.raises(OSError, match="No space left"):
            run_study(plan, tiny_disk / "out")
        grow = ["mount", "-o", "remount,size=10m", str(tiny_disk)]
        subprocess.run(grow, check=True)
        run_study(plan, tiny_disk / "out")
        assert contents(tiny_disk / "out") == contents(whole)
    finally:
        subprocess.run(["umount", str(tiny_disk)], check=True)  # noqa: S607


@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_damaged_batch_is_found_and_its_runs_run_again(
    plan: Plan, whole: Path, tmp_path: Path, harm: str
) -> None:
    out = tmp_path / "out"
    cut_short(plan, out)
    shard = min((out / SHARDS).glob("*.runs.parquet"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    if harm == "remove":
        shard.unlink()
    else:
        shard.write_bytes(content if harm == "flip" else content[:100])
    run_study(plan, out)
    assert contents(out) == contents(whole)


def test_a_torn_last_line_of_the_log_costs_its_batch_alone(
    plan: Plan, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    cut_short(plan, out)
    before = study_status(out).finished
    log = out / LOG
    log.write_bytes(log.read_bytes()[:-20])
    assert 0 < study_status(out).finished < before
    run_study(plan, out)
    assert contents(out) == contents(whole)


def test_files_of_a_batch_that_was_not_noted_are_no_runs(
    plan: Plan, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    cut_short(plan, out)
    (out / SHARDS / "0123456789abcdef.runs.parquet").write_bytes(b"half")
    run_study(plan, out)
    assert contents(out) == contents(whole)


@pytest.mark.parametrize("moves", [0, 1])
def test_a_kill_between_the_moves_of_gathered_files_is_mended_at_the_next_start(
    plan: Plan, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    """The files stand aside, and are noted as whole, before the first of them is moved."""
    out, move, left = tmp_path / "out", LocalStore.move, [moves]

    def killed(self: LocalStore, name: str, target: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        move(self, name, target)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "move", killed)
        with pytest.raises(KeyboardInterrupt):
            run_study(plan, out)
    assert (out / READY).is_file()
    run_study(plan, out)
    assert contents(out) == contents(whole)
    assert not (out / GATHERING).exists()


def test_a_gathering_that_was_not_finished_is_forgotten(
    plan: Plan, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    cut_short(plan, out)
    (out / GATHERING).mkdir()
    (out / GATHERING / "runs.parquet").write_bytes(b"half")
    run_study(plan, out)
    assert contents(out) == contents(whole)


def test_a_gathered_file_that_is_cut_is_named(plan: Plan, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_study(plan, out)
    whole = (out / "runs.parquet").read_bytes()
    (out / "runs.parquet").write_bytes(whole[:-1])
    rule = rf"runs.parquet is damaged: it has {len(whole) - 1:,} bytes instead of {len(whole):,}"
    with pytest.raises(ResultsError, match=rule):
        run_study(plan, out)


def test_runs_of_two_versions_are_not_mixed(plan: Plan, tmp_path: Path) -> None:
    out = tmp_path / "out"
    cut_short(plan, out)
    note = json.loads((out / STUDY).read_text(encoding="utf-8"))
    note["versions"]["numpy"] = "1.26.4"
    (out / STUDY).write_text(json.dumps(note), encoding="utf-8")
    with pytest.raises(ResultsError, match=r"other versions \(numpy 1.26.4, here .*not mixed"):
        run_study(plan, out)


def test_two_drivers_do_not_share_a_folder(plan: Plan, tmp_path: Path) -> None:
    def second(*_: int) -> None:
        run_study(plan, tmp_path / "out")

    with pytest.raises(ResultsError, match="another process sweeps into it"):
        run_study(plan, tmp_path / "out", progress=second)


def test_a_run_that_failed_may_be_run_again(
    write_study: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run_study(planned(write_study("time_limit_seconds = 0.01\n")), out)
    patient = planned(write_study())
    assert run_study(patient, out).failed == 8
    status = run_study(patient, out, retry_failed=True)
    assert (status.finished, status.failed) == (8, 0)
    assert not (out / "failures.parquet").exists()
    assert len(read_runs(out)) == 8
