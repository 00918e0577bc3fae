from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from abm.margin.portfolio import (
    PortfolioAccounts,
    PortfolioMarket,
    PortfolioParameters,
    PortfolioPoint,
    portfolio_margin,
    portfolio_points,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

pytestmark = pytest.mark.reference


def points(grid: list[dict[str, Any]]) -> tuple[PortfolioPoint, ...]:
    """Return the file's grid as stress points."""
    return tuple(
        PortfolioPoint(
            row["spot_shock"],
            "absolute" if row["vol_shock"] == "abs" else row["vol_shock"],
            row["dampening"],
        )
        for row in grid
    )


def parameters(params: dict[str, Any], grid: list[dict[str, Any]]) -> PortfolioParameters:
    """Return the file's parameters by our names."""
    shock, margin, basis = params["vol_shock"], params["margin"], params["basis"]
    other, skew = params["other"], params["skew"]
    return replace(
        PortfolioParameters(points=points(grid)),
        volatility_range_up=shock["vol_range_up"],
        volatility_range_down=shock["vol_range_down"],
        short_term_power=shock["short_term_power"],
        long_term_power=shock["long_term_power"],
        floor_days=shock["dte_floor_days"],
        minimum_volatility_up=shock["min_vol_up"],
        initial_factor=margin["im_factor"],
        maintenance_factor=margin["mm_factor"],
        short_rate_multiple=margin["short_rate_mult"],
        long_rate_multiple=margin["long_rate_mult"],
        short_rate_add=margin["short_rate_add"],
        long_rate_add=margin["long_rate_add"],
        long_base_discount=margin["long_base_static_discount"],
        short_base_discount=margin["short_base_static_discount"],
        basis_spot_up=basis["spot_up"],
        basis_spot_down=basis["spot_down"],
        basis_add=basis["add"],
        basis_multiple=basis["mult"],
        peg_threshold=other["peg_loss_threshold"],
        peg_factor=other["peg_loss_factor"],
        confidence_threshold=other["conf_threshold"],
        confidence_margin=other["conf_margin"],
        maintenance_perp=other["mm_perp"],
        initial_perp=other["im_perp"],
        maintenance_option=other["mm_option"],
        initial_option=other["im_option"],
        linear_cap=skew["linear_cap"],
        absolute_cap=skew["abs_cap"],
        linear_cap_per_root_year=skew["linear_c_base"],
        absolute_cap_per_root_year=skew["abs_c_base"],
        minimum_log_strike=skew["min_k_star"],
        width_scale=skew["width_scale"],
        width_volatility=skew["vol_param_static"],
        width_volatility_per_root_year=skew["vol_param_scale"],
    )


def column(rows: list[dict[str, Any]], key: str, kind: type = float) -> NDArray[Any]:
    """Return one key of all rows."""
    return np.array([row[key] for row in rows], dtype=kind)


def market_of(case: dict[str, Any]) -> PortfolioMarket:
    """Return a case's market."""
    expiries, options = case["expiries"], case["options"]
    collaterals, perp = case["collaterals"], case["perp"]
    confidences = ("forward_confidence", "rate_confidence", "vol_confidence")
    return PortfolioMarket(
        spot=case["spot"],
        spot_confidence=case["spot_confidence"],
        stable_price=case["stable_price"],
        seconds=column(expiries, "seconds_to_expiry"),
        forward_fixed=column(expiries, "forward_fixed"),
        forward_variable=column(expiries, "forward_variable"),
        rate=column(expiries, "rate"),
        expiry_confidence=np.minimum.reduce([column(expiries, key) for key in confidences]),
        option_expiry=column(options, "expiry_index", int),
        strike=column(options, "strike"),
        volatility=column(options, "vol"),
        is_call=column(options, "is_call", bool),
        perp_price=perp["price"],
        perp_confidence=perp["confidence"],
        collateral_price=column(collaterals, "price"),
        collateral_confidence=column(collaterals, "confidence"),
        risk_cancelling=column(collaterals, "risk_cancelling", bool),
        maintenance_haircut=column(collaterals, "mm_haircut"),
        initial_haircut=column(collaterals, "im_haircut"),
    )


def accounts_of(case: dict[str, Any]) -> PortfolioAccounts:
    """Return a case's one account."""
    perp = case["perp"]
    cash = case["cash"] + perp["unrealised_pnl"] + perp["unsettled_funding"]
    return PortfolioAccounts(
        options=csr_array(column(case["options"], "amount")[np.newaxis, :]),
        perp=np.array([perp["amount"]]),
        cash=np.array([cash]),
        collateral=column(case["collaterals"], "amount")[np.newaxis, :],
    )


def test_the_default_grid_is_the_outside_one(section: Callable[..., Any]) -> None:
    outside = points(section("portfolio_margin", "grid"))
    assert [(p.volatility, round(p.spot, 12), p.damping) for p in portfolio_points()] == [
        (p.volatility, round(p.spot, 12), p.damping) for p in outside
    ]


def test_margins_are_those_of_the_outside_portfolios(
    section: Callable[..., Any], report: Callable[..., None]
) -> None:
    rule = parameters(section("portfolio_margin", "params"), section("portfolio_margin", "grid"))
    tolerance = {"scenario_pnl": 1e-9, "worst": 1e-9, "basis": 1e-9, "mm": 1e-10, "im": 1e-10}
    largest = dict.fromkeys((*tolerance, "mtm"), 0.0)
    for case in section("portfolio_margin", "cases"):
        result = portfolio_margin(market_of(case), accounts_of(case), rule)
        found = {
            "scenario_pnl": result.profit[0],
            "worst": result.worst[0],
            "basis": result.basis[0],
            "mm": result.maintenance[0],
            "im": result.initial[0],
            "mtm": result.mark_to_market[0],
        }
        for key, value in found.items():
            exact = np.asarray(case["expected"][key])
            error = float(np.max(np.abs(value - exact) / np.maximum(1.0, np.abs(exact))))
            largest[key] = max(largest[key], error)
    for key, error in largest.items():
        report(f"portfolio_margin.{key}", error)
        assert error <= tolerance.get(key, 1e-9), key
