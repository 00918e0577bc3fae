"""The compiled loop against the products that it stands for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from abm.margin import SpanMethod, fused, mark_instruments
from abm.margin.fused import compiled, margin_accounts, worst_losses
from abm.market import InstrumentTable
from abm.scenario.market import StressGrid, Volatility

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abm.margin.fused import Kernel
    from abm.margin.span_method import PreparedSpan

DAY = 86_400
SERIES = InstrumentTable(
    expiry_second=np.array([DAY, 7 * DAY, 30 * DAY, 30 * DAY]),
    strike_usd=np.array([100.0, 90.0, 110.0, 130.0]),
    is_call=np.array([True, False, True, False]),
)
ROWS = st.lists(st.lists(st.integers(-9, 9), min_size=4, max_size=4), max_size=8)


@pytest.fixture(autouse=True)
def forget_what_is_compiled() -> Iterator[None]:
    compiled.cache_clear()
    yield
    compiled.cache_clear()


def prepared(short_option_minimum: float = 0.05) -> PreparedSpan:
    """Return SPAN at a price of 100."""
    marks = mark_instruments(SERIES, 100.0, 0.8, 0, Volatility(base=0.8))
    grid = StressGrid(short_option_minimum=short_option_minimum)
    return SpanMethod(grid).prepare(SERIES, marks, 0)


def filled(kernel: Kernel, span: PreparedSpan, positions: csr_array) -> list[bytes]:
    """Return the bytes of what a loop fills in."""
    worth, maintenance = np.full(positions.shape[0], np.nan), np.full(positions.shape[0], np.nan)
    kernel(
        positions.indptr,
        positions.indices,
        positions.data,
        span.changes,
        span.marks.value,
        span.grid.short_option_minimum * span.marks.price_usd,
        np.zeros((1, span.changes.shape[1])),
        worth,
        maintenance,
    )
    return [worth.tobytes(), maintenance.tobytes()]


def multiplied(span: PreparedSpan, positions: csr_array) -> list[bytes]:
    """Return the bytes of the same by products."""
    return [part.tobytes() for part in span._by_products(positions)]


@given(rows=ROWS, minimum=st.sampled_from([0.0, 0.05, 0.3]))
@settings(deadline=None, max_examples=60)
def test_the_loop_is_the_products_to_the_last_bit(rows: list[list[int]], minimum: float) -> None:
    span = prepared(minimum)
    positions = csr_array(np.array(rows, dtype=np.float64).reshape(len(rows), 4))
    assert filled(margin_accounts, span, positions) == multiplied(span, positions)


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_compiled_the_loop_is_the_products_to_the_last_bit(index: type) -> None:
    pytest.importorskip("numba")
    kernel = compiled(margin_accounts)
    assert kernel is not None
    rng = np.random.default_rng(1)
    dense = rng.integers(-9, 10, (20_000, 4)) * (rng.random((20_000, 4)) < 0.5)
    positions = csr_array(dense.astype(np.float64))
    positions.indptr, positions.indices = (
        part.astype(index) for part in (positions.indptr, positions.indices)
    )
    for minimum in (0.0, 0.05):
        span = prepared(minimum)
        assert filled(kernel, span, positions) == multiplied(span, positions)


def test_a_whole_pass_is_the_same_with_the_loop_and_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    span = prepared()
    positions = csr_array(np.array([[1.0, -1.0, 0.0, 0.0], [0.0] * 4, [0.0, 0.0, -3.0, 2.0]]))
    asked = []

    def loop(*arguments: object) -> None:
        asked.append(arguments)
        margin_accounts(*arguments)  # type: ignore[arg-type] # passed on as they came

    by_products = span.requirements(positions)
    monkeypatch.setattr(fused, "compiled", lambda _: loop)
    assert worst_losses(positions, span.changes, span.marks.value, 5.0) is None
    monkeypatch.setattr(fused, "ENOUGH_POSITIONS", positions.nnz)
    by_loop = span.requirements(positions)
    assert len(asked) == 1
    np.testing.assert_array_equal(by_loop.position_value, by_products.position_value)
    np.testing.assert_array_equal(by_loop.maintenance, by_products.maintenance)
    np.testing.assert_array_equal(by_loop.initial, by_products.initial)


def test_where_nothing_can_be_kept_the_loop_is_compiled_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def njit(loop: Kernel | None = None, *, cache: bool = False) -> object:
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return loop

    monkeypatch.setattr(fused, "import_module", lambda _: SimpleNamespace(njit=njit))
    assert compiled(margin_accounts) is margin_accounts
    assert asked == [True, False]


def test_importing_and_a_small_run_do_not_load_numba() -> None:
    program = (
        "import sys, abm; abm.simulate(abm.load_scenario(sys.argv[1], ('clock.hours=1',)));"
        "sys.exit('numba' in sys.modules)"
    )
    small = Path(__file__).parents[2] / "scenarios" / "calm_week.toml"
    subprocess.run([sys.executable, "-c", program, small], check=True)


def test_without_numba_the_products_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(fused, "import_module", missing)
    assert compiled(margin_accounts) is None
    monkeypatch.setattr(fused, "ENOUGH_POSITIONS", 0)
    span = prepared()
    assert worst_losses(csr_array((3, 4)), span.changes, span.marks.value, 5.0) is None
    assert span.requirements(csr_array((3, 4))).initial.tolist() == [0.0, 0.0, 0.0]
