"""What portfolio margin refuses, and what it answers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from abm.margin.portfolio import portfolio_margin
from abm.margin.portfolio_inputs import PortfolioAccounts, PortfolioMarket, PortfolioParameters

MARKET = PortfolioMarket(
    spot=100.0,
    spot_confidence=1.0,
    stable_price=1.0,
    seconds=np.array([0.0, 86_400.0]),
    forward_fixed=np.zeros(2),
    forward_variable=np.full(2, 100.0),
    rate=np.zeros(2),
    expiry_confidence=np.ones(2),
    option_expiry=np.array([0, 1, 1]),
    strike=np.array([90.0, 100.0, 110.0]),
    volatility=np.array([0.8, 0.0, 0.8]),
    is_call=np.array([True, False, True]),
    perp_price=100.0,
    perp_confidence=1.0,
    collateral_price=np.array([100.0]),
    collateral_confidence=np.ones(1),
    risk_cancelling=np.array([True]),
    maintenance_haircut=np.array([0.1]),
    initial_haircut=np.array([0.1]),
)
ACCOUNTS = PortfolioAccounts(
    csr_array(np.array([[1.0, -1.0, 0.0]])), np.zeros(1), np.array([50.0]), np.ones((1, 1))
)


def test_nobody_and_options_that_expire_now_are_answers() -> None:
    nobody = PortfolioAccounts(csr_array((0, 3)), np.zeros(0), np.zeros(0), np.zeros((0, 1)))
    assert portfolio_margin(MARKET, nobody, PortfolioParameters()).initial.shape == (0,)
    found = portfolio_margin(MARKET, ACCOUNTS, PortfolioParameters())
    # The call expires worth 10, the put is worth nothing; 50 in cash and 100 in collateral.
    np.testing.assert_allclose(found.mark_to_market, [160.0], atol=1e-9)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"spot": math.nan}, "spot is nan; it must be finite and above 0"),
        ({"stable_price": 0.0}, "stable_price is 0.0; it must be finite and above 0"),
        ({"spot_confidence": 1.5}, "spot_confidence is 1.5; .*at most 1"),
        ({"seconds": np.array([-1.0, 5.0])}, r"seconds\[0\] is -1.0; .*at least 0"),
        ({"seconds": np.array(5.0)}, r"seconds has shape \(\); it must have one dimension"),
        ({"rate": np.zeros(3)}, r"rate has shape \(3,\); it must be \(2,\)"),
        (
            {"forward_fixed": np.array([0.0, -100.0])},
            r"forward_fixed \+ forward_variable\[1\] is 0.0; .*above 0",
        ),
        ({"strike": np.array([90.0, math.inf, 1.0])}, r"strike\[1\] is inf; .*finite"),
        ({"strike": np.ones((3, 1))}, r"strike has shape \(3, 1\); it must have one dimension"),
        ({"volatility": np.array([0.8, -0.1, 0.8])}, r"volatility\[1\] is -0.1; .*at least 0"),
        ({"option_expiry": np.array([0, 1, 2])}, r"option_expiry\[2\] is 2.0; .*at most 1"),
        ({"is_call": np.array([True])}, r"is_call has shape \(1,\); it must be \(3,\)"),
        ({"maintenance_haircut": np.array([1.1])}, r"maintenance_haircut\[0\] is 1.1; .*at most 1"),
        ({"collateral_price": np.array(1.0)}, r"collateral_price has shape \(\); "),
    ],
)
def test_a_bad_market_is_named_with_its_value_and_the_rule(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        portfolio_margin(replace(MARKET, **fields), ACCOUNTS, PortfolioParameters())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"options": csr_array((1, 2))}, r"options has shape \(1, 2\); it must be \(1, 3\)"),
        ({"options": csr_array(np.array([[math.nan, 0, 0]]))}, r"options.data\[0\] is nan; "),
        ({"cash": np.array([math.inf])}, r"cash\[0\] is inf; it must be finite"),
        ({"perp": np.zeros(2)}, r"perp has shape \(2,\); it must be \(1,\)"),
        ({"collateral": -np.ones((1, 1))}, r"collateral\[0, 0\] is -1.0; .*at least 0"),
    ],
)
def test_bad_holdings_are_named_with_their_value_and_the_rule(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        portfolio_margin(MARKET, replace(ACCOUNTS, **fields), PortfolioParameters())
