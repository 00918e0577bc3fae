"""Black's formula inverted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from abm.market import black_76, implied_volatility_of_price


def implied(
    price: float,
    *,
    forward: float = 100.0,
    strike: float = 100.0,
    years: float = 1.0,
    is_call: bool = True,
    discount: float = 1.0,
) -> float:
    return float(implied_volatility_of_price(price, forward, strike, years, is_call, discount))


def test_at_the_money_the_volatility_is_that_of_the_error_function() -> None:
    # The value is F * erf(v / sqrt(8)); with v = 0.2 over a quarter of a year it is 0.4 annually.
    price = 100.0 * math.erf(0.2 / math.sqrt(8.0))
    assert implied(price, years=0.25) == pytest.approx(0.4, rel=1e-12)


@given(
    forward=st.floats(1.0, 1e5),
    moneyness=st.floats(0.3, 3.0),
    years=st.floats(1e-4, 3.0),
    volatility=st.floats(0.01, 4.0),
    discount=st.floats(0.3, 1.2),
    is_call=st.booleans(),
)
@settings(deadline=None, max_examples=150)
def test_the_volatility_of_a_price_gives_that_price_again(
    forward: float,
    moneyness: float,
    years: float,
    volatility: float,
    discount: float,
    *,
    is_call: bool,
) -> None:
    strike = forward * moneyness
    price = float(black_76(forward, strike, years, volatility, is_call, discount))
    found = implied(
        price,
        forward=forward,
        strike=strike,
        years=years,
        is_call=is_call,
        discount=discount,
    )
    again = float(black_76(forward, strike, years, found, is_call, discount))
    assert again == pytest.approx(price, abs=1e-12 * forward, rel=1e-12)
    # Where the price hardly answers to volatility it says nothing of it.
    half = float(black_76(forward, strike, years, volatility / 2, is_call, discount))
    assume(abs(price - half) > 1e-6 * forward)
    assert found == pytest.approx(volatility, rel=1e-6)


@pytest.mark.parametrize(("strike", "is_call"), [(80.0, True), (120.0, False), (120.0, True)])
def test_an_intrinsic_price_has_no_volatility(strike: float, *, is_call: bool) -> None:
    intrinsic = max(100.0 - strike if is_call else strike - 100.0, 0.0)
    assert implied(intrinsic, strike=strike, is_call=is_call) == 0.0


@pytest.mark.parametrize(
    ("price", "strike", "is_call"),
    [
        # Below the intrinsic value, above the forward for a call, above the strike for a put.
        (19.9, 80.0, True),
        (100.1, 80.0, True),
        (19.9, 120.0, False),
        (120.1, 120.0, False),
        (-0.1, 120.0, True),
    ],
)
def test_a_price_outside_its_bounds_is_refused(
    price: float, strike: float, *, is_call: bool
) -> None:
    with pytest.raises(ValueError, match=f"price is {price} undiscounted; it must be between"):
        implied(price, strike=strike, is_call=is_call)


@pytest.mark.parametrize("name", ["forward", "strike", "discount"])
@pytest.mark.parametrize("number", [0.0, -1.0, math.nan, math.inf])
def test_an_argument_that_is_not_above_zero_is_named(name: str, number: float) -> None:
    with pytest.raises(ValueError, match=f"^{name} is {number}; it must be finite and > 0"):
        implied(10.0, **{name: number})  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [-1.0, math.nan, math.inf])
def test_a_time_that_is_past_or_no_number_is_named(number: float) -> None:
    with pytest.raises(ValueError, match=f"^years is {number}; it must be finite and >= 0"):
        implied(10.0, years=number)


def test_at_expiry_the_intrinsic_value_has_no_volatility_and_no_other_price_is_one() -> None:
    # A call of 80 is worth the 20 that it pays.
    assert implied(20.0, strike=80.0, years=0.0) == 0.0
    with pytest.raises(ValueError, match=r"^price is 20\.5; where years is 0 it must be"):
        implied(20.5, strike=80.0, years=0.0)


def test_prices_and_strikes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"^strike has shape \(3,\); it must broadcast against"):
        implied_volatility_of_price([1.0, 2.0], 100.0, [90.0, 100.0, 110.0], 0.5, is_call=True)


def test_the_bounds_are_those_of_the_discounted_price() -> None:
    # 55 dollars today are 110 at expiry, more than the forward.
    with pytest.raises(ValueError, match=r"price is 110\.0 undiscounted"):
        implied(55.0, discount=0.5)


def test_a_table_keeps_its_shape() -> None:
    volatilities = np.array([[0.2, 0.5, 1.0], [0.3, 0.6, 2.0]])
    strikes = np.array([90.0, 100.0, 110.0])
    calls = np.array([[True], [False]])
    prices = black_76(100.0, strikes, 0.5, volatilities, calls)
    found = implied_volatility_of_price(prices, 100.0, strikes, 0.5, calls)
    np.testing.assert_allclose(found, volatilities, rtol=1e-10)
