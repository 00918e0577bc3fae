"""How long the parts of a message's way take."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from abm.network import Lane, resolve_lane
from abm.network.delays import (
    Draw,
    draw_count,
    draw_delays,
    stretch,
    typical_delay,
)
from abm.randomness import Streams
from abm.scenario import Scenario, load_scenario
from abm.scenario.network import Channel, Protocol

SCENARIOS = Path(__file__).parents[2] / "scenarios"
LANE = Channel(
    source="a",
    destination="b",
    protocol="p",
    finality_median_seconds=100.0,
    finality_ln_sigma=0.2,
    attestation_median_seconds=50.0,
    attestation_ln_sigma=0.5,
)


def lane_of(protocol: Protocol) -> Lane:
    return Lane(LANE, protocol, (12.0, 2.0), 100.0, 0.2, protocol.verifiers, protocol.quorum)


def draws(count: int, protocol: Protocol, seed: int = 1) -> list[Draw]:
    lane = lane_of(protocol)
    return [draw_delays(lane, uniforms) for uniforms in own_uniforms(lane, count, seed)]


def own_uniforms(lane: Lane, count: int, seed: int = 1) -> list[list[float]]:
    """Return the draws of as many messages."""
    streams = Streams(seed)
    return [
        streams.uniforms("message", str(number), count=draw_count(lane)) for number in range(count)
    ]


def median(values: list[float]) -> float:
    return float(np.median(values))


@pytest.fixture(scope="module")
def march_2020() -> Scenario:
    return load_scenario(SCENARIOS / "message_halt_march_2020.toml")


# Quartiles of whole delays from June to December 2024: XChainDataGen, arXiv 2503.13637, as quoted
# beside each lane of the scenario.
@pytest.mark.parametrize(
    ("lane", "measured"),
    [
        ("to_ethereum", (1_334, 1_444, 1_526)),
        ("from_ethereum", (964, 1_060, 1_160)),
        ("to_arbitrum", (29, 30, 34)),
        ("from_arbitrum", (31, 36, 46)),
        ("to_base", (46, 46, 48)),
        ("from_base", (66, 68, 70)),
    ],
)
def test_delays_of_a_lane_have_the_quartiles_that_were_measured(
    march_2020: Scenario, lane: str, measured: tuple[int, int, int]
) -> None:
    way = resolve_lane(march_2020, lane)
    execution = way.channel.execution_seconds
    times = [
        draw.inclusion + draw.finality + draw.attestation + execution + draw.block
        for draw in (draw_delays(way, uniforms) for uniforms in own_uniforms(way, 3_000))
    ]
    assert typical_delay(way) == pytest.approx(np.median(times), rel=0.02)
    # 12 %: two lognormals and two uniforms do not bend through three quartiles exactly, the fast
    # lanes were measured in whole seconds (1 in 30 is 3 %), and 3,000 draws leave about 1 %.
    # A lane at twice or half its speed is far outside.
    np.testing.assert_allclose(np.percentile(times, [25, 50, 75]), measured, rtol=0.12)


def test_wormhole_from_solana_is_signed_after_17_to_26_seconds(march_2020: Scenario) -> None:
    lane = resolve_lane(march_2020, "from_solana")
    drawn = [draw_delays(lane, uniforms) for uniforms in own_uniforms(lane, 2_000)]
    signed = [draw.inclusion + draw.finality + draw.attestation for draw in drawn]
    middle = np.percentile(signed, [10, 90])
    assert 17 <= middle[0] <= middle[1] <= 26


def test_inclusion_and_block_are_uniform_shares_of_a_block() -> None:
    drawn = draws(4_000, Protocol())
    for values, block in (
        ([draw.inclusion for draw in drawn], 12.0),
        ([draw.block for draw in drawn], 2.0),
    ):
        assert 0 <= min(values) <= max(values) < block
        # Deciles of a uniform share, within 4.5 standard errors of a decile: 4.5 * 0.5 / 63.
        deciles = np.percentile(values, np.arange(10, 100, 10)) / block
        np.testing.assert_allclose(deciles, np.arange(1, 10) / 10, atol=0.036)


def test_finality_is_lognormal() -> None:
    logs = np.log([draw.finality for draw in draws(4_000, Protocol())])
    # Standard errors: 0.2 / sqrt(4000) = 0.0032 of the mean, and 0.2 / sqrt(8000) of the deviation.
    assert logs.mean() == pytest.approx(math.log(100.0), abs=0.015)
    assert logs.std() == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(("verifiers", "quorum"), [(1, 1), (3, 2), (5, 5), (5, 1), (16, 11)])
def test_attestation_waits_for_the_last_signer_of_the_quorum(verifiers: int, quorum: int) -> None:
    protocol = Protocol(verifiers=verifiers, quorum=quorum)
    times = [draw.attestation for draw in draws(3_000, protocol)]
    # The quorum-th of n signers is in time with the chance that a binomial(n, p) reaches it; the
    # median signer of the quorum has the p at which that chance is one half, found by bisection.
    low, high = 0.0, 1.0
    for _ in range(60):
        share = (low + high) / 2
        reached = sum(
            math.comb(verifiers, signed) * share**signed * (1 - share) ** (verifiers - signed)
            for signed in range(quorum, verifiers + 1)
        )
        low, high = (share, high) if reached < 0.5 else (low, share)
    expected = 50.0 * math.exp(0.5 * NormalDist().inv_cdf(low))
    # The median of 3,000 lognormals with sigma 0.5 has a standard error of about 1.1 %.
    assert median(times) == pytest.approx(expected, rel=0.05)


def test_a_message_in_the_tail_takes_longer_than_the_95th_centile_by_a_pareto_factor() -> None:
    times = np.array([draw.attestation for draw in draws(4_000, Protocol(tail_probability=1.0))])
    start = 50.0 * math.exp(0.5 * NormalDist().inv_cdf(0.95))
    assert times.min() >= start
    # Pareto with exponent 1.2: the median is start * 2**(1/1.2), a share of 10**-1.2 = 6.3 % is
    # beyond ten times the start, and nothing beyond fifty times, where the tail is cut.
    assert np.median(times) == pytest.approx(start * 2 ** (1 / 1.2), rel=0.06)
    beyond_ten = (times > 10 * start).mean()
    assert beyond_ten == pytest.approx(10**-1.2, abs=4.5 * math.sqrt(0.063 * 0.937 / 4_000))
    assert times.max() == pytest.approx(50 * start)


def test_accidents_happen_as_often_as_their_probabilities_say() -> None:
    protocol = Protocol(loss_probability=0.2, duplicate_probability=0.1, tail_probability=0.3)
    drawn = draws(4_000, protocol)
    # 4.5 standard deviations of a binomial share of 4,000.
    for happened, probability in (
        ([draw.lost for draw in drawn], 0.2),
        ([draw.duplicated for draw in drawn], 0.1),
    ):
        error = 4.5 * math.sqrt(probability * (1 - probability) / 4_000)
        assert np.mean(happened) == pytest.approx(probability, abs=error)


def test_one_accident_does_not_make_another_likelier() -> None:
    protocol = Protocol(loss_probability=0.5, duplicate_probability=0.5, tail_probability=0.5)
    drawn = draws(2_000, protocol)
    start = 50.0 * math.exp(0.5 * NormalDist().inv_cdf(0.95))
    lost, twice, late = (
        np.array(happened)
        for happened in (
            [draw.lost for draw in drawn],
            [draw.duplicated for draw in drawn],
            [draw.attestation >= start for draw in drawn],
        )
    )
    # A quarter of all meets any two of them; 4.5 standard deviations of a share of 2,000.
    for one, other in ((lost, twice), (lost, late), (twice, late)):
        assert (one & other).mean() == pytest.approx(one.mean() * other.mean(), abs=0.045)


def test_nothing_goes_wrong_by_default() -> None:
    drawn = draws(500, Protocol())
    assert not any(draw.lost or draw.duplicated or draw.stuck or draw.held for draw in drawn)


@pytest.mark.parametrize(("verifiers", "quorum"), [(1, 1), (3, 2), (5, 5), (5, 1), (16, 11)])
def test_the_typical_delay_is_the_median_of_what_is_drawn(verifiers: int, quorum: int) -> None:
    protocol = Protocol(verifiers=verifiers, quorum=quorum)
    times = [
        draw.inclusion + draw.finality + draw.attestation + LANE.execution_seconds + draw.block
        for draw in draws(3_000, protocol)
    ]
    # A sum of medians is not the median of the sum; they are within 3 % here.
    assert typical_delay(lane_of(protocol)) == pytest.approx(median(times), rel=0.03)


def test_a_draw_of_nothing_is_a_short_way_and_not_an_error() -> None:
    draw = draw_delays(lane_of(Protocol()), [0.0] * 10)
    assert 0 < draw.attestation < 1
    assert draw.inclusion == draw.block == 0


@pytest.mark.parametrize(
    ("gas", "expected"),
    [
        (0.2, 1.0),
        (1.0, 1.0),
        # Half of the way from 1 to 6 is 3.5: half of the factor's excess.
        (3.5, 1.5),
        (6.0, 2.0),
        (40.0, 2.0),
    ],
)
def test_congestion_grows_from_calm_to_six_fold_gas_and_no_further(
    gas: float, expected: float
) -> None:
    lane = LANE.model_copy(update={"congestion_factor": 2.0})
    assert stretch(lane, gas, 1.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("stress", "expected"),
    [
        (0.5, 1.0),
        (1.0, 1.0),
        # Half of the way from 1 to 4 is 2.5.
        (2.5, 1.3),
        (4.0, 1.6),
        (9.0, 1.6),
    ],
)
def test_volatility_lengthens_from_calm_to_four_fold_and_no_further(
    stress: float, expected: float
) -> None:
    lane = LANE.model_copy(update={"volatility_factor": 1.6, "congestion_factor": 2.0})
    assert stretch(lane, 1.0, stress) == pytest.approx(expected)
    # Congestion and volatility multiply.
    assert stretch(lane, 6.0, stress) == pytest.approx(2.0 * expected)


def test_more_kinds_of_accident_shift_no_draw() -> None:
    """A way's first parts are the same whatever else may happen to it."""
    calm = draws(50, Protocol())
    rough = draws(50, Protocol(reorder_probability=0.5, stuck_probability=0.5))
    assert [draw.attestation for draw in calm] == [draw.attestation for draw in rough]
    assert any(draw.held for draw in rough)
    assert any(draw.stuck for draw in rough)
