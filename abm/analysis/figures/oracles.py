"""What oracles said against what was true, chain by chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.analysis.figures.base import CYCLE, DASHES, RED, Figure, canvas, finish, nothing
from abm.analysis.figures.facts import lacks, mark_shocks, rows_of, time_title, times
from abm.units import format_duration

if TYPE_CHECKING:
    from abm.recording.results import RunResults


def oracle_error(results: RunResults) -> Figure:
    """Return how far the published price stood from the true one, by chain over time."""
    title = "Published against true price"
    caption = (
        "How far the price last published on each chain stood above or below the true price; a "
        "red mark where it was older than the venue's rule allows."
    )
    if why := lacks(results, "oracles", "error", "stale"):
        return nothing(title, caption, why, unit="share of the true price")
    found, plot = rows_of(results, "oracles"), canvas()
    for place, (chain, part) in enumerate(
        found.partition_by("chain", as_dict=True, maintain_order=True).items()
    ):
        plot.add_scatter(
            x=times(results, part["second"]),
            y=part["error"].to_numpy(),
            mode="lines",
            name=str(chain[0]),
            line={
                "color": CYCLE[place % len(CYCLE)],
                "width": 2,
                "dash": DASHES[place // len(CYCLE) % len(DASHES)],
            },
            customdata=[format_duration(age) for age in part["age_seconds"]],
            hovertemplate="%{y:.2%}, observed %{customdata} before",
        )
    stale = found.filter("stale")
    if len(stale):
        plot.add_scatter(
            x=times(results, stale["second"]),
            y=stale["error"].to_numpy(),
            mode="markers",
            marker={"color": RED, "size": 6, "symbol": "x"},
            name="too old",
            text=stale["chain"].to_list(),
            hovertemplate="too old on %{text}",
        )
    mark_shocks(results, plot)
    plot.update_yaxes(tickformat=".1%")
    figure = Figure(title, caption, plot, "share of the true price")
    return finish(figure, x=time_title(results), y="published less true")


FIGURES = (oracle_error,)
"""The figures of oracles of one run."""
