"""What the venue committed to owe, against what its vaults held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.analysis.figures.base import BLUE, ORANGE, Figure, canvas, finish, nothing, written
from abm.analysis.figures.facts import lacks, mark_shocks, rows_of, time_title, times
from abm.units import format_duration

if TYPE_CHECKING:
    from abm.recording.results import RunResults


def committed_against_held(results: RunResults) -> Figure:
    """Return each commitment of the venue beside what vaults held at that moment."""
    title = "Committed against held"
    caption = (
        "What the venue committed to owe (positive cash and claims as booked) against what vaults "
        "really held, at the true price: where the line of what was held is lower, proofs of "
        "reserves from old claims promised more than there was."
    )
    if why := lacks(results, "commitments", "committed_usd", "held_usd"):
        return nothing(title, caption, why, unit="USD")
    found, plot = rows_of(results, "commitments"), canvas()
    moments = times(results, found["second"])
    ages = [format_duration(age or 0) for age in found["oldest_claim_seconds"]]
    for column, name, colour, dash in (
        ("committed_usd", "committed", BLUE, "solid"),
        ("held_usd", "held", ORANGE, "dash"),
    ):
        texts = written(found[column].to_list(), "USD")
        if column == "committed_usd":
            texts = [f"{text}, oldest claim {age}" for text, age in zip(texts, ages, strict=True)]
        plot.add_scatter(
            x=moments,
            y=found[column].to_numpy(),
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 2, "dash": dash},
            customdata=texts,
            hovertemplate="%{customdata}",
        )
    mark_shocks(results, plot)
    plot.update_yaxes(rangemode="tozero")
    return finish(Figure(title, caption, plot, "USD"), x=time_title(results), y="USD")


FIGURES = (committed_against_held,)
"""The figures of the venue's commitments of one run."""
