"""What trades: the underlying's price, implied volatility, the listed series."""

from __future__ import annotations

import itertools
from math import isclose
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from abm.scenario.fields import (
    AtLeastOne,
    Count,
    FractionBelowOne,
    Hours,
    NotNegative,
    Positive,
    PositiveSeconds,
    Table,
)
from abm.units import MICRO

Bar = Annotated[tuple[Positive, Positive, Positive, Positive], Field(strict=False)]
"""Open, high, low, close of one bar, in dollars."""


class ReplayPrice(Table):
    """A recorded price, bar by bar; inside a bar a bridge through its high and low."""

    kind: Literal["replay"]
    source: Annotated[str, Field(description="Where the figures come from")]
    bar_seconds: Annotated[int, Field(ge=60, description="Length of one bar, in seconds")]
    bars: Annotated[
        tuple[Bar, ...],
        Field(strict=False, min_length=1, description="Open, high, low, close in dollars"),
    ]
    bridge_volatility: Annotated[
        NotNegative,
        Field(description="Annualised volatility of the bridge between a bar's known points"),
    ] = 1.0

    @field_validator("bars")
    @classmethod
    def _ordered(cls, bars: tuple[Bar, ...]) -> tuple[Bar, ...]:
        for number, (opening, high, low, close) in enumerate(bars):
            if not low <= min(opening, close) <= max(opening, close) <= high:
                raise ValueError(
                    f"bar {number} is {[opening, high, low, close]}: "
                    "open and close must lie between low and high"
                )
        return bars


class DiffusionPrice(Table):
    """Geometric Brownian motion."""

    kind: Literal["diffusion"]
    start_usd: Annotated[Positive, Field(description="Price at second 0, in dollars")]
    annual_volatility: Annotated[NotNegative, Field(description="1.0 is 100 % a year")]
    annual_drift: Annotated[float, Field(description="Drift of the logarithm, per year")] = 0.0


Price = Annotated[ReplayPrice | DiffusionPrice, Field(discriminator="kind")]


class Volatility(Table):
    """Implied volatility: a level that jumps as the price falls, and a fixed smile.

    level = base * exp(response * ln(trailing average of the price / price)), at least base / 2;
    iv = level * (30 days / time to expiry)**term_power * (1 + skew*k + curvature*k**2),
    k = ln(strike / price) / sqrt(time to expiry in years), clipped to [-2, 2].
    """

    base: Annotated[Positive, Field(description="At-the-money volatility of 30 days, annualised")]
    response: Annotated[
        NotNegative, Field(description="Log change of the level per log fall below the average")
    ] = 1.0
    average_half_life_hours: Annotated[
        Positive, Field(description="Half-life of the trailing average of the price")
    ] = 24.0
    term_power: Annotated[NotNegative, Field(description="Short expiries stand higher")] = 0.1
    skew: Annotated[float, Field(description="Slope of the smile in k")] = -0.08
    curvature: Annotated[NotNegative, Field(description="Curvature of the smile in k")] = 0.05
    highest: Annotated[Positive, Field(description="Cap of every implied volatility")] = 4.0


class Expiry(Table):
    """One expiry and the strikes listed for it, calls and puts."""

    after_hours: Annotated[Hours, Field(description="Time of expiry, from the start")]
    strikes_usd: Annotated[
        tuple[Positive, ...], Field(strict=False, min_length=1, description="In dollars")
    ]

    @field_validator("strikes_usd")
    @classmethod
    def _increasing(cls, strikes: tuple[float, ...]) -> tuple[float, ...]:
        if any(later <= earlier for earlier, later in itertools.pairwise(strikes)):
            raise ValueError("strikes must increase")
        return strikes


class Market(Table):
    """The underlying and what is listed on it."""

    underlying: Annotated[str, Field(description="Name of the underlying")] = "ETH"
    price: Price
    volatility: Volatility
    expiries: Annotated[tuple[Expiry, ...], Field(strict=False, min_length=1)]
    settlement_average_seconds: Annotated[
        PositiveSeconds, Field(description="Window of the average price that settles an expiry")
    ] = 1_800.0


class ExchangeRules(Table):
    """The venue: its chain, its grid of prices, its fees."""

    chain: Annotated[str, Field(description="Chain on which the venue runs")]
    tick_usd: Annotated[
        Positive, Field(le=1_000_000, description="Smallest price step of a premium")
    ] = 0.05
    taker_fee: Annotated[
        FractionBelowOne, Field(description="Fraction of the underlying's price, per contract")
    ] = 0.0003
    depth_levels: Annotated[Count, Field(description="Levels of a market maker's ladder")] = 3
    opening_utilisation: Annotated[
        FractionBelowOne,
        Field(description="Mean share of their initial margin that sellers use at the start"),
    ] = 0.6

    @model_validator(mode="after")
    def _tick_is_whole(self) -> ExchangeRules:
        if not isclose(self.tick_usd * MICRO, round(self.tick_usd * MICRO), rel_tol=1e-12):
            raise ValueError(f"tick_usd = {self.tick_usd} is not a whole number of micro-dollars")
        return self


class StressGrid(Table):
    """The grid of stress points that sets the requirement."""

    grid: Annotated[Literal["span"], Field(description="Name of the stress grid")] = "span"
    price_scan_range: Annotated[
        Positive, Field(lt=1, description="Price move of the grid, fraction of the price")
    ] = 0.15
    volatility_scan_range: Annotated[
        Positive, Field(lt=1, description="Volatility move of the grid, fraction of it")
    ] = 0.33
    extreme_multiple: Annotated[
        AtLeastOne, Field(description="Extreme points, in price scan ranges")
    ] = 3.0
    extreme_cover: Annotated[
        Positive, Field(le=1, description="Share of the extreme points' loss that is margined")
    ] = 0.33
    short_option_minimum: Annotated[
        NotNegative, Field(lt=1, description="Fraction of the price, per short contract")
    ] = 0.02
    initial_factor: Annotated[
        AtLeastOne, Field(description="Initial over maintenance requirement")
    ] = 1.3
