"""How long the parts of a message's way take."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.scenario.network import Channel, Protocol

# Log-normal 95th centile, where the heavy tail starts.
Z_95 = 1.6448536269514722
# Gas multiple at and beyond which the channel's whole congestion factor applies: the six-fold
# gas of 12 March 2020.
FULL_CONGESTION = 6.0
LONGEST_TAIL = 50.0
STANDARD_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Draw:
    """The random parts of one message's way, in seconds, and its accidents."""

    inclusion: float
    finality: float
    attestation: float
    block: float
    lost: bool
    duplicated: bool


def draw_count(protocol: Protocol) -> int:
    """Return how many uniforms one message of a protocol takes."""
    return 7 + protocol.verifiers


def draw_delays(
    channel: Channel,
    protocol: Protocol,
    blocks: tuple[float, float],
    uniforms: Sequence[float],
) -> Draw:
    """Draw the way of one message.

    Parameters
    ----------
    channel, protocol : Channel, Protocol
        The scenario's parameters.
    blocks : tuple of float
        Block times of source and destination, in seconds.
    uniforms : sequence of float
        As many draws from [0, 1) as `draw_count` says; the message's own, so that an additional
        message changes no other's way.

    Returns
    -------
    Draw
        Inclusion and block are uniform shares of a block; finality is lognormal; attestation is
        the quorum's order statistic over the verifiers' lognormal times, times a Pareto factor
        from the 95th centile on if the message falls into the tail.
    """
    inclusion, block, tail, beyond, loss, duplicate, final, *signers = uniforms
    finality = channel.finality_median_seconds * exp(channel.finality_ln_sigma * _normal(final))
    signer = _normal(sorted(signers)[protocol.quorum - 1])
    attestation = channel.attestation_median_seconds * exp(channel.attestation_ln_sigma * signer)
    if tail < protocol.tail_probability:
        start = channel.attestation_median_seconds * exp(Z_95 * channel.attestation_ln_sigma)
        pareto = (1.0 - beyond) ** (-1.0 / protocol.tail_exponent)
        attestation = start * min(pareto, LONGEST_TAIL)
    return Draw(
        inclusion=inclusion * blocks[0],
        finality=finality,
        attestation=attestation,
        block=block * blocks[1],
        lost=loss < protocol.loss_probability,
        duplicated=duplicate < protocol.duplicate_probability,
    )


def _normal(uniform: float) -> float:
    """Return the standard normal quantile; a draw of 0 counts as half of the smallest above it."""
    return STANDARD_NORMAL.inv_cdf(uniform or 2.0**-54)


def typical_delay(channel: Channel, protocol: Protocol, blocks: tuple[float, float]) -> float:
    """Return how long a message takes if every part takes its median, in seconds.

    The median of the quorum's order statistic is taken at the normal quantile of
    ``(quorum - 1/3) / (verifiers + 1/3)``.

    >>> from abm.scenario.network import Channel, Protocol
    >>> lane = Channel(source="a", destination="b", protocol="p", finality_median_seconds=100.0,
    ...                attestation_median_seconds=20.0, execution_seconds=5.0)
    >>> typical_delay(lane, Protocol(), (12.0, 2.0))
    132.0
    """
    share = (protocol.quorum - 1 / 3) / (protocol.verifiers + 1 / 3)
    signer = exp(channel.attestation_ln_sigma * STANDARD_NORMAL.inv_cdf(share))
    return (
        sum(blocks) / 2
        + channel.finality_median_seconds
        + channel.attestation_median_seconds * signer
        + channel.execution_seconds
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
