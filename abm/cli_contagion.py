"""The commands on contagion: graph ..."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    from abm.errors import Problem, ScenarioError
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


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (graph,):
        app.command()(command)
