"""Shocks to oracles."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from abm.scenario.fields import Hours, Positive
from abm.scenario.shocks.base import Names, TimedShock


class OracleFreeze(TimedShock):
    """Nothing is published on these chains."""

    kind: Literal["oracle_freeze"]
    chains: Names


class OracleDeviation(TimedShock):
    """Feeds of these chains observe a multiple of the price, such as a parent asset's."""

    kind: Literal["oracle_deviation"]
    chains: Names
    factor: Annotated[Positive, Field(description="Observed, as a multiple of the true price")]


class OracleManipulation(TimedShock):
    """Somebody moves the market that the feeds of these chains observe; arbitrage moves it back."""

    kind: Literal["oracle_manipulation"]
    chains: Names
    factor: Annotated[Positive, Field(description="Observed at first, multiple of the true price")]
    recovery_half_life_hours: Annotated[
        Hours, Field(description="Until arbitrage has undone half of it")
    ] = 0.25
