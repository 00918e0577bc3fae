"""When an oracle publishes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.agents import choose_publication
from abm.market import Round
from abm.scenario.agents import Oracles

RULE = Oracles(heartbeat_seconds=3_600.0, deviation=0.25, gas_tolerance=20.0)


def publishes(price: float, second: int, gas: float = 1.0) -> bool:
    """Return whether a price is published over 100 dollars at second 0."""
    return choose_publication(Round(price, 0.8, second), Round(100.0, 0.8, 0), gas, RULE)


@pytest.mark.parametrize(
    ("price", "expected"),
    [(100.0, False), (124.0, False), (125.0, True), (76.0, False), (75.0, True), (10.0, True)],
)
def test_a_deviation_publishes_from_its_threshold_on_either_way(
    price: float, *, expected: bool
) -> None:
    assert publishes(price, 60) is expected


@pytest.mark.parametrize(("second", "expected"), [(3_599, False), (3_600, True), (9_000, True)])
def test_the_heartbeat_publishes_a_price_that_did_not_move(second: int, *, expected: bool) -> None:
    assert publishes(100.0, second) is expected


@pytest.mark.parametrize(("gas", "expected"), [(20.0, True), (20.1, False)])
def test_a_deviation_is_skipped_where_gas_is_beyond_bearing(gas: float, *, expected: bool) -> None:
    assert publishes(50.0, 60, gas) is expected


def test_the_heartbeat_publishes_whatever_gas_costs() -> None:
    assert publishes(100.0, 3_600, gas=1_000.0)


@given(st.floats(1.0, 1_000.0), st.integers(0, 10_000), st.floats(0.1, 100.0))
@settings(deadline=None, max_examples=60)
def test_what_is_published_is_late_or_far_enough(price: float, second: int, gas: float) -> None:
    late = second >= 3_600
    far = not 75.0 < price < 125.0
    assert publishes(price, second, gas) is (late or (far and gas <= 20.0))
