"""Shocks to chains."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from abm.scenario.fields import AtLeastOne, PositiveSeconds
from abm.scenario.shocks.base import Names, TimedShock


class ChainHalt(TimedShock):
    """No blocks: nothing leaves or reaches the chain, its oracle and auctions stand still."""

    kind: Literal["chain_halt"]
    chains: Names


class SequencerOutage(TimedShock):
    """A rollup's sequencer is down: only what is forced in by the settlement chain goes on."""

    kind: Literal["sequencer_outage"]
    chains: Names


class Reorg(TimedShock):
    """The last blocks of a chain are dropped, and what it sent in them."""

    lasts: ClassVar[bool] = False

    kind: Literal["reorg"]
    chains: Names
    depth_seconds: Annotated[PositiveSeconds, Field(description="How far back blocks are dropped")]


class FinalityLoss(TimedShock):
    """Blocks go on and become final no more: who waits for finality waits."""

    kind: Literal["finality_loss"]
    chains: Names


class GasSpike(TimedShock):
    """Gas on these chains costs a multiple."""

    kind: Literal["gas_spike"]
    chains: Names
    factor: Annotated[AtLeastOne, Field(description="Multiple of the gas price")]


class JurisdictionFreeze(TimedShock):
    """Assets on the chains of these jurisdictions may not move: no deposit, seizure or sale."""

    kind: Literal["jurisdiction_freeze"]
    jurisdictions: Annotated[
        Names, Field(description="As the chains name them in their key jurisdiction")
    ]
