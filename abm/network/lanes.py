"""A channel with everything that decides how its messages travel, looked up once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abm.scenario.model import Scenario
    from abm.scenario.network import Channel, Protocol


@dataclass(frozen=True, slots=True)
class Lane:
    """One channel, its protocol, and what its two chains add.

    Attributes
    ----------
    channel, protocol : Channel, Protocol
        The scenario's parameters.
    blocks : tuple of float
        Block times of source and destination, in seconds.
    finality_median_seconds, finality_ln_sigma : float
        The channel's own, or the source's for the confidence that the protocol wants.
    verifiers, quorum : int
        The channel's own, or the protocol's.
    """

    channel: Channel
    protocol: Protocol
    blocks: tuple[float, float]
    finality_median_seconds: float
    finality_ln_sigma: float
    verifiers: int
    quorum: int

    @property
    def keys_to_forge(self) -> int | None:
        """How many stolen keys forge a message here, None if no number does."""
        return self.protocol.keys_to_forge(self.verifiers, self.quorum)


def resolve_lane(scenario: Scenario, name: str) -> Lane:
    """Return a channel's lane.

    Raises
    ------
    ValueError
        If neither the channel nor its source says how long finality takes.
    """
    channel = scenario.channels[name]
    protocol = scenario.protocols[channel.protocol]
    source = scenario.chains[channel.source]
    destination = scenario.chains[channel.destination]
    median, sigma = channel.finality_median_seconds, channel.finality_ln_sigma
    if median is None:
        median = source.seconds_until(protocol.confidence)
        if protocol.confidence == "final" and sigma == 0.0:
            sigma = source.final_ln_sigma
    if median is None:
        raise ValueError(f"channel {name} has no finality_median_seconds, nor has its source")
    return Lane(
        channel,
        protocol,
        (source.block_seconds, destination.block_seconds),
        median,
        sigma,
        channel.verifiers or protocol.verifiers,
        channel.quorum or protocol.quorum,
    )
