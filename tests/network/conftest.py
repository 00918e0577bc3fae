"""What the tests of the network share: a small scenario, and transports on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from abm.network import Transit, Transport, build_graph
from abm.randomness import Streams
from abm.scenario import Scenario, parse_scenario

READY_AFTER = 100
"""Seconds from sending until a message is ready, on the channels of the scenario below."""

CARRIED_IN = 5
"""Seconds from pick-up until it is delivered."""


class ScenarioMaker(Protocol):
    """Makes scenarios; arguments replace keys of every protocol, of every channel, of `gas`."""

    def __call__(
        self,
        *,
        protocol: dict[str, Any] | None = None,
        channel: dict[str, Any] | None = None,
        gas: dict[str, Any] | None = None,
    ) -> Scenario:
        """Return a scenario."""
        ...


class TransportMaker(Protocol):
    """Makes transports; arguments as of `ScenarioMaker`, and the seed."""

    def __call__(
        self,
        *,
        protocol: dict[str, Any] | None = None,
        channel: dict[str, Any] | None = None,
        gas: dict[str, Any] | None = None,
        seed: int = 1,
    ) -> Transport:
        """Return a transport."""
        ...


def _scenario_data() -> dict[str, Any]:
    """Return a venue on `home` and channels to and from `far`, and from `home` to `side`."""
    # Blocks take no time worth counting, so with 0.5 s to spare every delay below is exact:
    # ready 60.5 + 39 = 99.5, rounded up to 100 s after sending; carried in 4.5, rounded up to 5.
    chain = {"block_seconds": 1e-6, "gas_usd": 0.5}
    lane = {
        "protocol": "post",
        "finality_median_seconds": 60.5,
        "attestation_median_seconds": 39.0,
        "execution_seconds": 4.5,
    }
    return {
        "name": "test",
        "question": "What does a test ask?",
        "clock": {"start_utc": "2025-01-01T00:00:00Z", "hours": 24},
        "market": {
            "price": {"kind": "diffusion", "start_usd": 100.0, "annual_volatility": 0.5},
            "volatility": {"base": 0.8},
            "expiries": [{"after_hours": 24, "strikes_usd": [100]}],
        },
        "tokens": {"USDC": {"base_units": 1_000_000, "worth": "dollar"}},
        "chains": {"home": dict(chain), "far": dict(chain), "side": dict(chain)},
        "protocols": {"post": {"expiry_seconds": 10_000, "retry_seconds": 1_000}},
        "channels": {
            "out": {"source": "home", "destination": "far", **lane},
            "back": {"source": "far", "destination": "home", **lane},
            "aside": {"source": "home", "destination": "side", **lane},
        },
        "venue": {"chain": "home"},
        "collateral": {"architecture": "message_passing"},
        "waterfall": {"insurance_fund_usd": 0},
        "traders": {
            "buyers": {
                "strategy": "buy_options",
                "count": 1,
                "wealth_median_usd": 1_000,
                "home_chains": {"far": 1},
                "collateral_tokens": {"USDC": 1},
                "orders_per_day": 1,
            }
        },
        "market_makers": {"count": 1, "capital_usd": 1_000},
        "relayers": {"count": 1},
        "liquidators": {"count": 1, "capital_median_usd": 1, "home_chains": {"home": 1}},
    }


@pytest.fixture(scope="session")
def make_scenario() -> ScenarioMaker:
    """Return the maker of scenarios."""

    def make(
        *,
        protocol: dict[str, Any] | None = None,
        channel: dict[str, Any] | None = None,
        gas: dict[str, Any] | None = None,
    ) -> Scenario:
        data = _scenario_data()
        data["gas"] = gas or {}
        for rule in data["protocols"].values():
            rule.update(protocol or {})
        for rule in data["channels"].values():
            rule.update(channel or {})
        return parse_scenario(data)

    return make


@pytest.fixture(scope="session")
def make_transport(make_scenario: ScenarioMaker) -> TransportMaker:
    """Return the maker of transports."""

    def make(
        *,
        protocol: dict[str, Any] | None = None,
        channel: dict[str, Any] | None = None,
        gas: dict[str, Any] | None = None,
        seed: int = 1,
    ) -> Transport:
        scenario = make_scenario(protocol=protocol, channel=channel, gas=gas)
        return Transport(scenario, build_graph(scenario), Streams(seed))

    return make


@dataclass
class Post:
    """A transport with short ways to use it."""

    transport: Transport

    def send(self, channel: str = "out", now: int = 0) -> Transit:
        """Send a message and return its way."""
        message = self.transport.send(channel, "letter", None, subject="a", cause=0, now=now)
        return self.transport.transits[message.id]

    def carry(self, transit: Transit, now: int) -> None:
        """Let relayer 0 pick a message up for nothing."""
        self.transport.pick_up(transit, 0, now, 0.0)

    def delivered(self, now: int) -> list[int]:
        """Deliver what is due and return the numbers of the messages, in order."""
        return [transit.message.id for transit in self.transport.deliver_due(now)]


@pytest.fixture
def post(make_transport: TransportMaker) -> Post:
    """Return a transport on which nothing goes wrong."""
    return Post(make_transport())
