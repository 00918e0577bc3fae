"""All figures: each a pure function from results to a `Figure`, one module for each page.

The dashboard, the report and notebooks draw the same functions. A new figure is one function and
one line in its module's ``FIGURES``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.analysis.figures import (
    cause_tree,
    commitments,
    contagion_map,
    flows,
    liquidations,
    liquidity,
    losses,
    messages,
    oracles,
    venues,
)
from abm.analysis.figures.base import Figure, nothing

if TYPE_CHECKING:
    from collections.abc import Callable

    from abm.recording.results import RunResults

__all__ = ["BY_PAGE", "FIGURES", "REPORT", "Figure", "nothing"]

BY_PAGE: dict[str, tuple[Callable[[RunResults], Figure], ...]] = {
    "Losses": (*losses.FIGURES, *venues.FUNDS, *commitments.FIGURES),
    "Contagion map": contagion_map.FIGURES,
    "Liquidations": liquidations.FIGURES,
    "Messages": (*messages.FIGURES, *oracles.FIGURES),
    "Liquidity": (*liquidity.FIGURES, *venues.QUOTES, *flows.FIGURES),
    "Causes": cause_tree.FIGURES,
}
"""The figures of one run by the page that shows them."""

FIGURES = {make.__name__: make for group in BY_PAGE.values() for make in group}
"""The figures of one run by name; a notebook reaches them as ``results.figures``."""

REPORT = tuple(FIGURES.values())
"""The figures of a run's report, in their order."""
