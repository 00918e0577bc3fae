"""The command that sets the collateral architectures side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from abm.analysis.architectures import ArchitectureRow
    from abm.analysis.estimates import Estimate


def architectures(
    scenario: Annotated[Path, typer.Argument(help="A scenario file (TOML).", show_default=False)],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the scenario."),
    ] = None,
    replicates: Annotated[int, typer.Option(min=1, help="Runs of each, over the same seeds.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the dataset; results/<scenario>_by_architecture if not given."
        ),
    ] = None,
) -> None:
    """Run a scenario under every collateral architecture; say what each needs and loses."""
    from abm.analysis.architectures import architecture_rows
    from abm.studies.architectures import plan_architectures
    from abm.sweeps import read_runs, run_study

    plan = plan_architectures(scenario, changes=set_ or (), replicates=replicates)
    folder = out if out is not None else Path("results") / plan.study.name
    status = run_study(plan, folder, workers=workers)
    if status.failed:
        typer.echo(f"{status.failed} runs failed; why stands in {folder}", err=True)
        raise typer.Exit(1)
    rows = architecture_rows(read_runs(folder))
    _print_rows(rows)
    typer.echo(f"Dataset: {folder}; pictures: abm report {folder}")


def _print_rows(rows: list[ArchitectureRow]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from abm.analysis.architectures import least_lost
    from abm.units import format_duration

    table = Table(
        caption="Amounts in dollars; means over runs, ± half the 95 % interval", box=SIMPLE_HEAD
    )
    headings = (
        "Architecture",
        "Needed",
        "Idle",
        "Lost",
        "Liquidation",
        "Owners' cost",
    )
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    best = least_lost(rows)
    for row in rows:
        seconds = row.liquidation_seconds
        table.add_row(
            row.architecture,
            _amount(row.capital_needed_usd.value),
            f"{row.idle_share.value:.0%}",
            _amount(row.lost_usd.value) + _half_width(row.lost_usd),
            "none ended" if seconds is None else format_duration(seconds.value),
            _amount(row.cost_to_owners_usd.value),
            style="bold" if row is best else None,
        )
    Console().print(table)
    typer.echo(f"Least is lost under {best.architecture}.")


def _amount(amount_usd: float) -> str:
    """Write dollars without their name, which the caption says once."""
    from abm.units import format_usd

    return format_usd(amount_usd).removesuffix(" USD")


def _half_width(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f" ± {_amount((estimate.high - estimate.low) / 2)}"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(architectures)
