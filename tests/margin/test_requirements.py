"""Requirements of portfolios under any method, without the simulator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from abm.margin import METHODS, margin_requirements

MONTH = 30 * 86_400
CHAIN: dict[str, Any] = {
    "price_usd": 2_000.0,
    "strike_usd": [1_600, 1_800, 2_200, 2_400],
    "seconds_left": [MONTH] * 4,
    "volatility": [0.70, 0.66, 0.64, 0.66],
    "is_call": [False, False, True, True],
}
STRANGLE, CONDOR = [0, -1, -1, 0], [1, -1, -1, 1]

each_method = pytest.mark.parametrize("method", METHODS)


@each_method
def test_bought_wings_need_less_margin(method: str) -> None:
    found = margin_requirements(method, [STRANGLE, CONDOR], **CHAIN)
    assert 0 < found.maintenance[1] < found.maintenance[0] < found.initial[0]
    # What a condor can lose in the end, 200, is the most that it needs less what it is worth.
    assert found.maintenance[1] - found.position_value[1] <= 200 + 1e-9


def test_a_short_put_by_hand_under_the_standard_method() -> None:
    found = margin_requirements("standard", [0, -1, 0, 0], **CHAIN)
    owed = float(-found.position_value[0])
    # 9 % of the spot, or of the value if that is more; out of the money by 10 %, 15 % less these
    # is below the least of 13 %.
    assert found.maintenance[0] == pytest.approx(max(0.09 * 2_000, 0.09 * owed))
    assert found.initial[0] == pytest.approx(0.13 * 2_000)


@each_method
def test_one_row_is_one_account_and_sparse_is_dense(method: str) -> None:
    one = margin_requirements(method, CONDOR, **CHAIN)
    two = margin_requirements(method, csr_array(np.array([CONDOR, STRANGLE])), **CHAIN)
    assert one.maintenance.shape == (1,)
    assert two.maintenance[0] == pytest.approx(one.maintenance[0])


@each_method
@pytest.mark.parametrize("lots", [np.zeros((0, 4)), [[0, 0, 0, 0]]])
def test_nobody_and_nothing_are_answers(method: str, lots: list[list[int]]) -> None:
    found = margin_requirements(method, lots, **CHAIN)
    assert not found.maintenance.any()
    assert len(found.initial) == len(lots)


@each_method
def test_no_series_at_all_is_an_answer(method: str) -> None:
    found = margin_requirements(
        method,
        np.zeros((2, 0)),
        price_usd=1.0,
        strike_usd=[],
        seconds_left=[],
        volatility=[],
        is_call=[],
    )
    assert found.maintenance.tolist() == [0.0, 0.0]


@each_method
def test_an_option_that_expires_now_is_worth_its_payoff(method: str) -> None:
    now = {**CHAIN, "seconds_left": [0] * 4, "price_usd": 2_300.0}
    found = margin_requirements(method, [0, 0, -1, 0], **now)
    assert found.position_value[0] == pytest.approx(-100.0)
    assert found.maintenance[0] > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"price_usd": float("nan")}, "price_usd is nan; it must be finite and above 0"),
        ({"price_usd": 0.0}, r"price_usd is 0\.0; it must be finite and above 0"),
        ({"volatility": [0.5, -0.1, 1, 1]}, r"volatility\[1\] is -0\.1; .* at least 0"),
        ({"strike_usd": [1, 2, 3, float("inf")]}, r"strike_usd\[3\] is inf"),
        ({"strike_usd": [[1, 2, 3, 4]]}, r"strike_usd has shape \(1, 4\)"),
        ({"seconds_left": [5, -1, 5, 5]}, r"seconds_left\[1\] is -1\.0; .* at least 0"),
        ({"seconds_left": [5, 5]}, r"seconds_left has shape \(2,\); it must be \(4,\)"),
        ({"is_call": [True]}, r"is_call has shape \(1,\); it must be \(4,\)"),
    ],
)
def test_a_bad_argument_is_named_with_its_value_and_the_rule(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        margin_requirements("span", CONDOR, **{**CHAIN, **change})


def test_bad_lots_are_named() -> None:
    with pytest.raises(ValueError, match=r"lots\[0, 1\] is nan"):
        margin_requirements("span", [[0, float("nan"), 0, 0]], **CHAIN)
    with pytest.raises(ValueError, match=r"lots has shape \(1, 3\); it must be \(accounts, 4\)"):
        margin_requirements("span", [1, 2, 3], **CHAIN)


def test_an_unknown_method_is_told_the_nearest_one() -> None:
    with pytest.raises(ValueError, match=r"method is 'portfolo'; .*did you mean 'portfolio'"):
        margin_requirements("portfolo", CONDOR, **CHAIN)
