"""Liquidations: how long, how they ended, at what price, and who had the money to buy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.analysis.figures.facts import chains_of
from abm.analysis.figures.liquidations import FIGURES
from abm.dashboard.pages.base import Choices, Control, Page
from abm.dashboard.parts import figure_parts

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from abm.dashboard.catalog import Catalog, Selection


def controls(selection: Selection, _: Choices) -> list[Control]:
    """Return the choice of a chain."""
    if selection.results is None:
        return []
    chains = {name: name for name in chains_of(selection.results)}
    return [Control("chain", "Collateral on", {"": "all chains", **chains}, "")]


def body(selection: Selection, choices: Choices, _: Catalog) -> list[Component]:
    """Return the figures of liquidations, narrowed to a chain where one is chosen."""
    if selection.results is None:
        return []
    chain = choices.get("chain") or None
    return figure_parts([make(selection.results, chain) for make in FIGURES], "liquidations")


PAGE = Page(
    path="/liquidations",
    title="Liquidations",
    about="How late liquidations were, how they ended, and what they cost.",
    body=body,
    controls=controls,
)
