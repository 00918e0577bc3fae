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

OWN_WORTHS = ("dollar", "stable", "underlying")
"""What a token may be worth without another underlying."""


Proof = Literal["attested", "optimistic", "zk"]
"""What makes a message valid."""


class Token(Table):
    """A token, counted in integer base units."""

    base_units: Annotated[Count, Field(description="Base units in one token")]
    worth: Annotated[
        str,
        Field(
            description="What one token is worth: a dollar, which the venue settles in; a stable "
            "dollar as long as it keeps its peg; one unit of the underlying, or of another of "
            "market.others"
        ),
    ]
    haircut: Annotated[
        FractionBelowOne, Field(description="Share of its value that does not count as margin")
    ] = 0.0


Confidence = Literal["soft", "safe", "final"]
"""How sure of its source a protocol wants to be: sequenced, hard to revert, or final."""


class Chain(Table):
    """A chain: its blocks, when they are final, and what a message costs there."""

    profile: Annotated[
        str | None, Field(description="Real chain whose figures fill in what is not given")
    ] = None
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
    soft_seconds: Annotated[
        Seconds | None, Field(description="From inclusion until a block is sequenced or confirmed")
    ] = None
    safe_seconds: Annotated[
        Seconds | None, Field(description="From inclusion until a block is hard to revert")
    ] = None
    final_seconds: Annotated[
        Seconds | None, Field(description="Median time from inclusion until a block is final")
    ] = None
    final_ln_sigma: Annotated[
        NotNegative, Field(description="Log standard deviation of the time until it is final")
    ] = 0.0
    forced_inclusion_seconds: Annotated[
        PositiveSeconds,
        Field(description="Longest wait for inclusion while the sequencer alone is down"),
    ] = 86_400.0
    jurisdiction: Annotated[
        str | None, Field(description="Whose orders the chain's bridges and issuers obey")
    ] = None

    def seconds_until(self, confidence: Confidence) -> float | None:
        """Return the time from inclusion until a level of finality, if the chain says it."""
        levels = {
            "soft": self.soft_seconds,
            "safe": self.safe_seconds,
            "final": self.final_seconds,
        }
        return levels[confidence]


class Protocol(Table):
    """A message protocol: who must sign, what it waits for, how often it fails."""

    profile: Annotated[
        str | None, Field(description="Real protocol whose figures fill in what is not given")
    ] = None
    verifiers: Annotated[Count, Field(description="Signers of a message")] = 1
    quorum: Annotated[Count, Field(description="Signatures that make it valid")] = 1
    proof: Annotated[
        Proof,
        Field(
            description="What makes a message valid: the quorum's word, nobody's protest within "
            "the challenge time, or a proof that no key can forge"
        ),
    ] = "attested"
    confidence: Annotated[
        Confidence, Field(description="Level of finality of the source that it waits for")
    ] = "final"
    ordered: Annotated[
        bool, Field(description="No message is delivered before the earlier ones of its channel")
    ] = False
    loss_probability: Annotated[Probability, Field(description="A message is never attested")] = 0.0
    duplicate_probability: Annotated[
        Probability, Field(description="A message is delivered twice")
    ] = 0.0
    reorder_probability: Annotated[
        Probability, Field(description="A message is held back, so that later ones overtake it")
    ] = 0.0
    reorder_seconds: Annotated[PositiveSeconds, Field(description="How long it is held back")] = (
        600.0
    )
    stuck_probability: Annotated[
        Probability, Field(description="Its execution fails at first, and is retried by hand")
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
        PositiveSeconds,
        Field(description="Until a sender repeats what was lost, or somebody what is stuck"),
    ] = 3_600.0
    bucket_usd: Annotated[
        Positive | None, Field(description="Value that one channel can pass at once")
    ] = None
    bucket_refill_usd_per_second: Annotated[
        Positive, Field(description="How fast that allowance comes back")
    ] = 100.0
    queue_seconds: Annotated[
        PositiveSeconds,
        Field(description="What a rolling-day limit holds back goes at the latest after this"),
    ] = 86_400.0

    @model_validator(mode="after")
    def _quorum_is_reachable(self) -> Protocol:
        if self.quorum > self.verifiers:
            raise ValueError(f"quorum = {self.quorum} is above verifiers = {self.verifiers}")
        return self

    def keys_to_forge(self, verifiers: int, quorum: int) -> int | None:
        """Return how many stolen keys forge a message, None if no number does.

        One honest watcher is enough to stop an optimistic message, so all must be taken.
        """
        needed = {"attested": quorum, "optimistic": verifiers, "zk": None}
        return needed[self.proof]


class Channel(Table):
    """A directed message route of a protocol between two chains.

    Delay = inclusion (a uniform share of a source block) + finality + attestation by the quorum
    + challenge + rate limits + a relayer's pick-up + execution + a destination block; finality and
    attestation are lognormal.
    """

    source: Annotated[str, Field(description="Chain on which messages are sent")]
    destination: Annotated[str, Field(description="Chain on which they are delivered")]
    protocol: Annotated[str, Field(description="Protocol that carries them")]
    finality_median_seconds: Annotated[
        Seconds | None,
        Field(
            description="Until the source is final enough for the protocol; the source's own "
            "figure for the protocol's confidence if not given"
        ),
    ] = None
    finality_ln_sigma: Annotated[NotNegative, Field(description="Its log standard deviation")] = 0.0
    attestation_median_seconds: Annotated[
        Seconds, Field(description="Until a median verifier has signed")
    ]
    attestation_ln_sigma: Annotated[
        NotNegative, Field(description="Its log standard deviation")
    ] = 0.0
    verifiers: Annotated[
        Count | None, Field(description="Signers on this channel, if not the protocol's")
    ] = None
    quorum: Annotated[
        Count | None, Field(description="Signatures needed here, if not the protocol's")
    ] = None
    challenge_seconds: Annotated[
        Seconds, Field(description="Time in which a signed message can be disputed or is proved")
    ] = 0.0
    execution_seconds: Annotated[
        Seconds, Field(description="From pick-up until the relayer's transaction is sent")
    ] = 5.0
    congestion_factor: Annotated[
        AtLeastOne,
        Field(description="Multiple of finality and attestation when gas is six-fold or more"),
    ] = 1.5
    volatility_factor: Annotated[
        AtLeastOne,
        Field(description="The same when realised volatility is four times its base or more"),
    ] = 1.0
    regime_ln_sigma: Annotated[
        NotNegative, Field(description="Log standard deviation of the channel's lasting slowness")
    ] = 0.0
    regime_half_life_hours: Annotated[
        Positive, Field(description="Until half of that slowness is gone")
    ] = 2.0
    daily_limit_usd: Annotated[
        Positive | None,
        Field(description="Value that the protocol lets out of the source in any 24 hours"),
    ] = None
    large_transfer_usd: Annotated[
        Positive | None, Field(description="A message of this value or more always waits a day")
    ] = None

    @model_validator(mode="after")
    def _joins_two_chains(self) -> Channel:
        if self.source == self.destination:
            raise ValueError(f"source and destination are both {self.source!r}")
        return self
