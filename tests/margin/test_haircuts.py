"""What collateral counts for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.margin import counted_value, token_prices, total_value
from abm.scenario.collateral import Collateral
from abm.scenario.network import Token

USDC = Token(base_units=1_000_000, worth="dollar")
ETH = Token(base_units=1_000_000_000, worth="underlying", haircut=0.2)
RULE = Collateral(architecture="silo", stale_after_seconds=600.0, stale_haircut=0.25)


def counted(units: list[list[int]], ages: list[int], price: float = 1_000.0) -> list[float]:
    values: list[float] = counted_value(
        np.array(units), np.array(ages), [USDC, ETH], price, RULE
    ).tolist()
    return values


def test_a_token_is_worth_a_dollar_or_one_unit_of_the_underlying() -> None:
    # A micro-dollar, and a billionth of 250 dollars.
    np.testing.assert_allclose(token_prices([USDC, ETH], 250.0), [1e-6, 2.5e-7])


def test_balances_are_valued_token_by_token() -> None:
    units = np.array([[3_000_000, 0], [500_000, 2_000_000_000], [0, 0]])
    # 3 dollars; half a dollar and 2 ETH at 250; nothing.
    np.testing.assert_allclose(total_value(units, np.array([1e-6, 2.5e-7])), [3.0, 500.5, 0.0])


def test_every_token_takes_its_own_haircut() -> None:
    # 40 dollars count in full, 2 ETH at 1,000 for 80 %: 1,600.
    assert counted([[40_000_000, 2_000_000_000]], [0]) == pytest.approx([1_640.0])


def test_a_claim_takes_the_stale_haircut_when_it_is_older_than_allowed() -> None:
    units = [[40_000_000, 0]] * 4
    assert counted(units, [0, 600, 601, 90_000]) == pytest.approx([40.0, 40.0, 30.0, 30.0])


def test_both_haircuts_multiply() -> None:
    # 1 ETH at 1,000: 0.8 of it as a token, 0.75 of that when stale.
    assert counted([[0, 1_000_000_000]], [601]) == pytest.approx([600.0])


@given(
    units=st.lists(
        st.lists(st.integers(0, 10**15), min_size=2, max_size=2), min_size=1, max_size=5
    ),
    age=st.integers(0, 2_000),
    price=st.floats(0.01, 1e5),
)
@settings(deadline=None, max_examples=60)
def test_what_counts_is_at_least_zero_and_at_most_what_there_is(
    units: list[list[int]], age: int, price: float
) -> None:
    values = np.array(counted(units, [age] * len(units), price))
    worth = total_value(np.array(units), token_prices([USDC, ETH], price))
    assert (values >= 0).all()
    assert (values <= worth * (1 + 1e-12)).all()
    # 0.8 and 0.75 are all that the two haircuts leave at the least.
    assert (values >= 0.6 * worth * (1 - 1e-12)).all()
