"""Where collateral sits, how it is liquidated, who pays what is left."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from abm.scenario.fields import (
    AtLeastOne,
    Count,
    Fraction,
    FractionBelowOne,
    NotNegative,
    Positive,
    PositiveSeconds,
    Seconds,
    Table,
)
from abm.scenario.network import Proof


class Collateral(Table):
    """The collateral architecture and what a venue may count under it."""

    architecture: Annotated[
        Literal[
            "silo",
            "asset_bridge",
            "lock_and_mint",
            "message_passing",
            "layer2_aggregation",
            "unified_pool",
            "centralized_exchange",
        ],
        Field(description="How collateral is held and reached"),
    ]
    sync_seconds: Annotated[
        PositiveSeconds, Field(description="Time between a vault's reports of all its balances")
    ] = 600.0
    stale_after_seconds: Annotated[
        PositiveSeconds, Field(description="A claim older than this takes the stale haircut")
    ] = 21_600.0
    stale_haircut: Annotated[
        Fraction, Field(description="Further share of a stale claim that does not count")
    ] = 0.0
    refused_after_seconds: Annotated[
        PositiveSeconds | None,
        Field(description="A claim older than this does not count at all; never, if not given"),
    ] = None
    proof_haircuts: Annotated[
        dict[Proof, FractionBelowOne],
        Field(
            description="Share of a claim that does not count, by the proof of the protocol that "
            "reports it; 0 for what is not named",
        ),
    ] = Field(default_factory=dict)
    wrapped_haircut: Annotated[
        FractionBelowOne,
        Field(description="Share of what stands for other tokens that does not count as margin"),
    ] = 0.0
    wrapped_value: Annotated[
        Literal["redeemable", "parent"],
        Field(
            description="What the venue takes a wrapped token for: the share of it that is backed, "
            "or the price of its parent whatever stands behind it"
        ),
    ] = "redeemable"
    exit_delay_seconds: Annotated[
        Seconds,
        Field(description="layer2_aggregation: wait of a withdrawal before its message is sent"),
    ] = 604_800.0
    exit_usd_per_hour: Annotated[
        Positive, Field(description="layer2_aggregation: value that leaves the exit queue an hour")
    ] = 50e6
    rebalance_seconds: Annotated[
        PositiveSeconds, Field(description="unified_pool: time between two looks at its shares")
    ] = 1_800.0
    hub_share: Annotated[
        FractionBelowOne,
        Field(description="unified_pool: share of each token that it keeps on the venue's chain"),
    ] = 0.3

    @model_validator(mode="after")
    def _refuses_after_stale(self) -> Collateral:
        refused = self.refused_after_seconds
        if refused is not None and refused < self.stale_after_seconds:
            raise ValueError(
                f"refused_after_seconds = {refused} is below stale_after_seconds = "
                f"{self.stale_after_seconds}"
            )
        return self


class Auction(Table):
    """The Dutch auction of seized collateral: its price factor falls with time."""

    start_factor: Annotated[Positive, Field(le=1, description="Of the oracle price")] = 0.98
    cutoff_factor: Annotated[Positive, Field(le=1, description="At the end of the fast phase")] = (
        0.70
    )
    fast_seconds: Annotated[PositiveSeconds, Field(description="Length of the fast phase")] = 900.0
    slow_seconds: Annotated[
        PositiveSeconds, Field(description="Length of the slow phase, down to 0")
    ] = 7_200.0

    @model_validator(mode="after")
    def _falls(self) -> Auction:
        if self.cutoff_factor > self.start_factor:
            raise ValueError(
                f"cutoff_factor = {self.cutoff_factor} is above start_factor = {self.start_factor}"
            )
        return self


class Liquidation(Table):
    """From a believed breach to the close of the account."""

    grace_seconds: Annotated[
        Seconds, Field(description="Time an owner has to answer a margin call")
    ] = 900.0
    grace_from: Annotated[
        Literal["call_arrival", "breach"],
        Field(
            description="Grace runs from the breach, or from when the call should arrive, with "
            "the time that the report of an answer should take on top"
        ),
    ] = "call_arrival"
    smallest_seizure_usd: Annotated[
        Positive,
        Field(description="A debt or a claim below this is not worth the messages to fetch it"),
    ] = 10.0
    seizure_buffer: Annotated[
        NotNegative, Field(description="Seized beyond the cost of closing, as a fraction of it")
    ] = 0.15
    close_out: Annotated[
        Literal["on_proceeds", "at_once"],
        Field(description="Close positions when proceeds are home, or when the seizure is sent"),
    ] = "on_proceeds"
    close_slippage: Annotated[
        NotNegative, Field(description="Worst price of a closing order, fraction beyond the mark")
    ] = 0.25
    take_over_seconds: Annotated[
        PositiveSeconds,
        Field(description="After this, what the book has not taken goes to market makers"),
    ] = 3_600.0
    take_over_discount: Annotated[
        NotNegative, Field(description="What they are paid beyond the mark, as a fraction of it")
    ] = 0.10
    late_seconds: Annotated[
        PositiveSeconds, Field(description="A liquidation longer than this counts as late")
    ] = 7_200.0
    auction: Auction = Auction()


class GasTreasury(Table):
    """Who pays for messages, and how fees answer to waiting."""

    treasury_usd: Annotated[Positive, Field(description="Paid into the fee treasury")] = 5e6
    fee_multiple: Annotated[
        AtLeastOne, Field(description="Fee offered, in multiples of the gas cost at sending")
    ] = 1.5
    bump_after_seconds: Annotated[
        PositiveSeconds, Field(description="Waiting time after which the fee offered doubles")
    ] = 900.0
    highest_bumps: Annotated[Count, Field(description="Doublings at most")] = 4
