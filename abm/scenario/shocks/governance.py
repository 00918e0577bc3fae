"""Decisions of those who govern venues, and of those who hold what is the owners'."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from abm.scenario.fields import NotNegative
from abm.scenario.shocks.base import Names, TimedShock

GOVERNED = ("collateral", "liquidation", "margin")
"""Tables of which a vote can change numbers during a run."""

GOVERNED_COLLATERAL = ("refused_after_seconds", "stale_after_seconds", "stale_haircut")
"""Of collateral, what the venue may count; how collateral is held is built in."""


class CustodianFreeze(TimedShock):
    """Whoever holds the collateral pays nothing out, and owners pay nothing in."""

    kind: Literal["custodian_freeze"]


class ParameterChange(TimedShock):
    """A vote changes a parameter of the venue, for as long as the shock lasts.

    It takes effect when its timelock is over; the length counts from there.
    """

    kind: Literal["parameter_change"]
    parameter: Annotated[
        str, Field(description="Dotted key of collateral, liquidation or margin, and a number")
    ]
    value: Annotated[float, Field(description="What it is changed to")]
    timelock_hours: Annotated[
        NotNegative, Field(description="From the vote until it takes effect")
    ] = 48.0


class EmergencyPause(TimedShock):
    """A guardian stops trading and liquidation at venues, some time after something happened."""

    kind: Literal["emergency_pause"]
    venues: Annotated[
        Names | None, Field(description="Which of several venues; the first one if not given")
    ] = None
    detection_hours: Annotated[
        NotNegative, Field(description="Until the guardian has seen it and acts")
    ] = 0.0
