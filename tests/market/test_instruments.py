"""The listed series."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.market import InstrumentTable, list_instruments
from abm.scenario.market import Expiry, Market, Volatility
from abm.scenario.prices import DiffusionPrice


def market_with(*expiries: Expiry) -> Market:
    return Market(
        price=DiffusionPrice(kind="diffusion", start_usd=100.0, annual_volatility=0.5),
        others={},
        volatility=Volatility(base=0.8),
        expiries=expiries,
    )


@pytest.fixture
def table() -> InstrumentTable:
    """Return the series of two strikes in 24 hours and one in a week."""
    return list_instruments(
        market_with(
            Expiry(after_hours=24.0, strikes_usd=(90.0, 110.0)),
            Expiry(after_hours=168.0, strikes_usd=(100.0,)),
        )
    )


def test_every_expiry_lists_its_calls_and_then_its_puts(table: InstrumentTable) -> None:
    assert len(table) == 6
    assert table.expiry_second.tolist() == [86_400] * 4 + [604_800] * 2
    assert table.strike_usd.tolist() == [90.0, 110.0, 90.0, 110.0, 100.0, 100.0]
    assert table.is_call.tolist() == [True, True, False, False, True, False]


def test_a_call_pays_what_the_price_is_above_its_strike_and_a_put_what_it_is_below(
    table: InstrumentTable,
) -> None:
    assert table.payoff(105.0).tolist() == [15.0, 0.0, 0.0, 5.0, 5.0, 0.0]


def test_at_its_strike_a_series_pays_nothing(table: InstrumentTable) -> None:
    assert table.payoff(90.0)[[0, 2]].tolist() == [0.0, 0.0]


@given(st.floats(0.01, 1e5))
@settings(deadline=None, max_examples=50)
def test_payoffs_of_call_and_put_differ_by_price_less_strike(price: float) -> None:
    listed = list_instruments(market_with(Expiry(after_hours=1.0, strikes_usd=(50.0, 2_000.0))))
    payoff = listed.payoff(price)
    assert (payoff >= 0).all()
    np.testing.assert_allclose(payoff[:2] - payoff[2:], price - listed.strike_usd[:2])


def test_a_name_says_underlying_expiry_strike_and_type(table: InstrumentTable) -> None:
    assert table.name(2) == "ETH-24h-90-P"
    assert table.name(4, "BTC") == "BTC-168h-100-C"


def test_no_two_series_have_the_same_name() -> None:
    listed = list_instruments(
        market_with(
            Expiry(after_hours=1.0, strikes_usd=(100.0, 100.5)),
            Expiry(after_hours=1.5, strikes_usd=(100.0, 100.5)),
        )
    )
    names = [listed.name(series) for series in range(len(listed))]
    assert len(set(names)) == len(names)
