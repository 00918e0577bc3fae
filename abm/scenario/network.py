"""How things travel: tokens, chains, protocols and channels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from abm.scenario.fields import (
    AtLeastOne,
    Count,
    FractionBelowOne,
    NotNegative,
    Positive,
    PositiveSeconds,
    Probability,
    Seconds,
    Table,
)


class Token(Table):
    """A token, counted in integer base units."""

    base_units: Annotated[Count, Field(description="Base units in one token")]
    worth: Annotated[
        Literal["dollar", "underlying"],
        Field(description="What one token is worth: a dollar, or one unit of the underlying"),
    ]
    haircut: Annotated[
        FractionBelowOne, Field(description="Share of its value that does not count as margin")
    ] = 0.0


class Chain(Table):
    """A chain: its blocks and what a message costs there."""

    block_seconds: Annotated[PositiveSeconds, Field(description="Time between blocks")]
    gas_usd: Annotated[
        NotNegative, Field(description="Cost of executing one message there, in calm")
    ]
    gas_noise: Annotated[
        NotNegative, Field(description="Standard deviation of the logarithm of the gas price")
    ] = 0.2
    gas_volatility_response: Annotated[
        NotNegative,
        Field(description="Growth of gas per unit of hourly price move beyond 1 %"),
    ] = 0.0


class Protocol(Table):
    """A message protocol: who must sign, and how often it fails."""

    verifiers: Annotated[Count, Field(description="Signers of a message")] = 1
    quorum: Annotated[Count, Field(description="Signatures that make it valid")] = 1
    loss_probability: Annotated[Probability, Field(description="A message is never attested")] = 0.0
    duplicate_probability: Annotated[
        Probability, Field(description="A message is delivered twice")
    ] = 0.0
    tail_probability: Annotated[
        Probability, Field(description="Attestation falls into the heavy tail")
    ] = 0.0
    tail_exponent: Annotated[
        Positive, Field(description="Pareto exponent of the tail, which starts at the 95th centile")
    ] = 1.2
    expiry_seconds: Annotated[
        PositiveSeconds, Field(description="A message not delivered by then expires")
    ] = 86_400.0
    retry_seconds: Annotated[
        PositiveSeconds, Field(description="Time after which a sender repeats what was lost")
    ] = 3_600.0

    @model_validator(mode="after")
    def _quorum_is_reachable(self) -> Protocol:
        if self.quorum > self.verifiers:
            raise ValueError(f"quorum = {self.quorum} is above verifiers = {self.verifiers}")
        return self


class Channel(Table):
    """A directed message route of a protocol between two chains.

    Delay = inclusion (a uniform share of a source block) + finality + attestation by the quorum
    + a relayer's pick-up + execution + a destination block; finality and attestation are lognormal.
    """

    source: Annotated[str, Field(description="Chain on which messages are sent")]
    destination: Annotated[str, Field(description="Chain on which they are delivered")]
    protocol: Annotated[str, Field(description="Protocol that carries them")]
    finality_median_seconds: Annotated[
        Seconds, Field(description="Until the source is final enough for the protocol")
    ]
    finality_ln_sigma: Annotated[NotNegative, Field(description="Its log standard deviation")] = 0.0
    attestation_median_seconds: Annotated[
        Seconds, Field(description="Until a median verifier has signed")
    ]
    attestation_ln_sigma: Annotated[
        NotNegative, Field(description="Its log standard deviation")
    ] = 0.0
    execution_seconds: Annotated[
        Seconds, Field(description="From pick-up until the relayer's transaction is sent")
    ] = 5.0
    congestion_factor: Annotated[
        AtLeastOne,
        Field(description="Multiple of finality and attestation when gas is six-fold or more"),
    ] = 1.5

    @model_validator(mode="after")
    def _joins_two_chains(self) -> Channel:
        if self.source == self.destination:
            raise ValueError(f"source and destination are both {self.source!r}")
        return self
