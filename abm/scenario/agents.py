"""Who acts: the populations and their parameters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from abm.scenario.fields import (
    AtLeastOne,
    Count,
    Fraction,
    FractionBelowOne,
    Hours,
    NotNegative,
    Positive,
    PositiveSeconds,
    Probability,
    Seconds,
    Table,
)
from abm.scenario.hedge_market import Hedging

Shares = Annotated[dict[str, Positive], Field(min_length=1, description="Relative weights by name")]


class Traders(Table):
    """One kind of trader and its population."""

    strategy: Annotated[
        Literal[
            "buy_options",
            "hedge",
            "buy_lottery",
            "sell_options",
            "sell_yield",
            "sell_leveraged",
            "trade_spreads",
            "follow_trend",
        ],
        Field(description="What this kind does when it arrives"),
    ]
    count: Annotated[Count, Field(description="Traders of this kind")]
    wealth_median_usd: Annotated[Positive, Field(description="Median deposit")]
    wealth_ln_sigma: Annotated[NotNegative, Field(description="Its log standard deviation")] = 1.0
    reserve_fraction: Annotated[
        NotNegative, Field(description="Kept in the wallet at home, as a fraction of the deposit")
    ] = 0.3
    home_chains: Shares
    collateral_tokens: Shares
    venues: Annotated[
        dict[str, Positive] | None,
        Field(
            min_length=1, description="Relative weights of venues; all at the first if not given"
        ),
    ] = None
    orders_per_day: Annotated[NotNegative, Field(description="Mean arrivals of one trader")]
    market_order_share: Annotated[Fraction, Field(description="Of its orders")] = 0.7
    orders_from_home: Annotated[
        bool,
        Field(description="Sends its orders as messages from its home chain to the venue's"),
    ] = False
    put_share: Annotated[
        Fraction | None,
        Field(description="Chance of a put rather than a call, instead of the strategy's own"),
    ] = None
    size_law: Annotated[
        Literal["uniform", "lognormal", "pareto"],
        Field(description="Law of order sizes; their mean is the same under all"),
    ] = "uniform"
    size_ln_sigma: Annotated[
        NotNegative, Field(description="Log standard deviation of lognormal sizes")
    ] = 1.0
    size_tail_index: Annotated[
        float,
        Field(gt=1, description="Tail index of pareto sizes; near 1 few orders are nearly all"),
    ] = 2.0
    top_up_probability: Annotated[
        Probability, Field(description="Answers a margin call if it has the money")
    ] = 0.5
    reaction_median_seconds: Annotated[
        PositiveSeconds, Field(description="From the call's arrival to the top-up")
    ] = 600.0
    reaction_ln_sigma: Annotated[NotNegative, Field(description="Its log standard deviation")] = 1.0
    withdrawals_per_day: Annotated[
        NotNegative, Field(description="Mean withdrawals of one trader, of part of what is free")
    ] = 0.0
    panic_below: Annotated[
        Fraction,
        Field(
            description="Withdraws all it can once the insurance fund is below a share of what it "
            "was, or what stands behind a wrapped token below a share of its face; the share is "
            "drawn for each trader from 0 to this; 0 for nobody"
        ),
    ] = 0.0


class Arrivals(Table):
    """How orders come: at random, in answer to each other, more of them in wild markets."""

    branching_ratio: Annotated[
        FractionBelowOne,
        Field(description="Mean orders that one order brings directly; 0 for none (Hawkes)"),
    ] = 0.0
    decay_seconds: Annotated[
        PositiveSeconds, Field(description="Mean time from an order to those it brings")
    ] = 300.0
    volatility_response: Annotated[
        NotNegative,
        Field(
            description="Power of realised over calm volatility that the rate grows by; 0 for none"
        ),
    ] = 0.0
    highest_multiple: Annotated[
        AtLeastOne, Field(description="Cap of that growth, in multiples of the rate")
    ] = 10.0
    trend_hours: Annotated[
        Positive, Field(description="Look-back of those who follow the trend")
    ] = 4.0


class MarketMakers(Table):
    """Market makers: quotes around the surface, skewed by inventory, withdrawn under stress."""

    count: Annotated[Count, Field(description="Market makers")]
    capital_usd: Annotated[Positive, Field(description="Deposit of each at the venue")]
    half_spread_volatility: Annotated[
        Positive, Field(description="Half-spread in volatility, 0.01 is one point")
    ] = 0.009
    wing_width: Annotated[
        NotNegative,
        Field(description="Further half-spreads for an option of no delta; none from 0.4 on"),
    ] = 2.0
    deep_width: Annotated[
        NotNegative,
        Field(description="Further half-spreads for an option of delta 1; none up to 0.6"),
    ] = 15.0
    exposure_seconds: Annotated[
        Seconds,
        Field(description="Time until a stale quote is replaced, for which gamma is charged"),
    ] = 600.0
    quote_lots: Annotated[Count, Field(description="Contracts at the best level")] = 20
    inventory_limit_lots: Annotated[Count, Field(description="Contracts of one series")] = 2_000
    inventory_skew_volatility: Annotated[
        NotNegative, Field(description="Shift of the quote at the inventory limit, in volatility")
    ] = 0.0075
    stress_width: Annotated[
        AtLeastOne, Field(description="Widest spread under stress, in multiples of calm")
    ] = 8.0
    withdraw_below: Annotated[
        FractionBelowOne, Field(description="Free share of equity under which quotes are pulled")
    ] = 0.1
    requote_move: Annotated[
        NotNegative, Field(description="Relative price move that makes them quote anew")
    ] = 0.0005
    adverse_selection_share: Annotated[
        Fraction,
        Field(
            description="Of what their ladders lose to those who see a price move before them, the "
            "part by which they quote further from the mark"
        ),
    ] = 0.0
    adverse_selection_hours: Annotated[
        Hours, Field(description="In which what they learn from fills fades to 1/e")
    ] = 1.0
    hedging: Annotated[
        Hedging | None, Field(description="How they hedge the delta of their options; not at all")
    ] = None

    funding_width: Annotated[
        NotNegative,
        Field(
            description="Several venues: further half-spreads where dollars from another would "
            "take an hour to come; with the square root of that time, at most four hours"
        ),
    ] = 0.0
    bring_below: Annotated[
        FractionBelowOne,
        Field(
            description="Several venues: free share of equity at one under which a maker brings "
            "dollars from another by message"
        ),
    ] = 0.4


class Arbitrageurs(Table):
    """Firms with an account at every venue that buy where a series is cheap and sell where dear."""

    count: Annotated[Count, Field(description="Arbitrageurs")]
    capital_usd: Annotated[Positive, Field(description="Deposit of each at every venue")]
    minimum_gain_usd: Annotated[NotNegative, Field(description="Per contract, after both fees")] = (
        0.05
    )
    largest_lots: Annotated[Count, Field(description="Contracts of one series in one go")] = 20
    keep_free: Annotated[
        FractionBelowOne, Field(description="Free share of equity below which it opens nothing")
    ] = 0.2
    bring_below: Annotated[
        FractionBelowOne,
        Field(description="Free share of equity at one venue under which it brings dollars"),
    ] = 0.4


class Relayers(Table):
    """Relayers: carry attested messages when the fee covers gas and profit."""

    count: Annotated[Count, Field(description="Relayers")]
    channels_each: Annotated[Count, Field(description="Channels that each serves")] = 4
    messages_per_minute: Annotated[Positive, Field(description="Capacity of each")] = 30.0
    minimum_profit_usd: Annotated[NotNegative, Field(description="Per message")] = 0.001
    outages_per_day: Annotated[NotNegative, Field(description="Mean outages of each")] = 0.2
    outage_seconds: Annotated[PositiveSeconds, Field(description="Mean length of one")] = 1_800.0


class Oracles(Table):
    """Oracles: publish on deviation or heartbeat, if gas allows, for each chain or for all."""

    publication: Annotated[
        Literal["per_chain", "one_round"],
        Field(
            description="A feed of its own on every chain, or one round that is published on the "
            "home chain and travels to all others"
        ),
    ] = "per_chain"
    home_chain: Annotated[
        str | None, Field(description="one_round: where it is published; the venue's if not given")
    ] = None
    travel_median_seconds: Annotated[
        PositiveSeconds, Field(description="one_round: from the home chain to another")
    ] = 60.0
    travel_ln_sigma: Annotated[NotNegative, Field(description="Its log standard deviation")] = 0.3
    error_ln_sigma: Annotated[
        NotNegative, Field(description="Log standard deviation of what a feed observes")
    ] = 0.0
    stale_after_seconds: Annotated[
        PositiveSeconds | None,
        Field(description="The venue takes a round older than this for stale; never if not given"),
    ] = None
    stale_rule: Annotated[
        Literal["use", "stop_trading", "stop_all"],
        Field(description="What the venue does then: go on, take no orders, call no margin either"),
    ] = "use"
    heartbeat_seconds: Annotated[PositiveSeconds, Field(description="Longest silence")] = 3_600.0
    deviation: Annotated[Positive, Field(description="Relative move that publishes")] = 0.005
    gas_tolerance: Annotated[
        AtLeastOne,
        Field(description="Gas, in multiples of calm, beyond which deviations are skipped"),
    ] = 20.0
    delay_seconds: Annotated[Seconds, Field(description="From observing to publishing")] = 20.0


class Liquidators(Table):
    """Liquidators: buy seized collateral with money that stands on its chain."""

    count: Annotated[Count, Field(description="Liquidators")]
    capital_median_usd: Annotated[Positive, Field(description="Median cash of each")]
    capital_ln_sigma: Annotated[NotNegative, Field(description="Its log standard deviation")] = 1.0
    home_chains: Shares
    minimum_profit: Annotated[
        NotNegative, Field(description="Of the amount paid, after gas and resale cost")
    ] = 0.01
    reserve_fraction: Annotated[
        NotNegative,
        Field(
            description="Dollars kept on the first venue's chain, as a fraction of the cash; they "
            "follow by message when the cash runs low"
        ),
    ] = 0.0
    refill_below: Annotated[
        FractionBelowOne, Field(description="Share of its cash at the start that is low")
    ] = 0.5
    resale_seconds: Annotated[
        PositiveSeconds, Field(description="Until bought collateral is sold for cash again")
    ] = 1_800.0
    resale_cost: Annotated[FractionBelowOne, Field(description="Of the price at resale")] = 0.002
