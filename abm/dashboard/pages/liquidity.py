"""Liquidity: depth, spread, basis, volatility, who quotes, and what spills over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.analysis.figures import flows, local_prices
from abm.analysis.figures.liquidity import FIGURES
from abm.dashboard.pages.base import Choices, Page
from abm.dashboard.parts import figure_parts

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from abm.dashboard.catalog import Catalog, Selection


def body(selection: Selection, _: Choices, __: Catalog) -> list[Component]:
    """Return the figures of liquidity."""
    if selection.results is None:
        return []
    drawn = (*FIGURES, *local_prices.FIGURES, *flows.FIGURES)
    figures = [make(selection.results) for make in drawn]
    return figure_parts(figures, "liquidity")


PAGE = Page(
    path="/liquidity",
    title="Liquidity",
    about="Whether there was a market to close positions in, and what moved where.",
    body=body,
)
