"""How much to seize, and what a liquidation says of itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.venue import Liquidation, Stage
from abm.venue.liquidation import seizure_target

LOTS = st.lists(st.integers(-50, 50), min_size=3, max_size=3)
VALUES = st.lists(st.floats(0.0, 500.0), min_size=3, max_size=3)


def target(
    lots: list[int],
    values: list[float],
    cash: float,
    *,
    slippage: float = 0.25,
    buffer: float = 0.0,
) -> float:
    return seizure_target(np.array(lots), np.array(values), cash, slippage=slippage, buffer=buffer)


@pytest.mark.parametrize(
    ("lots", "cash", "expected"),
    [
        # Shorts are bought back a quarter above the mark: 2 * 10 * 1.25.
        ([-2, 0], 0.0, 25.0),
        # Longs are sold a quarter below it: 3 * 4 * 0.75 = 9 less to find.
        ([-2, 3], 0.0, 16.0),
        ([-2, 3], 10.0, 6.0),
        ([-2, 3], -10.0, 26.0),
        # 9 + 10 bring more than is needed.
        ([0, 3], 10.0, 0.0),
        ([0, 0], -7.5, 7.5),
        ([0, 0], 0.0, 0.0),
    ],
)
def test_a_seizure_pays_for_closing_and_the_debt(
    lots: list[int], cash: float, expected: float
) -> None:
    assert target(lots, [10.0, 4.0], cash) == pytest.approx(expected)


def test_the_buffer_is_a_further_share_of_the_result() -> None:
    assert target([-2, 3], [10.0, 4.0], 10.0, buffer=0.5) == pytest.approx(9.0)


@given(
    lots=LOTS,
    values=VALUES,
    cash=st.floats(-1e4, 1e4),
    slippage=st.floats(0.0, 1.0),
    buffer=st.floats(0.0, 1.0),
)
@settings(deadline=None, max_examples=100)
def test_with_what_was_seized_the_worst_close_leaves_no_debt(
    lots: list[int], values: list[float], cash: float, slippage: float, buffer: float
) -> None:
    needed = target(lots, values, cash, slippage=slippage, buffer=buffer)
    proceeds = sum(
        held * value * (1 - slippage if held > 0 else 1 + slippage)
        for held, value in zip(lots, values, strict=True)
    )
    left = cash + needed + proceeds
    assert needed >= 0
    assert left >= -1e-6
    if needed > 0:
        # Without the buffer there would be nothing left at all.
        assert left == pytest.approx(needed * buffer / (1 + buffer), abs=1e-6)


@given(lots=LOTS, values=VALUES, cash=st.floats(-1e4, 1e4), more=st.floats(0.0, 1e3))
@settings(deadline=None, max_examples=60)
def test_more_cash_never_needs_more_and_more_slippage_never_less(
    lots: list[int], values: list[float], cash: float, more: float
) -> None:
    assert target(lots, values, cash + more) <= target(lots, values, cash) + 1e-9
    assert target(lots, values, cash, slippage=0.5) >= target(lots, values, cash) - 1e-9


def test_a_liquidation_is_open_until_it_has_ended() -> None:
    liquidation = Liquidation(
        0,
        1,
        "far",
        0,
        breach_second=100,
        shortfall_usd=5.0,
        seizure_due_second=400,
        claim_units=np.zeros(2, dtype=np.int64),
    )
    for stage in Stage:
        liquidation.stage = stage
        assert liquidation.is_open is (stage is not Stage.ENDED)


def test_its_length_is_from_breach_to_end_and_none_before() -> None:
    liquidation = Liquidation(
        0,
        1,
        "far",
        0,
        breach_second=100,
        shortfall_usd=5.0,
        seizure_due_second=400,
        claim_units=np.zeros(2, dtype=np.int64),
    )
    assert liquidation.seconds_to_end() is None
    liquidation.ended_second = 700
    assert liquidation.seconds_to_end() == 600
