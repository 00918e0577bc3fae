"""The commands that answer from studies: summary, sensitivity, frontier, calibrate, rare."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from abm.cli.many import INTERRUPTED
from abm.errors import AbmError

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from abm.studies.calibration import CurvePoint

StudyPath = Annotated[Path, typer.Argument(help="A study file (TOML).", show_default=False)]
StudyPlace = Annotated[
    str, typer.Argument(metavar="DIR", help="Folder or URL of a study.", show_default=False)
]
Outcome = Annotated[str, typer.Option(help="A numeric column of the study's runs.")]
Workers = Annotated[int, typer.Option(min=1, help="Worker processes.")]
Scheduler = Annotated[str | None, typer.Option(help="Address of a Dask scheduler.")]
Out = Annotated[
    str | None, typer.Option("--out", help="Folder or URL; results/<study> if not given.")
]

# From here on, a number is written without decimals.
LARGE = 1_000
Found = TypeVar("Found")


def summary(
    folder: StudyPlace,
    outcome: Outcome = "bad_debt_usd",
    above: Annotated[float, typer.Option(help="A run above this is a systemic event.")] = 0.0,
    by: Annotated[list[str] | None, typer.Option(help="A factor to tell apart; all.")] = None,
) -> None:
    """Show risk measures of a study's outcome at each point, with 95 % intervals."""
    from abm.analysis.study_tables import risk_table
    from abm.studies.sensitivity import check_outcome
    from abm.sweeps import read_runs

    runs = read_runs(folder)
    _refuse(lambda: check_outcome(runs, outcome))
    known = [name.removeprefix("factor ") for name in runs.columns if name.startswith("factor ")]
    for name in by or ():
        if name not in known:
            raise typer.BadParameter(f"{name!r}: it must be one of {', '.join(known)}")
    _show(
        risk_table(runs, outcome, above=above, by=None if by is None else tuple(by)),
        f"{outcome}; event: above {above:g}",
    )


def sensitivity(folder: StudyPlace, outcome: Outcome = "bad_debt_usd") -> None:
    """Rank a study's factors: Sobol' or Morris where its design is theirs, else feature scores."""
    from abm.analysis.sensitivity import Sensitivity
    from abm.studies.sensitivity import study_sensitivity

    found = _refuse(lambda: study_sensitivity(folder, outcome))
    if isinstance(found, Sensitivity):
        _show(found.table, outcome)
        noise = f"; {found.noise_share:.0%} of the variance is the replicates'"
        typer.echo(
            f"{found.used} blocks of the design, {found.left_out} left out for failed runs"
            + (noise if found.noise_share == found.noise_share else "")
        )
        return
    _show(found, outcome)


def frontier(
    folder: StudyPlace,
    outcome: Outcome = "bad_debt_usd",
    level: Annotated[float, typer.Option(help="Of the expected shortfall.")] = 0.95,
) -> None:
    """Show capital efficiency against expected shortfall, the frontier, and the current point."""
    from abm.studies.frontier import efficient_frontier

    _show(
        _refuse(lambda: efficient_frontier(folder, outcome, level=level)),
        f"expected shortfall of {outcome} at {level:g}",
    )


def calibrate(
    study: StudyPath, workers: Workers = 1, scheduler: Scheduler = None, out: Out = None
) -> None:
    """Find the smallest value of a study's factor that holds its target, and the curve."""
    from abm.studies.calibration import calibrate as run_calibration
    from abm.sweeps import load_study

    loaded = load_study(study)
    place = out if out is not None else f"results/{loaded.name}"

    def tell(point: CurvePoint) -> None:
        found = point.measure
        line = f"{point.value:g}: {found.value:.4g} of {found.count} runs, {point.verdict}"
        typer.echo(line, err=True)

    try:
        found = run_calibration(loaded, place, workers=workers, scheduler=scheduler, progress=tell)
    except KeyboardInterrupt:
        typer.echo(f"interrupted; run it again to go on: {place}", err=True)
        sys.exit(INTERRUPTED)
    goal = found.goal
    what = f"{goal.measure} of {goal.outcome} of at most {goal.target:g}"
    _show(found.table(), f"{found.key}: {what}, {goal.confidence:.0%}")
    if found.value is None:
        typer.echo(f"no value up to {found.curve[-1].value:g} holds it with these runs")
        raise typer.Exit(1)
    below = f"; {found.fails_at:g} does not" if found.fails_at is not None else ""
    typer.echo(f"{found.key} = {found.value:g} holds it{below}")


def rare(
    study: StudyPath, workers: Workers = 1, scheduler: Scheduler = None, out: Out = None
) -> None:
    """Estimate the probability of a rare event under laws of its drivers, by splitting."""
    from abm.studies.rare_events import rare_event
    from abm.sweeps import load_study

    loaded = load_study(study)
    place = out if out is not None else f"results/{loaded.name}"
    try:
        found = rare_event(
            loaded,
            place,
            workers=workers,
            scheduler=scheduler,
            progress=lambda step: typer.echo(f"step {step} ended", err=True),
        )
    except KeyboardInterrupt:
        typer.echo(f"interrupted; run it again to go on: {place}", err=True)
        sys.exit(INTERRUPTED)
    estimate = found.probability
    typer.echo(
        f"probability {estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}], "
        f"{estimate.confidence:.0%}, from {estimate.count} runs; plain runs would need about "
        f"{100 / estimate.value:,.0f} for a tenth of its value as error"
        if estimate.value > 0
        else f"no run of {estimate.count} came there within the levels allowed"
    )


def _refuse(work: Callable[[], Found]) -> Found:
    """Turn a refused argument into one message and exit status 2."""
    try:
        return work()
    except ValueError as error:
        if isinstance(error, AbmError):
            raise
        raise typer.BadParameter(str(error)) from error


def _show(frame: pl.DataFrame, title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    shown = [name for name in frame.columns if not name.endswith(("_low", "_high"))]
    for name in shown:
        table.add_column(name.removeprefix("factor ").replace("_", " "), overflow="fold")
    for row in frame.iter_rows(named=True):
        table.add_row(*(_cell(row, name) for name in shown))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _cell(row: dict[str, object], name: str) -> str:
    value = _number(row[name])
    if f"{name}_low" not in row:
        return value
    return f"{value} [{_number(row[f'{name}_low'])}, {_number(row[f'{name}_high'])}]"


def _number(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= LARGE else f"{value:.3g}"
    return str(value)


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (summary, sensitivity, frontier, calibrate, rare):
        app.command()(command)
