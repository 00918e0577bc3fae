"""Which messages a relayer carries."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from abm.agents import Pending, choose_messages


def test_the_most_profitable_messages_are_carried_first() -> None:
    # Profits of 1, 4 and 2 dollars.
    pending = [Pending(0, 2.0, 1.0), Pending(1, 5.0, 1.0), Pending(2, 2.5, 0.5)]
    assert choose_messages(pending, 9, 0.5) == [1, 2, 0]
    assert choose_messages(pending, 2, 0.5) == [1, 2]


def test_a_profit_equal_to_the_minimum_is_worth_it_and_one_below_it_is_not() -> None:
    pending = [Pending(0, 1.5, 1.0), Pending(1, 1.4, 1.0)]
    assert choose_messages(pending, 9, 0.5) == [0]


def test_a_message_that_pays_less_than_its_gas_is_never_carried() -> None:
    assert choose_messages([Pending(0, 0.9, 1.0)], 9, 0.0) == []


def test_of_equal_profits_the_older_message_goes_first() -> None:
    pending = [Pending(number, 2.0, 1.0) for number in (3, 1, 2)]
    assert choose_messages(pending, 2, 0.0) == [1, 2]


def test_without_capacity_nothing_is_carried() -> None:
    assert choose_messages([Pending(0, 9.0, 1.0)], 0, 0.0) == []


@given(
    offers=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=12),
    capacity=st.integers(0, 6),
    minimum=st.integers(0, 50),
)
@settings(deadline=None, max_examples=80)
def test_no_message_left_behind_pays_more_than_one_that_is_carried(
    offers: list[tuple[int, int]], capacity: int, minimum: int
) -> None:
    pending = [Pending(number, float(fee), float(gas)) for number, (fee, gas) in enumerate(offers)]
    profits = [fee - gas for fee, gas in offers]
    chosen = choose_messages(pending, capacity, float(minimum))
    left = [number for number in range(len(offers)) if number not in chosen]
    worth_it = sum(profit >= minimum for profit in profits)
    assert len(chosen) == len(set(chosen)) == min(capacity, worth_it)
    assert all(profits[number] >= minimum for number in chosen)
    if chosen:
        least = min(profits[number] for number in chosen)
        assert all(profits[number] <= least for number in left)
