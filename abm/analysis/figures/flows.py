"""What moved between kinds of places: wallets, vaults, locks, channels, auctions, the venue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from abm.analysis.figures.base import CYCLE, GREY, Figure, canvas, finish, nothing, written
from abm.analysis.figures.facts import lacks, mark_shocks, rows_of, time_title, times
from abm.units import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from abm.recording.results import RunResults

# So many ways are told apart, those of most dollars; the others are one.
MOST_WAYS = 6
OTHERS = "all other ways"


def flows_over_time(results: RunResults) -> Figure:
    """Return the dollars that moved in each hour, by where they came from and went."""
    title = "What moved where"
    caption = (
        "Dollars that moved between kinds of places in each hour, at the true price; the "
        f"{MOST_WAYS} ways of most dollars told apart."
    )
    if why := lacks(results, "flows", "value_usd"):
        return nothing(title, caption, why, unit="USD an hour")
    hourly = flows_by_hour(rows_of(results, "flows"))
    plot = canvas()
    for place, ((way,), part) in enumerate(
        hourly.partition_by("way", as_dict=True, maintain_order=True).items()
    ):
        plot.add_bar(
            x=times(results, part["hour"]),
            y=part["value_usd"].to_numpy(),
            name=str(way),
            marker_color=GREY if way == OTHERS else CYCLE[place % (len(CYCLE) - 1)],
            customdata=written(part["value_usd"].to_list(), "USD"),
            hovertemplate="%{customdata}",
        )
    mark_shocks(results, plot)
    figure = Figure(title, caption, plot, "USD an hour")
    return finish(figure, x=time_title(results), y="USD an hour", barmode="stack", height=480)


def flows_by_hour(flows: pl.DataFrame) -> pl.DataFrame:
    """Return dollars by way and hour, the way of most dollars first.

    Returns
    -------
    polars.DataFrame
        ``way``; ``hour``, the first second of it; ``value_usd``.
    """
    ends = [pl.col(f"{end}_kind").str.replace_all("_", " ") for end in ("from", "to")]
    named = flows.with_columns(
        way=pl.concat_str(ends, separator=" to "),
        # A row tells of the time up to its second.
        hour=(pl.col("second") - 1).clip(0) // SECONDS_PER_HOUR * SECONDS_PER_HOUR,
    )
    totals = named.group_by("way").agg(pl.col("value_usd").sum())
    most = totals.sort(["value_usd", "way"], descending=[True, False])["way"].to_list()
    shown = most if len(most) <= MOST_WAYS + 1 else most[:MOST_WAYS]
    kept = pl.when(pl.col("way").is_in(shown)).then("way").otherwise(pl.lit(OTHERS))
    order = {way: place for place, way in enumerate([*shown, OTHERS])}
    return (
        named.with_columns(kept.alias("way"))
        .group_by("way", "hour")
        .agg(pl.col("value_usd").sum())
        .sort(pl.col("way").replace_strict(order, return_dtype=pl.Int64), "hour")
    )


FIGURES = (flows_over_time,)
"""The figures of flows of one run."""
