"""Order-flow analytics, from the tables of a run alone."""

from abm.analysis.order_flow.flow import Flow, read_flow
from abm.analysis.order_flow.hawkes import HawkesFit, fit_hawkes
from abm.analysis.order_flow.impact import (
    Impact,
    price_impact,
    quote_imbalance,
    trade_imbalance,
    volume_synchronised_toxicity,
)
from abm.analysis.order_flow.liquidity import (
    Spillover,
    latent_depth,
    resting_share,
    spillover_shares,
    venue_spillover,
)
from abm.analysis.order_flow.quoted import QuotedMoves, read_quoted_moves
from abm.analysis.order_flow.table import FlowLine, flow_table

__all__ = [
    "Flow",
    "FlowLine",
    "HawkesFit",
    "Impact",
    "QuotedMoves",
    "Spillover",
    "fit_hawkes",
    "flow_table",
    "latent_depth",
    "price_impact",
    "quote_imbalance",
    "read_flow",
    "read_quoted_moves",
    "resting_share",
    "spillover_shares",
    "trade_imbalance",
    "venue_spillover",
    "volume_synchronised_toxicity",
]
