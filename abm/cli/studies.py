"""The commands on studies of many runs: plan, sweep, status, merge."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abm.cli.many import INTERRUPTED
from abm.cli.progress import show_progress

if TYPE_CHECKING:
    from abm.sweeps.dataset import StudyStatus
    from abm.sweeps.plan import Plan

StudyPath = Annotated[Path, typer.Argument(help="A study file (TOML).", show_default=False)]
StudyPlace = Annotated[
    str | None,
    typer.Option("--out", help="Folder or URL of the dataset; results/<study> if not given."),
]
Json = Annotated[bool, typer.Option("--json", help="Write one JSON object for each line.")]


def load_plan(path: Path) -> Plan:
    """Return the checked plan of a study file."""
    from abm.sweeps import load_study, plan_study

    return plan_study(load_study(path))


def _place(plan: Plan, out: str | None) -> str:
    return out if out is not None else str(Path("results") / plan.study.name)


def plan(
    study: StudyPath,
    workers: Annotated[int, typer.Option(min=1, help="Workers to estimate for.")] = 1,
    out: StudyPlace = None,
) -> None:
    """Check a study; say its runs, what is there, and from a pilot its time and disk."""
    from abm.sweeps.pilot import missing_runs, run_pilot
    from abm.units import format_duration

    planned = load_plan(study)
    place = _place(planned, out)
    left = missing_runs(planned, place)
    typer.echo(
        f"{planned.study.name}: {len(planned.points)} points, {planned.study.replicates} "
        f"replicates, {planned.run_count} runs, {left} of them to run into {place}"
    )
    if not left:
        return
    pilot = run_pilot(planned)
    seconds, size = pilot.seconds_per_run, pilot.bytes_per_run
    # As long as no core is asked for twice.
    typer.echo(
        f"one run took {seconds:.2f} s ({min(pilot.seconds):.2f} to {max(pilot.seconds):.2f}) and "
        f"{size / 1e6:.3f} MB: on {workers} worker{'s' if workers > 1 else ''} about "
        f"{format_duration(seconds * left / workers)} and at most {size * left / 1e6:,.1f} MB"
    )


def sweep(
    study: StudyPath,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address of a Dask scheduler, whose workers are used: tcp://host:8786."),
    ] = None,
    out: StudyPlace = None,
    *,
    json_: Json = False,
    retry_failed: Annotated[bool, typer.Option(help="Run those again that failed.")] = False,
) -> None:
    """Run what a study has not run yet; gather one Parquet row for each run."""
    from abm.sweeps import run_study

    planned = load_plan(study)
    place = _place(planned, out)
    with show_progress(planned.study.name, planned.run_count, as_json=json_) as progress:
        try:
            status = run_study(
                planned,
                place,
                workers=workers,
                scheduler=scheduler,
                progress=progress,
                retry_failed=retry_failed,
            )
        except KeyboardInterrupt:
            typer.echo(f"interrupted; run it again to go on: {place}", err=True)
            sys.exit(INTERRUPTED)
    _say_end(status, place, as_json=json_)
    if status.failed or status.left:
        raise typer.Exit(1)


def _say_end(status: StudyStatus, place: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(_as_json(status))
        return
    typer.echo(f"{status.finished} runs in {place}/runs.parquet")
    if status.spared:
        typer.echo(f"{status.spared} runs were spared: their points' intervals are narrow enough")
    if status.left:
        typer.echo(f"{status.left} runs are missing; run it again", err=True)
    if status.failed:
        typer.echo(f"{status.failed} runs failed; why stands in {place}/failures.parquet", err=True)


def status(
    folder: Annotated[str, typer.Argument(help="Folder or URL of a study.", show_default=False)],
    *,
    json_: Json = False,
) -> None:
    """Say how far a study has come; it may be running in another shell."""
    from abm.sweeps import study_status

    found = study_status(folder)
    if json_:
        typer.echo(_as_json(found))
        return
    spared = f", {found.spared} spared" if found.spared else ""
    speed = found.seconds_per_run
    took = f"; a run takes a worker {speed:.2f} s" if speed and found.left else ""
    typer.echo(
        f"{found.name}: {found.finished} of {found.planned} runs finished, "
        f"{found.failed} failed{spared}, {found.left} left{took}"
    )


def _as_json(status: StudyStatus) -> str:
    from dataclasses import asdict

    return json.dumps({**asdict(status), "left": status.left})


def merge(
    out: Annotated[str, typer.Argument(help="New folder or URL.", show_default=False)],
    folders: Annotated[
        list[str], typer.Argument(help="Folders or URLs of one study.", show_default=False)
    ],
) -> None:
    """Put the runs of several folders of one study together in a new one."""
    from abm.sweeps.merging import merge_studies

    found = merge_studies(folders, out)
    typer.echo(f"{found.finished} runs in {out}/runs.parquet, {found.left} left")


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (plan, sweep, status, merge):
        app.command()(command)
