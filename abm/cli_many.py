"""The commands that run many runs or run one again: plan, sweep, status, verify."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abm.sweeps.execution import StudyProgress
    from abm.sweeps.plan import Plan

StudyPath = Annotated[Path, typer.Argument(help="A study file (TOML).", show_default=False)]
StudyFolder = Annotated[
    Path | None, typer.Option("--out", help="Folder of the dataset; results/<study> if not given.")
]
# A line of progress at least this often where the output is no terminal.
LINE_EVERY = 0.1


def _plan(path: Path) -> Plan:
    from abm.sweeps import load_study, plan_study

    return plan_study(load_study(path))


def _folder(plan: Plan, out: Path | None) -> Path:
    return out if out is not None else Path("results") / plan.study.name


def plan(study: StudyPath, out: StudyFolder = None) -> None:
    """Check a study; say its runs, what is there, and from one run how long it takes."""
    import tempfile
    import time

    from abm.sweeps import run_study
    from abm.sweeps.dataset import SHARDS, STUDY, failed_ids, finished_ids
    from abm.units import format_duration

    planned = _plan(study)
    folder = _folder(planned, out)
    there = finished_ids(folder) | failed_ids(folder) if (folder / STUDY).is_file() else set()
    left = [run for run in planned.runs() if run.run_id not in there]
    typer.echo(
        f"{planned.study.name}: {len(planned.points)} points, {planned.study.replicates} "
        f"replicates, {planned.run_count} runs, {len(left)} of them to run into {folder}"
    )
    if not left:
        return
    with tempfile.TemporaryDirectory() as aside:
        one = type(planned)(
            planned.study.model_copy(update={"replicates": 1}),
            planned.base,
            planned.points[:1],
            planned.scenarios[:1],
        )
        start = time.perf_counter()
        run_study(one, aside)
        seconds = time.perf_counter() - start
        files = [path for path in Path(aside).rglob("*.parquet") if SHARDS not in path.parts]
        size = sum(path.stat().st_size for path in files)
    typer.echo(
        f"one run took {seconds:.1f} s and {size / 1e6:.2f} MB: on one worker about "
        f"{format_duration(seconds * len(left))} and at most {size * len(left) / 1e6:,.0f} MB"
    )


def sweep(
    study: StudyPath,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    out: StudyFolder = None,
) -> None:
    """Run what a study has not run yet; gather one Parquet row for each run."""
    from abm.sweeps import run_study
    from abm.sweeps.dataset import FAILED, RUNS

    planned = _plan(study)
    folder = _folder(planned, out)
    with _progress(planned) as progress:
        status = run_study(planned, folder, workers=workers, progress=progress)
    typer.echo(f"{status.finished} runs in {folder / RUNS}")
    if status.failed:
        typer.echo(f"{status.failed} runs failed; why stands in {folder / FAILED}", err=True)
        raise typer.Exit(1)


def status(
    folder: Annotated[Path, typer.Argument(help="Folder of a study.", show_default=False)],
) -> None:
    """Say how far a study has come; it may be running in another shell."""
    from abm.sweeps import study_status

    found = study_status(folder)
    typer.echo(
        f"{found.name}: {found.finished} of {found.planned} runs finished, "
        f"{found.failed} failed, {found.left} left"
    )


def verify(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)],
) -> None:
    """Run a run again and compare every table; name the first difference."""
    from abm.studies.verify import first_difference

    found = first_difference(run)
    if found is None:
        typer.echo(f"{run}: every table is the same")
        return
    typer.echo(f"{run}: {found}", err=True)
    raise typer.Exit(1)


@contextmanager
def _progress(planned: Plan) -> Iterator[StudyProgress]:
    """Show a bar on a terminal, and a line for every tenth of the runs anywhere else."""
    if not sys.stderr.isatty():
        shown = 0.0

        def line(finished: int, failed: int, runs: int) -> None:
            nonlocal shown
            share = (finished + failed) / runs
            if share >= shown + LINE_EVERY or share >= 1:
                shown = share
                typer.echo(f"{finished + failed} of {runs} runs, {failed} failed", err=True)

        yield line
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed, left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(planned.study.name, total=planned.run_count, failed=0)
        yield lambda finished, failed, _: bar.update(
            task, completed=finished + failed, failed=failed
        )


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (plan, sweep, status, verify):
        app.command()(command)
