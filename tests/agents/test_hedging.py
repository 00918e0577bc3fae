"""How a market maker decides a hedge."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from abm.agents import choose_hedge

DELTAS = st.floats(-1e5, 1e5)
LOTS = st.integers(-100_000, 100_000)


@given(delta=DELTAS, held=LOTS, band=st.floats(0.0, 100.0))
def test_a_free_maker_comes_back_to_its_band_and_a_second_look_changes_nothing(
    delta: float, held: int, band: float
) -> None:
    after = held + choose_hedge(delta, held, band_lots=band, most_lots=1e9)
    assert abs(delta + after) <= max(band + 0.5 + 1e-6, 0)
    assert choose_hedge(delta, after, band_lots=band + 0.5, most_lots=1e9) == 0


@given(delta=DELTAS, held=LOTS, most=st.floats(0.0, 1e4))
def test_no_trade_is_larger_than_the_depth_allows_nor_makes_the_net_delta_larger(
    delta: float, held: int, most: float
) -> None:
    lots = choose_hedge(delta, held, band_lots=1.0, most_lots=most)
    assert abs(lots) <= max(most, 1.0)
    assert abs(delta + held + lots) <= abs(delta + held)


@given(delta=DELTAS, held=LOTS)
def test_in_liquidation_a_hedge_only_becomes_smaller(delta: float, held: int) -> None:
    lots = choose_hedge(delta, held, band_lots=0.0, most_lots=1e9, only_reduces=True)
    assert abs(held + lots) <= abs(held)
    assert held * (held + lots) >= 0
