"""What an owner takes out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from abm.agents import Withdrawal, choose_withdrawal


def test_cash_goes_first_and_may_be_enough() -> None:
    assert choose_withdrawal(3.0, 5_000_000, [10], [1.0]) == Withdrawal(3_000_000, (0,))


def test_nothing_is_taken_where_no_margin_is_free() -> None:
    assert choose_withdrawal(-1.0, 5_000_000, [10], [1.0]) == Withdrawal(0, (0,))


def test_a_debt_is_no_cash_and_worthless_tokens_stay() -> None:
    assert choose_withdrawal(4.0, -7, [10, 3], [0.0, 1.0]) == Withdrawal(0, (0, 3))


@given(
    st.floats(0, 1e9),
    st.integers(-(10**12), 10**12),
    st.lists(st.tuples(st.integers(0, 10**12), st.floats(1e-9, 1e3)), max_size=4),
)
def test_never_more_margin_is_taken_than_is_free(
    wanted: float, cash: int, held: list[tuple[int, float]]
) -> None:
    units, worth = [unit for unit, _ in held], [value for _, value in held]
    withdrawal = choose_withdrawal(wanted, cash, units, worth)
    taken = withdrawal.micro_dollars / 1e6
    taken += sum(u * w for u, w in zip(withdrawal.units, worth, strict=True))
    assert taken <= wanted * (1 + 1e-9) + 1e-6
    assert all(0 <= u <= limit for u, limit in zip(withdrawal.units, units, strict=True))
