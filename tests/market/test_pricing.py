"""Option value and Greeks by Black's formula."""

from __future__ import annotations

import math
from fractions import Fraction
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from abm.market import Greeks, black_76, black_scholes_merton, black_value, greeks
from abm.market.pricing import BLOCK, log_ratio, sensitivities, value_delta_vega

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

PRICES = st.floats(1.0, 100_000.0)
VOLATILITIES = st.floats(0.0, 3.0)
DISCOUNTS = st.floats(0.5, 1.0)
MONEYNESS = st.floats(0.3, 3.0)


def test_an_option_at_the_forward_has_the_value_that_symmetry_gives() -> None:
    # K = F: d1 = -d2 = v/2, so the value is F * (N(v/2) - N(-v/2)) = F * erf(v / sqrt(8)).
    for volatility in (0.01, 0.2, 1.0):
        expected = 100.0 * math.erf(volatility / math.sqrt(8.0))
        for is_call in (True, False):
            assert float(black_value(100.0, 100.0, volatility, is_call)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("is_call", "spot", "strike", "dividend", "rate", "years", "volatility", "printed", "digits"),
    [
        # Haug, The Complete Guide to Option Pricing Formulas: tables of Black-Scholes-Merton.
        (True, 60.0, 65.0, 0.00, 0.08, 0.25, 0.30, 2.1334, 1e-4),
        (False, 100.0, 95.0, 0.05, 0.10, 0.50, 0.20, 2.4648, 1e-4),
        # Hull, Options, Futures and Other Derivatives, example 13.6.
        (True, 42.0, 40.0, 0.00, 0.10, 0.50, 0.20, 4.76, 5e-3),
        (False, 42.0, 40.0, 0.00, 0.10, 0.50, 0.20, 0.81, 5e-3),
    ],
)
def test_printed_prices_of_textbooks_are_met(
    *,
    is_call: bool,
    spot: float,
    strike: float,
    dividend: float,
    rate: float,
    years: float,
    volatility: float,
    printed: float,
    digits: float,
) -> None:
    value = black_scholes_merton(
        spot, strike, years, volatility, is_call, rate=rate, dividend=dividend
    )
    assert float(value) == pytest.approx(printed, abs=digits)
    forward, discount = spot * math.exp((rate - dividend) * years), math.exp(-rate * years)
    on_forward = black_76(forward, strike, years, volatility, is_call, discount)
    assert float(on_forward) == pytest.approx(float(value), rel=1e-12)


@pytest.mark.parametrize("is_call", [True, False])
@pytest.mark.parametrize(("strike", "volatility"), [(80.0, 0.3), (100.0, 0.05), (130.0, 0.8)])
def test_the_value_is_the_mean_payoff_under_a_lognormal_price(
    *, is_call: bool, strike: float, volatility: float
) -> None:
    sign = 1.0 if is_call else -1.0
    density = NormalDist().pdf

    def weighted_payoff(normal: float) -> float:
        price = 100.0 * math.exp(volatility * normal - volatility**2 / 2)
        return max(sign * (price - strike), 0.0) * density(normal)

    kink = (math.log(strike / 100.0) + volatility**2 / 2) / volatility
    mean, _ = quad(weighted_payoff, -12.0, 12.0, points=[kink], limit=200)
    assert float(black_value(100.0, strike, volatility, is_call)) == pytest.approx(mean, rel=1e-7)


@given(PRICES, MONEYNESS, VOLATILITIES, DISCOUNTS)
@settings(deadline=None, max_examples=150)
def test_a_call_less_a_put_is_a_forward(
    forward: float, moneyness: float, volatility: float, discount: float
) -> None:
    strike = forward * moneyness
    call = float(black_value(forward, strike, volatility, True, discount))
    put = float(black_value(forward, strike, volatility, False, discount))
    assert call - put == pytest.approx(discount * (forward - strike), abs=1e-12 * forward)


@given(PRICES, MONEYNESS, VOLATILITIES, DISCOUNTS)
@settings(deadline=None, max_examples=150)
def test_a_value_lies_between_the_discounted_intrinsic_one_and_what_can_be_paid_at_most(
    forward: float, moneyness: float, volatility: float, discount: float
) -> None:
    strike, rounding = forward * moneyness, 1e-12 * forward
    call = float(black_value(forward, strike, volatility, True, discount))
    put = float(black_value(forward, strike, volatility, False, discount))
    assert max(discount * (forward - strike), 0.0) - rounding <= call <= discount * forward
    assert max(discount * (strike - forward), 0.0) - rounding <= put <= discount * strike
    assert call >= 0
    assert put >= 0


@given(
    forward=PRICES,
    moneyness=MONEYNESS,
    volatility=st.floats(0.01, 2.0),
    more=st.floats(0.01, 1.0),
    is_call=st.booleans(),
)
@settings(deadline=None, max_examples=100)
def test_more_volatility_never_lowers_a_value(
    forward: float, moneyness: float, volatility: float, more: float, *, is_call: bool
) -> None:
    lower, higher = black_value(
        forward, forward * moneyness, np.array([volatility, volatility + more]), is_call
    )
    assert higher >= lower - 1e-12 * forward


@given(PRICES, st.floats(0.01, 2.0))
@settings(deadline=None, max_examples=60)
def test_calls_fall_and_puts_rise_in_the_strike_and_both_are_convex(
    forward: float, volatility: float
) -> None:
    strikes = forward * np.linspace(0.4, 2.0, 33)
    calls = black_value(forward, strikes, volatility, True)
    puts = black_value(forward, strikes, volatility, False)
    rounding = 1e-11 * forward
    assert (np.diff(calls) <= rounding).all()
    assert (np.diff(puts) >= -rounding).all()
    assert (np.diff(calls, 2) >= -rounding).all()
    assert (np.diff(puts, 2) >= -rounding).all()


@given(
    scale=st.floats(0.1, 10.0),
    moneyness=MONEYNESS,
    volatility=VOLATILITIES,
    is_call=st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_a_value_scales_with_forward_and_strike(
    scale: float, moneyness: float, volatility: float, *, is_call: bool
) -> None:
    one = float(black_value(100.0, 100.0 * moneyness, volatility, is_call))
    scaled = float(black_value(100.0 * scale, 100.0 * moneyness * scale, volatility, is_call))
    assert scaled == pytest.approx(scale * one, rel=1e-9, abs=1e-10)


def test_without_volatility_only_the_intrinsic_value_is_left() -> None:
    strikes = np.array([80.0, 100.0, 120.0])
    calls = black_value(100.0, strikes, 0.0, True, 0.9)
    puts = black_value(100.0, strikes, 0.0, False, 0.9)
    # Discounted by 0.9: calls 20, 0, 0; puts 0, 0, 20.
    np.testing.assert_allclose(calls, [18.0, 0.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(puts, [0.0, 0.0, 18.0], atol=1e-9)


@given(st.floats(0.1, 1e5), st.floats(-0.5, 1.0), st.integers(0, 12))
@settings(deadline=None, max_examples=100)
def test_the_logarithm_of_a_ratio_is_exact_however_near_the_money(
    strike: float, share: float, digits: int
) -> None:
    price = strike * (1.0 + share * 10.0**-digits)
    # The difference of the ratio from one in whole numbers, so that nothing cancels.
    excess = float(Fraction(price) / Fraction(strike) - 1)
    found = float(log_ratio(np.array([price]), np.array([strike]))[0])
    assert found == pytest.approx(math.log1p(excess), rel=1e-14, abs=0.0)


def test_arguments_broadcast_into_a_table() -> None:
    forwards, strikes = np.array([[90.0], [100.0]]), np.array([80.0, 100.0, 120.0])
    table = black_value(forwards, strikes, 0.3, np.array([True, False, True]))
    assert table.shape == (2, 3)
    assert table[1, 1] == black_value(100.0, 100.0, 0.3, False)


def test_a_large_table_is_its_options_one_by_one_to_the_last_bit() -> None:
    # Wider than a block of the table, no multiple of it, and broadcast from every kind of argument.
    rng = np.random.default_rng(1)
    forward, strike = rng.uniform(50.0, 150.0, (3, 1)), rng.uniform(50.0, 150.0, 4_001)
    total, is_call = rng.uniform(0.0, 1.0, (3, 4_001)), rng.random(4_001) < 0.5
    table = black_value(forward, strike, total, is_call, 0.9)
    assert table.shape == (3, 4_001)
    assert table.size > BLOCK
    for row in range(3):
        alone = black_value(forward[row], strike, total[row], is_call, 0.9)
        assert table[row].tobytes() == alone.tobytes()


# --- sensitivities


def slope(function: Callable[[float], float], at: float, step: float) -> float:
    """Return the central difference of a function."""
    return (function(at + step) - function(at - step)) / (2 * step)


MARKETS = st.fixed_dictionaries(
    {
        "spot": st.floats(50.0, 150.0),
        "years": st.floats(0.05, 2.0),
        "volatility": st.floats(0.15, 1.5),
        "rate": st.floats(-0.1, 0.1),
        "dividend": st.floats(-0.1, 0.1),
    }
)


@given(
    spot=st.floats(50.0, 150.0),
    volatility=st.floats(0.0, 1.5),
    years=st.lists(st.floats(0.0, 2.0), min_size=4, max_size=4),
)
@settings(deadline=None, max_examples=60)
def test_what_a_mark_is_made_of_is_what_all_sensitivities_say(
    spot: float, volatility: float, years: list[float]
) -> None:
    strike, calls = np.array([80.0, 100.0, 100.0, 130.0]), np.array([True, True, False, False])
    at = spot, strike, np.array(years), np.full(4, volatility), calls
    value, delta, vega = value_delta_vega(*at)
    known = sensitivities(*at)
    np.testing.assert_array_equal(value, known.value)
    np.testing.assert_array_equal(delta, known.delta)
    np.testing.assert_array_equal(vega, known.vega)


@given(market=MARKETS, is_call=st.booleans())
@settings(deadline=None, max_examples=80)
def test_every_sensitivity_is_the_slope_it_says(market: dict[str, float], *, is_call: bool) -> None:
    def at(name: str, number: float) -> Greeks:
        moved = {**market, name: number}
        return greeks(
            moved["spot"],
            100.0,
            moved["years"],
            moved["volatility"],
            is_call,
            rate=moved["rate"],
            dividend=moved["dividend"],
        )

    def found(of: str, by: str, step: float) -> float:
        return slope(lambda number: float(getattr(at(by, number), of)), market[by], step)

    here = at("spot", market["spot"])
    price = black_scholes_merton(
        market["spot"],
        100.0,
        market["years"],
        market["volatility"],
        is_call,
        rate=market["rate"],
        dividend=market["dividend"],
    )
    assert float(here.value) == pytest.approx(float(price), rel=1e-12, abs=1e-12)
    # Errors of a central difference: its step squared times a third derivative.
    assert float(here.delta) == pytest.approx(found("value", "spot", 1e-3), abs=1e-6)
    assert float(here.gamma) == pytest.approx(found("delta", "spot", 1e-3), abs=1e-6)
    assert float(here.vega) == pytest.approx(found("value", "volatility", 1e-5), abs=1e-4)
    assert float(here.volga) == pytest.approx(found("vega", "volatility", 1e-5), abs=1e-3)
    assert float(here.vanna) == pytest.approx(found("delta", "volatility", 1e-5), abs=1e-4)
    assert float(here.theta) == pytest.approx(-found("value", "years", 1e-6), abs=1e-3)
    assert float(here.rho) == pytest.approx(found("value", "rate", 1e-5), abs=1e-4)
    assert float(here.dividend_rho) == pytest.approx(found("value", "dividend", 1e-5), abs=1e-4)


@given(PRICES, MONEYNESS, st.floats(0.01, 2.0), st.floats(0.01, 2.0))
@settings(deadline=None, max_examples=60)
def test_call_and_put_differ_by_one_in_delta_and_in_no_second_order(
    spot: float, moneyness: float, volatility: float, years: float
) -> None:
    call = greeks(spot, spot * moneyness, years, volatility, is_call=True)
    put = greeks(spot, spot * moneyness, years, volatility, is_call=False)
    assert float(call.delta - put.delta) == pytest.approx(1.0)
    for name in ("gamma", "vega", "vanna", "volga", "theta"):
        assert float(getattr(call, name)) == pytest.approx(float(getattr(put, name)), abs=1e-12)


@pytest.mark.parametrize(("years", "volatility"), [(0.0, 0.5), (1.0, 0.0)])
def test_without_time_or_volatility_delta_is_all_or_nothing_and_the_rest_is_gone(
    years: float, volatility: float
) -> None:
    calls = greeks(100.0, np.array([80.0, 120.0]), years, volatility, is_call=True)
    puts = greeks(100.0, np.array([80.0, 120.0]), years, volatility, is_call=False)
    assert calls.delta.tolist() == [1.0, 0.0]
    assert puts.delta.tolist() == [0.0, -1.0]
    np.testing.assert_allclose(calls.value, [20.0, 0.0], atol=1e-9)
    for name in ("gamma", "vega", "vanna", "volga"):
        assert not getattr(calls, name).any()


@pytest.mark.parametrize("value", [black_scholes_merton, greeks])
@pytest.mark.parametrize(
    ("name", "number", "rule"),
    [
        ("spot", 0.0, "> 0"),
        ("spot", math.nan, "> 0"),
        ("strike", -5.0, "> 0"),
        ("strike", math.inf, "> 0"),
        ("years", -0.1, ">= 0"),
        ("volatility", -0.1, ">= 0"),
        ("rate", math.inf, "finite"),
        ("dividend", math.nan, "finite"),
    ],
)
def test_an_argument_out_of_its_range_is_named(
    value: Callable[..., object], name: str, number: float, rule: str
) -> None:
    arguments = {"spot": 100.0, "strike": 100.0, "years": 1.0, "volatility": 0.2}
    with pytest.raises(ValueError, match=f"^{name} is {number}; it must be .*{rule}"):
        value(**{**arguments, "is_call": True, name: number})


@pytest.mark.parametrize("name", ["forward", "strike", "discount", "years", "volatility"])
def test_a_bad_number_in_a_table_is_found(name: str) -> None:
    arguments: dict[str, ArrayLike] = {
        "forward": 100.0,
        "strike": 100.0,
        "years": 1.0,
        "volatility": 0.2,
        "discount": 1.0,
    }
    arguments[name] = np.array([1.0, -2.0, 3.0])
    with pytest.raises(ValueError, match=f"^{name} is -2.0; "):
        black_76(**arguments, is_call=True)


@pytest.mark.parametrize("value", [black_scholes_merton, greeks, black_76])
def test_arguments_that_do_not_fit_are_named(value: Callable[..., object]) -> None:
    with pytest.raises(
        ValueError, match=r"^volatility has shape \(2,\); it must broadcast against \(3,\)"
    ):
        value(100.0, [90.0, 100.0, 110.0], 1.0, [0.2, 0.3], is_call=True)
