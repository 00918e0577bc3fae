"""What collateral counts for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

from abm.margin import (
    age_factor,
    backed_value,
    concentration_add_on,
    counted_value,
    total_value,
)
from abm.market import token_prices
from abm.scenario.collateral import Collateral
from abm.scenario.network import Token

if TYPE_CHECKING:
    from collections.abc import Callable

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


# --- wrapped tokens


def test_a_wrapped_token_counts_for_its_backing_less_a_haircut() -> None:
    # 1,000 of an original; 1,000 wrapped of which 700 are locked and 10 % are taken off.
    units = np.array([[1_000, 0], [0, 1_000], [1_000, 1_000]])
    found = backed_value(units, [2.0, 2.0], [1.0, 0.7], [0.0, 0.1])
    np.testing.assert_allclose(found, [2_000.0, 1_260.0, 3_260.0])


def test_more_locked_than_minted_is_worth_no_more_and_nothing_locked_nothing() -> None:
    found = backed_value(np.array([[100, 0], [0, 100]]), [1.0, 1.0], [1.4, 0.0], [0.0, 0.0])
    assert found.tolist() == [100.0, 0.0]


@given(
    units=st.integers(0, 10**15),
    low=st.floats(0.0, 2.0),
    high=st.floats(0.0, 2.0),
    haircut=st.floats(0.0, 1.0),
)
@settings(deadline=None, max_examples=60)
def test_better_backing_never_counts_for_less_nor_for_more_than_the_original(
    units: int, low: float, high: float, haircut: float
) -> None:
    worse, better = (
        float(backed_value(np.array([[units]]), [1e-6], [backing], [haircut])[0])
        for backing in (min(low, high), max(low, high))
    )
    assert 0.0 <= worse <= better <= units * 1e-6 * (1 - haircut) * (1 + 1e-12)


# --- claims by age


def test_a_claim_counts_for_less_the_older_it_is() -> None:
    # Free for a minute, refused after five: a quarter less for every further minute.
    found = age_factor([[0.0, 60.0, 120.0], [240.0, 300.0, 1e9]], 60.0, 300.0)
    np.testing.assert_allclose(found, [[1.0, 1.0, 0.75], [0.25, 0.0, 0.0]])


def test_without_a_time_between_free_and_refused_the_claim_falls_at_once() -> None:
    assert age_factor([599.0, 600.0, 601.0], 600.0, 600.0).tolist() == [1.0, 1.0, 0.0]
    assert age_factor([0.0, 1.0], 0.0, 0.0).tolist() == [1.0, 0.0]


@given(age=st.floats(0.0, 1e6), free=st.floats(0.0, 1e5), length=st.floats(0.0, 1e5))
@settings(deadline=None, max_examples=60)
def test_the_share_of_a_claim_is_between_nothing_and_all_and_falls_with_age(
    age: float, free: float, length: float
) -> None:
    younger, older = age_factor([age, 1.5 * age], free, free + length).tolist()
    assert 0.0 <= older <= younger <= 1.0


# --- concentration


def test_what_exceeds_the_free_multiple_of_the_depth_is_charged_on_all_of_the_position() -> None:
    lots = csr_array(np.array([[50.0, -8.0], [20.0, 8.0], [0.0, 0.0], [-50.0, 0.0]]))
    found = concentration_add_on(lots, [10.0, 4.0], [100.0, 30.0], 2.0, 0.02)
    # 50 is five depths, three beyond the free ones: 2 % * 100 * 50 * 3. Eight is exactly two.
    np.testing.assert_allclose(found, [300.0, 0.0, 0.0, 300.0])


def test_a_series_without_quotes_is_charged_as_if_one_contract_were_quoted() -> None:
    lots = csr_array(np.array([[7.0, 7.0, 7.0]]))
    charges = [
        concentration_add_on(lots, np.full(3, depth), np.ones(3), 2.0, 0.1)[0]
        for depth in (0.0, 0.5, 1.0)
    ]
    # 10 % of 7 contracts of a dollar, for five multiples, three times.
    assert charges == pytest.approx([10.5] * 3)


def test_entries_of_one_position_are_put_together_first() -> None:
    rows, columns = np.array([0, 0, 1]), np.array([1, 1, 0])
    parts = coo_array((np.array([30.0, 20.0, 5.0]), (rows, columns)), shape=(2, 2))
    scattered = csr_array((np.array([30.0, 20.0, 5.0]), np.array([1, 1, 0]), np.array([0, 2, 3])))
    before = scattered.data.copy()
    expected = concentration_add_on(parts.tocsr(), [10.0, 10.0], [1.0, 1.0], 2.0, 1.0)
    found = concentration_add_on(scattered, [10.0, 10.0], [1.0, 1.0], 2.0, 1.0)
    assert found.tolist() == expected.tolist() == [150.0, 0.0]
    np.testing.assert_array_equal(scattered.data, before)


def test_an_empty_market_is_charged_nothing() -> None:
    empty = csr_array((3, 2), dtype=np.float64)
    assert concentration_add_on(empty, [0.0, 0.0], [1.0, 1.0], 1.0, 1.0).tolist() == [0.0] * 3
    nobody = csr_array((0, 2), dtype=np.float64)
    assert concentration_add_on(nobody, [0.0, 0.0], [1.0, 1.0], 1.0, 1.0).tolist() == []


@given(
    rows=st.lists(st.lists(st.integers(-99, 99), min_size=3, max_size=3), min_size=1, max_size=4),
    depth=st.lists(st.integers(0, 20), min_size=3, max_size=3),
    free=st.floats(0.0, 5.0),
)
@settings(deadline=None, max_examples=60)
def test_the_charge_is_the_formula_entry_by_entry(
    rows: list[list[int]], depth: list[int], free: float
) -> None:
    worth = [3.0, 10.0, 0.5]
    expected = [
        sum(
            0.03 * worth[k] * abs(row[k]) * max(abs(row[k]) / max(depth[k], 1) - free, 0.0)
            for k in range(3)
        )
        for row in rows
    ]
    lots = csr_array(np.array(rows, dtype=np.float64))
    found = concentration_add_on(lots, np.array(depth), worth, free, 0.03)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_memory_goes_with_the_positions_and_not_with_the_table() -> None:
    # Dense, this table would take 32 terabytes.
    shape = (2_000_000, 2_000_000)
    lots = csr_array(coo_array((np.array([4.0]), (np.array([7]), np.array([9]))), shape=shape))
    found = concentration_add_on(lots, np.ones(shape[1]), np.ones(shape[1]), 1.0, 1.0)
    assert found[7] == 12.0
    assert found.sum() == 12.0


# --- bad input

ONE = np.array([[1]])
BOOK = csr_array(np.array([[1.0, 2.0]]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: backed_value(np.array([1]), [1.0], [1.0], [0.0]),
            r"units has shape \(1,\); it must be \(accounts, tokens\)",
        ),
        (
            lambda: backed_value(-ONE, [1.0], [1.0], [0.0]),
            r"units\[0, 0\] is -1.0; it must be finite and at least 0",
        ),
        (
            lambda: backed_value(ONE, [1.0, 2.0], [1.0], [0.0]),
            r"unit_usd has shape \(2,\); it must be \(1,\)",
        ),
        (
            lambda: backed_value(ONE, [1.0], [np.nan], [0.0]),
            r"backing\[0\] is nan; it must be finite and at least 0",
        ),
        (
            lambda: backed_value(ONE, [1.0], [1.0], [1.5]),
            r"wrapped_haircut\[0\] is 1.5; it must be finite and at least 0 and at most 1",
        ),
        (
            lambda: age_factor([-1.0], 0.0, 1.0),
            r"age_seconds\[0\] is -1.0; it must be finite and at least 0",
        ),
        (
            lambda: age_factor([1.0], -1.0, 1.0),
            r"free_seconds is -1.0; it must be finite and at least 0",
        ),
        (
            lambda: age_factor([1.0], 60.0, 30.0),
            r"refused_seconds is 30.0; it must be finite and at least 60",
        ),
        (
            lambda: concentration_add_on(BOOK, [1.0], [1.0, 1.0], 1.0, 1.0),
            r"depth_lots has shape \(1,\); it must be \(2,\)",
        ),
        (
            lambda: concentration_add_on(BOOK, [1.0, -1.0], [1.0, 1.0], 1.0, 1.0),
            r"depth_lots\[1\] is -1.0; it must be finite and at least 0",
        ),
        (
            lambda: concentration_add_on(BOOK, [1.0, 1.0], [1.0, np.inf], 1.0, 1.0),
            r"unit_usd\[1\] is inf; it must be finite and at least 0",
        ),
        (
            lambda: concentration_add_on(BOOK, [1.0, 1.0], [1.0, 1.0], -1.0, 1.0),
            r"free_multiple is -1.0; it must be finite and at least 0",
        ),
        (
            lambda: concentration_add_on(BOOK, [1.0, 1.0], [1.0, 1.0], 1.0, -1.0),
            r"rate is -1.0; it must be finite and at least 0",
        ),
        (
            lambda: concentration_add_on(BOOK * np.nan, [1.0, 1.0], [1.0, 1.0], 1.0, 1.0),
            r"lots.data\[0\] is nan; it must be finite",
        ),
    ],
)
def test_bad_input_is_named_with_its_value_and_the_rule(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        call()
