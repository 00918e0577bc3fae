"""The compiled loop of portfolio margin against the products that it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from abm.margin import PortfolioMethod, fused_portfolio, mark_instruments, portfolio_method
from abm.margin.fused import compiled
from abm.margin.fused_portfolio import (
    are_whole,
    margin_portfolios,
    portfolio_requirements,
    working_space,
)
from abm.margin.portfolio_inputs import PortfolioAccounts
from abm.market import InstrumentTable
from abm.scenario.market import StressGrid, Volatility

if TYPE_CHECKING:
    from abm.margin.fused import Kernel
    from abm.margin.portfolio_method import PreparedPortfolio

DAY = 86_400
# Expiries out of order, and calls and puts at one strike of one expiry.
SERIES = InstrumentTable(
    expiry_second=np.array([30, 7, 30, 7, 30, 1]) * DAY,
    strike_usd=np.array([110.0, 90.0, 110.0, 100.0, 130.0, 100.0]),
    is_call=np.array([True, False, False, True, True, True]),
)
# Whole contracts and parts of them, so that sums in another order would not agree.
LOTS = st.one_of(st.just(0.0), st.integers(-9, 9).map(float), st.floats(-5.0, 5.0))
ROWS = st.lists(st.lists(LOTS, min_size=6, max_size=6), max_size=6)


@pytest.fixture(scope="module")
def method() -> PreparedPortfolio:
    """Return portfolio margin at a price of 100."""
    marks = mark_instruments(SERIES, 100.0, 0.8, 0, Volatility(base=0.8))
    return PortfolioMethod(StressGrid()).prepare(SERIES, marks, 0)


def filled(kernel: Kernel, method: PreparedPortfolio, positions: csr_array) -> list[bytes]:
    """Return the bytes of what a loop fills in."""
    maintenance, initial = (np.full(positions.shape[0], np.nan) for _ in range(2))
    kernel(
        positions.indptr,
        positions.indices,
        positions.data,
        method.stressed.tables,
        working_space(method.stressed.tables),
        maintenance,
        initial,
        None if are_whole(positions.data) else True,
    )
    return [maintenance.tobytes(), initial.tobytes()]


def multiplied(method: PreparedPortfolio, positions: csr_array) -> list[bytes]:
    """Return the bytes of the same by products."""
    return [part.tobytes() for part in method._by_blocks(positions)]


@given(rows=ROWS)
@settings(deadline=None, max_examples=60)
def test_the_loop_is_the_products_to_the_last_bit(
    method: PreparedPortfolio, rows: list[list[float]]
) -> None:
    positions = csr_array(np.array(rows, dtype=np.float64).reshape(len(rows), 6))
    assert filled(margin_portfolios, method, positions) == multiplied(method, positions)


@pytest.mark.parametrize("whole", [True, False])
def test_compiled_the_loop_is_the_products_to_the_last_bit(
    method: PreparedPortfolio, *, whole: bool
) -> None:
    pytest.importorskip("numba")
    kernel = compiled(margin_portfolios)
    assert kernel is not None
    rng = np.random.default_rng(1)
    dense = rng.uniform(-9.0, 9.0, (8_000, 6)) * (rng.random((8_000, 6)) < 0.6)
    positions = csr_array(np.rint(dense) if whole else dense)
    assert are_whole(positions.data) is whole
    assert filled(kernel, method, positions) == multiplied(method, positions)


def test_numbers_are_whole_where_no_sum_of_them_is_rounded() -> None:
    assert are_whole(np.zeros(0))
    assert are_whole(np.array([-3.0, 0.0, 2.0**31]))
    for other in (0.5, -(2.0**32), 2.0**60, np.inf, np.nan):
        assert not are_whole(np.array([1.0, other]))
        assert not are_whole(np.append(np.zeros(fused_portfolio.CHUNK), other))


def test_accounts_in_blocks_are_accounts_all_at_once(
    method: PreparedPortfolio, monkeypatch: pytest.MonkeyPatch
) -> None:
    dense = np.random.default_rng(2).integers(-5, 6, (11, 6)).astype(np.float64)
    positions, nothing = csr_array(dense), np.zeros(11)
    whole = method.stressed.margins(
        PortfolioAccounts(positions, nothing, nothing, np.zeros((11, 0)))
    )
    monkeypatch.setattr(portfolio_method, "BLOCK", 4)
    found = method.requirements(positions)
    np.testing.assert_array_equal(
        found.maintenance, np.maximum(whole.mark_to_market - whole.maintenance, 0.0)
    )
    np.testing.assert_array_equal(
        found.initial, np.maximum(whole.mark_to_market - whole.initial, 0.0)
    )


def test_a_pass_takes_the_loop_where_there_are_enough_positions(
    method: PreparedPortfolio, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions = csr_array(np.array([[1.0, -2.0, 0.0, 0.0, 3.0, -1.0]]))
    by_products = method.requirements(positions)
    monkeypatch.setattr(fused_portfolio, "compiled", lambda loop: loop)
    assert portfolio_requirements(positions, method.stressed.tables) is None
    monkeypatch.setattr(fused_portfolio, "ENOUGH_POSITIONS", positions.nnz)
    assert portfolio_requirements(positions, method.stressed.tables) is not None
    by_loop = method.requirements(positions)
    np.testing.assert_array_equal(by_loop.maintenance, by_products.maintenance)
    np.testing.assert_array_equal(by_loop.initial, by_products.initial)
