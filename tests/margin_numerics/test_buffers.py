"""Latency buffers: closed forms, quadrature of its own, and simulated late liquidations.

Every comparison with a simulation allows 4.5 standard errors, which chance passes with a
probability of 7e-6, and the seed is fixed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import ndtr

from abm.margin import delay_laws
from abm.margin.buffers import MEAN_OVERSHOOT, METHODS, required_buffer, stretched_scan_range
from abm.margin.excess import expected_excess, expected_excess_laplace, expected_excess_normal
from abm.margin.latency import DelayDistribution
from abm.network import Lane
from abm.network.delays import draw_count, draw_delays
from abm.randomness import Streams
from abm.scenario.network import Channel, Protocol

Floats = NDArray[np.float64]

NORMAL = NormalDist()
ERRORS = 4.5
PATHS = 1_000_000
RANDOM_METHODS = ("square_root", "overshoot", "mixture_quantile", "expected_shortfall")


def share_error(probability: float, count: int) -> float:
    """Return the allowed deviation of a simulated share."""
    return ERRORS * math.sqrt(probability * (1 - probability) / count)


def simulated_delays(
    attempts: Floats, loss_probability: float, retry_seconds: float, rng: np.random.Generator
) -> Floats:
    """Send messages again, one by one, until they arrive."""
    waited = np.zeros(len(attempts))
    lost = rng.random(len(attempts)) < loss_probability
    while lost.any():
        waited[lost] += retry_seconds
        lost[lost] = rng.random(int(lost.sum())) < loss_probability
    return waited + attempts


# --- constant delays


@pytest.mark.parametrize("method", ["square_root", "overshoot", "mixture_quantile"])
@pytest.mark.parametrize("probability", [0.6, 0.975, 0.99, 0.999999])
def test_a_constant_delay_needs_the_normal_quantile_of_its_square_root(
    method: str, probability: float
) -> None:
    delays = DelayDistribution.from_samples([400.0, 400.0])
    # 3 dollars per root second, over 20 root seconds.
    expected = NORMAL.inv_cdf(probability) * 3.0 * 20.0
    assert required_buffer(method, 3.0, delays, probability) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("probability", [0.6, 0.99, 0.999])
def test_the_shortfall_of_a_constant_delay_is_that_of_a_normal_loss(probability: float) -> None:
    delays = DelayDistribution.lognormal(400.0, 0.0)
    # The mean of a normal variable beyond its quantile z is phi(z)/(1 - probability).
    shortfall = NORMAL.pdf(NORMAL.inv_cdf(probability)) / (1 - probability)
    found = required_buffer("expected_shortfall", 3.0, delays, probability)
    assert found == pytest.approx(60.0 * shortfall, rel=1e-10)


def test_no_buffer_is_no_buffer() -> None:
    assert required_buffer("none", 3.0, DelayDistribution.exponential(60.0), 0.99) == 0.0


# --- exponential delays


@pytest.mark.parametrize("probability", [0.51, 0.6, 0.9, 0.99, 0.999, 0.999999])
def test_the_mixture_over_exponential_delays_is_a_laplace_variable(probability: float) -> None:
    delays = DelayDistribution.exponential(90.0)
    closed = required_buffer("laplace", 2.0, delays, probability)
    # The trapezoid rule leaves about exp(-2*pi*(pi/2)*16) = 1e-68, so that rounding is all.
    found = required_buffer("mixture_quantile", 2.0, delays, probability)
    assert found == pytest.approx(closed, rel=1e-10)
    # Beyond any quantile of an exponential tail, its mean is one scale further.
    scale = 2.0 * math.sqrt(90.0 / 2)
    shortfall = required_buffer("expected_shortfall", 2.0, delays, probability)
    assert shortfall == pytest.approx(closed + scale, rel=1e-10)
    excess = expected_excess(closed, 2.0, delays)
    assert excess == pytest.approx(expected_excess_laplace(closed, scale), rel=1e-10)


def test_the_error_of_the_quantisation_does_not_depend_on_its_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def buffers() -> list[float]:
        laws = [
            DelayDistribution.exponential(90.0),
            DelayDistribution.lognormal(20.0, 0.5, tail_probability=0.05),
            DelayDistribution.lognormal(20.0, 3.0, loss_probability=0.2, retry_seconds=60.0),
        ]
        return [
            required_buffer(method, 1.0, delays, probability)
            for method in ("mixture_quantile", "expected_shortfall")
            for delays in laws
            for probability in (0.9, 0.99, 0.9999)
        ]

    usual = buffers()
    # Twice the step keeps the ends of the rules, whose steps divide them.
    monkeypatch.setattr(delay_laws, "STEP", 2 * delay_laws.STEP)
    np.testing.assert_allclose(buffers(), usual, rtol=1e-9)


def test_the_square_root_of_the_mean_is_16_percent_too_low_for_exponential_delays() -> None:
    delays = DelayDistribution.exponential(90.0)
    ratio = required_buffer("square_root", 2.0, delays, 0.99) / required_buffer(
        "mixture_quantile", 2.0, delays, 0.99
    )
    # 2.3263 / (sqrt(1/2)*ln 50) = 2.3263 / 2.7662 = 0.8410.
    assert ratio == pytest.approx(0.8410, abs=5e-5)


@pytest.mark.parametrize(
    "delays",
    [
        DelayDistribution.from_samples([90.0]),
        DelayDistribution.lognormal(90.0, 0.3),
        DelayDistribution.exponential(90.0, loss_probability=0.1, retry_seconds=90.0),
    ],
)
def test_the_laplace_form_refuses_delays_for_which_it_does_not_hold(
    delays: DelayDistribution,
) -> None:
    with pytest.raises(ValueError, match=r"^delays is .*; it must be Exponential without losses"):
        required_buffer("laplace", 2.0, delays, 0.99)


# --- losses and repeats


@pytest.mark.parametrize(
    "make",
    [
        lambda **loss: DelayDistribution.exponential(90.0, **loss),
        lambda **loss: DelayDistribution.from_samples([30.0, 60.0, 180.0], **loss),
        lambda **loss: DelayDistribution.lognormal(90.0, 0.0, **loss),
    ],
)
@pytest.mark.parametrize("loss", [0.0, 0.01, 0.5, 0.9])
def test_repeats_after_one_mean_delay_divide_the_mean_by_the_share_that_arrives(
    make: Callable[..., DelayDistribution], loss: float
) -> None:
    # m + m*p/(1-p) = m/(1-p): exact for the mean of any law, where a repeat waits for m.
    delays = make(loss_probability=loss, retry_seconds=90.0)
    assert delays.mean == pytest.approx(90.0 / (1 - loss), rel=1e-12)
    nodes = delays.quantisation
    assert nodes.expect(nodes.seconds) == pytest.approx(delays.mean, rel=1e-11)


def test_memoryless_repeats_are_an_exponential_delay_with_the_longer_mean() -> None:
    rng = np.random.default_rng(5)
    # Each attempt, lost or not, takes an exponential time; a fifth is lost.
    attempts = rng.geometric(0.8, PATHS)
    losses = 2.0 * rng.standard_normal(PATHS) * np.sqrt(rng.gamma(attempts, 90.0))
    buffer = required_buffer("laplace", 2.0, DelayDistribution.exponential(90.0 / 0.8), 0.99)
    assert (losses > buffer).mean() == pytest.approx(0.01, abs=share_error(0.01, PATHS))


def test_the_law_of_repeats_is_not_exponential_where_they_wait_a_fixed_time() -> None:
    # The mean is that of the memoryless law, the tail is not: one more loss of 1,000 seconds.
    fixed = DelayDistribution.exponential(10.0, loss_probability=0.05, retry_seconds=1_000.0)
    memoryless = DelayDistribution.exponential(fixed.mean)
    buffers = [required_buffer("mixture_quantile", 1.0, d, 0.99) for d in (fixed, memoryless)]
    # By hand: a loss needs a repeat (5 %), and then the quantile at 1 - 0.01/0.05 = 80 % of
    # N(0, 1010 seconds) or a little more for two repeats: above 0.84*sqrt(1010) = 26.7.
    assert 26.7 < buffers[0] < 30.0
    # Memoryless: sqrt(62.6/2)*ln 50 = 21.9.
    assert buffers[1] == pytest.approx(21.9, abs=0.05)


# --- late liquidations, simulated


def test_the_mixture_keeps_its_promise_for_liquidations_that_arrive_late_or_are_repeated() -> None:
    rng = np.random.default_rng(11)
    body = 30.0 * np.exp(0.6 * rng.standard_normal(PATHS))
    # The tail of the transport: from the 95th centile, Pareto with exponent 1.2, cut at 50 times.
    start = 30.0 * math.exp(0.6 * NORMAL.inv_cdf(0.95))
    tail = start * np.minimum((1 - rng.random(PATHS)) ** (-1 / 1.2), 50.0)
    attempts = np.where(rng.random(PATHS) < 0.04, tail, body)
    waited = simulated_delays(attempts, 0.02, 600.0, rng)
    losses = 1.5 * np.sqrt(waited) * rng.standard_normal(PATHS)
    delays = DelayDistribution.lognormal(
        30.0, 0.6, tail_probability=0.04, loss_probability=0.02, retry_seconds=600.0
    )
    for probability in (0.95, 0.99, 0.999):
        promised = 1 - probability
        buffer = required_buffer("mixture_quantile", 1.5, delays, probability)
        error = share_error(promised, PATHS)
        assert (losses > buffer).mean() == pytest.approx(promised, abs=error)
        excess = np.maximum(losses - buffer, 0.0)
        error = ERRORS * excess.std() / math.sqrt(PATHS)
        assert excess.mean() == pytest.approx(expected_excess(buffer, 1.5, delays), abs=error)
        worst = losses[losses > buffer]
        error = ERRORS * worst.std() / math.sqrt(len(worst))
        shortfall = required_buffer("expected_shortfall", 1.5, delays, probability)
        assert worst.mean() == pytest.approx(shortfall, abs=error)
    # The mean delay hides what the rare long ones cost: at 99.9 % the square root is broken more
    # than five times as often as promised.
    understated = required_buffer("square_root", 1.5, delays, 0.999)
    assert (losses > understated).mean() > 5 * 0.001


def test_measured_delays_keep_their_promise_for_prices_that_move_every_second() -> None:
    rng = np.random.default_rng(12)
    measured = np.array([2.0, 3.0, 3.0, 5.0, 8.0, 60.0])
    waited = rng.choice(measured, 400_000)
    price = np.zeros(len(waited))
    for second in range(60):
        price += np.where(second < waited, 0.25 * rng.standard_normal(len(waited)), 0.0)
    buffer = required_buffer(
        "mixture_quantile", 0.25, DelayDistribution.from_samples(measured), 0.99
    )
    error = share_error(0.01, len(waited))
    assert (-price > buffer).mean() == pytest.approx(0.01, abs=error)
    # The square root of the mean of 13.5 seconds is 2.3263*sqrt(13.5) = 8.548 deviations of a
    # second: 1.104 of 60 seconds, 3.022 of 8. Broken with N(-1.104)/6 + N(-3.022)/6 = 2.27 %.
    understated = required_buffer(
        "square_root", 0.25, DelayDistribution.from_samples(measured), 0.99
    )
    error = share_error(0.0227, len(waited))
    assert (-price > understated).mean() == pytest.approx(0.0227, abs=error)
    assert error < 0.002


def overshoots(count: int, rng: np.random.Generator) -> Floats:
    """Return by how much walks with normal steps are beyond a barrier when found there.

    Started 4 deviations before it. The walks that have not arrived after 400 steps, a sixth, are
    left out: where a walk lands does not depend on when.
    """
    place = np.full(count, -4.0)
    arrived = []
    for _ in range(400):
        place += rng.standard_normal(len(place))
        arrived.append(place[place > 0])
        place = place[place <= 0]
    return np.concatenate(arrived)


def test_checks_now_and_then_find_an_account_below_its_requirement_and_the_delay_adds() -> None:
    beyond = overshoots(250_000, np.random.default_rng(13))
    count = len(beyond)
    error = ERRORS * beyond.std() / math.sqrt(count)
    assert beyond.mean() == pytest.approx(MEAN_OVERSHOOT, abs=error)
    # -zeta(1/2) = 1.4603545088.
    assert pytest.approx(1.4603545088 / math.sqrt(2 * math.pi), rel=1e-10) == MEAN_OVERSHOOT
    squares = (beyond - beyond.mean()) ** 2
    assert beyond.var() == pytest.approx(0.25, abs=ERRORS * squares.std() / math.sqrt(count))
    for checks, allowed in ((5, 0.005), (20, 0.005)):
        # Two minutes between checks, 3 dollars per root second.
        delays = DelayDistribution.from_samples([120.0 * checks])
        buffer = required_buffer("overshoot", 3.0, delays, 0.99, check_seconds=120.0)
        held = buffer / (3.0 * math.sqrt(120.0))
        # The overshoot is simulated, the delay after it integrated, which leaves a standard error
        # of a few thousandths of 1 %.
        low, high = (
            float(ndtr((beyond - factor * held) / math.sqrt(checks)).mean())
            for factor in (1 + allowed, 1 - allowed)
        )
        assert low < 0.01 < high


def test_jumps_break_every_buffer_that_knows_only_the_volatility() -> None:
    rng = np.random.default_rng(14)
    # A minute of delay; a deviation of 1 over it, of which nearly all is one fall by 8 that comes
    # with a probability of 1.5 %: 0.015*0.985*64 = 0.9456.
    fall, chance = 8.0, 0.015
    calm = math.sqrt(1 - chance * (1 - chance) * fall**2)
    jumps = fall * ((rng.random(PATHS) < chance) - chance)
    losses = calm * rng.standard_normal(PATHS) + jumps
    assert losses.std() == pytest.approx(1.0, abs=0.01)
    delays = DelayDistribution.from_samples([60.0])
    volatility = 1 / math.sqrt(60.0)
    for probability in (0.99, 0.999):
        for method in ("square_root", "mixture_quantile", "expected_shortfall"):
            buffer = required_buffer(method, volatility, delays, probability)
            broken = float((losses > buffer).mean())
            # Every jump breaks it, 1.5 % instead of 1 % or less.
            assert broken == pytest.approx(chance, abs=share_error(chance, PATHS))
            assert broken > 1 - probability + share_error(chance, PATHS)
            excess = float(np.maximum(losses - buffer, 0.0).mean())
            assert excess > 20 * expected_excess(buffer, volatility, delays)


# --- expected excess


@pytest.mark.parametrize("buffer", [0.0, 1.0, 40.0])
def test_expected_excess_of_a_normal_loss_is_the_mean_beyond_the_buffer(buffer: float) -> None:
    found = expected_excess_normal(buffer, 12.0)
    losses = 12.0 * np.random.default_rng(15).standard_normal(PATHS)
    excess = np.maximum(losses - buffer, 0.0)
    error = ERRORS * excess.std() / math.sqrt(PATHS)
    assert excess.mean() == pytest.approx(found, abs=error)
    # And exactly, by quadrature of (x - buffer) times the density.
    exact = quad(lambda x: (x - buffer) * NORMAL.pdf(x / 12.0) / 12.0, buffer, 200.0)[0]
    assert found == pytest.approx(exact, rel=1e-7)


def test_expected_excess_without_a_buffer_is_half_the_mean_size_of_a_loss() -> None:
    # A normal loss has the mean size s*sqrt(2/pi), a Laplace loss B.
    assert expected_excess_normal(0.0, 5.0) == pytest.approx(5.0 / math.sqrt(2 * math.pi))
    assert expected_excess_laplace(0.0, 5.0) == 2.5


def test_expected_excess_of_a_laplace_loss_falls_by_e_with_every_scale() -> None:
    rng = np.random.default_rng(16)
    losses = rng.laplace(scale=5.0, size=PATHS)
    for scales in (0.0, 1.0, 3.0):
        found = expected_excess_laplace(5.0 * scales, 5.0)
        assert found == pytest.approx(2.5 * math.exp(-scales), rel=1e-12)
        excess = np.maximum(losses - 5.0 * scales, 0.0)
        error = ERRORS * excess.std() / math.sqrt(PATHS)
        assert excess.mean() == pytest.approx(found, abs=error)


def test_nothing_is_lost_where_nothing_moves() -> None:
    delays = DelayDistribution.exponential(60.0)
    assert expected_excess_normal(0.0, 0.0) == 0.0
    assert expected_excess_laplace(3.0, 0.0) == 0.0
    assert expected_excess(3.0, 0.0, delays) == 0.0
    assert expected_excess(0.0, 2.0, DelayDistribution.from_samples([0.0])) == 0.0
    for method in RANDOM_METHODS:
        assert required_buffer(method, 0.0, delays, 0.99) == 0.0


def test_a_buffer_far_beyond_every_loss_leaves_no_excess() -> None:
    assert expected_excess_normal(1e300, 1e-300) == 0.0
    assert expected_excess(1e300, 1e-10, DelayDistribution.exponential(60.0)) == 0.0


# --- delays


def mixture_tail(buffer: float, sigma: float, share: float, exponent: float) -> float:
    """Integrate the uncovered probability over a lognormal body and a cut Pareto tail."""
    start = math.exp(sigma * NORMAL.inv_cdf(0.95))

    def uncovered(seconds: float) -> float:
        return NORMAL.cdf(-buffer / math.sqrt(seconds))

    body = quad(lambda z: NORMAL.pdf(z) * uncovered(math.exp(sigma * z)), -12, 12, epsabs=1e-14)
    tail = quad(
        lambda x: exponent * x ** (-exponent - 1) * uncovered(start * x), 1, 50, epsabs=1e-14
    )
    cut = 50.0**-exponent * uncovered(50 * start)
    return float((1 - share) * body[0] + share * (tail[0] + cut))


@pytest.mark.parametrize("sigma", [0.1, 0.6, 2.0])
@pytest.mark.parametrize(("share", "exponent"), [(0.0, 1.2), (0.05, 1.2), (1.0, 1.0), (0.3, 6.0)])
def test_the_mixture_over_lognormal_delays_agrees_with_adaptive_quadrature(
    sigma: float, share: float, exponent: float
) -> None:
    delays = DelayDistribution.lognormal(1.0, sigma, tail_probability=share, tail_exponent=exponent)
    for probability in (0.9, 0.99, 0.9999):
        buffer = required_buffer("mixture_quantile", 1.0, delays, probability)
        uncovered = mixture_tail(buffer, sigma, share, exponent)
        assert uncovered == pytest.approx(1 - probability, rel=1e-7)


def test_the_lognormal_law_is_the_one_that_the_transport_draws() -> None:
    channel = Channel(
        source="a",
        destination="b",
        protocol="p",
        finality_median_seconds=1.0,
        attestation_median_seconds=50.0,
        attestation_ln_sigma=0.5,
    )
    protocol = Protocol(tail_probability=0.2, tail_exponent=1.2)
    lane = Lane(channel, protocol, (12.0, 2.0), 1.0, 0.0, 1, 1)
    streams = Streams(1)
    count = 20_000
    draws = (
        streams.uniforms("message", str(number), count=draw_count(lane)) for number in range(count)
    )
    times = np.array([draw_delays(lane, draw).attestation for draw in draws])
    law = DelayDistribution.lognormal(50.0, 0.5, tail_probability=0.2, tail_exponent=1.2)
    for probability in (0.05, 0.5, 0.8, 0.95, 0.99):
        share = (times <= law.quantile(probability)).mean()
        assert share == pytest.approx(probability, abs=share_error(probability, count))
    error = ERRORS * times.std() / math.sqrt(count)
    assert times.mean() == pytest.approx(law.mean, abs=error)


EVERY_LAW = [
    DelayDistribution.exponential(40.0),
    DelayDistribution.exponential(40.0, loss_probability=0.3, retry_seconds=100.0),
    DelayDistribution.lognormal(40.0, 0.8, tail_probability=0.1, tail_exponent=1.0),
    DelayDistribution.lognormal(40.0, 0.0, loss_probability=0.9, retry_seconds=7.0),
    DelayDistribution.from_samples([3, 1, 4, 1, 5, 9, 2, 6]),
    DelayDistribution.from_samples([0.0, 10.0], loss_probability=0.5, retry_seconds=60.0),
]


@pytest.mark.parametrize("delays", EVERY_LAW)
def test_a_quantisation_is_sorted_adds_up_to_one_and_has_the_mean_of_its_law(
    delays: DelayDistribution,
) -> None:
    nodes = delays.quantisation
    assert (np.diff(nodes.seconds) >= 0).all()
    assert (nodes.weights >= 0).all()
    assert nodes.weights.sum() == pytest.approx(1.0, rel=1e-13)
    assert nodes.expect(nodes.seconds) == pytest.approx(delays.mean, rel=1e-11)
    with pytest.raises(ValueError, match="read-only"):
        nodes.weights[0] = 1.0


def test_quantiles_of_delays_are_those_of_their_law() -> None:
    assert DelayDistribution.exponential(40.0).quantile(0.99) == pytest.approx(
        40.0 * math.log(100.0), rel=1e-12
    )
    lognormal = DelayDistribution.lognormal(40.0, 0.8)
    assert lognormal.quantile(0.9) == pytest.approx(
        40.0 * math.exp(0.8 * NORMAL.inv_cdf(0.9)), rel=1e-12
    )
    # A tail alone: the share x**-1.2 is beyond x starts, and 50**-1.2 = 0.9 % are at the cut.
    tail = DelayDistribution.lognormal(40.0, 0.0, tail_probability=1.0)
    assert tail.quantile(0.9) == pytest.approx(40.0 * 10 ** (1 / 1.2), rel=1e-12)
    assert tail.quantile(0.995) == pytest.approx(2_000.0, rel=1e-12)


def test_a_quantile_of_constant_delays_counts_the_losses_that_it_takes() -> None:
    delays = DelayDistribution.from_samples([10.0], loss_probability=0.1, retry_seconds=60.0)
    # 90 % arrive at once, 99 % after one repeat, 99.9 % after two.
    found = [delays.quantile(share) for share in (0.5, 0.9, 0.95, 0.99, 0.995)]
    assert found == [10.0, 10.0, 70.0, 70.0, 130.0]


def test_a_quantile_of_measured_delays_is_one_of_them() -> None:
    delays = DelayDistribution.from_samples([5.0, 0.0, 0.0, 7.0, 0.0])
    assert [delays.quantile(share) for share in (0.1, 0.6, 0.61, 0.8, 0.81)] == [0, 0, 5, 5, 7]


def test_the_order_and_repetition_of_measured_delays_do_not_matter() -> None:
    one = DelayDistribution.from_samples([9.0, 1.0, 4.0, 4.0])
    other = DelayDistribution.from_samples([4.0, 9.0, 4.0, 1.0, 1.0, 4.0, 9.0, 4.0])
    np.testing.assert_array_equal(one.quantisation.seconds, [1.0, 4.0, 9.0])
    np.testing.assert_array_equal(one.quantisation.weights, [0.25, 0.5, 0.25])
    np.testing.assert_array_equal(other.quantisation.weights, [0.25, 0.5, 0.25])


def test_very_many_measured_delays_are_put_together_without_a_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = np.append(np.random.default_rng(17).lognormal(3.0, 1.0, 60_000), 0.0)

    def buffers() -> list[float]:
        delays = DelayDistribution.from_samples(samples)
        return [
            required_buffer(method, 1.0, delays, probability)
            for method in ("mixture_quantile", "expected_shortfall")
            for probability in (0.9, 0.99, 0.9999)
        ]

    together = buffers()
    assert len(DelayDistribution.from_samples(samples).quantisation.seconds) < 12_000
    monkeypatch.setattr(delay_laws, "MOST_SAMPLES", len(samples))
    np.testing.assert_allclose(together, buffers(), rtol=1e-6)


def test_messages_that_arrive_at_once_need_no_buffer() -> None:
    # 1 % are late, and half of those moves are gains: a loss has a probability of 0.5 %.
    rarely = DelayDistribution.from_samples([0.0] * 99 + [100.0])
    assert required_buffer("mixture_quantile", 2.0, rarely, 0.995) == 0.0
    # All the worst 1 % are then half losses of mean 20*sqrt(2/pi), half nothing.
    shortfall = required_buffer("expected_shortfall", 2.0, rarely, 0.99)
    assert shortfall == pytest.approx(0.5 * 20.0 * math.sqrt(2 / math.pi))
    # At 99.75 % it is the median of those losses: the normal quantile at 75 %.
    found = required_buffer("mixture_quantile", 2.0, rarely, 0.9975)
    assert found == pytest.approx(20.0 * NORMAL.inv_cdf(0.75), rel=1e-10)


def test_delays_of_very_different_lengths_are_told_apart() -> None:
    # Half of the messages take a second, half next to nothing.
    delays = DelayDistribution.from_samples([1e-300, 1.0])
    # Within so short a time 37.5 % are beyond b if 25 % of the first half and 50 % of the second
    # are: b is the quartile of a normal variable with deviation 1e-150.
    found = required_buffer("mixture_quantile", 1.0, delays, 0.625)
    assert found == pytest.approx(1e-150 * NORMAL.inv_cdf(0.75), rel=1e-10)


# --- stretched grids


def test_a_scan_range_is_stretched_as_variances_add_up() -> None:
    assert stretched_scan_range(0.05, 0.12) == pytest.approx(0.13)
    assert stretched_scan_range(0.2, 0.0) == 0.2


# --- properties

VOLATILITIES = st.floats(1e-6, 1e6)
PROBABILITIES = st.floats(0.51, 0.9999)
LOSSES = st.floats(0.0, 0.6)
RETRIES = st.floats(0.0, 1e5)
CHECKS = st.floats(0.0, 1e4)
SECONDS = st.floats(0.01, 1e5)
DelayMaker = Callable[[float, float, float], DelayDistribution]


@st.composite
def delay_makers(draw: st.DrawFn) -> DelayMaker:
    """Draw a law whose delays can be made longer, and whose messages be lost."""
    kind = draw(st.sampled_from(["samples", "lognormal", "exponential"]))
    seconds = draw(SECONDS)
    if kind == "exponential":
        return lambda longer, loss, retry: DelayDistribution.exponential(
            seconds * longer, loss_probability=loss, retry_seconds=retry
        )
    if kind == "lognormal":
        sigma, tail, exponent = (
            draw(st.floats(0.0, 3.0)), draw(st.floats(0.0, 1.0)), draw(st.floats(0.2, 5.0)),
        )  # fmt: skip
        return lambda longer, loss, retry: DelayDistribution.lognormal(
            seconds * longer,
            sigma,
            tail_probability=tail,
            tail_exponent=exponent,
            loss_probability=loss,
            retry_seconds=retry,
        )
    samples = draw(st.lists(st.floats(0.0, 1e5), min_size=1, max_size=30))
    return lambda longer, loss, retry: DelayDistribution.from_samples(
        np.array(samples) * longer, loss_probability=loss, retry_seconds=retry
    )


@given(
    method=st.sampled_from(RANDOM_METHODS),
    maker=delay_makers(),
    loss=LOSSES,
    retry=RETRIES,
    volatility=VOLATILITIES,
    factor=st.floats(1.0, 50.0),
    probability=PROBABILITIES,
    check=CHECKS,
)
@settings(deadline=None, max_examples=60)
def test_buffers_grow_with_volatility_in_proportion_and_with_time_by_its_square_root(
    method: str,
    maker: DelayMaker,
    loss: float,
    retry: float,
    volatility: float,
    factor: float,
    probability: float,
    check: float,
) -> None:
    one = required_buffer(
        method, volatility, maker(1.0, loss, retry), probability, check_seconds=check
    )
    louder = required_buffer(
        method, factor * volatility, maker(1.0, loss, retry), probability, check_seconds=check
    )
    slower = required_buffer(
        method,
        volatility,
        maker(factor, loss, factor * retry),
        probability,
        check_seconds=factor * check,
    )
    assert one >= 0
    assert louder == pytest.approx(factor * one, rel=1e-9)
    # Near a coverage of one half or of the share that arrives at once, rounding of the quantile
    # is relative to the longest delay, not to the buffer.
    assert slower == pytest.approx(math.sqrt(factor) * one, rel=1e-8, abs=1e-9 * volatility)


@given(
    method=st.sampled_from(RANDOM_METHODS),
    maker=delay_makers(),
    losses=st.tuples(LOSSES, LOSSES).map(sorted),
    retries=st.tuples(RETRIES, RETRIES).map(sorted),
    longer=st.floats(1.0, 50.0),
    probabilities=st.tuples(PROBABILITIES, PROBABILITIES).map(sorted),
)
@settings(deadline=None, max_examples=60)
def test_more_coverage_longer_delays_more_losses_and_later_repeats_never_need_less(
    method: str,
    maker: DelayMaker,
    losses: list[float],
    retries: list[float],
    longer: float,
    probabilities: list[float],
) -> None:
    def buffer(slower: float, loss: float, retry: float, probability: float) -> float:
        return required_buffer(method, 1.0, maker(slower, loss, retry), probability)

    base = buffer(1.0, losses[0], retries[0], probabilities[0])
    slack = 1e-9 * (1 + base)
    assert buffer(longer, losses[0], retries[0], probabilities[0]) >= base - slack
    assert buffer(1.0, losses[1], retries[0], probabilities[0]) >= base - slack
    assert buffer(1.0, losses[0], retries[1], probabilities[0]) >= base - slack
    assert buffer(1.0, losses[0], retries[0], probabilities[1]) >= base - slack


@given(maker=delay_makers(), loss=LOSSES, retry=RETRIES, probability=PROBABILITIES)
@settings(deadline=None, max_examples=60)
def test_the_quantile_is_covered_as_promised_and_the_shortfall_is_not_below_it(
    maker: DelayMaker, loss: float, retry: float, probability: float
) -> None:
    delays = maker(1.0, loss, retry)
    quantile = required_buffer("mixture_quantile", 1.0, delays, probability)
    assert required_buffer("expected_shortfall", 1.0, delays, probability) >= quantile
    nodes = delays.quantisation
    late = nodes.seconds > 0
    uncovered = sum(
        weight * 0.5 * math.erfc(quantile / math.sqrt(2 * seconds))
        for seconds, weight in zip(
            nodes.seconds[late].tolist(), nodes.weights[late].tolist(), strict=True
        )
    )
    if quantile > 0:
        assert uncovered == pytest.approx(1 - probability, rel=1e-9)
    else:
        assert uncovered <= (1 - probability) * (1 + 1e-9)


@given(maker=delay_makers(), buffers=st.tuples(SECONDS, SECONDS).map(sorted))
@settings(deadline=None, max_examples=40)
def test_a_larger_buffer_leaves_no_more_excess(maker: DelayMaker, buffers: list[float]) -> None:
    delays = maker(1.0, 0.1, 60.0)
    small, large = (expected_excess(buffer, 1.0, delays) for buffer in buffers)
    assert small >= large >= 0


# --- input that is wrong

SOME = DelayDistribution.exponential(60.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: required_buffer("mixture_quantil", 1.0, SOME, 0.99),
            (
                "method is 'mixture_quantil'; it must be one of none, square_root, overshoot, "
                "mixture_quantile, expected_shortfall, laplace; nearest: 'mixture_quantile'"
            ),
        ),
        (
            lambda: required_buffer("none", -1.0, SOME, 0.99),
            "volatility is -1.0; it must be finite and at least 0",
        ),
        (
            lambda: required_buffer("none", math.nan, SOME, 0.99),
            "volatility is nan; it must be finite and at least 0",
        ),
        (
            lambda: required_buffer("none", 1.0, SOME, 0.5),
            "probability is 0.5; it must be above 0.5 and below 1",
        ),
        (
            lambda: required_buffer("none", 1.0, SOME, 1.0),
            "probability is 1.0; it must be above 0.5 and below 1",
        ),
        (
            lambda: required_buffer("none", 1.0, SOME, math.nan),
            "probability is nan; it must be above 0.5 and below 1",
        ),
        (
            lambda: required_buffer("none", 1.0, SOME, 0.99, check_seconds=-5),
            "check_seconds is -5.0; it must be finite and at least 0",
        ),
        (
            lambda: DelayDistribution.from_samples([]),
            "samples has shape (0,); it must be one list of delays",
        ),
        (
            lambda: DelayDistribution.from_samples([[1.0], [2.0]]),
            "samples has shape (2, 1); it must be one list of delays",
        ),
        (
            lambda: DelayDistribution.from_samples([1.0, -2.0, math.nan]),
            "samples[1] is -2.0; it must be finite and at least 0",
        ),
        (
            lambda: DelayDistribution.from_samples([1.0, math.inf]),
            "samples[1] is inf; it must be finite and at least 0",
        ),
        (
            lambda: DelayDistribution.exponential(0.0),
            "mean_seconds is 0.0; it must be finite and above 0",
        ),
        (
            lambda: DelayDistribution.lognormal(-3.0, 0.5),
            "median_seconds is -3.0; it must be finite and above 0",
        ),
        (
            lambda: DelayDistribution.lognormal(3.0, 5.1),
            "ln_sigma is 5.1; it must be finite and at least 0 and at most 5",
        ),
        (
            lambda: DelayDistribution.lognormal(3.0, 0.5, tail_probability=1.1),
            "tail_probability is 1.1; it must be finite and at least 0 and at most 1",
        ),
        (
            lambda: DelayDistribution.lognormal(3.0, 0.5, tail_exponent=0.0),
            "tail_exponent is 0.0; it must be finite and above 0",
        ),
        (
            lambda: DelayDistribution.exponential(3.0, loss_probability=1.0),
            "loss_probability is 1.0; it must be finite and at least 0 and at most 0.99",
        ),
        (
            lambda: DelayDistribution.exponential(3.0, retry_seconds=-1.0),
            "retry_seconds is -1.0; it must be finite and at least 0",
        ),
        (lambda: SOME.quantile(1.0), "probability is 1.0; it must be above 0 and below 1"),
        (
            lambda: expected_excess_normal(-1.0, 1.0),
            "buffer is -1.0; it must be finite and at least 0",
        ),
        (
            lambda: expected_excess_laplace(1.0, math.inf),
            "scale is inf; it must be finite and at least 0",
        ),
        (
            lambda: expected_excess(1.0, -1.0, SOME),
            "volatility is -1.0; it must be finite and at least 0",
        ),
        (
            lambda: stretched_scan_range(0.2, -0.1),
            "latency_range is -0.1; it must be finite and at least 0",
        ),
    ],
)
def test_a_wrong_argument_is_refused_by_name_value_and_rule(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match="it must be") as caught:
        call()
    assert str(caught.value) == message


def test_every_method_can_be_asked_for_by_its_name() -> None:
    for method in METHODS:
        assert required_buffer(method, 1.0, SOME, 0.99) >= 0
