"""What portfolio margin refuses: every error names the argument, its value and the rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.margin.checks import check_number, check_shape, checked_numbers

if TYPE_CHECKING:
    from abm.margin.portfolio_inputs import PortfolioAccounts, PortfolioMarket


def check_market(market: PortfolioMarket) -> None:
    """Refuse a market with a number out of its range or a table of another shape.

    Raises
    ------
    ValueError
        Names the first field at fault, its value and the rule.
    """
    check_number("spot", market.spot, above=0.0)
    check_number("spot_confidence", market.spot_confidence, least=0.0, most=1.0)
    check_number("stable_price", market.stable_price, above=0.0)
    check_number("perp_price", market.perp_price, least=0.0)
    check_number("perp_confidence", market.perp_confidence, least=0.0, most=1.0)
    expiries = np.shape(market.seconds)
    if len(expiries) != 1:
        raise ValueError(f"seconds has shape {expiries}; it must have one dimension")
    checked_numbers("seconds", market.seconds, least=0.0)
    fixed = checked_numbers("forward_fixed", market.forward_fixed, shape=expiries)
    variable = checked_numbers("forward_variable", market.forward_variable, shape=expiries)
    checked_numbers("forward_fixed + forward_variable", fixed + variable, above=0.0)
    checked_numbers("rate", market.rate, shape=expiries)
    checked_numbers(
        "expiry_confidence", market.expiry_confidence, least=0.0, most=1.0, shape=expiries
    )
    options = np.shape(market.strike)
    if len(options) != 1:
        raise ValueError(f"strike has shape {options}; it must have one dimension")
    checked_numbers("strike", market.strike, above=0.0)
    checked_numbers("volatility", market.volatility, least=0.0, shape=options)
    checked_numbers(
        "option_expiry", market.option_expiry, least=0.0, most=expiries[0] - 1, shape=options
    )
    check_shape("is_call", market.is_call, options)
    _check_collateral(market)


def _check_collateral(market: PortfolioMarket) -> None:
    collaterals = np.shape(market.collateral_price)
    if len(collaterals) != 1:
        raise ValueError(f"collateral_price has shape {collaterals}; it must have one dimension")
    checked_numbers("collateral_price", market.collateral_price, least=0.0)
    for name in ("collateral_confidence", "maintenance_haircut", "initial_haircut"):
        checked_numbers(name, getattr(market, name), least=0.0, most=1.0, shape=collaterals)
    check_shape("risk_cancelling", market.risk_cancelling, collaterals)


def check_accounts(accounts: PortfolioAccounts, market: PortfolioMarket) -> None:
    """Refuse holdings that are not finite or do not fit the market.

    Raises
    ------
    ValueError
        Names the first field at fault, its value and the rule.
    """
    count = accounts.options.shape[0]
    check_shape("options", accounts.options, (count, len(market.strike)))
    checked_numbers("options.data", accounts.options.data)
    checked_numbers("perp", accounts.perp, shape=(count,))
    checked_numbers("cash", accounts.cash, shape=(count,))
    checked_numbers(
        "collateral", accounts.collateral, least=0.0, shape=(count, len(market.collateral_price))
    )
