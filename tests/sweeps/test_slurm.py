"""The README's recipe for Slurm: as a job script, and on a Slurm of one node where there is one."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from abm.sweeps import load_study, plan_study, run_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytest.importorskip("dask_jobqueue", reason="the extra `cluster` is not installed")

README = Path(__file__).parents[2] / "README.md"
DAEMONS = ("slurmctld", "slurmd")
START_SECONDS = 120
CONFIGURATION = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=4000 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def recipe() -> str:
    """Return the program that the README shows."""
    programs = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return str(next(program for program in programs if "SLURMCluster" in program))


def test_the_recipe_asks_for_workers_of_one_thread(tmp_path: Path) -> None:
    program = recipe().replace("cluster.scale(jobs=100)", "print(cluster.job_script())")
    ended = subprocess.run(
        [sys.executable, "-c", program],
        input="\n",
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert "#SBATCH -t 08:00:00" in ended.stdout
    assert "--nthreads 1 " in ended.stdout
    assert "export OMP_NUM_THREADS=1\n" in ended.stdout
    assert re.search(r"^tcp://.*:\d+$", ended.stdout, re.MULTILINE)


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Start a Slurm of one node; return the environment in which its commands reach it."""
    commands = [shutil.which(name) for name in (*DAEMONS, "sinfo")]
    if None in commands or os.geteuid() != 0:
        pytest.skip("Slurm is not installed, or its daemons may not be started")
    *paths, sinfo = [command for command in commands if command is not None]
    for name in ("state", "spool"):
        (tmp_path / name).mkdir()
    text = CONFIGURATION.format(
        host=socket.gethostname().partition(".")[0],
        ports=free_ports(2),
        folder=tmp_path,
        cores=os.cpu_count(),
    )
    (tmp_path / "slurm.conf").write_text(text, encoding="utf-8")
    environment = {**os.environ, "SLURM_CONF": str(tmp_path / "slurm.conf")}
    daemons = [
        subprocess.Popen(
            [path, "-D"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )
        for path in paths
    ]
    try:
        deadline = time.monotonic() + START_SECONDS
        while (
            b"idle"
            not in subprocess.run([sinfo], check=False, capture_output=True, env=environment).stdout
        ):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield environment
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(timeout=START_SECONDS)


@pytest.mark.slow
def test_jobs_of_slurm_leave_the_same_bytes_as_one_process(
    slurm: dict[str, str], write_study: Callable[..., Path], tmp_path: Path
) -> None:
    plan = plan_study(load_study(write_study()))
    run_study(plan, tmp_path / "whole")
    program = subprocess.Popen(
        [sys.executable, "-c", recipe().replace("jobs=100", "jobs=2")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=slurm,
        cwd=tmp_path,
    )
    assert program.stdin is not None
    assert program.stdout is not None
    address = program.stdout.readline().strip()
    status = run_study(plan, tmp_path / "out", scheduler=address)
    program.communicate("\n", timeout=START_SECONDS)
    assert (status.finished, status.left) == (8, 0)
    one, other = (tmp_path / place / "runs.parquet" for place in ("whole", "out"))
    assert one.read_bytes() == other.read_bytes()
