"""What each account owes: pure NumPy, no agents, no files."""

from abm.margin.backtest import christoffersen, count_exceptions, kupiec, procyclicality
from abm.margin.buffers import LatencyRisk, required_buffer, stretched_scan_range
from abm.margin.core import (
    MarginMethod,
    Marks,
    PreparedMargin,
    Requirements,
    mark_instruments,
    option_values,
    option_values_along,
    renewed,
    stress_changes,
    unit_initial,
)
from abm.margin.excess import expected_excess
from abm.margin.grids import StressPoints, scan_risk, span_points, span_total
from abm.margin.haircuts import (
    age_factor,
    backed_value,
    concentration_add_on,
    counted_value,
    total_value,
)
from abm.margin.joint import JointPoints, joint_changes, joint_span_points
from abm.margin.latency import DelayDistribution
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
from abm.margin.portfolio import portfolio_margin
from abm.margin.portfolio_inputs import PortfolioAccounts, PortfolioMarket, PortfolioParameters
from abm.margin.portfolio_method import PortfolioMethod
from abm.margin.positions import PositionTable
from abm.margin.repricing import repriced_buffer
from abm.margin.requirements import margin_requirements
from abm.margin.span_method import SpanMethod
from abm.margin.standard import OptionTable, StandardParameters, standard_margin
from abm.margin.standard_method import StandardMethod

__all__ = [
    "METHODS",
    "ClosingOrder",
    "DelayDistribution",
    "JointPoints",
    "LatencyRisk",
    "MarginMethod",
    "Marks",
    "OptionTable",
    "PortfolioAccounts",
    "PortfolioMarket",
    "PortfolioMethod",
    "PortfolioParameters",
    "PositionTable",
    "PreparedMargin",
    "Requirements",
    "SpanMethod",
    "StandardMethod",
    "StandardParameters",
    "StressPoints",
    "age_factor",
    "backed_value",
    "below_requirement",
    "buffer_margin",
    "christoffersen",
    "closing_order",
    "concentration_add_on",
    "count_exceptions",
    "counted_value",
    "expected_excess",
    "insolvent_payment",
    "joint_changes",
    "joint_span_points",
    "kupiec",
    "largest_fraction",
    "margin_requirements",
    "mark_instruments",
    "option_values",
    "option_values_along",
    "portfolio_margin",
    "procyclicality",
    "renewed",
    "repriced_buffer",
    "required_buffer",
    "scan_risk",
    "smallest_fraction",
    "span_points",
    "span_total",
    "standard_margin",
    "stress_changes",
    "stretched_scan_range",
    "total_value",
    "unit_initial",
]
