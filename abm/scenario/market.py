"""What trades: the underlying's price, implied volatility, the listed series."""

from __future__ import annotations

import itertools
import sys
from math import isclose
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from abm.scenario.fields import (
    AtLeastOne,
    Count,
    Fraction,
    FractionBelowOne,
    Hours,
    Name,
    NotNegative,
    Positive,
    PositiveSeconds,
    Table,
)
from abm.scenario.ordering import Ordering
from abm.scenario.prices import Price, Underlying, VolatilityIndex
from abm.units import MICRO, SECONDS_PER_DAY, SECONDS_PER_YEAR

LOWEST_LEVEL = 0.5
"""A rising price lowers the level of implied volatility to this part of its base at most."""

TERM_DAYS = 30.0
"""Time to expiry at which volatility at the money equals the level, and beyond which it stays."""

SHORTEST_SMILE_DAYS = 1.0
"""In the last day the smile stays that of a day, and its total variance runs out with time."""

STEEPEST_TERM_POWER = 0.5
"""Total variance grows with time to the power of 1 - 2 * term_power."""

BUTTERFLY_BOUND = 4.0
"""Of Theorem 4.2 in Gatheral and Jacquier (2014)."""


class Volatility(Table):
    """Implied volatility: a level that jumps as the price falls, and a smile free of arbitrage.

    level = base * exp(response * ln(trailing average of the price / price)), at least base / 2;
    at the money = level * max(30 days / time to expiry, 1)**term_power, at most ``highest``.
    The smile around it is the surface SVI of `abm.market.surface`, with rho, eta and gamma named
    ``smile_correlation``, ``smile_curvature`` and ``smile_power``.
    """

    base: Annotated[Positive, Field(description="At-the-money volatility of 30 days, annualised")]
    response: Annotated[
        NotNegative, Field(description="Log change of the level per log fall below the average")
    ] = 1.6
    average_half_life_hours: Annotated[
        Positive, Field(description="Half-life of the trailing average of the price")
    ] = 24.0
    term_power: Annotated[
        NotNegative, Field(description="Expiries under 30 days stand higher; at most 0.5")
    ] = 0.1
    smile_correlation: Annotated[
        float,
        Field(gt=-1, lt=1, description="Tilt of the smile (rho); below 0 puts cost more"),
    ] = -0.13
    smile_curvature: Annotated[
        NotNegative, Field(description="Steepness of the smile (eta); 0 is a flat one")
    ] = 0.81
    smile_power: Annotated[
        Fraction,
        Field(description="Growth of the smile as expiry nears (gamma); 0.5 keeps its shape"),
    ] = 0.5
    highest: Annotated[
        Positive, Field(description="Cap of the volatility at the money, annualised")
    ] = 4.0
    index: Annotated[
        VolatilityIndex | None,
        Field(description="Recorded levels that replace the formula; base stays the calm level"),
    ] = None

    @model_validator(mode="after")
    def _free_of_static_arbitrage(self) -> Volatility:
        """Check the closed conditions at every level and every time to expiry.

        Theorem 4.1 (calendar) holds for every gamma in [0, 1] once theta rises with time, so that
        only the term structure and Theorem 4.2 (butterfly) are left to check.
        """
        if self.term_power > STEEPEST_TERM_POWER:
            raise ValueError(
                f"term_power is {self.term_power}: total variance at the money would fall with "
                f"time to expiry, a calendar arbitrage; it must be at most {STEEPEST_TERM_POWER}"
            )
        tilt = 1.0 + abs(self.smile_correlation)
        given = (
            f"smile_correlation (rho) is {self.smile_correlation}, smile_curvature (eta) is "
            f"{self.smile_curvature}, smile_power (gamma) is {self.smile_power}: "
        )
        # theta * phi(theta) rises with theta towards eta.
        if self.smile_curvature * tilt > BUTTERFLY_BOUND:
            raise ValueError(
                f"{given}eta * (1 + |rho|) is {self.smile_curvature * tilt:.4g}; without butterfly "
                f"arbitrage it is at most {BUTTERFLY_BOUND} (Gatheral and Jacquier 2014, "
                "theorem 4.2)"
            )
        # theta * phi(theta)**2 rises until theta = 1 - 2 * gamma and falls from there on.
        theta = max(1.0 - 2.0 * self.smile_power, self._lowest_total_variance())
        wing = theta ** (1.0 - 2.0 * self.smile_power) / (1.0 + theta) ** (
            2.0 - 2.0 * self.smile_power
        )
        reached = self.smile_curvature**2 * wing * tilt
        if reached > BUTTERFLY_BOUND:
            raise ValueError(
                f"{given}theta * phi(theta)**2 * (1 + |rho|) reaches {reached:.4g} "
                f"at theta = {theta:.4g}, a total variance at the money that these levels allow; "
                f"without butterfly arbitrage it is at most {BUTTERFLY_BOUND} (Gatheral and "
                "Jacquier 2014, theorem 4.2)"
            )
        return self

    def _lowest_total_variance(self) -> float:
        """Return the least at-the-money total variance of which a smile is ever made."""
        term: float = (TERM_DAYS / SHORTEST_SMILE_DAYS) ** self.term_power
        volatility = min(LOWEST_LEVEL * self.base * term, self.highest)
        years = SHORTEST_SMILE_DAYS * SECONDS_PER_DAY / SECONDS_PER_YEAR
        return max(volatility * volatility * years, sys.float_info.min)


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
    others: Annotated[
        dict[str, Underlying],
        Field(default_factory=dict, description="Other underlyings that tokens may be worth"),
    ]
    volatility: Volatility
    expiries: Annotated[tuple[Expiry, ...], Field(strict=False, min_length=1)]
    nearest_strikes: Annotated[
        Count | None,
        Field(
            description="Strikes on either side of the published price that are listed; more as it "
            "moves. All of them from the start if not given"
        ),
    ] = None
    settlement_average_seconds: Annotated[
        PositiveSeconds, Field(description="Window of the average price that settles an expiry")
    ] = 1_800.0


class ExchangeRules(Table):
    """The venue: its chain, its grid of prices, its fees; further venues go by the same rules."""

    name: Annotated[Name, Field(description="By which it is told from further venues")] = "main"
    chain: Annotated[str, Field(description="Chain on which the venue runs")]
    tick_usd: Annotated[
        Positive, Field(le=1_000_000, description="Smallest price step of a premium")
    ] = 0.05
    taker_fee: Annotated[
        FractionBelowOne, Field(description="Fraction of the underlying's price, per contract")
    ] = 0.0003
    depth_levels: Annotated[Count, Field(description="Levels of a market maker's ladder")] = 3
    self_trade: Annotated[
        Literal["cancel_resting", "cancel_incoming", "cancel_both"],
        Field(
            description="What goes where an account's order would trade with its own: the older, "
            "the newer with all that is left of it, or both"
        ),
    ] = "cancel_resting"
    opening_utilisation: Annotated[
        FractionBelowOne,
        Field(description="Mean share of their initial margin that sellers use at the start"),
    ] = 0.6
    lends_cash: Annotated[
        bool,
        Field(
            description="Who takes money out gets dollars beyond its own, too, as far as initial "
            "margin and the venue's vault go"
        ),
    ] = False

    ordering: Annotated[
        Ordering | None,
        Field(
            description="How orders reach the venue and in which order; all in the step of asking, "
            "in the order of the agents' turns, if not given"
        ),
    ] = None

    @model_validator(mode="after")
    def _tick_is_whole(self) -> ExchangeRules:
        if not isclose(self.tick_usd * MICRO, round(self.tick_usd * MICRO), rel_tol=1e-12):
            raise ValueError(f"tick_usd = {self.tick_usd} is not a whole number of micro-dollars")
        return self


class StressGrid(Table):
    """The method that sets the requirements, and its ranges.

    ``portfolio`` reads the two scan ranges, ``standard`` none of the numbers; the other parameters
    are of ``span``.
    """

    grid: Annotated[
        Literal["span", "portfolio", "standard"], Field(description="Name of the method of margin")
    ] = "span"
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
