"""Venue by venue: what is left of each one's fund, and who still quotes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.analysis.figures.base import CYCLE, DASHES, Figure, canvas, finish, nothing
from abm.analysis.figures.facts import lacks, mark_shocks, rows_of, time_title, times, venues_of

if TYPE_CHECKING:
    from abm.recording.results import RunResults


def _alone(results: RunResults) -> str:
    """Return why nothing is told venue by venue of a run of one; empty for one of several."""
    return "" if len(venues_of(results)) > 1 else "There is one venue: see the figures of the run."


def _by_venue(results: RunResults, figure: Figure, column: str) -> Figure:
    """Draw one column of the venues' samples, a line for each venue."""
    found = rows_of(results, "venues").drop_nulls(column)
    for place, (venue, part) in enumerate(
        found.partition_by("venue", as_dict=True, maintain_order=True).items()
    ):
        figure.plot.add_scatter(
            x=times(results, part["second"]),
            y=part[column].to_numpy(),
            mode="lines",
            name=str(venue[0]),
            line={
                "color": CYCLE[place % len(CYCLE)],
                "width": 2,
                "shape": "hv",
                "dash": DASHES[place // len(CYCLE) % len(DASHES)],
            },
        )
    mark_shocks(results, figure.plot)
    figure.plot.update_yaxes(rangemode="tozero")
    return figure


def funds_left(results: RunResults) -> Figure:
    """Return what is left of every venue's insurance fund over time."""
    title = "What is left of the insurance fund"
    caption = (
        "Dollars in each venue's own insurance fund; once it is empty, losses go to what other "
        "layers have and then to accounts. Where one venue clears for all, there is its fund alone."
    )
    if why := lacks(results, "venues", "fund_usd") or _alone(results):
        return nothing(title, caption, why, unit="USD")
    figure = _by_venue(results, Figure(title, caption, canvas(), "USD"), "fund_usd")
    return finish(figure, x=time_title(results), y="USD", showlegend=True)


def makers_at_venues(results: RunResults) -> Figure:
    """Return how many market makers quote at every venue over time."""
    title = "Market makers with a quote, venue by venue"
    caption = (
        "Makers who are at several venues stand behind each quote with all they have: losses at "
        "one can take the quotes away at another."
    )
    if why := lacks(results, "venues", "makers_quoting") or _alone(results):
        return nothing(title, caption, why, unit="agents")
    figure = _by_venue(results, Figure(title, caption, canvas(), "agents"), "makers_quoting")
    return finish(figure, x=time_title(results), y="market makers", showlegend=True)


FUNDS = (funds_left,)
"""The figures of funds of one run."""

QUOTES = (makers_at_venues,)
"""The figures of who quotes where in one run."""
