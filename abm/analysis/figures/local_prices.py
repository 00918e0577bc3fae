"""Local prices: how far sales and hedges have moved the price on every chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from abm.analysis.figures.base import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    Figure,
    canvas,
    finish,
    nothing,
)
from abm.analysis.figures.facts import lacks, mark_shocks, time_title, times
from abm.analysis.local_prices import has_local_prices

if TYPE_CHECKING:
    from abm.recording.results import RunResults

COLOURS = (RED, BLUE, GREEN, ORANGE, PURPLE, SKY)


def local_prices(results: RunResults) -> Figure:
    """Return the displacement of every chain's price through time."""
    title = "Local prices: what sales and hedges moved"
    caption = (
        "Price on each chain over the price without sales of collateral and hedges, in per cent, "
        "every ten minutes. Lines that part say that arbitrage does not get through."
    )
    if why := lacks(results, "chains", "local_usd", "displacement"):
        return nothing(title, caption, why, unit="per cent")
    if not has_local_prices(results):
        why = "The scenario has no hedge_market: no trade moves a price."
        return nothing(title, caption, why, unit="per cent")
    chains = results.table("chains").with_columns(pl.col("chain").cast(pl.String))
    plot = canvas()
    for number, name in enumerate(chains["chain"].unique(maintain_order=True)):
        rows = chains.filter(chain=name).sort("second")
        plot.add_scatter(
            x=times(results, rows["second"]),
            y=100 * (rows["displacement"].exp() - 1),
            name=name,
            line={"color": COLOURS[number % len(COLOURS)], "width": 1.6},
        )
    mark_shocks(results, plot)
    plot.update_yaxes(ticksuffix=" %")
    figure = Figure(title, caption, plot, "per cent")
    return finish(figure, x=time_title(results), y="moved by", showlegend=True)


FIGURES = (local_prices,)
"""The figures of local prices of one run."""
