"""The README's recipe for Kubernetes: what its pods are told to run, run here as processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from abm.sweeps import load_study, plan_study, run_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

operator: Any = pytest.importorskip(
    "dask_kubernetes.operator", reason="the extra `kubernetes` is not installed"
)

README = Path(__file__).parents[2] / "README.md"
START_SECONDS = 180
END_SECONDS = 20


def recipe() -> str:
    """Return the program that the README shows."""
    programs = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return str(next(program for program in programs if "KubeCluster" in program))


class Pods:
    """Stands in for a cluster of Kubernetes: makes its resource, and runs what its pods would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.resource: dict[str, Any] = {}
        self.processes: list[subprocess.Popen[bytes]] = []

    def make(self, *, custom_cluster_spec: dict[str, Any]) -> Pods:
        """Take the place of `KubeCluster`."""
        self.resource = custom_cluster_spec
        return self

    def start(self, workers: int) -> str:
        """Run the containers of the scheduler and of some workers; return the address."""
        note = self.folder / "scheduler.json"
        self._run("scheduler", {}, "--port", "0", "--scheduler-file", str(note), "--no-dashboard")
        deadline = time.monotonic() + START_SECONDS
        found = None
        while found is None:
            assert time.monotonic() < deadline
            assert self.processes[0].poll() is None
            time.sleep(0.05)
            # It is there before it is whole.
            text = note.read_text(encoding="utf-8") if note.is_file() else ""
            found = re.search(r'"address": "tcp://[^"]*:(\d+)"', text)
        address = f"tcp://127.0.0.1:{found[1]}"
        for worker in range(workers):
            # The operator gives these to each pod.
            given = {"DASK_SCHEDULER_ADDRESS": address, "DASK_WORKER_NAME": f"abm-worker-{worker}"}
            self._run("worker", given, "--local-directory", str(self.folder), "--no-dashboard")
        return address

    def _run(self, part: str, given: dict[str, str], *more: str) -> None:
        (container,) = self.resource["spec"][part]["spec"]["containers"]
        environment = {item["name"]: item["value"] for item in container["env"]} | given
        command, *arguments = [
            # As Kubernetes fills in what a container's arguments name.
            re.sub(r"\$\((\w+)\)", lambda name: environment[name[1]], argument)
            for argument in container["args"]
        ]
        program = shutil.which(command, path=str(Path(sys.executable).parent))
        assert program is not None
        self.processes.append(
            subprocess.Popen(
                [program, *arguments, *more],
                env={**os.environ, **environment},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    def close(self) -> None:
        """End all processes."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def pods(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Pods]:
    """Return what the recipe asks a cluster for."""
    found = Pods(tmp_path)
    monkeypatch.setattr(operator, "KubeCluster", found.make)
    monkeypatch.setattr(Pods, "scheduler_address", "tcp://elsewhere:8786", raising=False)
    exec(recipe(), {"input": lambda _: ""})  # noqa: S102 - the README's own program
    yield found
    found.close()


def test_the_recipe_asks_for_workers_of_one_thread(pods: Pods) -> None:
    worker = pods.resource["spec"]["worker"]
    assert worker["replicas"] == 100
    (container,) = worker["spec"]["containers"]
    assert container["args"][:4] == ["dask", "worker", "--nthreads", "1"]
    threads = {item["name"]: item["value"] for item in container["env"]}
    assert threads["OMP_NUM_THREADS"] == threads["OPENBLAS_NUM_THREADS"] == "1"


@pytest.mark.slow
def test_what_its_pods_run_leaves_the_same_bytes_as_one_process(
    pods: Pods, write_study: Callable[..., Path], tmp_path: Path
) -> None:
    plan = plan_study(load_study(write_study()))
    run_study(plan, tmp_path / "whole")
    status = run_study(plan, tmp_path / "out", scheduler=pods.start(2))
    assert (status.finished, status.left) == (8, 0)
    one, other = (tmp_path / place / "runs.parquet" for place in ("whole", "out"))
    assert one.read_bytes() == other.read_bytes()
