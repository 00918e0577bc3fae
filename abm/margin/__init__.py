"""What each account owes: pure NumPy, no agents, no files."""

from abm.margin.core import (
    MarginCore,
    Marks,
    Requirements,
    mark_instruments,
    option_values,
    stress_changes,
)
from abm.margin.grids import GRIDS, StressPoints, scan_risk, span_points, span_total
from abm.margin.haircuts import counted_value, token_prices, total_value
from abm.margin.positions import PositionTable

__all__ = [
    "GRIDS",
    "MarginCore",
    "Marks",
    "PositionTable",
    "Requirements",
    "StressPoints",
    "counted_value",
    "mark_instruments",
    "option_values",
    "scan_risk",
    "span_points",
    "span_total",
    "stress_changes",
    "token_prices",
    "total_value",
]
