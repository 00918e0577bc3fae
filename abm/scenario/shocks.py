"""Scheduled events: what fails, when, for how long. A new kind is one class and one line below."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from abm.scenario.fields import AtLeastOne, Fraction, Hours, NotNegative, Table
from abm.units import seconds


class TimedShock(Table):
    """What every shock has: a start and a length."""

    at_hours: Annotated[
        NotNegative, Field(le=100_000, description="Start, from the start of the run")
    ]
    duration_hours: Annotated[Hours, Field(description="Length")]

    @property
    def start_second(self) -> int:
        """First second of the shock."""
        return seconds(self.at_hours)

    @property
    def end_second(self) -> int:
        """First second after the shock."""
        return self.start_second + seconds(self.duration_hours)


Names = Annotated[tuple[str, ...], Field(strict=False, min_length=1)]


class ChannelHalt(TimedShock):
    """Messages of these channels wait; nothing is delivered until the end."""

    kind: Literal["channel_halt"]
    channels: Names


class ChainHalt(TimedShock):
    """No blocks: nothing leaves or reaches the chain, its oracle and auctions stand still."""

    kind: Literal["chain_halt"]
    chains: Names


class GasSpike(TimedShock):
    """Gas on these chains costs a multiple."""

    kind: Literal["gas_spike"]
    chains: Names
    factor: Annotated[AtLeastOne, Field(description="Multiple of the gas price")]


class LiquidatorExit(TimedShock):
    """A share of the liquidators stops bidding."""

    kind: Literal["liquidator_exit"]
    fraction: Annotated[Fraction, Field(description="Share of the liquidators that stops")]


class RelayerExit(TimedShock):
    """A share of the relayers stops carrying messages."""

    kind: Literal["relayer_exit"]
    fraction: Annotated[Fraction, Field(description="Share of the relayers that stops")]


class Counterfactual(Table):
    """What the run that a run is compared with leaves out."""

    without_shocks: Annotated[
        Names | None, Field(description="Shocks that it leaves out; all of them if not given")
    ] = None


Shock = Annotated[
    ChannelHalt | ChainHalt | GasSpike | LiquidatorExit | RelayerExit, Field(discriminator="kind")
]
