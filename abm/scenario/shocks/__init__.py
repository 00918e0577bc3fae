"""Events that a scenario lets happen: what fails, when, for how long.

A new kind is one class in the module of its family, and one line below.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from abm.scenario.fields import Table
from abm.scenario.shocks.agents import AgentOutage, LiquidatorExit, MarketMakerWithdrawal
from abm.scenario.shocks.base import Names, TimedShock
from abm.scenario.shocks.bridges import BridgeExploit, VerifierCompromise
from abm.scenario.shocks.chains import (
    ChainHalt,
    FinalityLoss,
    GasSpike,
    JurisdictionFreeze,
    Reorg,
    SequencerOutage,
)
from abm.scenario.shocks.governance import CustodianFreeze, EmergencyPause, ParameterChange
from abm.scenario.shocks.market import PriceJump, StablecoinDepeg, VolatilityJump
from abm.scenario.shocks.oracles import OracleDeviation, OracleFreeze, OracleManipulation
from abm.scenario.shocks.transport import (
    Censorship,
    ChannelDelay,
    ChannelHalt,
    ChannelLoss,
    RelayerExit,
    RelayerStrike,
)


class Counterfactual(Table):
    """What the run that a run is compared with leaves out."""

    without_shocks: Annotated[
        Names | None, Field(description="Shocks that it leaves out; all of them if not given")
    ] = None


Shock = Annotated[
    AgentOutage
    | BridgeExploit
    | Censorship
    | ChainHalt
    | ChannelDelay
    | ChannelHalt
    | ChannelLoss
    | CustodianFreeze
    | EmergencyPause
    | FinalityLoss
    | GasSpike
    | JurisdictionFreeze
    | LiquidatorExit
    | MarketMakerWithdrawal
    | OracleDeviation
    | OracleFreeze
    | OracleManipulation
    | ParameterChange
    | PriceJump
    | RelayerExit
    | RelayerStrike
    | Reorg
    | SequencerOutage
    | StablecoinDepeg
    | VerifierCompromise
    | VolatilityJump,
    Field(discriminator="kind"),
]

__all__ = [
    "AgentOutage",
    "BridgeExploit",
    "Censorship",
    "ChainHalt",
    "ChannelDelay",
    "ChannelHalt",
    "ChannelLoss",
    "Counterfactual",
    "CustodianFreeze",
    "EmergencyPause",
    "FinalityLoss",
    "GasSpike",
    "JurisdictionFreeze",
    "LiquidatorExit",
    "MarketMakerWithdrawal",
    "Names",
    "OracleDeviation",
    "OracleFreeze",
    "OracleManipulation",
    "ParameterChange",
    "PriceJump",
    "RelayerExit",
    "RelayerStrike",
    "Reorg",
    "SequencerOutage",
    "Shock",
    "StablecoinDepeg",
    "TimedShock",
    "VerifierCompromise",
    "VolatilityJump",
]
