"""Shocks to prices."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from abm.scenario.fields import Hours, Positive
from abm.scenario.shocks.base import TimedShock


class PriceJump(TimedShock):
    """The price moves to a multiple of what it would have been, over the length of the shock."""

    kind: Literal["price_jump"]
    factor: Annotated[Positive, Field(description="Price at the end, as a multiple")]
    recovery_half_life_hours: Annotated[
        Hours | None, Field(description="Until half of the move is undone; it stays, if not given")
    ] = None


class VolatilityJump(TimedShock):
    """The level of implied volatility is higher while the shock lasts."""

    kind: Literal["volatility_jump"]
    added_volatility: Annotated[Positive, Field(description="Added to it; 0.5 is 50 points")]


class StablecoinDepeg(TimedShock):
    """A stable token is worth less than its dollar: it falls, stays low, is back at the end."""

    kind: Literal["stablecoin_depeg"]
    token: Annotated[str, Field(description="A token with worth = 'stable'")]
    worth_usd: Annotated[Positive, Field(lt=1, description="What it is worth at the bottom")]
    fall_hours: Annotated[Hours, Field(description="Until it is there")] = 1.0
    venue_sees_it: Annotated[
        bool, Field(description="The venue counts it at its worth, not as a whole dollar")
    ] = True
