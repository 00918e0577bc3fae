"""The commands that show results: dashboard, report, animate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abm.errors import AbmError

if TYPE_CHECKING:
    from collections.abc import Callable

EXTRA = "this command needs the extra {extra}: pip install 'abm[{extra}]' ({error})"


class MissingExtraError(AbmError, ImportError):
    """A command that needs packages which are not installed."""


def dashboard(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a run, a study, or of many.", show_default=False)
    ],
    host: Annotated[
        str, typer.Option(help="Address to listen at; the usual one is this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes any that is free.")] = 8050,
) -> None:
    """Show results in a browser: what broke, in which order, and how sure that is."""
    try:
        from abm.dashboard.server import serve
    except ImportError as error:
        raise MissingExtraError(EXTRA.format(extra="dashboard", error=error)) from error

    serve(folder, host=host, port=port, say=typer.echo)


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a run or a study.", show_default=False)],
    other: Annotated[
        Path | None, typer.Argument(help="Folder of a run to set beside the first.")
    ] = None,
) -> None:
    """Write one self-contained HTML page for a run, a pair of runs, or a study."""
    from abm.studies.paired import write_report

    typer.echo(write_report(folder, other))


def animate(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Film to write: .gif or .mp4.")] = Path("map.gif"),
    frames: Annotated[int, typer.Option(min=2, max=1_000, help="Pictures, evenly spread.")] = 72,
    per_second: Annotated[int, typer.Option(min=1, max=60, help="Pictures a second.")] = 8,
) -> None:
    """Write the contagion map of a run as a film."""
    try:
        from abm.analysis.animation import write_film
    except ImportError as error:
        raise MissingExtraError(EXTRA.format(extra="animation", error=error)) from error
    from abm.recording.results import read_results

    typer.echo(write_film(read_results(run), out, frames=frames, per_second=per_second))


COMMANDS: tuple[Callable[..., None], ...] = (dashboard, report, animate)


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in COMMANDS:
        app.command()(command)
