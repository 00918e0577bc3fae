"""The market on every chain in which collateral is sold and options are hedged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from abm.errors import Problem
from abm.scenario.fields import (
    Fraction,
    FractionBelowOne,
    Name,
    NotNegative,
    Positive,
    PositiveSeconds,
    Table,
)
from abm.scenario.references import unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abm.scenario.model import Scenario


class HedgeMarket(Table):
    """A market in the underlying on every chain; trades move its price there.

    The depth is that of calm times the power of realised over calm volatility below, at least
    ``smallest_depth_share`` of it. Forms and sources are those of `abm.market.local_prices`.
    """

    depth_usd: Annotated[
        Positive, Field(description="Value of a trade that moves a chain's price by 1 %, in calm")
    ]
    chain_depth_usd: Annotated[
        dict[Name, Positive],
        Field(default_factory=dict, description="The same for the chains that differ"),
    ]
    volatility_power: Annotated[
        NotNegative,
        Field(
            description="Depth shrinks with this power of realised over calm volatility; with 1, "
            "impact is in proportion to volatility"
        ),
    ] = 1.0
    smallest_depth_share: Annotated[
        Positive, Field(le=1, description="Share of the depth in calm that is always there")
    ] = 0.02
    permanent_share: Annotated[Fraction, Field(description="Share of a price move that stays")] = (
        0.3
    )
    half_life_seconds: Annotated[
        PositiveSeconds, Field(description="Time in which half of the rest is gone")
    ] = 1_800.0
    arbitrage_usd_per_hour: Annotated[
        NotNegative, Field(description="What arbitrageurs can carry over each channel; 0 for none")
    ] = 1_000_000.0
    arbitrage_cost: Annotated[
        FractionBelowOne, Field(description="Log price difference at which they leave it alone")
    ] = 0.001

    def calm_depth_usd(self, chain: str) -> float:
        """Return the depth of one chain in calm, in dollars."""
        return self.chain_depth_usd.get(chain, self.depth_usd)


class Hedging(Table):
    """How market makers hedge the delta of their options, with perpetuals on the venue's chain.

    Hedged back to the edge of a band, as is best where trading costs are in proportion (Whalley
    and Wilmott 1997, doi:10.1111/1467-9965.00034).
    """

    band_lots: Annotated[
        NotNegative, Field(description="Net delta that a maker leaves open, in contracts")
    ] = 10.0
    depth_share_per_minute: Annotated[
        Positive, Field(description="What a maker trades in a minute at most, of the depth of then")
    ] = 0.1
    fee: Annotated[FractionBelowOne, Field(description="Of the value traded")] = 0.0005
    funding_rate_per_day: Annotated[
        float, Field(description="Fraction of the value that longs pay shorts; may be below 0")
    ] = 0.0


def hedge_market_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield depths of chains that are not there, and hedging without a market for it."""
    rule = scenario.hedge_market
    if rule is None:
        if scenario.market_makers.hedging is not None:
            yield Problem(
                "market_makers.hedging", "", "it needs a market to hedge in, the table hedge_market"
            )
        return
    for chain in rule.chain_depth_usd:
        if chain not in scenario.chains:
            yield unknown("hedge_market.chain_depth_usd", chain, scenario.chains, "chains")
