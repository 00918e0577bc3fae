"""The command line: run, check, list, schema, profiles, report; more in its sister modules."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abm.cli import (
    architectures,
    contagion,
    contagion_studies,
    many,
    market,
    pages,
    questions,
    studies,
)
from abm.cli.many import INTERRUPTED
from abm.errors import AbmError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abm.recording.results import RunResults
    from abm.scenario import Scenario
    from abm.simulation.run import BrokenRunError
    from abm.studies.paired import PairProgress

app = typer.Typer(
    name="abm",
    help="Who loses how much when cross-chain messages fail, how it spreads, what would stop it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ScenarioPath = Annotated[Path, typer.Argument(help="A scenario file (TOML).", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a value of the scenario: liquidation.grace_seconds=60. May be repeated.",
    ),
]
Seed = Annotated[int | None, typer.Option(help="Seed, instead of the scenario's.")]


def _load(path: Path, overrides: list[str] | None, seed: int | None) -> Scenario:
    from abm.scenario import load_scenario

    changes = [*(overrides or []), *([f"seed={seed}"] if seed is not None else [])]
    return load_scenario(path, tuple(changes))


@app.command()
def run(
    scenario: ScenarioPath,
    seed: Seed = None,
    set_: Overrides = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results; new, empty, or of this same run.")
    ] = None,
) -> None:
    """Run a scenario, and the same without its shocks; write tables and a report."""
    loaded = _load(scenario, set_, seed)
    from abm.recording.files import check_target
    from abm.scenario import run_id

    folder = out if out is not None else Path("results") / loaded.name / run_id(loaded)
    check_target(folder, loaded)
    from abm.simulation.run import BrokenRunError
    from abm.studies.paired import run_pair

    try:
        with _progress(loaded) as progress:
            results = run_pair(loaded, folder, progress)
    except BrokenRunError as error:
        _leave_evidence(error, loaded, folder)
        typer.echo(_replay_command(scenario, set_, loaded.seed, error.second), err=True)
        raise
    _print_summary(results)


@app.command()
def check(scenario: ScenarioPath, seed: Seed = None, set_: Overrides = None) -> None:
    """Check a scenario file; say every fault of it, or what it would run."""
    loaded = _load(scenario, set_, seed)
    from abm.scenario import run_id

    agents = sum(kind.count for kind in loaded.traders.values())
    series = sum(2 * len(expiry.strikes_usd) for expiry in loaded.market.expiries)
    typer.echo(
        f"{scenario} is sound: run {run_id(loaded)}, {loaded.clock.hours:g} hours of "
        f"{loaded.clock.step_seconds} s steps, {agents:,} traders, {series} series, "
        f"{len(loaded.chains)} chains, {len(loaded.channels)} channels, "
        f"{len(loaded.shocks)} shocks"
    )


@app.command(name="list")
def list_(
    folder: Annotated[Path, typer.Argument(help="Folder with scenario files.")] = Path("scenarios"),
) -> None:
    """List the scenarios of a folder with the question each asks."""
    from abm.errors import ScenarioError
    from abm.scenario import load_scenario

    paths = sorted(folder.glob("*.toml"))
    if not paths:
        typer.echo(f"{folder} holds no scenario files (*.toml)", err=True)
        raise typer.Exit(2)
    for path in paths:
        try:
            question = load_scenario(path).question
        except ScenarioError as error:
            question = f"cannot be run: {len(error.problems)} faults, see abm check"
        typer.echo(f"{path}\n    {question}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of a scenario file, for editors."""
    import json

    from abm.scenario import scenario_schema

    typer.echo(json.dumps(scenario_schema(), indent=2))


@app.command()
def profiles() -> None:
    """Print the chains and protocols whose figures a scenario may name, with their sources."""
    from abm.scenario.profiles import chain_profiles, measured_lanes, protocol_profiles

    typer.echo("chains: [chains.NAME] profile = ...")
    for name, chain in chain_profiles().items():
        keys = ", ".join(f"{key} = {value}" for key, value in chain.keys.items())
        typer.echo(f"  {name}: {keys}")
        for source in chain.sources:
            typer.echo(f"      {source}")
    typer.echo("protocols: [protocols.NAME] profile = ...")
    lanes = [protocol for protocol, _, _ in measured_lanes()]
    for name, protocol in protocol_profiles().items():
        rule = protocol.protocol
        typer.echo(f"  {name}: {protocol.about}")
        typer.echo(
            f"      {rule['quorum']} of {rule['verifiers']} verifiers, {rule['proof']}, waits for "
            f"{rule['confidence']}; {lanes.count(name)} measured lanes"
        )
        for source in protocol.sources:
            typer.echo(f"      {source}")


@contextmanager
def _progress(scenario: Scenario) -> Iterator[PairProgress]:
    """Show a bar with simulated time, rate and remaining time for each part."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    from abm.units import format_duration

    class Rate(ProgressColumn):
        """Simulated hours per second."""

        def render(self, task: Task) -> Text:
            rate = (task.speed or 0.0) / 3_600
            return Text(f"{format_duration(task.completed)} simulated, {rate:.1f} h/s")

    labels = {"shocks": "with shocks" if scenario.left_out_shocks else "run"}
    if scenario.left_out_shocks:
        labels["without_shocks"] = "without shocks"
    with Progress(
        TextColumn("{task.description:<15}"),
        BarColumn(),
        Rate(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        total = scenario.clock.horizon_seconds
        tasks = {part: bar.add_task(label, total=total) for part, label in labels.items()}
        yield lambda part, second: bar.update(tasks[part], completed=second)


def _print_summary(results: RunResults) -> None:
    from rich.console import Console
    from rich.table import Table

    from abm.analysis.summary import headline, summarise, what_was_left_out
    from abm.recording.files import REPORT

    pair = results.counterfactual is not None
    table = Table(title=results.manifest.scenario["name"].replace("_", " "), title_justify="left")
    table.add_column("")
    table.add_column("this run", justify="right")
    if pair:
        table.add_column(f"without {what_was_left_out(results)}", justify="right")
    for line in summarise(results):
        label = f"  {line.label}" if line.indent else line.label
        cells = [label, line.actual] + ([line.without or ""] if pair else [])
        table.add_row(*cells, style="dim" if line.indent else None)
    # A width for output that is not a terminal, so that nothing is cut in a log.
    console = Console(width=None if sys.stdout.isatty() else 100)
    console.print(table)
    console.print(headline(results), style="bold")
    console.print(f"Tables and report: {results.folder / REPORT}", soft_wrap=True)


def _leave_evidence(error: BrokenRunError, scenario: Scenario, folder: Path) -> None:
    """Keep what a broken run had recorded, beside where its results would stand."""
    from abm.recording.files import new_folder, write_run

    place = folder.with_name(f"{folder.name}.broken")
    with new_folder(place) as fresh:
        write_run(error.recorder, scenario, fresh)
    typer.echo(f"the steps until then are in {place}", err=True)


def _replay_command(path: Path, overrides: list[str] | None, seed: int, second: int) -> str:
    import shlex

    sets = [part for override in overrides or [] for part in ("--set", override)]
    command = shlex.join(["abm", "run", str(path), "--seed", str(seed), *sets])
    return f"to replay the breach at second {second}: {command}"


for commands in (
    architectures,
    contagion,
    contagion_studies,
    many,
    market,
    pages,
    questions,
    studies,
):
    commands.register(app)


def main() -> None:
    """Run the command line; known errors are one message and exit status 2."""
    from abm.errors import InvariantError

    try:
        # Outside its standalone mode Typer returns the status of a command that ended early.
        status = int(app(standalone_mode=False) or 0)
    except InvariantError as error:
        typer.echo(f"abm: a rule of the simulation broke (a defect): {error}", err=True)
        sys.exit(1)
    except AbmError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
    except OSError as error:
        typer.echo(f"{error.filename or 'abm'}: {error.strerror or error}", err=True)
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except Exception as error:
        show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
        if show is None or code is None:
            raise
        show()
        sys.exit(code)
    if status == INTERRUPTED:
        typer.echo("abm: interrupted; nothing was written", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
