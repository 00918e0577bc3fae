"""The commands on a pair of runs, or on one that was run: compare, verify, why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from abm.cli.progress import show_progress

ScenarioPath = Annotated[Path, typer.Argument(help="A scenario file (TOML).", show_default=False)]
RunFolder = Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)]
# What a shell reports for a command ended by Ctrl-C: 128 and the number of the signal.
INTERRUPTED = 130


def verify(
    run: RunFolder,
) -> None:
    """Run a run again and compare every table; name the first difference."""
    from abm.studies.verify import first_difference

    found = first_difference(run)
    if found is None:
        typer.echo(f"{run}: every table that it recorded is the same")
        return
    typer.echo(f"{run}: {found}", err=True)
    raise typer.Exit(1)


def compare(
    scenario: ScenarioPath,
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
    with show_progress(loaded.name, 2 * replicates) as progress:
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
    run: RunFolder,
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
        typer.echo("\nAll bad debt of the run, by what it is put down to:")
        for row in loss_by_cause(results).iter_rows(named=True):
            typer.echo(
                f"  {row['cause']:24}{format_usd(row['bad_debt_usd']):>16}"
                f"  {row['liquidations']:,} liquidation{'s' * (row['liquidations'] != 1)}"
            )


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (compare, verify, why):
        app.command()(command)
