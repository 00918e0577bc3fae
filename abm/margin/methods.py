"""Every method of margin by the name that a scenario gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.margin.portfolio_method import PortfolioMethod
from abm.margin.span_method import SpanMethod
from abm.margin.standard_method import StandardMethod

if TYPE_CHECKING:
    from collections.abc import Callable

    from abm.margin.core import MarginMethod
    from abm.scenario.market import StressGrid

METHODS: dict[str, Callable[[StressGrid], MarginMethod]] = {
    "span": SpanMethod,
    "portfolio": PortfolioMethod,
    "standard": StandardMethod,
}
"""A new one is one file and one line, and its name in `abm.scenario.market.StressGrid`."""
