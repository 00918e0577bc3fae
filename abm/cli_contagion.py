"""The commands on contagion: who depends on whom, who matters, what carries a loss."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abm.errors import Problem, ScenarioError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from abm.analysis.estimates import Estimate

ScenarioFile = Annotated[
    Path,
    typer.Argument(metavar="SCENARIO", help="A scenario file (TOML).", show_default=False),
]
Replicates = Annotated[int, typer.Option(min=1, help="Runs of each kind, with seeds in turn.")]
Workers = Annotated[int, typer.Option(min=1, help="Worker processes.")]
Outcome = Annotated[
    str,
    typer.Option(help="loss_usd (bad debt and what is unresolved), or a number of the runs table."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the scenario."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help="Folder of a run.", show_default=False)
]


def show_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, the first column to the left."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def echo_json(found: object) -> None:
    """Print what a study found as JSON; what is no data class or number as text."""
    import dataclasses
    import json

    def plain(value: object) -> object:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return dataclasses.asdict(value)
        return str(value)

    typer.echo(json.dumps(found, indent=2, default=plain))


def written(estimate: Estimate, outcome: str) -> str:
    """Return a mean with its interval, in dollars where the outcome is in dollars."""
    from abm.units import format_usd

    def write(value: float | None) -> str:
        if value is None:
            return "unknown"
        return format_usd(value) if outcome.endswith("_usd") else f"{value:,.3g}"

    return f"{write(estimate.value)} [{write(estimate.low)}, {write(estimate.high)}]"


@contextmanager
def as_scenario_error(source: Path) -> Iterator[None]:
    """Say of a wrong number or name to which file it belongs."""
    try:
        yield
    except ScenarioError:
        raise
    except ValueError as error:
        raise ScenarioError(source, [Problem("option", "", str(error))]) from error


@contextmanager
def progress_of(name: str, runs: int) -> Iterator[Callable[[int, int], None]]:
    """Show a bar while runs go on, on a terminal alone."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(name, total=runs)
        yield lambda done, count: bar.update(task, completed=done, total=count)


def graph(
    run: RunFolder,
    out: Annotated[
        Path | None, typer.Option(help="File to write, .graphml or .gexf by its ending.")
    ] = None,
    hour: Annotated[
        float, typer.Option(min=0, help="Moment of the run, in hours from its start.")
    ] = 0.0,
) -> None:
    """Show who depends on whom in a run, by layer and by DebtRank; export the graph."""
    from abm.analysis.exposure_graph import exposure_graph, layer_totals, static_importance
    from abm.contagion import graph_text
    from abm.recording.files import write_text
    from abm.recording.results import read_results
    from abm.units import format_usd, seconds

    forms = {".graphml": "graphml", ".gexf": "gexf"}
    if out is not None and out.suffix not in forms:
        raise ScenarioError(
            "abm graph", [Problem("--out", str(out), "it must end in .graphml or .gexf")]
        )
    results = read_results(run)
    found = exposure_graph(results, seconds(hour))
    title = f"{results.manifest.scenario['name'].replace('_', ' ')}, hour {hour:g}"
    show_table(
        f"{title}: {found.number_of_nodes()} nodes, {found.number_of_edges()} edges",
        ("layer", "edges", "exposure"),
        [
            (row["layer"], str(row["edges"]), format_usd(row["exposure_usd"]))
            for row in layer_totals(found).iter_rows(named=True)
        ],
    )
    show_table(
        "DebtRank, largest impact first",
        ("node", "impact", "vulnerability"),
        [
            (row["node"], f"{row['impact']:.1%}", f"{row['vulnerability']:.1%}")
            for row in static_importance(found).head(15).iter_rows(named=True)
        ],
    )
    if out is not None:
        write_text(out, graph_text(found, "graphml" if out.suffix == ".graphml" else "gexf"))
        typer.echo(out)


def shares(
    scenario: ScenarioFile,
    switch: Annotated[
        list[str] | None,
        typer.Option(help="A channel of contagion to divide among; all open ones if not given."),
    ] = None,
    outcome: Outcome = "loss_usd",
    replicates: Replicates = 4,
    workers: Workers = 1,
    set_: Overrides = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Divide the loss among the channels of contagion: one at a time, and by Shapley value."""
    from abm.scenario import load_scenario
    from abm.scenario.contagion import open_switches
    from abm.studies.shares import contagion_shares

    loaded = load_scenario(scenario, tuple(set_ or ()))
    count = 2 ** len(switch or open_switches(loaded)) * replicates
    with progress_of(loaded.name, count) as progress, as_scenario_error(scenario):
        found = contagion_shares(
            loaded,
            switches=tuple(switch or ()),
            outcome=outcome,
            replicates=replicates,
            workers=workers,
            progress=progress,
        )
    if as_json:
        echo_json(found)
        return
    rows = [
        (
            share.switch.replace("_", " "),
            written(share.shapley, outcome),
            written(share.alone_off, outcome),
            written(share.alone_on, outcome),
        )
        for share in found.switches
    ]
    rows.append(("without any", written(found.without_any, outcome), "", ""))
    rows.append(("all", written(found.total, outcome), "", ""))
    show_table(
        f"{loaded.name}: {outcome} by channel of contagion, {replicates} replicates, "
        f"{found.runs} runs",
        ("channel", "share (Shapley) [95%]", "less if closed alone", "more if opened alone"),
        rows,
    )


def importance(
    scenario: ScenarioFile,
    at_hours: Annotated[
        float | None, typer.Option(help="When each fails; at the first scheduled shock.")
    ] = None,
    duration_hours: Annotated[
        float | None, typer.Option(help="For how long; six hours or the rest of the run.")
    ] = None,
    outcome: Outcome = "loss_usd",
    replicates: Replicates = 4,
    workers: Workers = 1,
    set_: Overrides = None,
    *,
    again: Annotated[
        bool, typer.Option("--again", help="Rank a second set of seeds; compare the first three.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fail every chain, channel, relayer, oracle and market maker in turn; rank what it costs."""
    from abm.scenario import load_scenario
    from abm.studies.importance import importance as rank

    loaded = load_scenario(scenario, tuple(set_ or ()))
    found = []
    for first in (0, replicates) if again else (0,):
        with progress_of(loaded.name, 0) as progress, as_scenario_error(scenario):
            ranking = rank(
                loaded,
                at_hours=at_hours,
                duration_hours=duration_hours,
                outcome=outcome,
                replicates=replicates,
                first=first,
                workers=workers,
                progress=progress,
            )
        found.append(ranking)
    if as_json:
        echo_json(found[0])
        return
    for ranking in found:
        show_table(
            f"{loaded.name}: {outcome} added by a failure of {ranking.duration_hours:g} hours at "
            f"hour {ranking.at_hours:g}, seeds {ranking.seeds[0]} to {ranking.seeds[-1]}",
            ("fails", "loss added [95%]", "DebtRank impact", "vulnerability"),
            [
                (
                    entity.name,
                    written(entity.knock_out, outcome),
                    f"{entity.impact:.1%}",
                    f"{entity.vulnerability:.1%}",
                )
                for entity in ranking.entities
            ],
        )
        agrees = ranking.rank_correlation
        told = "not defined" if agrees is None else written(agrees, "correlation")
        typer.echo(f"rank correlation of DebtRank with the simulated loss: {told}")
    if again:
        same = found[0].first() == found[1].first()
        first_three = [", ".join(ranking.first()) for ranking in found]
        typer.echo(
            f"the first three are the same in both sets: {first_three[0]}"
            if same
            else f"the first three differ: {first_three[0]}; then {first_three[1]}"
        )


def reverse(  # noqa: PLR0913 - each is an option of the command
    scenario: ScenarioFile,
    worst_fall: Annotated[
        float, typer.Option(help="Largest fall of the price that is searched, as a share.")
    ] = 0.5,
    worst_halt_hours: Annotated[
        float | None, typer.Option(help="Longest halt of all channels; the rest of the run.")
    ] = None,
    divisions: Annotated[int, typer.Option(min=1, help="Fineness of the fan of shocks.")] = 1,
    halvings: Annotated[int, typer.Option(min=0, help="Bisections on each ray.")] = 4,
    replicates: Replicates = 2,
    workers: Workers = 1,
    set_: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Parquet file for the frontier.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Search the smallest fall, halt and loss of relayers that exhaust each layer."""
    from abm.scenario import load_scenario
    from abm.studies.reverse import default_axes, frontier_table, reverse_stress

    loaded = load_scenario(scenario, tuple(set_ or ()))
    if out is not None and out.suffix != ".parquet":
        raise ScenarioError("abm reverse", [Problem("--out", str(out), "it must end in .parquet")])
    prepared, axes = default_axes(loaded, worst_fall=worst_fall, worst_halt_hours=worst_halt_hours)
    with progress_of(loaded.name, 0) as progress, as_scenario_error(scenario):
        found = reverse_stress(
            prepared,
            axes,
            divisions=divisions,
            halvings=halvings,
            replicates=replicates,
            workers=workers,
            progress=progress,
        )
    if out is not None:
        frontier_table(found).write_parquet(out)
    if as_json:
        echo_json(found)
        return
    names = [axis.name for axis in axes]
    rows = []
    for layer in dict.fromkeys(point.layer for point in found.points):
        for point in found.points:
            if point.layer != layer:
                continue
            note = "smallest" if point is found.smallest(layer) else ""
            shock = [f"{point.shock[name]:.3g}" for name in names]
            if point.size is None:
                shock, note = [f"> {value}" for value in shock], "not enough"
            rows.append((layer, *shock, note if point.monotone else f"{note} (not monotone)"))
    share = f"in {found.share:.0%} of {len(found.seeds)} seeds"
    show_table(
        f"{loaded.name}: smallest shocks that exhaust each layer {share}, {found.runs} runs",
        ("layer", *(name.replace("_", " ") for name in names), ""),
        rows,
    )


def shrink(
    scenario: ScenarioFile,
    fails: Annotated[
        str, typer.Option(help="What a failing run shows: 'loss_usd > 100_000', or 'broken'.")
    ],
    out: Annotated[Path, typer.Option(help="Scenario file to write (TOML).")],
    most_runs: Annotated[int, typer.Option(min=1, help="Stop after so many runs.")] = 500,
    set_: Overrides = None,
) -> None:
    """Find the smallest scenario that still fails, and write it as a scenario file."""
    from abm.recording.files import write_text
    from abm.scenario import load_scenario
    from abm.studies.shrink import failing, scenario_text
    from abm.studies.shrink import shrink as make_small

    loaded = load_scenario(scenario, tuple(set_ or ()))
    if out.suffix != ".toml":
        raise ScenarioError("abm shrink", [Problem("--out", str(out), "it must end in .toml")])
    with progress_of(loaded.name, most_runs) as progress, as_scenario_error(scenario):
        found = make_small(loaded, failing(fails), most_runs=most_runs, progress=progress)
    write_text(out, scenario_text(found.scenario))
    for step in found.steps:
        typer.echo(step)
    typer.echo(f"{out}: {len(found.steps)} steps smaller, after {found.runs} runs")


def causes(
    run: RunFolder,
    out: Annotated[
        Path | None, typer.Option(help="Parquet file for the tree of all losses.")
    ] = None,
) -> None:
    """Divide all bad debt by the shock it goes back to and by the way it arose, exactly."""
    from abm.analysis.cause_tree import WAYS, cause_tree, loss_by_root_and_way, tree_frame
    from abm.recording.results import read_results
    from abm.units import format_usd

    if out is not None and out.suffix != ".parquet":
        raise ScenarioError("abm causes", [Problem("--out", str(out), "it must end in .parquet")])
    results = read_results(run)
    table = loss_by_root_and_way(results)
    columns = (*WAYS, "total")
    rows = [
        (row["root"], *(format_usd(row[name]) for name in columns))
        for row in table.iter_rows(named=True)
    ]
    rows.append(("all", *(format_usd(float(table[name].sum())) for name in columns)))
    show_table(
        "bad debt by what held its liquidation up, and how it arose",
        ("root", *(name.replace("_", " ") for name in columns)),
        rows,
    )
    if out is not None:
        tree_frame(cause_tree(results)).write_parquet(out)
        typer.echo(out)


def layers(
    scenario: ScenarioFile,
    replicates: Replicates = 8,
    workers: Workers = 1,
    set_: Overrides = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say how often each layer of the waterfall pays and is exhausted, over seeds."""
    from abm.scenario import load_scenario
    from abm.studies.layers import layer_risk
    from abm.units import format_usd

    loaded = load_scenario(scenario, tuple(set_ or ()))
    with progress_of(loaded.name, replicates) as progress, as_scenario_error(scenario):
        found = layer_risk(loaded, replicates=replicates, workers=workers, progress=progress)
    if as_json:
        echo_json(found)
        return
    show_table(
        f"{loaded.name}: the layers of the waterfall, {replicates} replicates",
        ("layer", "size", "paid, mean [95%]", "P(pays)", "P(exhausted)"),
        [
            (
                risk.layer.replace("_", " "),
                "" if risk.size_usd is None else format_usd(risk.size_usd),
                written(risk.paid, "paid_usd"),
                written(risk.used, "probability"),
                written(risk.exhausted, "probability"),
            )
            for risk in found
        ],
    )


def cover(run: RunFolder) -> None:
    """Say whether the funded layers bear the largest losses, and whom cuts for the rest hit."""
    from abm.analysis.cover import cover as covered
    from abm.analysis.fairness import fairness
    from abm.recording.results import read_results
    from abm.units import format_usd

    results = read_results(run)
    yes = {True: "covered", False: "not covered"}
    show_table(
        "the largest members' losses beside what is set aside",
        ("members", "cleared at once", "", "as it came", "", "set aside"),
        [
            (
                f"{row['largest']} largest",
                format_usd(row["before_usd"]),
                yes[row["covered_before"]],
                format_usd(row["after_usd"]),
                yes[row["covered_after"]],
                format_usd(row["funded_usd"]),
            )
            for row in covered(results).iter_rows(named=True)
        ],
    )
    show_table(
        "whom the rest was taken from",
        ("layer", "taken", "accounts hit", "top tenth bears", "Gini", "Gini of shares of equity"),
        [
            (
                item.layer,
                format_usd(item.cut_usd),
                f"{item.accounts_hit} of {item.accounts}",
                f"{item.top_share:.0%}",
                f"{item.gini:.2f}",
                f"{item.gini_of_shares:.2f}",
            )
            for item in fairness(results)
        ],
    )


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (causes, cover, graph, importance, layers, reverse, shares, shrink):
        app.command()(command)
