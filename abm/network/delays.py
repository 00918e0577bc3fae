"""How long the parts of a message's way take."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from abm.scenario.network import Channel, Protocol

# Log-normal 95th centile, where the heavy tail starts.
Z_95 = 1.6448536269514722
# Gas multiple at and beyond which the channel's whole congestion factor applies: the six-fold
# gas of 12 March 2020.
FULL_CONGESTION = 6.0
LONGEST_TAIL = 50.0


@dataclass(frozen=True, slots=True)
class Draw:
    """The random parts of one message's way, in seconds, and its accidents."""

    inclusion: float
    finality: float
    attestation: float
    block: float
    lost: bool
    duplicated: bool


def draw_delays(
    channel: Channel,
    protocol: Protocol,
    blocks: tuple[float, float],
    rng: np.random.Generator,
) -> Draw:
    """Draw the way of one message.

    Every message takes the same number of draws from its channel's stream, whatever happens to
    it, so that a shock shifts no later message's draws.

    Parameters
    ----------
    channel, protocol : Channel, Protocol
        The scenario's parameters.
    blocks : tuple of float
        Block times of source and destination, in seconds.
    rng : numpy.random.Generator
        The channel's stream.

    Returns
    -------
    Draw
        Inclusion and block are uniform shares of a block; finality is lognormal; attestation is
        the quorum's order statistic over the verifiers' lognormal times, times a Pareto factor
        from the 95th centile on if the message falls into the tail.
    """
    uniforms = rng.random(6)
    normals = rng.standard_normal(1 + protocol.verifiers)
    finality = channel.finality_median_seconds * exp(channel.finality_ln_sigma * normals[0])
    signer = float(np.sort(normals[1:])[protocol.quorum - 1])
    attestation = channel.attestation_median_seconds * exp(channel.attestation_ln_sigma * signer)
    if uniforms[2] < protocol.tail_probability:
        start = channel.attestation_median_seconds * exp(Z_95 * channel.attestation_ln_sigma)
        pareto = (1.0 - uniforms[3]) ** (-1.0 / protocol.tail_exponent)
        attestation = start * min(pareto, LONGEST_TAIL)
    return Draw(
        inclusion=float(uniforms[0]) * blocks[0],
        finality=finality,
        attestation=float(attestation),
        block=float(uniforms[1]) * blocks[1],
        lost=bool(uniforms[4] < protocol.loss_probability),
        duplicated=bool(uniforms[5] < protocol.duplicate_probability),
    )


def congestion_multiple(channel: Channel, gas_multiple: float) -> float:
    """Return how much longer finality and attestation take at a gas multiple.

    Rises linearly from 1 at calm gas to the channel's factor at six-fold gas. Lengthening under
    stress is measured: CCTP medians were 1.5 times longer while Arbitrum was abnormal (Invarians,
    374,980 messages in 2025).

    >>> from abm.scenario.network import Channel
    >>> lane = Channel(source="a", destination="b", protocol="p", finality_median_seconds=1.0,
    ...                attestation_median_seconds=1.0)
    >>> [congestion_multiple(lane, gas) for gas in (1.0, 3.5, 12.0)]
    [1.0, 1.25, 1.5]
    """
    share = min(max((gas_multiple - 1.0) / (FULL_CONGESTION - 1.0), 0.0), 1.0)
    return 1.0 + share * (channel.congestion_factor - 1.0)
