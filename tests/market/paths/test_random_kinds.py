"""Jumps, stochastic volatility, clusters and followers against their closed forms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kurtosis, skew

from abm.market import Grid, draw_paths, price_path
from abm.market.paths.kind import DrawnPath, Noise
from abm.market.paths.replay import replay
from abm.market.paths.stochastic_volatility import variance_path
from abm.randomness import Streams
from abm.scenario.market import Expiry, Market, Volatility
from abm.scenario.prices import (
    ClusteredPrice,
    DiffusionPrice,
    FollowingPrice,
    JumpDiffusionPrice,
    ReplayPrice,
    StochasticVolatilityPrice,
    Underlying,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.scenario.prices import OtherPrice

YEAR = 31_536_000
HOUR = 3_600


def returns_of(
    price: OtherPrice, steps: int, step_seconds: int = HOUR, seed: int = 1
) -> NDArray[np.float64]:
    return np.diff(np.log(price_path(price, steps, step_seconds, Streams(seed).get("price"))))


def heston(**changes: float) -> StochasticVolatilityPrice:
    return StochasticVolatilityPrice.model_validate(
        {
            "kind": "stochastic_volatility",
            "start_usd": 100.0,
            "start_volatility": 0.8,
            "mean_volatility": 0.8,
            "reversion_per_year": 50.0,
            "volatility_of_variance": 6.0,
            "leverage": -0.6,
            **changes,
        }
    )


def garch(**changes: float) -> ClusteredPrice:
    table = {"kind": "clustered", "start_usd": 100.0, "annual_volatility": 0.8}
    return ClusteredPrice.model_validate({**table, **changes})


def test_a_jump_diffusion_has_the_cumulants_of_merton() -> None:
    # Per hour: rate 500 / 8760 = 0.0571; jumps of mean -0.02 and deviation 0.03.
    rule = JumpDiffusionPrice(
        kind="jump_diffusion",
        start_usd=100.0,
        annual_volatility=0.5,
        annual_drift=0.3,
        jumps_per_year=500.0,
        jump_mean=-0.02,
        jump_deviation=0.03,
    )
    steps = 200_000
    returns = returns_of(rule, steps)
    t = HOUR / YEAR
    m, s, rate = -0.02, 0.03, 500.0
    mean = (0.3 + rate * m) * t
    variance = (0.25 + rate * (m * m + s * s)) * t
    # E J**3 = m**3 + 3 m s**2 and E J**4 = m**4 + 6 m**2 s**2 + 3 s**4 of a normal J.
    third = rate * t * (m**3 + 3 * m * s**2)
    fourth = rate * t * (m**4 + 6 * m**2 * s**2 + 3 * s**4)
    assert returns.mean() == pytest.approx(mean, abs=4 * math.sqrt(variance / steps))
    assert returns.var() == pytest.approx(variance, rel=0.04)
    assert skew(returns) == pytest.approx(third / variance**1.5, rel=0.1)
    assert kurtosis(returns) == pytest.approx(fourth / variance**2, rel=0.15)


def test_without_jumps_a_jump_diffusion_is_the_diffusion_of_the_same_stream() -> None:
    both = {"start_usd": 100.0, "annual_volatility": 0.7, "annual_drift": 0.1}
    plain = DiffusionPrice.model_validate({"kind": "diffusion", **both})
    jumps = JumpDiffusionPrice.model_validate(
        {"kind": "jump_diffusion", "jumps_per_year": 0.0, "jump_deviation": 0.1, **both}
    )
    np.testing.assert_allclose(returns_of(jumps, 500), returns_of(plain, 500), atol=1e-15)


def test_the_variance_has_the_stationary_moments_of_a_square_root_process() -> None:
    # Stationary: mean theta = 0.64, variance theta * xi**2 / (2 kappa) = 0.64 * 36 / 100 = 0.2304,
    # autocorrelation exp(-kappa * t): a day apart exp(-50 / 365) = 0.872.
    variances = variance_path(heston(), Grid(400_000, HOUR), Streams(3).get("price"))
    kept = variances[24 * 100 :]
    # 400,000 hours are 46 years or 2,300 relaxation times of 1 / 50 year: about 2 % and 6 %.
    assert kept.mean() == pytest.approx(0.64, rel=0.06)
    assert kept.var() == pytest.approx(0.2304, rel=0.2)
    lagged = np.corrcoef(kept[24:], kept[:-24])[0, 1]
    assert lagged == pytest.approx(math.exp(-50 / 365), abs=0.02)
    assert kept.min() >= 0.0


def test_one_step_of_the_variance_has_the_exact_mean_and_variance() -> None:
    # Andersen (2008), equations (17) and (18), with v = 1, kappa = 2, theta = 0.5, xi = 1, one
    # quarter of a year: keep = exp(-0.5).
    rule = heston(
        start_volatility=1.0,
        mean_volatility=math.sqrt(0.5),
        reversion_per_year=2.0,
        volatility_of_variance=1.0,
    )
    rng = Streams(5).get("price")
    ends = np.array([variance_path(rule, Grid(1, YEAR // 4), rng)[1] for _ in range(20_000)])
    keep = math.exp(-0.5)
    mean = 0.5 + 0.5 * keep
    variance = keep * (1 - keep) / 2 + 0.5 * (1 - keep) ** 2 / 4
    assert ends.mean() == pytest.approx(mean, abs=4 * math.sqrt(variance / 20_000))
    assert ends.var() == pytest.approx(variance, rel=0.05)


def test_stochastic_volatility_moves_against_the_price() -> None:
    grid = Grid(100_000, HOUR)
    falling, rising = (
        heston(leverage=leverage, reversion_per_year=20.0) for leverage in (-0.9, 0.9)
    )
    for rule, sign in ((falling, -1), (rising, 1)):
        prices = price_path(rule, grid.step_count, grid.step_seconds, Streams(2).get("price"))
        returns = np.diff(np.log(prices))
        # Squares after a move are larger where the leverage says: cov(r_t, r_{t+1..24}**2).
        after = np.convolve(returns**2, np.ones(24), "valid")[1:]
        correlation = np.corrcoef(returns[: len(after)], after)[0, 1]
        assert sign * correlation > 0.05


def test_returns_of_stochastic_volatility_have_its_drift_and_mean_variance() -> None:
    returns = returns_of(heston(annual_drift=5.0), 400_000)
    t = HOUR / YEAR
    assert returns.var() == pytest.approx(0.64 * t, rel=0.06)
    assert returns.mean() == pytest.approx(5.0 * t, abs=4.5 * math.sqrt(0.64 * t / 400_000))


@given(st.floats(0.05, 3.0), st.floats(0.1, 500.0), st.floats(0.01, 50.0), st.floats(-1, 1))
@settings(deadline=None, max_examples=40)
def test_no_parameters_make_the_variance_negative_or_the_price_vanish(
    volatility: float, reversion: float, xi: float, leverage: float
) -> None:
    rule = heston(
        start_volatility=volatility,
        reversion_per_year=reversion,
        volatility_of_variance=xi,
        leverage=leverage,
    )
    prices = price_path(rule, 200, 300, Streams(1).get("price"))
    assert np.isfinite(prices).all()
    assert (prices > 0).all()


def test_a_clustered_price_keeps_its_variance_and_shows_clusters_and_fat_tails() -> None:
    steps = 300_000
    returns = returns_of(garch(tail_degrees=8.0), steps)
    assert returns.var() == pytest.approx(0.64 * HOUR / YEAR, rel=0.08)
    # No linear autocorrelation: its own error is about sqrt(kurtosis) / sqrt(n) for such returns.
    assert abs(np.corrcoef(returns[1:], returns[:-1])[0, 1]) < 0.02
    squares = returns**2
    near = np.corrcoef(squares[1:], squares[:-1])[0, 1]
    far = np.corrcoef(squares[240:], squares[:-240])[0, 1]
    assert near > 0.05
    assert near > far
    assert kurtosis(returns) > 6.0 / (8.0 - 4.0)


def test_squares_of_a_symmetric_clustered_price_decay_by_its_half_life() -> None:
    # The autocorrelation of squares of a GARCH(1,1) falls by the factor p = shock + keep a step:
    # over 24 hours, the half-life, to a half. Normal-like moves make the squares' error small.
    rule = garch(hourly_fall_weight=0.0, hourly_shock_weight=0.1, tail_degrees=200.0)
    squares = returns_of(rule, 600_000) ** 2
    near, later = (np.corrcoef(squares[lag:], squares[:-lag])[0, 1] for lag in (1, 25))
    assert later / near == pytest.approx(0.5, abs=0.08)


def test_without_weights_a_clustered_price_is_a_walk_of_student_t_moves() -> None:
    rule = garch(hourly_shock_weight=0.0, hourly_fall_weight=0.0, tail_degrees=10.0)
    returns = returns_of(rule, 400_000)
    # The excess kurtosis of Student's t is 6 / (degrees - 4).
    assert kurtosis(returns) == pytest.approx(1.0, abs=0.3)
    assert abs(np.corrcoef(returns[1:] ** 2, returns[:-1] ** 2)[0, 1]) < 0.02


def test_the_weights_of_a_step_are_those_of_an_hour_scaled_by_its_root() -> None:
    # A quarter of an hour: half the weights; what is left of 0.5**(0.25 / 24) stays with variance.
    shock, fall, keep = garch().weights(900)
    assert (shock, fall) == pytest.approx((0.04, 0.02))
    assert keep == pytest.approx(0.5 ** (0.25 / 24) - 0.04 - 0.01)


BOTH = DiffusionPrice(kind="diffusion", start_usd=100.0, annual_volatility=0.6)


def market(**others: Underlying) -> Market:
    return Market(
        price=BOTH,
        others=others,
        volatility=Volatility(base=0.8),
        expiries=(Expiry(after_hours=1.0, strikes_usd=(100.0,)),),
    )


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.9])
def test_two_underlyings_move_with_their_correlation(correlation: float) -> None:
    other = Underlying(price=BOTH.model_copy(), correlation=correlation)
    traded, others = draw_paths(market(BTC=other), Grid(40_000, HOUR), Streams(1))
    moves = np.diff(np.log(traded)), np.diff(np.log(others["BTC"]))
    # The standard error of a correlation is (1 - rho**2) / sqrt(n), 0.005 at most.
    assert np.corrcoef(*moves)[0, 1] == pytest.approx(correlation, abs=0.02)
    assert moves[1].std() == pytest.approx(0.6 * math.sqrt(HOUR / YEAR), rel=0.02)


def test_another_underlying_changes_no_other_path() -> None:
    other = Underlying(price=BOTH, correlation=0.5)
    alone, _ = draw_paths(market(), Grid(50, HOUR), Streams(1))
    one, first = draw_paths(market(BTC=other), Grid(50, HOUR), Streams(1))
    two, second = draw_paths(market(BTC=other, SOL=other), Grid(50, HOUR), Streams(1))
    np.testing.assert_array_equal(alone, one)
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(first["BTC"], second["BTC"])
    assert (second["BTC"] != second["SOL"]).any()


def test_a_following_price_moves_by_beta_and_its_own_part() -> None:
    rule = FollowingPrice(kind="following", start_usd=50.0, beta=1.5, annual_volatility=0.0)
    traded, others = draw_paths(market(X=Underlying(price=rule)), Grid(200, HOUR), Streams(1))
    np.testing.assert_allclose(others["X"], 50.0 * (traded / traded[0]) ** 1.5)


def test_a_path_correlated_with_a_replay_moves_the_way_of_its_bars() -> None:
    rule = ReplayPrice(
        kind="replay",
        source="a test",
        bar_seconds=HOUR,
        bars=((100.0, 100.0, 50.0, 50.0), (50.0, 90.0, 50.0, 90.0)),
        bridge_volatility=0.0,
    )
    leader = replay(rule, Grid(120, 60), Noise(Streams(1).get("price")))
    assert isinstance(leader, DrawnPath)
    # Mean square 1 in each bar, and the sign of the bar.
    for bar in (slice(0, 60), slice(60, 120)):
        assert (leader.moves[bar] ** 2).mean() == pytest.approx(1.0)
    assert leader.moves[:60].mean() < 0 < leader.moves[60:].mean()


@pytest.mark.parametrize(
    "rule",
    [
        heston(),
        garch(),
        JumpDiffusionPrice(
            kind="jump_diffusion",
            start_usd=100.0,
            annual_volatility=0.5,
            jumps_per_year=100.0,
            jump_deviation=0.05,
        ),
    ],
    ids=lambda rule: rule.kind,
)
def test_every_kind_starts_at_its_price_and_repeats_with_its_stream(rule: OtherPrice) -> None:
    first, again, other = (
        price_path(rule, 300, 60, Streams(seed).get("price")) for seed in (1, 1, 2)
    )
    assert first[0] == 100.0
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
