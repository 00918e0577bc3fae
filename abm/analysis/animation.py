"""The contagion map of a run as a film: GIF by Pillow, MP4 by ffmpeg, drawn by Matplotlib."""

from __future__ import annotations

import math
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure as Sheet

from abm.analysis.figures.base import GREY, PURPLE, RED, SEQUENTIAL, words
from abm.analysis.figures.contagion_map import (
    between,
    chain_lines,
    channel_colour,
    channel_width,
    frames_of,
    history_of,
    node_sizes,
    positions,
)
from abm.analysis.figures.facts import lacks, start_of
from abm.errors import ResultsError
from abm.units import SECONDS_PER_HOUR, format_usd

if TYPE_CHECKING:
    from abm.analysis.figures.map_history import MapHistory, MapState
    from abm.recording.results import RunResults

INCHES = (9.6, 6.4)
DOTS_PER_INCH = 80
COLOURS = LinearSegmentedColormap.from_list("stress", SEQUENTIAL)


def write_film(results: RunResults, out: Path, *, frames: int = 72, per_second: int = 8) -> Path:
    """Write the contagion map of a run, picture by picture.

    Parameters
    ----------
    results : RunResults
        A run with the table ``chains``.
    out : Path
        Ends in ``.gif`` or ``.mp4``; it appears when the film is whole.
    frames : int
        Pictures, evenly spread over the run, at most as many as it has samples.
    per_second : int
        Pictures a second.

    Returns
    -------
    Path
        Where the film is.

    Raises
    ------
    ResultsError
        If the run has no samples of its chains, the ending is another, or an MP4 is asked for where
        there is no ffmpeg.
    """
    if why := lacks(results, "chains", "collateral_usd"):
        raise ResultsError(results.folder, why)
    writer = _writer(out, per_second)
    history = history_of(results)
    sheet = Sheet(figsize=INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    axes = sheet.add_subplot()
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".writing-") as aside:
        whole = Path(aside) / out.name
        with mpl.rc_context({"font.size": 10}), writer.saving(sheet, str(whole), DOTS_PER_INCH):
            for second in frames_of(history, frames):
                draw(axes, results, history, history.state(second))
                writer.grab_frame()
        whole.replace(out)
    return out


def _writer(out: Path, per_second: int) -> AbstractMovieWriter:
    if out.suffix == ".gif":
        return PillowWriter(fps=per_second)
    if out.suffix != ".mp4":
        raise ResultsError(out, "a film ends in .gif or .mp4")
    if shutil.which("ffmpeg") is None:
        raise ResultsError(out, "an MP4 needs the program ffmpeg, which is not here; take .gif")
    return FFMpegWriter(fps=per_second)


def draw(axes: Any, results: RunResults, history: MapHistory, state: MapState) -> None:  # noqa: ANN401
    """Draw one moment of the map on the axes of a picture, in place of what stood there."""
    places = positions(history.chains, history.venue)
    axes.clear()
    axes.set_axis_off()
    axes.set_xlim(-2.5, 2.5)
    axes.set_ylim(-1.75, 1.75)
    for item in state.channels:
        begin, end = between(places, (item.channel.source, item.channel.destination))
        style = {
            "arrowstyle": "-|>",
            "color": channel_colour(item),
            "linewidth": channel_width(item),
            "linestyle": ":" if item.blocked else "-",
        }
        axes.annotate("", xy=end, xytext=begin, arrowprops=style)
        if item.blocked:
            middle = ((begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2)
            text = f"✕ {item.messages:,} wait\n{format_usd(item.value_usd)}"
            axes.annotate(text, middle, color=RED, ha="center", va="center", fontsize=9)
    for chain in state.chains:
        if chain.lost_now_usd > 0 and history.venue not in (None, chain.name):
            begin, end = between(places, (chain.name, str(history.venue)), shift=0.0)
            arrow = {"arrowstyle": "-|>", "color": PURPLE, "linewidth": 4, "linestyle": "--"}
            axes.annotate("", xy=end, xytext=begin, arrowprops=arrow)
    for chain, size in zip(state.chains, node_sizes(history, state), strict=True):
        x, y = places[chain.name]
        axes.scatter(
            [x],
            [y],
            s=size**2 * 0.6,
            color=COLOURS(chain.stress / max(history.most_stress, 1)),
            marker="X" if chain.halted else "s" if chain.name == history.venue else "o",
            edgecolors=RED if chain.halted else GREY,
            linewidths=3 if chain.halted else 1,
            zorder=3,
        )
        text = "\n".join([chain.name, *chain_lines(chain)])
        reach = 0.1 + math.sqrt(size) / 45
        axes.annotate(
            text,
            (x, y + (reach if y >= 0 else -reach)),
            ha="center",
            va="bottom" if y >= 0 else "top",
        )
    moment = start_of(results) + timedelta(seconds=state.second)
    on = ", ".join(words(shock.name) for shock in state.shocks)
    axes.set_title(
        f"{moment:%d %b %Y %H:%M} UTC, {state.second / SECONDS_PER_HOUR:.1f} h"
        + (f"   on: {on}" if on else ""),
        loc="left",
    )
