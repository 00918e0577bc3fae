"""How losses spread: contagion measures on networks, from arrays and graphs alone."""

from abm.contagion.band import LossBand, loss_band
from abm.contagion.bounds import (
    RingThresholds,
    amplification_bound,
    contagion_reach,
    impact_fluidity,
    impact_susceptibility,
    ring_thresholds,
    spectral_radius,
)
from abm.contagion.cascade import Cascade, default_cascade
from abm.contagion.clearing import Clearing, Solution, clearing_payments
from abm.contagion.cross_holdings import dependency_matrix
from abm.contagion.debtrank import (
    DebtRank,
    Importance,
    Variant,
    debtrank,
    debtrank_importance,
)
from abm.contagion.fire_sales import (
    Deleveraging,
    FireSale,
    fire_sale,
    impacted_price,
    portfolio_overlap,
    threshold_fire_sale,
)
from abm.contagion.gai_kapadia import (
    FirstFailure,
    WindowPoint,
    contagion_window,
    random_exposures,
    single_link_window,
)
from abm.contagion.graphs import (
    GraphFormat,
    exposure_graph,
    exposure_matrix,
    graph_text,
    layered_graph,
    write_graph,
)
from abm.contagion.market_measures import (
    capital_shortfall,
    delta_conditional_var,
    marginal_expected_shortfall,
)
from abm.contagion.multilayer import (
    Exposure,
    Node,
    NodeImportance,
    multilayer_graph,
    node_importance,
)
from abm.contagion.pieces import LinearValuation
from abm.contagion.reconstruction import maximum_entropy, minimum_density
from abm.contagion.shortfall import MarginShortfall, margin_shortfall
from abm.contagion.valuation import (
    Convergence,
    Counting,
    Start,
    Tie,
    Valued,
    solve_valuation,
)
from abm.contagion.waterfall import LayerUse, use_layers

__all__ = [
    "Cascade",
    "Clearing",
    "Convergence",
    "Counting",
    "DebtRank",
    "Deleveraging",
    "Exposure",
    "FireSale",
    "FirstFailure",
    "GraphFormat",
    "Importance",
    "LayerUse",
    "LinearValuation",
    "LossBand",
    "MarginShortfall",
    "Node",
    "NodeImportance",
    "RingThresholds",
    "Solution",
    "Start",
    "Tie",
    "Valued",
    "Variant",
    "WindowPoint",
    "amplification_bound",
    "capital_shortfall",
    "clearing_payments",
    "contagion_reach",
    "contagion_window",
    "debtrank",
    "debtrank_importance",
    "default_cascade",
    "delta_conditional_var",
    "dependency_matrix",
    "exposure_graph",
    "exposure_matrix",
    "fire_sale",
    "graph_text",
    "impact_fluidity",
    "impact_susceptibility",
    "impacted_price",
    "layered_graph",
    "loss_band",
    "margin_shortfall",
    "marginal_expected_shortfall",
    "maximum_entropy",
    "minimum_density",
    "multilayer_graph",
    "node_importance",
    "portfolio_overlap",
    "random_exposures",
    "ring_thresholds",
    "single_link_window",
    "solve_valuation",
    "spectral_radius",
    "threshold_fire_sale",
    "use_layers",
    "write_graph",
]
