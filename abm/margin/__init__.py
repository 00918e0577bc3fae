"""What each account owes: pure NumPy, no agents, no files."""

from abm.margin.core import (
    MarginMethod,
    Marks,
    PreparedMargin,
    Requirements,
    mark_instruments,
    option_values,
    renewed,
    stress_changes,
    unit_initial,
)
from abm.margin.grids import StressPoints, scan_risk, span_points, span_total
from abm.margin.haircuts import (
    age_factor,
    backed_value,
    concentration_add_on,
    counted_value,
    total_value,
)
from abm.margin.joint import JointPoints, joint_changes, joint_span_points
from abm.margin.liquidation import (
    ClosingOrder,
    below_requirement,
    buffer_margin,
    closing_order,
    insolvent_payment,
    largest_fraction,
    smallest_fraction,
)
from abm.margin.methods import METHODS
from abm.margin.portfolio_method import PortfolioMethod
from abm.margin.positions import PositionTable
from abm.margin.repricing import repriced_buffer
from abm.margin.requirements import margin_requirements
from abm.margin.span_method import SpanMethod
from abm.margin.standard_method import StandardMethod

__all__ = [
    "METHODS",
    "ClosingOrder",
    "JointPoints",
    "MarginMethod",
    "Marks",
    "PortfolioMethod",
    "PositionTable",
    "PreparedMargin",
    "Requirements",
    "SpanMethod",
    "StandardMethod",
    "StressPoints",
    "age_factor",
    "backed_value",
    "below_requirement",
    "buffer_margin",
    "closing_order",
    "concentration_add_on",
    "counted_value",
    "insolvent_payment",
    "joint_changes",
    "joint_span_points",
    "largest_fraction",
    "margin_requirements",
    "mark_instruments",
    "option_values",
    "renewed",
    "repriced_buffer",
    "scan_risk",
    "smallest_fraction",
    "span_points",
    "span_total",
    "stress_changes",
    "total_value",
    "unit_initial",
]
