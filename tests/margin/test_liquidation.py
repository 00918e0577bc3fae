"""How much to close, what it costs, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array

from abm.margin import (
    METHODS,
    Requirements,
    below_requirement,
    buffer_margin,
    closing_order,
    insolvent_payment,
    largest_fraction,
    mark_instruments,
    scan_risk,
    smallest_fraction,
)
from abm.market import InstrumentTable
from abm.scenario.market import StressGrid, Volatility

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = NDArray[np.float64]

SERIES = InstrumentTable(
    expiry_second=np.full(4, 30 * 86_400),
    strike_usd=np.array([90.0, 100.0, 110.0, 100.0]),
    is_call=np.array([True, True, True, False]),
)
MARKS = mark_instruments(SERIES, 100.0, 0.8, 0, Volatility(base=0.8))


def requirements(name: str, lots: Floats) -> Requirements:
    prepared = METHODS[name](StressGrid()).prepare(SERIES, MARKS, 0)
    return prepared.requirements(csr_array(np.atleast_2d(lots)))


# --- who is below, and by how much


def test_exactly_the_requirement_is_enough() -> None:
    found = below_requirement([99.0, 100.0, 101.0, 0.0], [100.0, 100.0, 100.0, 0.0])
    assert found.tolist() == [True, False, False, False]


def test_nobody_is_below_where_there_is_nobody() -> None:
    assert below_requirement([], []).tolist() == []
    assert smallest_fraction([], [], 0.15, 0.9).tolist() == []
    assert insolvent_payment([], [], 0.0, 60.0).tolist() == []


def test_the_buffer_is_a_share_of_the_requirement() -> None:
    # Requirements of 100 and 40; 15 % of them on top.
    found = buffer_margin([-20.0, 10.0], [80.0, 50.0], 0.15)
    np.testing.assert_allclose(found, [-20.0 - 15.0, 10.0 - 6.0])


# --- the share to close


@pytest.mark.parametrize("name", sorted(METHODS))
@given(
    lots=st.lists(st.integers(-20, 20), min_size=4, max_size=4),
    breach=st.floats(0.01, 0.99),
    factor=st.floats(0.0, 1.0),
    reserved_share=st.floats(0.0, 0.9),
)
@settings(deadline=None, max_examples=60)
def test_closing_the_smallest_share_leaves_exactly_the_buffer(
    name: str, lots: list[int], breach: float, factor: float, reserved_share: float
) -> None:
    """Margins are worked out anew for what is left after the sale."""
    held = np.array(lots, dtype=np.float64)
    before = requirements(name, held)
    required = float(before.maintenance[0])
    if required < 1.0:
        return
    # Cash enough to be solvent, and not enough for the requirement.
    worth = breach * required
    cash = worth - float(before.position_value[0])
    reserved = reserved_share * worth
    share = float(smallest_fraction([worth - required], [worth], 0.15, factor, reserved)[0])
    assert 0.0 < share <= 1.0
    # The buyer takes the share of positions and of cash that is not reserved, and pays for it.
    paid = share * (worth - reserved) * factor
    after = requirements(name, (1.0 - share) * held)
    cash_after = reserved + (1.0 - share) * (cash - reserved) + paid
    worth_after = cash_after + float(after.position_value[0])
    left_after = worth_after - float(after.maintenance[0])
    margin = buffer_margin([left_after], [max(worth_after, left_after)], 0.15)
    assert margin[0] == pytest.approx(0.0, abs=1e-7 * max(required, abs(cash)))


def test_the_largest_share_by_hand() -> None:
    # 35 are missing. All of it sells for 80 * 0.75 = 60; with 40 reserved for 40 + 30 = 70.
    found = largest_fraction([-35.0, -35.0], [80.0, 80.0], 0.75, [0.0, 40.0])
    np.testing.assert_allclose(found, [35 / 95, 35 / 105])


def test_a_lower_price_lets_more_be_sold_up_to_everything() -> None:
    found = largest_fraction([-35.0] * 4, [80.0] * 4, [1.0, 0.7, 0.1, 0.0])
    assert (np.diff(found) > 0).all()
    assert found[-1] == 1.0


@pytest.mark.parametrize(
    ("margin", "value", "expected"),
    [
        (0.0, 80.0, 0.0),
        (5.0, 80.0, 0.0),
        (0.0, 0.0, 0.0),
        (5.0, -80.0, 0.0),
        # Nothing is to be had from a sale: everything may go.
        (-5.0, 0.0, 1.0),
        # The formula itself would be -5/(-5 + 60) and -5/0.
        (-5.0, -80.0, 1.0),
        (-60.0, -80.0, 1.0),
    ],
)
def test_the_edges_of_the_largest_share(margin: float, value: float, expected: float) -> None:
    assert largest_fraction([margin], [value], 0.75).tolist() == [expected]


# --- insolvent accounts


def test_the_fund_pays_from_what_is_owed_to_what_is_missing() -> None:
    # Owed 10, missing 50, over an hour.
    found = insolvent_payment(
        np.full(5, -50.0), -10.0, [0.0, 1_800.0, 3_600.0, 9_000.0, 900.0], 3600
    )
    np.testing.assert_allclose(found, [10.0, 30.0, 50.0, 50.0, 20.0])


def test_an_account_with_some_value_costs_nothing_at_first() -> None:
    assert insolvent_payment([-50.0, -50.0], [20.0, 20.0], [0.0, 30.0], 60.0).tolist() == [
        0.0,
        25.0,
    ]


def test_an_account_that_misses_nothing_is_paid_nothing_for() -> None:
    assert insolvent_payment([5.0, 0.0], [20.0, 0.0], 30.0, 60.0).tolist() == [0.0, 0.0]


def test_without_a_phase_the_highest_payment_is_due_at_once() -> None:
    assert insolvent_payment([-50.0], [-10.0], 0.0, 0.0).tolist() == [50.0]


# --- the order of closing


def test_the_position_that_drives_the_risk_is_closed_first() -> None:
    # Worst of the sum (-12, +5) is -12. Without the first -3, without the second -9; then nothing.
    order = closing_order([1, 1], [[-9.0, 3.0], [-3.0, 2.0]])
    assert order.instrument.tolist() == [0, 1]
    assert order.step.tolist() == [0, 1]
    assert order.risk_left.tolist() == [3.0, 0.0]


def test_a_hedge_stays_until_what_it_hedges_goes_and_goes_with_it() -> None:
    # All together lose 6, and without the third nothing. Of the first two, either alone loses 50.
    order = closing_order([1, -1, 2], [[-50.0, 50.0], [-50.0, 50.0], [-3.0, 1.0]])
    assert order.instrument.tolist() == [2, 0, 1]
    assert order.step.tolist() == [0, 1, 1]
    assert order.risk_left.tolist() == [0.0, 0.0]


def test_equal_positions_are_closed_by_number() -> None:
    order = closing_order([0, 1, 0, 1, 1], [[-1.0, 1.0]] * 5)
    assert order.instrument.tolist() == [1, 3, 4]
    assert order.risk_left.tolist() == [2.0, 1.0, 0.0]


def test_of_positions_without_risk_pairs_that_offset_each_other_come_first() -> None:
    # The first has no risk of its own; the other two have none together.
    order = closing_order([1, 1, -1], [[0.0, 0.0], [-5.0, 5.0], [-5.0, 5.0]])
    assert order.instrument.tolist() == [1, 2, 0]
    assert order.step.tolist() == [0, 0, 1]


def test_a_risk_that_only_three_together_keep_away_can_rise() -> None:
    # The sum is nothing. Without one of them 2 are lost somewhere, without two of them 1.
    order = closing_order([1, 1, 1], [[2.0, -1.0, -1.0], [-1.0, 2.0, -1.0], [-1.0, -1.0, 2.0]])
    assert order.instrument.tolist() == [0, 1, 2]
    assert order.risk_left.tolist() == [1.0, 0.0]


def test_nothing_is_closed_where_nothing_is_held() -> None:
    for order in (closing_order([], np.zeros((0, 16))), closing_order([0, 0], np.ones((2, 3)))):
        assert order.instrument.tolist() == []
        assert order.step.tolist() == []
        assert order.risk_left.tolist() == []


CHANGES = st.lists(
    st.lists(st.integers(-50, 50), min_size=5, max_size=5), min_size=6, max_size=6
).map(lambda rows: np.array(rows, dtype=np.float64))
HELD = st.lists(st.integers(-5, 5), min_size=6, max_size=6).map(np.array)


@given(lots=HELD, changes=CHANGES)
@settings(deadline=None, max_examples=100)
def test_every_step_is_the_best_of_all_single_positions_and_offsetting_pairs(
    lots: NDArray[np.int64], changes: Floats
) -> None:
    """Against all candidates, one by one, in whole numbers."""
    order = closing_order(lots, changes)
    assert sorted(order.instrument.tolist()) == np.flatnonzero(lots).tolist()
    left = lots.copy()
    for step, risk in enumerate(order.risk_left.tolist()):
        profit = left[:, np.newaxis] * changes
        held = np.flatnonzero(left).tolist()
        pairs = [
            [one, other]
            for one in held
            for other in held
            if one < other and float((profit[one] * profit[other]).sum()) < 0
        ]
        candidates = pairs + [[one] for one in held]
        risks = [float(scan_risk(profit.sum(0) - profit[rows].sum(0))) for rows in candidates]
        closed = order.instrument[order.step == step].tolist()
        assert closed == candidates[risks.index(min(risks))]
        assert risk == min(risks)
        left[closed] = 0


@given(lots=HELD, changes=CHANGES)
@settings(deadline=None, max_examples=100)
def test_the_risk_never_rises_where_one_step_keeps_it(
    lots: NDArray[np.int64], changes: Floats
) -> None:
    order = closing_order(lots, changes)
    risk = float(scan_risk(lots @ changes))
    left = lots.copy()
    for step, after in enumerate(order.risk_left.tolist()):
        singles = [scan_risk(np.delete(left, row) @ np.delete(changes, row, 0)) for row in range(6)]
        if min(singles[row] for row in np.flatnonzero(left)) <= risk:
            assert after <= risk
        left[order.instrument[order.step == step]] = 0
        risk = after


# --- bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: below_requirement([1.0], [-1.0]),
            r"requirement\[0\] is -1.0; it must be finite and at least 0",
        ),
        (lambda: below_requirement([np.nan], [1.0]), r"equity\[0\] is nan; it must be finite"),
        (
            lambda: below_requirement([1.0, 2.0], [1.0]),
            r"requirement has shape \(1,\); it must be \(2,\)",
        ),
        (
            lambda: buffer_margin([5.0], [4.0], 0.1),
            r"maintenance_left is 5.0; it must be at most mark_to_market",
        ),
        (
            lambda: buffer_margin([1.0], [4.0], -0.1),
            r"buffer is -0.1; it must be finite and at least 0",
        ),
        (
            lambda: largest_fraction([-1.0], [1.0], 1.5),
            r"price_factor is 1.5; it must be finite and at least 0 and at most 1",
        ),
        (
            lambda: largest_fraction([-1.0], [1.0], 0.5, -3.0),
            r"reserved_cash is -3.0; it must be finite and at least 0",
        ),
        (
            lambda: smallest_fraction([-1.0], [np.inf], 0.1, 0.5),
            r"mark_to_market\[0\] is inf; it must be finite",
        ),
        (
            lambda: insolvent_payment([-1.0], [0.0], -1.0, 60.0),
            r"elapsed_seconds is -1.0; it must be finite and at least 0",
        ),
        (
            lambda: insolvent_payment([-1.0], [0.0], 1.0, -60.0),
            r"length_seconds is -60.0; it must be finite and at least 0",
        ),
        (
            lambda: closing_order([1], [1.0, 2.0]),
            r"changes has shape \(2,\); it must be \(series, points\)",
        ),
        (
            lambda: closing_order([1, 2], [[1.0, 2.0]]),
            r"lots has shape \(2,\); it must be \(1,\)",
        ),
        (
            lambda: closing_order([1], [[1.0, np.nan]]),
            r"changes\[0, 1\] is nan; it must be finite",
        ),
    ],
)
def test_bad_input_is_named_with_its_value_and_the_rule(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        call()
