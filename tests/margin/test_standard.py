from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from abm.margin.standard import OptionTable, StandardParameters, standard_margin

# Calls at 100 and 110, a put at 90, one expiry, spot and forward 100.
TABLE = OptionTable(
    expiry=np.array([0, 0, 0]),
    forward=np.array([100.0]),
    strike=np.array([100.0, 110.0, 90.0]),
    value=np.array([5.0, 2.0, 2.0]),
    is_call=np.array([True, True, False]),
)

Lots = st.lists(st.integers(-20, 20), min_size=3, max_size=3)


def margins(*lots: float) -> tuple[float, float]:
    result = standard_margin(TABLE, csr_array(np.array([lots])), 100.0, StandardParameters())
    return float(result.maintenance[0]), float(result.initial[0])


def test_a_short_call_owes_its_value_and_a_charge_on_the_spot() -> None:
    # Maintenance: -5 - 9 % of 100. Initial, at the money: -5 - 15 % of 100.
    assert margins(-1, 0, 0) == pytest.approx((-14.0, -20.0))


def test_a_call_out_of_the_money_is_charged_less_but_not_below_the_minimum() -> None:
    # Ten per cent out of the money: max(13 %, 15 % - 10 %) = 13 %, so -2 - 13.
    assert margins(0, -1, 0) == pytest.approx((-11.0, -15.0))


def test_a_short_put_is_charged_nine_per_cent_of_spot_or_of_its_value() -> None:
    # -2 + min(-9, 9 % of -2) = -11; initial min(-2 - 13, 1.05 * -11) = -15.
    assert margins(0, 0, -1) == pytest.approx((-11.0, -15.0))


def test_a_call_spread_loses_at_most_the_distance_of_its_strikes() -> None:
    assert margins(-1, 1, 0) == pytest.approx((-10.0, -10.0))


def test_long_options_alone_give_no_credit() -> None:
    assert margins(3, 2, 1) == (0.0, 0.0)


def test_an_account_without_options_owes_nothing() -> None:
    assert margins(0, 0, 0) == (0.0, 0.0)


def test_offsets_do_not_reach_across_expiries() -> None:
    """The long call that bounds the spread stands in another expiry, so nothing is bounded."""
    table = OptionTable(
        np.array([0, 1]),
        np.array([100.0, 100.0]),
        np.array([100.0, 110.0]),
        np.array([5.0, 2.0]),
        np.array([True, True]),
    )
    spread = csr_array(np.array([[-1.0, 1.0]]))
    result = standard_margin(table, spread, 100.0, StandardParameters())
    assert result.maintenance[0] == pytest.approx(-14.0)


@settings(deadline=None, max_examples=60)
@given(Lots, Lots)
def test_two_portfolios_together_owe_no_more_than_all_their_shorts_alone(
    one: list[int], other: list[int]
) -> None:
    """The method does not promise that merging never costs: of two bounds it takes the better one.

    Apart, one account may be bounded by its payoff and the other by its shorts; together both take
    the same bound. What it does promise is the bound of the shorts alone.
    """
    both = margins(*(a + b for a, b in zip(one, other, strict=True)))
    shorts = margins(*(min(a, 0) + min(b, 0) for a, b in zip(one, other, strict=True)))
    assert both[0] >= shorts[0] - 1e-9


@settings(deadline=None, max_examples=60)
@given(Lots, st.integers(2, 9))
def test_margin_grows_in_proportion_to_the_portfolio(lots: list[int], times: int) -> None:
    once, often = margins(*lots), margins(*(times * lot for lot in lots))
    assert often == pytest.approx((times * once[0], times * once[1]))


@settings(deadline=None, max_examples=60)
@given(Lots)
def test_nothing_is_left_over_and_initial_is_no_looser_than_maintenance(lots: list[int]) -> None:
    maintenance, initial = margins(*lots)
    assert initial <= maintenance <= 0.0


@pytest.mark.parametrize(
    ("fields", "lots", "spot", "message"),
    [
        ({}, [1.0, 0.0, 0.0], math.nan, "spot is nan; it must be finite and above 0"),
        ({}, [1.0, 0.0], 100.0, r"positions has shape \(1, 2\); it must be \(1, 3\)"),
        ({}, [math.inf, 0.0, 0.0], 100.0, r"positions.data\[0\] is inf; it must be finite"),
        ({"strike": np.array([100.0, -1.0, 90.0])}, [0.0] * 3, 100.0, r"strike\[1\] is -1.0; "),
        ({"value": np.array([5.0, 2.0])}, [0.0] * 3, 100.0, r"value has shape \(2,\); "),
        ({"expiry": np.array([0, 1, 0])}, [0.0] * 3, 100.0, r"expiry\[1\] is 1.0; .*at most 0"),
        ({"forward": np.array([math.inf])}, [0.0] * 3, 100.0, r"forward\[0\] is inf; "),
    ],
)
def test_bad_input_is_named_with_its_value_and_the_rule(
    fields: dict[str, Any], lots: list[float], spot: float, message: str
) -> None:
    positions = csr_array(np.array([lots]))
    with pytest.raises(ValueError, match=f"^{message}"):
        standard_margin(replace(TABLE, **fields), positions, spot, StandardParameters())
