"""The commands on the contagion of one run, and what commands on contagion share."""

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
        "bad debt by what it is put down to, and how it arose",
        ("root", *(name.replace("_", " ") for name in columns)),
        rows,
    )
    if out is not None:
        tree_frame(cause_tree(results)).write_parquet(out)
        typer.echo(out)


def cover(run: RunFolder) -> None:
    """Say whether the funded layers bear the largest losses, and whom cuts for the rest hit."""
    from abm.analysis.cover import cover as covered
    from abm.analysis.fairness import fairness
    from abm.recording.results import read_results
    from abm.units import format_usd

    results = read_results(run)
    yes = {True: "covered", False: "not covered"}
    table = covered(results)
    several = table["venue"].n_unique() > 1
    show_table(
        "the largest members' losses beside what is set aside",
        ("members", "cleared at once", "", "as it came", "", "set aside"),
        [
            (
                f"{row['largest']} largest" + (f" at {row['venue']}" if several else ""),
                format_usd(row["before_usd"]),
                yes[row["covered_before"]],
                format_usd(row["after_usd"]),
                yes[row["covered_after"]],
                format_usd(row["funded_usd"]),
            )
            for row in table.iter_rows(named=True)
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


def liquidity(run: RunFolder) -> None:
    """Say how deep and tight the books of a run were, and how long they took to recover."""
    from abm.analysis.liquidity import feed_basis, spillover
    from abm.analysis.liquidity import liquidity as measured
    from abm.analysis.local_prices import TOGETHER, local_basis
    from abm.recording.results import read_results
    from abm.units import format_duration

    results = read_results(run)

    def volatility(value: float | None) -> str:
        return "none" if value is None else f"{value:.1%}"

    def moment(value: int | None) -> str:
        return "never" if value is None else format_duration(value)

    show_table(
        f"{results.manifest.scenario['name'].replace('_', ' ')}: liquidity",
        ("venue", "normal depth", "worst", "after", "recovered after", "spread", "widest"),
        [
            (
                row["venue"] or "the venue",
                f"{row['normal_depth_lots'] or 0:,.0f} lots",
                f"{row['worst_depth_lots']:,.0f} lots",
                moment(row["worst_second"]),
                moment(row["recovered_second"]),
                volatility(row["normal_spread_volatility"]),
                volatility(row["widest_spread_volatility"]),
            )
            for row in measured(results).iter_rows(named=True)
        ],
    )
    for row in spillover(results).iter_rows(named=True):
        typer.echo(
            f"changes of depth at {row['source']} and ten minutes later at {row['target']}: rank "
            f"correlation {row['rank_correlation']:+.2f}"
        )
    basis = feed_basis(results)
    widest = basis.row(int(basis["basis"].arg_max() or 0), named=True)
    typer.echo(
        f"published prices stood at most {widest['basis']:.2%} apart, on {widest['high']} above "
        f"{widest['low']}, after {format_duration(widest['second'])}"
    )
    local = local_basis(results)
    if not local.is_empty():
        show_table(
            f"prices moved by sales and hedges; apart from {TOGETHER:.1%} on",
            ("chain", "moved at most", "basis", "after", "apart for", "back after"),
            [
                (
                    row["chain"],
                    f"{row['furthest_displacement']:+.2%}",
                    f"{row['widest_basis']:+.2%}",
                    format_duration(row["widest_second"]),
                    format_duration(row["seconds_apart"]),
                    moment(row["back_second"]),
                )
                for row in local.iter_rows(named=True)
            ],
        )


def validate(
    what: Annotated[str, typer.Argument(help="What to hold to its publication: gai-kapadia.")],
    draws: Annotated[int, typer.Option(min=1, help="Networks for each mean degree.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the networks.")] = 1,
) -> None:
    """Run a published experiment and print its results beside the published ones."""
    from abm.contagion import contagion_window, single_link_window
    from abm.contagion.gai_kapadia import REFERENCE_SHAPE
    from abm.randomness import Streams

    if what != "gai-kapadia":
        rule = "it must be gai-kapadia"
        raise ScenarioError("abm validate", [Problem("what", repr(what), rule)])
    rows = []
    for degree, published in REFERENCE_SHAPE.items():
        rng = Streams(seed).get("gai-kapadia", f"{degree:g}")
        found = contagion_window(degree, draws, rng)
        extent = "" if found.extent is None else f"{found.extent:.1%}"
        rows.append((f"{degree:g}", f"{found.frequency:.2f}", f"{published:.2f}", extent))
    show_table(
        f"Gai and Kapadia 2010: 1,000 banks, 20 % interbank, 4 % buffer, {draws} networks each",
        ("mean degree", "frequency", "reference", "extent where systemic"),
        rows,
    )
    window = single_link_window(0.2, 0.04)
    if window is not None:
        typer.echo(
            f"single links carry contagion between mean degrees {window[0]:.2f} and "
            f"{window[1]:.2f} (their equation 2.10)"
        )


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (causes, cover, graph, liquidity, validate):
        app.command()(command)
