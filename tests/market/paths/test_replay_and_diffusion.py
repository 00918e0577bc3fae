"""Paths of the underlying's price."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.market import price_path
from abm.randomness import Streams
from abm.scenario.prices import DiffusionPrice, ReplayPrice

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOUR = 3_600
YEAR = 31_536_000

# 12 March 2020, 10:00 to 13:00 UTC, as in scenarios/message_halt_march_2020.toml.
CRASH = (
    (167.97, 168.89, 125.0, 132.91),
    (132.91, 150.0, 123.0, 136.59),
    (136.45, 142.52, 134.01, 136.99),
)


def replay(
    bars: tuple[tuple[float, float, float, float], ...], bridge_volatility: float = 1.5
) -> ReplayPrice:
    return ReplayPrice(
        kind="replay",
        source="a test",
        bar_seconds=HOUR,
        bars=bars,
        bridge_volatility=bridge_volatility,
    )


def path(
    price: ReplayPrice | DiffusionPrice, steps: int, step_seconds: int = 60, seed: int = 1
) -> NDArray[np.float64]:
    return price_path(price, steps, step_seconds, Streams(seed).get("price"))


@st.composite
def bars_of_a_day(draw: st.DrawFn) -> tuple[tuple[float, float, float, float], ...]:
    """Draw a few bars, each opening where the last one closed or a little off."""
    price, bars = 100.0, []
    for _ in range(draw(st.integers(1, 4))):
        opening = price * draw(st.floats(0.98, 1.02))
        close = opening * draw(st.floats(0.8, 1.2))
        high = max(opening, close) * draw(st.floats(1.0, 1.2))
        low = min(opening, close) * draw(st.floats(0.8, 1.0))
        bars.append((opening, high, low, close))
        price = close
    return tuple(bars)


@given(bars_of_a_day(), st.sampled_from([1, 7, 60, 300]), st.floats(0.0, 5.0), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_a_replayed_price_stays_inside_the_range_of_every_bar(
    bars: tuple[tuple[float, float, float, float], ...],
    step_seconds: int,
    bridge_volatility: float,
    seed: int,
) -> None:
    steps = len(bars) * HOUR // step_seconds
    prices = path(replay(bars, bridge_volatility), steps, step_seconds, seed)
    assert prices.shape == (steps + 1,)
    for second, price in zip(range(0, steps * step_seconds + 1, step_seconds), prices, strict=True):
        _, high, low, _ = bars[min(second // HOUR, len(bars) - 1)]
        assert low * (1 - 1e-12) <= price <= high * (1 + 1e-12)


@given(bars_of_a_day(), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_a_replayed_price_meets_every_open_and_the_last_close(
    bars: tuple[tuple[float, float, float, float], ...], seed: int
) -> None:
    prices = path(replay(bars), len(bars) * 60, seed=seed)
    opens = [bar[0] for bar in bars]
    np.testing.assert_allclose(prices[:-1:60], opens, rtol=1e-12)
    assert prices[-1] == pytest.approx(bars[-1][3], rel=1e-12)


def test_a_replayed_price_comes_within_reach_of_every_high_and_low() -> None:
    # Without noise the path is straight between a bar's known points in the logarithm. Seconds
    # nearest to an extreme are at most half a step away from it, and the steepest way of these
    # bars, ln(168.89 / 125) in a tenth of an hour at the least, moves 0.1 % in one second.
    prices = path(replay(CRASH, bridge_volatility=0.0), 3 * HOUR, step_seconds=1)
    for number, (_, high, low, _) in enumerate(CRASH):
        inside = prices[number * HOUR : (number + 1) * HOUR]
        assert inside.max() == pytest.approx(high, rel=1e-3)
        assert inside.min() == pytest.approx(low, rel=1e-3)


def test_a_falling_bar_makes_its_high_first_and_a_rising_one_its_low() -> None:
    falling, rising = (100.0, 110.0, 80.0, 90.0), (90.0, 105.0, 85.0, 100.0)
    for seed in range(5):
        prices = path(replay((falling, rising), 0.0), 2 * HOUR, step_seconds=1, seed=seed)
        first, second = prices[:HOUR], prices[HOUR : 2 * HOUR]
        assert first.argmax() < first.argmin()
        assert second.argmin() < second.argmax()


def test_a_bar_without_range_is_a_constant_price() -> None:
    prices = path(replay(((50.0, 50.0, 50.0, 50.0),)), 60)
    np.testing.assert_allclose(prices, 50.0)


def test_a_run_may_end_inside_a_bar() -> None:
    prices = path(replay(CRASH), 90)
    assert prices.shape == (91,)
    assert prices[60] == pytest.approx(CRASH[1][0])


def test_the_bridge_moves_by_its_volatility_between_known_points() -> None:
    # A very wide bar around a flat price, so that its limits never bind; sums of squared steps
    # over straight lines and bridges estimate the variance of the motion. 3 known points an hour
    # take one degree of freedom each from 60 steps: 5 %; its own error is sqrt(2 / 14400) = 1.2 %.
    bars = tuple((100.0, 100.5, 99.5, 100.0) for _ in range(240))
    calm, rough = (
        np.diff(np.log(path(replay(bars, volatility), 240 * 60))) for volatility in (0.0, 0.2)
    )
    variance = float(((rough - calm) ** 2).sum()) / (240 * HOUR) * YEAR
    assert math.sqrt(variance) == pytest.approx(0.2, rel=0.1)


@pytest.mark.parametrize(
    "price",
    [
        replay(CRASH),
        DiffusionPrice(kind="diffusion", start_usd=100.0, annual_volatility=0.7),
    ],
)
def test_equal_streams_give_equal_paths_and_others_do_not(
    price: ReplayPrice | DiffusionPrice,
) -> None:
    first, again, other = path(price, 180), path(price, 180), path(price, 180, seed=2)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_diffusion_starts_at_its_price_and_keeps_its_volatility_and_drift() -> None:
    volatility, drift, steps = 0.7, 30.0, 40_000
    rule = DiffusionPrice(
        kind="diffusion", start_usd=1_500.0, annual_volatility=volatility, annual_drift=drift
    )
    prices = path(rule, steps, step_seconds=300)
    assert prices[0] == 1_500.0
    returns = np.diff(np.log(prices))
    years = 300 / YEAR
    realised = returns.std() / math.sqrt(years)
    # Standard errors: sigma / sqrt(2 n) of the volatility, sigma / sqrt(n dt) of the drift.
    assert abs(realised - volatility) < 4.5 * volatility / math.sqrt(2 * steps)
    assert abs(returns.mean() / years - drift) < 4.5 * volatility / math.sqrt(steps * years)
    # Steps of a Brownian motion are uncorrelated.
    assert abs(np.corrcoef(returns[1:], returns[:-1])[0, 1]) < 4.5 / math.sqrt(steps)


def test_a_diffusion_without_volatility_grows_by_its_drift_alone() -> None:
    rule = DiffusionPrice(
        kind="diffusion", start_usd=100.0, annual_volatility=0.0, annual_drift=math.log(2.0)
    )
    # A year in four steps: the logarithm doubles the price by the end.
    prices = path(rule, 4, step_seconds=YEAR // 4)
    np.testing.assert_allclose(prices, 100.0 * 2.0 ** np.array([0.0, 0.25, 0.5, 0.75, 1.0]))
