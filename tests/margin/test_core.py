"""Requirements of all accounts over a stress grid."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from abm.margin import (
    METHODS,
    Marks,
    PortfolioMethod,
    PositionTable,
    PreparedMargin,
    Requirements,
    SpanMethod,
    mark_instruments,
    option_values,
    option_values_along,
    renewed,
    span_points,
    stress_changes,
    unit_initial,
)
from abm.margin.span_method import PreparedSpan
from abm.market import InstrumentTable, implied_volatility
from abm.scenario.market import StressGrid, Volatility

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tests.margin.conftest import BookMaker

DAY = 86_400
YEAR = 31_536_000
FLAT = Volatility(base=0.8, term_power=0.0, smile_curvature=0.0)
SMILE = Volatility(base=0.8, term_power=0.2, smile_correlation=-0.2, smile_curvature=1.0)
GRID = StressGrid(
    price_scan_range=0.2,
    volatility_scan_range=0.3,
    extreme_multiple=3.0,
    extreme_cover=0.33,
    short_option_minimum=0.02,
    initial_factor=1.5,
)
SERIES = InstrumentTable(
    expiry_second=np.array([DAY, DAY, 30 * DAY, 30 * DAY]),
    strike_usd=np.array([100.0, 80.0, 110.0, 90.0]),
    is_call=np.array([True, False, True, False]),
)
# For tests whose changes are given: two series over three points, at a price of 100.
CHANGES = np.array([[-5.0, 0.0, 4.0], [3.0, 1.0, -2.0]])


def plain_marks(values: list[float], price: float = 100.0) -> Marks:
    nothing = np.zeros(len(values))
    return Marks(price, np.array(values), nothing, nothing, nothing, nothing == 0)


def requirements(
    book: PositionTable, changes: NDArray[np.float64] = CHANGES, price: float = 100.0
) -> Requirements:
    marks = plain_marks([10.0] * len(changes), price)
    return PreparedSpan(GRID, marks, changes).requirements(book.sparse())


def maintenance(
    make_book: BookMaker, rows: list[list[int]], changes: NDArray[np.float64]
) -> list[float]:
    """Return the requirements of these rows, without that of the other side."""
    found: list[float] = requirements(make_book(rows), changes).maintenance[:-1].tolist()
    return found


# --- by hand


def test_a_requirement_is_the_worst_loss_over_the_grid(make_book: BookMaker) -> None:
    # Long 2 of the first and short 1 of the second: 2 * (-5, 0, 4) - (3, 1, -2) = (-13, -1, 10).
    # Short 2 of the first: (10, 0, -8).
    found = requirements(make_book([[2, -1], [-2, 0]]))
    np.testing.assert_allclose(found.maintenance[:2], [13.0, 8.0])
    np.testing.assert_allclose(found.initial[:2], [1.5 * 13.0, 1.5 * 8.0])


def test_every_short_contract_costs_at_least_the_minimum(make_book: BookMaker) -> None:
    # Short 3 and short 2, whatever they hedge: 5 * 0.02 * 400 = 40 dollars, more than the scan.
    found = requirements(make_book([[-3, -2]]), price=400.0)
    assert found.maintenance[0] == pytest.approx(40.0)


def test_a_position_that_gains_at_every_point_needs_nothing(make_book: BookMaker) -> None:
    assert maintenance(make_book, [[1, 1]], np.array([[1.0, 2.0], [0.0, 5.0]])) == [0.0]


def test_an_account_without_positions_needs_exactly_nothing(make_book: BookMaker) -> None:
    found = requirements(make_book([[0, 0], [4, -4]]))
    assert found.maintenance[0] == 0.0
    assert found.position_value[0] == 0.0
    assert found.initial[0] == 0.0


def test_an_empty_market_needs_nothing() -> None:
    found = requirements(PositionTable(3, 2))
    assert found.maintenance.tolist() == [0.0] * 3
    assert found.position_value.tolist() == [0.0] * 3


def test_positions_are_worth_their_marks(make_book: BookMaker) -> None:
    book = make_book([[2, -3]])
    found = PreparedSpan(GRID, plain_marks([10.0, 4.0]), CHANGES).requirements(book.sparse())
    # 2 * 10 - 3 * 4, and the other side.
    np.testing.assert_allclose(found.position_value, [8.0, -8.0])


def test_gains_of_one_account_never_offset_losses_of_another(make_book: BookMaker) -> None:
    # The two accounts hedge each other completely, and still both need their own worst loss.
    assert maintenance(make_book, [[2, 0], [-2, 0]], CHANGES) == pytest.approx([10.0, 8.0])


# --- properties

ROWS = st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=2, max_size=5)
STRESS = st.lists(
    st.lists(st.floats(-100.0, 100.0), min_size=4, max_size=4), min_size=3, max_size=3
).map(np.array)


@given(rows=ROWS, changes=STRESS, factor=st.integers(1, 7))
@settings(deadline=None, max_examples=50)
def test_a_multiple_of_a_portfolio_needs_that_multiple(
    make_book: BookMaker, rows: list[list[int]], changes: NDArray[np.float64], factor: int
) -> None:
    one = np.array(maintenance(make_book, rows, changes))
    more = maintenance(make_book, (factor * np.array(rows)).tolist(), changes)
    np.testing.assert_allclose(more, factor * one, atol=1e-9)


@given(rows=ROWS, changes=STRESS, data=st.data())
@settings(deadline=None, max_examples=50)
def test_the_numbering_of_accounts_does_not_matter(
    make_book: BookMaker,
    rows: list[list[int]],
    changes: NDArray[np.float64],
    data: st.DataObject,
) -> None:
    order = data.draw(st.permutations(range(len(rows))))
    one = maintenance(make_book, rows, changes)
    other = maintenance(make_book, [rows[account] for account in order], changes)
    np.testing.assert_allclose(other, [one[account] for account in order], atol=1e-9)


@given(rows=ROWS, changes=STRESS)
@settings(deadline=None, max_examples=50)
def test_a_requirement_does_not_depend_on_what_others_hold(
    make_book: BookMaker, rows: list[list[int]], changes: NDArray[np.float64]
) -> None:
    together = maintenance(make_book, rows, changes)
    alone = [maintenance(make_book, [row], changes)[0] for row in rows]
    np.testing.assert_allclose(together, alone, atol=1e-9)


@given(rows=ROWS, changes=STRESS)
@settings(deadline=None, max_examples=80)
def test_two_accounts_merged_never_need_more(
    make_book: BookMaker, rows: list[list[int]], changes: NDArray[np.float64]
) -> None:
    first, second = rows[:2]
    merged = [[one + other for one, other in zip(first, second, strict=True)]]
    apart = sum(maintenance(make_book, [first, second], changes))
    assert maintenance(make_book, merged, changes)[0] <= apart + 1e-9


@given(rows=ROWS, changes=STRESS)
@settings(deadline=None, max_examples=50)
def test_no_loss_of_the_grid_exceeds_the_requirement(
    make_book: BookMaker, rows: list[list[int]], changes: NDArray[np.float64]
) -> None:
    needed = np.array(maintenance(make_book, rows, changes))
    losses = -(np.array(rows) @ changes)
    assert (needed >= 0).all()
    assert (losses.max(axis=1) <= needed + 1e-9).all()


# --- marks


def black(price: float, strike: float, total: float, *, is_call: bool) -> float:
    """Return Black's formula, written anew with the normal distribution of the standard library."""
    normal = NormalDist().cdf
    upper = math.log(price / strike) / total + total / 2
    call = price * normal(upper) - strike * normal(upper - total)
    return call if is_call else call - price + strike


def test_every_series_is_marked_at_its_own_volatility_and_time() -> None:
    marks = mark_instruments(SERIES, 95.0, 0.7, DAY // 2, SMILE)
    left = SERIES.expiry_second - DAY // 2
    surface = implied_volatility(95.0, 0.7, SERIES.strike_usd, left, SMILE)
    expected = [
        black(
            95.0,
            float(SERIES.strike_usd[series]),
            float(surface[series]) * math.sqrt(float(left[series]) / YEAR),
            is_call=bool(SERIES.is_call[series]),
        )
        for series in range(4)
    ]
    np.testing.assert_allclose(marks.value, expected)
    np.testing.assert_allclose(marks.volatility, surface)
    assert marks.price_usd == 95.0
    assert marks.alive.all()
    assert (np.sign(marks.delta) == [1, -1, 1, -1]).all()
    assert (marks.vega > 0).all()


@pytest.mark.parametrize("now", [DAY, DAY + 1])
def test_an_expired_series_is_worth_nothing(now: int) -> None:
    # The call at 100 would pay 20 at a price of 120.
    marks = mark_instruments(SERIES, 120.0, 0.8, now, SMILE)
    assert marks.alive.tolist() == [False, False, True, True]
    for values in (marks.value, marks.delta, marks.vega):
        assert values[:2].tolist() == [0.0, 0.0]
        assert (values[2:] != 0).all()
    changes = stress_changes(SERIES, marks, now, span_points(GRID))
    assert not changes[:2].any()
    assert changes[2:].any()


@given(st.floats(20.0, 500.0), st.floats(0.2, 2.0), st.integers(0, 31 * DAY))
@settings(deadline=None, max_examples=40)
def test_values_alone_are_the_values_of_the_marks(price: float, level: float, now: int) -> None:
    marks = mark_instruments(SERIES, price, level, now, SMILE)
    values = option_values(SERIES, price, level, now, SMILE)
    np.testing.assert_allclose(values, marks.value, rtol=1e-12, atol=1e-12)


@given(
    st.lists(
        st.tuples(st.floats(20.0, 500.0), st.floats(0.2, 2.0), st.integers(0, 31 * DAY)),
        min_size=1,
        max_size=5,
    )
)
@settings(deadline=None, max_examples=40)
def test_values_at_many_moments_are_those_at_each(moments: list[tuple[float, float, int]]) -> None:
    price, level, now = (np.array(column) for column in zip(*moments, strict=True))
    for found, moment in zip(
        option_values_along(SERIES, price, level, now, SMILE), moments, strict=True
    ):
        np.testing.assert_array_equal(found, option_values(SERIES, *moment, SMILE))


def test_a_short_call_needs_its_worst_loss_over_the_points_of_span(make_book: BookMaker) -> None:
    # Worked out from SPAN's definition: 14 points of moves and volatilities, two extreme points of
    # which a third counts, one call of 30 days struck at 110 with a flat volatility of 80 %.
    root = math.sqrt(30 / 365)
    value = black(100.0, 110.0, 0.8 * root, is_call=True)
    losses = [
        black(100.0 * (1 + 0.2 * thirds / 3), 110.0, 0.8 * (1 + up * 0.3) * root, is_call=True)
        - value
        for thirds in (-3, -2, -1, 0, 1, 2, 3)
        for up in (1, -1)
    ]
    losses += [
        0.33 * (black(100.0 * (1 + 0.2 * far), 110.0, 0.8 * root, is_call=True) - value)
        for far in (3, -3)
    ]
    marks = mark_instruments(SERIES, 100.0, 0.8, 0, FLAT)
    found = (
        SpanMethod(GRID).prepare(SERIES, marks, 0).requirements(make_book([[0, 0, -1, 0]]).sparse())
    )
    assert found.maintenance[0] == pytest.approx(max(losses))
    # Long, it can lose at most its value; the other side of the book is the long call.
    assert found.maintenance[1] == pytest.approx(-min(losses))
    assert found.maintenance[1] <= value


def test_a_point_moves_the_volatility_of_every_series_by_one_factor_and_keeps_its_smile() -> None:
    marks = mark_instruments(SERIES, 100.0, 0.8, 0, SMILE)
    changes = stress_changes(SERIES, marks, 0, span_points(GRID))
    root = np.sqrt(SERIES.expiry_second / YEAR)
    # Point 5 of SPAN is a fall by a third of the range with volatility up. The smile is read at
    # the current price of 100, not at the stressed one.
    for series in range(4):
        stressed = black(
            100.0 * (1 - 0.2 / 3),
            float(SERIES.strike_usd[series]),
            float(marks.volatility[series] * root[series]) * 1.3,
            is_call=bool(SERIES.is_call[series]),
        )
        assert changes[series, 4] == pytest.approx(stressed - float(marks.value[series]))


TRADES = st.lists(
    st.tuples(
        st.integers(0, 5), st.integers(0, 5), st.integers(0, 3), st.integers(1, 4), st.booleans()
    ),
    max_size=25,
)


@pytest.mark.parametrize("name", METHODS)
@given(trades=TRADES)
@settings(deadline=None, max_examples=40)
def test_renewing_the_accounts_that_traded_is_a_whole_pass_to_the_last_bit(
    name: str, trades: list[tuple[int, int, int, int, bool]]
) -> None:
    book = PositionTable(6, 4)
    prepared = prepare(name)
    found = prepared.requirements(book.sparse())
    for buyer, seller, series, lots, is_looked_at in trades:
        book.trade(buyer, seller, series, lots)
        if is_looked_at:
            found = renewed(found, prepared, book, book.take_touched())
            whole = prepared.requirements(book.sparse())
            np.testing.assert_array_equal(found.position_value, whole.position_value)
            np.testing.assert_array_equal(found.maintenance, whole.maintenance)
            np.testing.assert_array_equal(found.initial, whole.initial)
    book.take_touched()
    assert book.take_touched().tolist() == []


def prepare(name: str) -> PreparedMargin:
    """Return a method at a price of 100."""
    marks = mark_instruments(SERIES, 100.0, 0.8, 0, SMILE)
    return METHODS[name](GRID).prepare(SERIES, marks, 0)


def test_a_renewal_leaves_what_it_was_given_as_it_was(make_book: BookMaker) -> None:
    book, prepared = make_book([[1, 0, 0, 0]]), prepare("span")
    before = prepared.requirements(book.sparse())
    copy = before.maintenance.copy()
    book.take_touched()
    book.trade(0, 1, 2, 5)
    assert book.take_touched().tolist() == [0, 1]
    after = renewed(before, prepared, book, np.array([0, 1]))
    np.testing.assert_array_equal(before.maintenance, copy)
    assert not np.array_equal(after.maintenance, copy)


# --- every method


HELD = st.lists(st.integers(-9, 9), min_size=4, max_size=4)


@pytest.mark.parametrize("name", METHODS)
@given(held=HELD)
@settings(deadline=None, max_examples=40)
def test_the_initial_requirement_of_a_row_is_that_of_the_whole_pass(
    make_book: BookMaker, name: str, held: list[int]
) -> None:
    prepared = prepare(name)
    whole = prepared.requirements(make_book([held]).sparse()).initial[0]
    assert prepared.initial(np.array(held)) == pytest.approx(whole, abs=1e-9)


@pytest.mark.parametrize("name", METHODS)
@given(held=HELD)
@settings(deadline=None, max_examples=40)
def test_initial_is_at_least_maintenance_and_maintenance_at_least_nothing(
    make_book: BookMaker, name: str, held: list[int]
) -> None:
    found = prepare(name).requirements(make_book([held]).sparse())
    assert (found.maintenance >= 0).all()
    assert (found.initial >= found.maintenance - 1e-9).all()


@pytest.mark.parametrize("name", METHODS)
def test_nothing_held_needs_exactly_nothing(make_book: BookMaker, name: str) -> None:
    found = prepare(name).requirements(make_book([[0, 0, 0, 0], [1, 0, 0, 0]]).sparse())
    assert (found.position_value[0], found.maintenance[0], found.initial[0]) == (0.0, 0.0, 0.0)
    assert len(prepare(name).requirements(PositionTable(0, 4).sparse()).initial) == 0


@pytest.mark.parametrize("name", METHODS)
def test_a_short_option_needs_something_in_every_series(name: str) -> None:
    needed = unit_initial(prepare(name), len(SERIES))
    assert needed.shape == (4,)
    assert (needed > 1.0).all()


def test_a_whole_market_in_blocks_is_each_account_alone() -> None:
    # More accounts than a block of the pass has, and a last block that is not full.
    book = PositionTable(10_001, 4)
    rng = np.random.default_rng(1)
    for buyer, seller, series, lots in zip(
        rng.integers(0, 10_001, 3_000).tolist(),
        rng.integers(0, 10_001, 3_000).tolist(),
        rng.integers(0, 4, 3_000).tolist(),
        rng.integers(1, 9, 3_000).tolist(),
        strict=True,
    ):
        book.trade(buyer, seller, series, lots)
    prepared = prepare("span")
    found = prepared.requirements(book.sparse())
    for account in (0, 4_095, 4_096, 8_191, 8_192, 10_000, *rng.integers(0, 10_001, 50).tolist()):
        assert found.initial[account] == pytest.approx(prepared.initial(book.row(account)))


def test_the_portfolio_methods_ranges_are_those_of_the_scenario() -> None:
    parameters = PortfolioMethod(GRID).parameters
    spots = [point.spot for point in parameters.points if point.damping == 1.0]
    assert max(spots) == pytest.approx(1.2)
    assert min(spots) == pytest.approx(0.8)
    assert parameters.volatility_range_up == 0.3
    assert len(parameters.points) == 31


@pytest.mark.parametrize("method", METHODS)
def test_positions_in_other_series_than_are_priced_are_refused(method: str) -> None:
    marks = mark_instruments(SERIES, 100.0, 0.8, 0, FLAT)
    prepared = METHODS[method](GRID).prepare(SERIES, marks, 0)
    wide = csr_array((2, len(SERIES) + 1))
    with pytest.raises(ValueError, match=rf"^positions has shape \(2, {len(SERIES) + 1}\); it"):
        prepared.requirements(wide)


@pytest.mark.parametrize("value", [mark_instruments, option_values])
@pytest.mark.parametrize("number", [math.nan, math.inf, -1.0])
def test_a_price_or_a_level_that_is_none_is_named(
    value: Callable[..., object], number: float
) -> None:
    rule = Volatility(base=0.8)
    with pytest.raises(ValueError, match=f"^price_usd is {number}; it must be finite and above 0"):
        value(SERIES, number, 0.8, 0, rule)
    with pytest.raises(ValueError, match=f"^level is {number}; it must be finite and at least 0"):
        value(SERIES, 100.0, number, 0, rule)
