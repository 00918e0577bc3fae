"""Shocks to those who act at the venue."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from abm.scenario.fields import Fraction
from abm.scenario.shocks.base import TimedShock


class LiquidatorExit(TimedShock):
    """A share of the liquidators stops bidding."""

    kind: Literal["liquidator_exit"]
    fraction: Annotated[Fraction, Field(description="Share of the liquidators that stops")]


class MarketMakerWithdrawal(TimedShock):
    """A share of the market makers takes its quotes away and makes no new ones."""

    kind: Literal["market_maker_withdrawal"]
    fraction: Annotated[Fraction, Field(description="Share of the market makers that leaves")]
