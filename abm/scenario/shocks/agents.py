"""Shocks to those who act at the venue."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from abm.scenario.fields import Fraction
from abm.scenario.shocks.base import TimedShock

Numbers = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(strict=False)]


class AgentOutage(TimedShock):
    """These very relayers carry nothing, and these market makers quote nothing."""

    kind: Literal["agent_outage"]
    relayers: Annotated[Numbers, Field(description="Their numbers, from 0 on")] = ()
    market_makers: Annotated[Numbers, Field(description="Their numbers, from 0 on")] = ()

    @model_validator(mode="after")
    def _stops_somebody(self) -> AgentOutage:
        if not self.relayers and not self.market_makers:
            raise ValueError("it must name relayers or market_makers")
        return self


class LiquidatorExit(TimedShock):
    """A share of the liquidators stops bidding."""

    kind: Literal["liquidator_exit"]
    fraction: Annotated[Fraction, Field(description="Share of the liquidators that stops")]


class MarketMakerWithdrawal(TimedShock):
    """A share of the market makers takes its quotes away and makes no new ones."""

    kind: Literal["market_maker_withdrawal"]
    fraction: Annotated[Fraction, Field(description="Share of the market makers that leaves")]
