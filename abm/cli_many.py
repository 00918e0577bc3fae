"""The commands on more than one run, or on one that was run: compare, plan, sweep, why ..."""

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
# What a shell reports for a command ended by Ctrl-C: 128 and the number of the signal.
INTERRUPTED = 130
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
    with _progress(planned.study.name, planned.run_count) as progress:
        try:
            status = run_study(planned, folder, workers=workers, progress=progress)
        except KeyboardInterrupt:
            typer.echo(f"interrupted; run it again to go on: {folder}", err=True)
            sys.exit(INTERRUPTED)
    typer.echo(f"{status.finished} runs in {folder / RUNS}")
    if status.left:
        typer.echo(f"{status.left} runs are missing; run it again", err=True)
    if status.failed:
        typer.echo(f"{status.failed} runs failed; why stands in {folder / FAILED}", err=True)
    if status.failed or status.left:
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


def compare(
    scenario: Annotated[Path, typer.Argument(help="A scenario file (TOML).", show_default=False)],
    without: Annotated[
        list[str] | None,
        typer.Option(help="A shock to leave out, or all of them: shocks. May be repeated."),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="What the other run has instead: liquidation.close_out=at_once. May be repeated.",
        ),
    ] = None,
    replicates: Annotated[int, typer.Option(min=1, help="Pairs of runs, with seeds in turn.")] = 8,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value of both runs."),
    ] = None,
) -> None:
    """Run a scenario with and without something, on the same streams; compare all outcomes."""
    from rich.console import Console
    from rich.table import Table

    from abm.scenario import load_scenario
    from abm.studies.compare import broken_lines, comparison_rows
    from abm.studies.compare import compare as run_comparison

    loaded = load_scenario(scenario, tuple(set_ or ()))
    with _progress(loaded.name, 2 * replicates) as progress:
        found = run_comparison(
            loaded,
            without=tuple(without or ()),
            overrides=tuple(change or ()),
            replicates=replicates,
            workers=workers,
            progress=lambda done, runs: progress(done, 0, runs),
            source=str(scenario),
        )
    headings, *rows = comparison_rows(found)
    table = Table(title=f"{found.scenario}, {replicates} replicates", title_justify="left")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    for row in rows:
        table.add_row(*row)
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)
    if broken := broken_lines(found):
        typer.echo("\n".join(broken), err=True)
        raise typer.Exit(1)


def why(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)],
    account: Annotated[
        int | None, typer.Argument(help="Number of an account; the largest loser if not given.")
    ] = None,
) -> None:
    """Tell how an account was liquidated, what held it up, and who paid what it left."""
    from abm.analysis.causes import loss_by_cause
    from abm.analysis.why import largest_loser, story, write_story
    from abm.recording.results import read_results
    from abm.units import format_usd

    results = read_results(run)
    chosen = largest_loser(results) if account is None else account
    if chosen is None:
        typer.echo(f"{run}: no account left a loss")
        return
    typer.echo(write_story(story(results, chosen)).rstrip())
    if account is None:
        typer.echo("\nAll bad debt of the run, by what held its liquidation up longest:")
        for row in loss_by_cause(results).iter_rows(named=True):
            typer.echo(
                f"  {row['cause']:24}{format_usd(row['bad_debt_usd']):>16}"
                f"  {row['liquidations']:,} liquidations"
            )


@contextmanager
def _progress(name: str, runs: int) -> Iterator[StudyProgress]:
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
        task = bar.add_task(name, total=runs, failed=0)
        yield lambda finished, failed, _: bar.update(
            task, completed=finished + failed, failed=failed
        )


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (compare, plan, sweep, status, verify, why):
        app.command()(command)
