"""Shocks to channels and those who serve them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from abm.scenario.fields import AtLeastOne, Fraction, Probability
from abm.scenario.shocks.base import Names, TimedShock


class ChannelHalt(TimedShock):
    """Messages of these channels wait; nothing is delivered until the end."""

    kind: Literal["channel_halt"]
    channels: Names


class ChannelDelay(TimedShock):
    """Finality and attestation of what these channels are sent take a multiple of the time."""

    kind: Literal["channel_delay"]
    channels: Names
    factor: Annotated[AtLeastOne, Field(description="Multiple of the time")]


class ChannelLoss(TimedShock):
    """These channels swallow a share of what they are sent, beyond the protocol's own losses."""

    kind: Literal["channel_loss"]
    channels: Names
    probability: Annotated[Probability, Field(description="That a message is never attested")]


class Censorship(TimedShock):
    """Verifiers or relayers leave some messages out."""

    kind: Literal["censorship"]
    channels: Names
    by: Annotated[
        Literal["verifiers", "relayers"],
        Field(description="Who refuses: verifiers stop a message if no quorum is left"),
    ]
    share: Annotated[Fraction, Field(description="Share of them that refuses")] = 1.0
    message_kinds: Annotated[
        tuple[str, ...], Field(strict=False, description="Kinds left out, such as seizure; all")
    ] = ()
    accounts: Annotated[
        tuple[int, ...], Field(strict=False, description="Accounts that they are about; all")
    ] = ()


class RelayerExit(TimedShock):
    """A share of the relayers stops carrying messages."""

    kind: Literal["relayer_exit"]
    fraction: Annotated[Fraction, Field(description="Share of the relayers that stops")]


class RelayerStrike(TimedShock):
    """No relayer carries what these channels have ready; others are served as ever."""

    kind: Literal["relayer_strike"]
    channels: Names
