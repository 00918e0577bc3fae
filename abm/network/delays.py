"""How long the parts of a message's way take."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING

from abm.randomness import standard_normal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.network.lanes import Lane
    from abm.scenario.network import Channel

# Log-normal 95th centile, where the heavy tail starts.
Z_95 = 1.6448536269514722
# Gas multiple at and beyond which the channel's whole congestion factor applies: the six-fold
# gas of 12 March 2020.
FULL_CONGESTION = 6.0
# Realised volatility, in multiples of its base, from which the whole volatility factor applies.
FULL_STRESS = 4.0
LONGEST_TAIL = 50.0
# Inclusion, block, tail, its size, loss, duplicate and finality; then the verifiers; then
# reordering and execution. What comes later in the list shifts nothing that comes before.
DRAWS_BEFORE, DRAWS_AFTER = 7, 2


@dataclass(frozen=True, slots=True)
class Draw:
    """The random parts of one message's way, in seconds, and its accidents."""

    inclusion: float
    finality: float
    attestation: float
    block: float
    held: float
    lost: bool
    duplicated: bool
    stuck: bool


def draw_count(lane: Lane) -> int:
    """Return how many uniforms one message of a lane takes."""
    return DRAWS_BEFORE + lane.verifiers + DRAWS_AFTER


def draw_delays(lane: Lane, uniforms: Sequence[float], extra_loss: float = 0.0) -> Draw:
    """Draw the way of one message.

    Parameters
    ----------
    lane : Lane
        The channel, its protocol and its chains.
    uniforms : sequence of float
        As many draws from [0, 1) as `draw_count` says; the message's own, so that an additional
        message changes no other's way.
    extra_loss : float
        Probability that a failure of the channel swallows a message that would not be lost anyway.

    Returns
    -------
    Draw
        Inclusion and block are uniform shares of a block; finality is lognormal; attestation is
        the quorum's order statistic over the verifiers' lognormal times, times a Pareto factor
        from the 95th centile on if the message falls into the tail.
    """
    channel, protocol = lane.channel, lane.protocol
    inclusion, block, tail, beyond, loss, duplicate, final, *rest = uniforms
    signers, (reorder, stuck) = rest[: lane.verifiers], rest[lane.verifiers :]
    finality = lane.finality_median_seconds * exp(lane.finality_ln_sigma * standard_normal(final))
    signer = standard_normal(sorted(signers)[lane.quorum - 1])
    attestation = channel.attestation_median_seconds * exp(channel.attestation_ln_sigma * signer)
    if tail < protocol.tail_probability:
        start = channel.attestation_median_seconds * exp(Z_95 * channel.attestation_ln_sigma)
        pareto = (1.0 - beyond) ** (-1.0 / protocol.tail_exponent)
        attestation = start * min(pareto, LONGEST_TAIL)
    lost_below = protocol.loss_probability + extra_loss * (1.0 - protocol.loss_probability)
    return Draw(
        inclusion=inclusion * lane.blocks[0],
        finality=finality,
        attestation=attestation,
        block=block * lane.blocks[1],
        held=protocol.reorder_seconds if reorder < protocol.reorder_probability else 0.0,
        lost=loss < lost_below,
        duplicated=duplicate < protocol.duplicate_probability,
        stuck=stuck < protocol.stuck_probability,
    )


def typical_delay(lane: Lane) -> float:
    """Return how long a message takes if every part takes its median, in seconds.

    The median of the quorum's order statistic is taken at the normal quantile of
    ``(quorum - 1/3) / (verifiers + 1/3)``.

    >>> from abm.network.lanes import Lane
    >>> from abm.scenario.network import Channel, Protocol
    >>> channel = Channel(source="a", destination="b", protocol="p",
    ...                   attestation_median_seconds=20.0, execution_seconds=5.0)
    >>> typical_delay(Lane(channel, Protocol(), (12.0, 2.0), 100.0, 0.0, 1, 1))
    132.0
    """
    channel = lane.channel
    share = (lane.quorum - 1 / 3) / (lane.verifiers + 1 / 3)
    signer = exp(channel.attestation_ln_sigma * standard_normal(share))
    return (
        sum(lane.blocks) / 2
        + lane.finality_median_seconds
        + channel.attestation_median_seconds * signer
        + channel.execution_seconds
        + channel.challenge_seconds
    )


def stretch(channel: Channel, gas_multiple: float, stress: float) -> float:
    """Return how much longer finality and attestation take in a market under stress.

    Rises linearly from 1 in a calm market to the channel's congestion factor at six-fold gas, and
    again from 1 to its volatility factor at four-fold volatility; both multiply. Measured: CCTP
    medians were 1.5 times longer while Arbitrum was abnormal, the upper decile about twice as long
    under compound stress (Invarians, 374,980 messages in 2025).

    Parameters
    ----------
    channel : Channel
        Its two factors.
    gas_multiple : float
        Gas at the more crowded end, in multiples of calm.
    stress : float
        Realised volatility in multiples of its base.

    >>> from abm.scenario.network import Channel
    >>> channel = Channel(source="a", destination="b", protocol="p",
    ...                   attestation_median_seconds=1.0, volatility_factor=1.2)
    >>> [stretch(channel, gas, 1.0) for gas in (1.0, 3.5, 12.0)]
    [1.0, 1.25, 1.5]
    >>> round(stretch(channel, 12.0, 2.5), 3)
    1.65
    """
    congestion = _share(gas_multiple, FULL_CONGESTION) * (channel.congestion_factor - 1.0)
    volatility = _share(stress, FULL_STRESS) * (channel.volatility_factor - 1.0)
    return (1.0 + congestion) * (1.0 + volatility)


def _share(multiple: float, full: float) -> float:
    """Return where a multiple stands between 1 and ``full``, from 0 to 1."""
    return min(max((multiple - 1.0) / (full - 1.0), 0.0), 1.0)
