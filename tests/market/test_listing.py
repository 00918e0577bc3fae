"""Strikes are listed as the price comes near, and stay listed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.market import InstrumentTable, list_near, settlement_price

STRIKES = np.array([80.0, 90.0, 100.0, 110.0, 120.0])
# Calls and puts of one expiry, and two strikes of a later one.
TABLE = InstrumentTable(
    np.array([3_600] * 10 + [7_200] * 2),
    np.concatenate([STRIKES, STRIKES, [95.0, 200.0]]),
    np.array([True] * 5 + [False] * 5 + [True] * 2),
)
NONE = np.zeros(len(TABLE), dtype=np.bool_)


def test_the_nearest_strikes_on_either_side_are_listed_expiry_by_expiry_calls_and_puts() -> None:
    listed = list_near(TABLE, NONE, 101.0, 1)
    assert TABLE.strike_usd[listed].tolist() == [100.0, 110.0, 100.0, 110.0, 95.0, 200.0]


def test_a_strike_at_the_price_counts_as_one_above() -> None:
    listed = list_near(TABLE, NONE, 100.0, 1)
    assert TABLE.strike_usd[listed][:2].tolist() == [90.0, 100.0]


def test_beyond_the_ladder_its_last_strikes_are_listed() -> None:
    listed = list_near(TABLE, NONE, 500.0, 2)
    assert TABLE.strike_usd[listed][:2].tolist() == [110.0, 120.0]


def test_without_a_number_all_are_listed() -> None:
    assert list_near(TABLE, NONE, 100.0, None).all()


@given(st.lists(st.floats(50.0, 250.0), min_size=1, max_size=8), st.integers(1, 3))
def test_what_is_listed_stays_listed(prices: list[float], nearest: int) -> None:
    listed = NONE
    for price in prices:
        fresh = list_near(TABLE, listed, price, nearest)
        assert fresh[listed].all()
        listed = fresh


@pytest.mark.parametrize(
    ("window", "expected"),
    # Steps of 60 s: the last two, the last one, all three where fewer are there than asked for.
    [(120.0, 102.0), (119.0, 104.0), (1.0, 104.0), (9e9, 98.0)],
)
def test_a_settlement_averages_whole_steps(window: float, expected: float) -> None:
    assert settlement_price([90.0, 100.0, 104.0], window, 60) == expected
