from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from abm.market import black_scholes_merton, greeks, implied_volatility_of_price

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

pytestmark = pytest.mark.reference

EXACT = 1e-10
NAMES = {"price": "value", "theta_per_day": "theta"}


def arguments(rows: list[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    """Return the rows of a section as the arguments of the formulas."""
    columns = {"spot": "spot", "strike": "strike", "years": "t", "volatility": "vol"}
    columns |= {"rate": "r", "dividend": "q"}
    table: dict[str, NDArray[Any]] = {
        name: np.array([row[key] for row in rows]) for name, key in columns.items()
    }
    table["is_call"] = np.array([row["type"] == "c" for row in rows])
    return table


def relative(found: NDArray[np.float64], exact: NDArray[np.float64]) -> float:
    """Return the largest relative error; where the exact value is 0, the absolute one."""
    scale = np.where(exact == 0, 1.0, np.abs(exact))
    return float(np.max(np.abs(found - exact) / scale))


@pytest.mark.parametrize("name", ["prices_haug", "prices_hull"])
def test_prices_are_those_of_the_published_tables(
    section: Callable[..., Any], report: Callable[..., None], name: str
) -> None:
    rows = section("option_prices", name)
    found = black_scholes_merton(**arguments(rows))
    published = np.abs(found - np.array([row["published"] for row in rows]))
    assert (published <= np.array([row["tol"] for row in rows])).all()
    error = relative(found, np.array([row["exact"] for row in rows]))
    report(name, error)
    assert error <= EXACT


def test_sensitivities_are_the_published_ones(
    section: Callable[..., Any], report: Callable[..., None]
) -> None:
    rows = section("option_prices", "greeks_published")
    table = arguments(rows)
    all_of = greeks(**table)
    found = []
    for number, row in enumerate(rows):
        if row["greek"] == "elasticity":
            value = all_of.delta[number] * table["spot"][number] / all_of.value[number]
        else:
            value = getattr(all_of, NAMES.get(row["greek"], row["greek"]))[number]
        found.append(value / 365 if row["greek"] == "theta_per_day" else value)
    published = np.abs(np.array(found) - np.array([row["published"] for row in rows]))
    assert (published <= np.array([row["tol"] for row in rows])).all()
    error = relative(np.array(found), np.array([row["exact"] for row in rows]))
    report("greeks_published", error)
    assert error <= EXACT


@pytest.mark.parametrize("name", ["vollib_grid", "own_stress"])
def test_values_and_sensitivities_are_exact_over_a_grid(
    section: Callable[..., Any], report: Callable[..., None], name: str
) -> None:
    rows = section("option_prices", name)
    all_of = greeks(**arguments(rows))
    for key in rows[0]["exact"]:
        found = getattr(all_of, NAMES.get(key, key))
        error = relative(found, np.array([row["exact"][key] for row in rows]))
        report(f"{name}.{key}", error)
        assert error <= EXACT, key


def test_a_price_gives_back_its_volatility(
    section: Callable[..., Any], report: Callable[..., None]
) -> None:
    """Skip where the price says nothing; else volatility or price must agree to 1e-6."""
    grid = section("option_prices", "implied_vol_grid")
    keys = ("types", "strikes", "t", "spots", "q", "r", "vols")
    product = list(itertools.product(*(grid[key] for key in keys)))
    assert len(product) == grid["n"]
    kind, strike, years, spot, dividend, rate, volatility = map(
        np.array, zip(*product, strict=True)
    )
    call = kind == "c"

    def price(at: NDArray[np.float64]) -> NDArray[np.float64]:
        return black_scholes_merton(spot, strike, years, at, call, rate=rate, dividend=dividend)

    paid = price(volatility)
    tells = np.abs(paid - price(volatility / 2)) > 1e-12
    forward, discount = spot * np.exp((rate - dividend) * years), np.exp(-rate * years)
    found = implied_volatility_of_price(paid, forward, strike, years, call, discount)
    volatility_error = np.abs(found - volatility)
    price_error = np.abs(price(found) - paid) / spot
    assert ((volatility_error <= 1e-6) | (price_error <= 1e-6))[tells].all()
    report("implied_vol_grid (price over spot)", float(price_error[tells].max()))


def test_sensitivities_agree_with_differences(
    section: Callable[..., Any], report: Callable[..., None]
) -> None:
    grid = section("option_prices", "quantlib_greek_check")
    product = itertools.product(
        grid["strikes"], grid["q"], grid["r"], grid["t"], grid["vols"], (True, False)
    )
    strike, dividend, rate, years, volatility, call = map(np.array, zip(*product, strict=True))
    base = {
        "spot": np.full(len(strike), float(grid["spot"])),
        "strike": strike.astype(float),
        "years": years.astype(float),
        "volatility": volatility.astype(float),
        "rate": rate.astype(float),
        "dividend": dividend.astype(float),
        "is_call": call,
    }
    all_of = greeks(**base)
    shows = all_of.value > 1e-5 * grid["spot"]

    def slope(argument: str, of: str = "value", bump: float = 1e-4) -> NDArray[np.float64]:
        step = base[argument] * bump
        up = greeks(**{**base, argument: base[argument] + step})
        down = greeks(**{**base, argument: base[argument] - step})
        difference: NDArray[np.float64] = (getattr(up, of) - getattr(down, of)) / (2 * step)
        return difference

    pairs = {
        "delta": slope("spot"),
        "gamma": slope("spot", "delta"),
        "vega": slope("volatility"),
        "volga": slope("volatility", "vega"),
        "vanna": slope("volatility", "delta"),
        "rho": slope("rate"),
        "dividend_rho": slope("dividend"),
        "theta": -slope("years", bump=1e-4),
    }
    for name, numeric in pairs.items():
        error = float(np.max(np.abs(getattr(all_of, name) - numeric)[shows]) / grid["spot"])
        report(f"quantlib_greek_check.{name}", error)
        assert error <= 1e-5, name
