"""A channel's lasting slowness, and what a stressed market adds to it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from abm.network.regimes import draw_regime
from abm.randomness import Streams
from abm.scenario.clock import Clock
from abm.scenario.network import Channel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.network.conftest import TransportMaker

CHANNEL = Channel(
    source="a",
    destination="b",
    protocol="p",
    attestation_median_seconds=1.0,
    regime_ln_sigma=0.4,
    regime_half_life_hours=2.0,
)
YEAR = Clock(start_utc="2025-01-01T00:00:00Z", hours=8_760.0, step_seconds=600)


def logs(name: str = "a") -> NDArray[np.float64]:
    return np.log(draw_regime(CHANNEL, YEAR, Streams(1).get("regime", name)))


def test_the_median_multiple_is_one_and_the_spread_is_the_scenarios() -> None:
    # A year of 2-hour half-lives is about 8760 / (2 * 2 / ln 2) = 1,500 independent draws.
    assert logs().mean() == pytest.approx(0.0, abs=4.5 * 0.4 / math.sqrt(1_500))
    assert logs().std() == pytest.approx(0.4, rel=0.1)


@pytest.mark.parametrize(("steps", "expected"), [(1, 0.5 ** (1 / 12)), (12, 0.5), (24, 0.25)])
def test_half_of_a_slowness_is_left_after_its_half_life(steps: int, expected: float) -> None:
    path = logs()
    found = np.corrcoef(path[:-steps], path[steps:])[0, 1]
    assert found == pytest.approx(expected, abs=0.07)


def test_it_starts_in_its_stationary_state() -> None:
    first = [
        math.log(float(draw_regime(CHANNEL, YEAR, Streams(seed).get("regime", "a"))[0]))
        for seed in range(200)
    ]
    # The standard error of a deviation of 200 draws is 5 %.
    assert np.std(first) == pytest.approx(0.4, rel=0.22)


def test_every_channel_has_a_state_of_its_own(make_transport: TransportMaker) -> None:
    transport = make_transport(channel={"regime_ln_sigma": 0.4})
    slow = {name: transport.conditions.slowdown(name, 0) for name in ("out", "back", "aside")}
    assert len(set(slow.values())) == 3
    assert transport.conditions.slowdown("out", 60) != slow["out"]
    # The state of the last step holds beyond it.
    last = transport.conditions.slowdown("out", 86_400)
    assert transport.conditions.slowdown("out", 10**7) == last


def test_a_slow_channel_is_slow_for_every_message_of_the_hour(
    make_transport: TransportMaker,
) -> None:
    calm = make_transport()
    slow = make_transport(channel={"regime_ln_sigma": 0.4})
    multiple = slow.conditions.slowdown("out", 0)
    for transport, expected in ((calm, 99.5), (slow, 99.5 * multiple)):
        for _ in range(3):
            transport.send("out", "letter", None, subject="a", cause=0, now=0)
        assert {item.ready_second for item in transport.transits} == {math.ceil(expected + 1e-6)}


def test_volatility_and_gas_and_the_channels_own_state_multiply(
    make_transport: TransportMaker,
) -> None:
    transport = make_transport(channel={"congestion_factor": 2.0, "volatility_factor": 1.5})
    assert transport.conditions.slowdown("out", 0) == 1.0
    transport.conditions.stress = 4.0
    assert transport.conditions.slowdown("out", 0) == pytest.approx(1.5)
    transport.chains["far"].gas_multiple = 6.0
    transport.channels["out"].slowdown = 3.0
    assert transport.conditions.slowdown("out", 0) == pytest.approx(1.5 * 2.0 * 3.0)
    assert transport.conditions.slowdown("aside", 0) == pytest.approx(1.5)
