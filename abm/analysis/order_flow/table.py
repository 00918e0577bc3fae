"""The table of a run's order flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.analysis.order_flow.flow import read_flow
from abm.analysis.order_flow.hawkes import fit_hawkes
from abm.analysis.order_flow.impact import Impact, price_impact, volume_synchronised_toxicity
from abm.analysis.order_flow.liquidity import latent_depth, resting_share, venue_spillover
from abm.analysis.order_flow.quoted import read_quoted_moves
from abm.units import format_duration

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.analysis.order_flow.hawkes import HawkesFit
    from abm.recording.results import RunResults


@dataclass(frozen=True)
class FlowLine:
    """One line: what is measured, its value, and how it is measured."""

    label: str
    value: str
    how: str


def flow_table(results: RunResults) -> list[FlowLine]:
    """Return the lines of a run; a value that its trades do not allow is ``none``."""
    flow = read_flow(results)
    moves = read_quoted_moves(results)
    steps = results.table("steps")
    lots = np.abs(flow.signed_lots)
    fit = fit_hawkes(flow.by_step(), flow.step_seconds)
    latent = latent_depth(steps["depth_lots"].to_numpy().astype(np.float64), flow.by_step(lots))
    # Older runs have no table of venues: they had one.
    spill = venue_spillover(results.table("venues") if results.has("venues") else steps)
    return [
        FlowLine("trades", f"{len(flow):,}", "orders and close-outs that took a price"),
        FlowLine("contracts", f"{int(lots.sum()):,}", "of them"),
        FlowLine("bought by takers", _share(_bought(flow.signed_lots)), "of contracts"),
        FlowLine("resting share", _share(resting_share(flow)), "took a trader's order, no quote"),
        FlowLine("latent depth", _number(latent), "contracts shown anew per contract traded"),
        FlowLine(
            "VPIN",
            _number(volume_synchronised_toxicity(flow.signed_lots)),
            "50 buckets of equal volume; Easley, Lopez de Prado and O'Hara 2012",
        ),
        FlowLine(
            "Kyle's lambda",
            _impact(price_impact(moves.net_lots, moves.volatility)),
            "quoted volatility points per 100 contracts bought, 10 min; Kyle 1985",
        ),
        FlowLine(
            "impact of imbalance",
            _impact(price_impact(moves.imbalance, moves.volatility)),
            "the same per 100 contracts of quotes; Cont, Kukanov and Stoikov 2014",
        ),
        FlowLine("branching ratio", _branching(fit), "answers per trade; Hawkes 1971"),
        FlowLine(
            "mean answer",
            "none"
            if fit is None or not fit.branching_ratio
            else format_duration(fit.decay_seconds),
            "after the trade it answers",
        ),
        FlowLine(
            "spillover",
            _share(spill.total) if len(spill.venues) > 1 else "one venue",
            "of depth changes come from other venues; Diebold and Yilmaz 2012",
        ),
    ]


def _bought(signed_lots: NDArray[np.int64]) -> float | None:
    total = int(np.abs(signed_lots).sum())
    return float(signed_lots[signed_lots > 0].sum()) / total if total else None


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _impact(found: Impact | None) -> str:
    """Write a slope in points of volatility for 100 contracts."""
    if found is None:
        return "none"
    # 0.01 of volatility is a point: 100 contracts times 100.
    slope, error = found.slope * 1e4, found.standard_error * 1e4
    return f"{slope:.4f} +- {error:.4f}, R2 {found.r_squared:.1%}"


def _branching(fit: HawkesFit | None) -> str:
    if fit is None:
        return "none"
    return f"{fit.branching_ratio:.3f}, likelihood ratio {fit.likelihood_ratio:,.1f}"
