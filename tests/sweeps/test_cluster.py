"""A study on a real Dask scheduler and worker processes on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from abm.errors import ResultsError
from abm.sweeps import Plan, load_study, plan_study, run_study
from abm.sweeps.cluster import ClusterError
from abm.sweeps.dataset import LOG, job_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FILES = ("runs.parquet", "liquidations/00000.parquet")
KEEP = 'tables = ["liquidations"]\ncounterfactual = true\n'
START_SECONDS = 180
END_SECONDS = 20

pytestmark = pytest.mark.slow
pytest.importorskip("distributed", reason="the extra `cluster` is not installed")


def planned(path: Path) -> Plan:
    return plan_study(load_study(path))


def start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + program, *arguments, "--no-dashboard"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


class Cluster:
    """A scheduler and two worker processes of one thread each, without nannies to revive them."""

    def __init__(self, folder: Path) -> None:
        note = folder / "scheduler.json"
        self.folder = folder
        self.scheduler = start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(note)
        )
        self._wait(note.is_file)
        self.note = note
        self.workers = [self.add_worker() for _ in range(2)]

    @property
    def address(self) -> str:
        """Where the scheduler listens."""
        return str(json.loads(self.note.read_text(encoding="utf-8"))["address"])

    def add_worker(self) -> subprocess.Popen[bytes]:
        """Start one more worker."""
        return start(
            "dask_worker",
            *("--scheduler-file", str(self.note), "--nthreads", "1", "--no-nanny"),
            *("--host", "127.0.0.1", "--local-directory", str(self.folder)),
        )

    def close(self) -> None:
        """End all processes."""
        for process in (*self.workers, self.scheduler):
            process.terminate()
        for process in (*self.workers, self.scheduler):
            try:
                process.wait(timeout=END_SECONDS)
            except subprocess.TimeoutExpired:
                # A worker may hang in its farewell to a scheduler that has just gone.
                process.kill()
                process.wait()

    @staticmethod
    def _wait(ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a running cluster, ended after the tests."""
    running = Cluster(tmp_path_factory.mktemp("cluster"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, write_into: Callable[..., Path]) -> Path:
    """Return the folder of the study, run in this process."""
    folder = tmp_path_factory.mktemp("whole")
    run_study(planned(write_into(folder, KEEP)), folder / "out")
    return folder / "out"


def contents(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in FILES]


def test_a_cluster_leaves_the_same_bytes_as_one_process(
    cluster: Cluster, whole: Path, write_study: Callable[..., Path], tmp_path: Path
) -> None:
    plan = planned(write_study(KEEP))
    status = run_study(plan, tmp_path / "out", scheduler=cluster.address)
    assert (status.finished, status.left) == (8, 0)
    assert contents(tmp_path / "out") == contents(whole)


@pytest.mark.parametrize("victim", ["worker", "driver"])
def test_a_kill_costs_nothing_but_time(
    cluster: Cluster, whole: Path, write_study: Callable[..., Path], tmp_path: Path, victim: str
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "abm", "sweep", str(write_study(KEEP))]
    command += ["--scheduler", cluster.address, "--out", str(out)]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    Cluster._wait(lambda: (out / LOG).is_file() and bool((out / LOG).read_bytes()))
    assert driver.poll() is None
    if victim == "driver":
        driver.kill()
        assert driver.wait(timeout=300) == -signal.SIGKILL
        assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    else:
        os.kill(cluster.workers[0].pid, signal.SIGKILL)
        cluster.workers[0].wait()
        cluster.workers[0] = cluster.add_worker()
        assert driver.wait(timeout=300) == 0
    assert contents(out) == contents(whole)


def test_a_worker_that_does_not_see_the_folder_is_named(
    cluster: Cluster,
    write_study: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def elsewhere(*arguments: object) -> object:
        return replace(job_of(*arguments), place=str(tmp_path / "nowhere"))  # type: ignore[arg-type]

    monkeypatch.setattr("abm.sweeps.execution.job_of", elsewhere)
    with pytest.raises(ResultsError, match="a worker does not see this folder"):
        run_study(planned(write_study()), tmp_path / "out", scheduler=cluster.address)


def test_an_address_where_nobody_listens_is_named(
    write_study: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abm.sweeps.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(ClusterError, match=r"tcp://127\.0\.0\.1:9: no scheduler answers there"):
        run_study(planned(write_study()), tmp_path / "out", scheduler="tcp://127.0.0.1:9")
