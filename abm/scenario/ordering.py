"""How orders reach the venue, in which order they are settled, and who reads them on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from abm.errors import Problem
from abm.scenario.fields import (
    Count,
    Fraction,
    NotNegative,
    Positive,
    PositiveSeconds,
    Seconds,
    Table,
)
from abm.scenario.venues import venue_chains, venue_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abm.scenario.model import Scenario

SEARCHER = "searcher"
"""Kind of a searcher's account in the tables; no kind of trader may have this name."""


class Ordering(Table):
    """The rule by which a sequencer orders what reaches it, and how long that takes.

    Market makers' ladders go through the same queue. What is settled at one moment (a second, a
    block, a batch) withdraws old ladders first.
    """

    rule: Annotated[
        Literal["first_come", "priority_fee", "batch_auction", "encrypted"],
        Field(
            description="By arrival; by fee within a block of the venue's chain; all of a batch at "
            "one price; by arrival of what nobody can read until it is decrypted"
        ),
    ]
    delay_median_seconds: Annotated[
        Seconds, Field(description="Median time of an order to the sequencer")
    ] = 0.0
    delay_ln_sigma: Annotated[
        NotNegative, Field(description="Log standard deviation of that time, drawn for each order")
    ] = 0.0
    quote_delay_median_seconds: Annotated[
        Seconds | None, Field(description="The median for market makers; as orders if not given")
    ] = None
    batch_seconds: Annotated[
        PositiveSeconds, Field(description="batch_auction: time between two auctions")
    ] = 60.0
    batch_margin: Annotated[
        Literal["pro_rata", "time"],
        Field(
            description="batch_auction: how the last price is shared among the orders of a batch; "
            "what stood there before the batch goes first"
        ),
    ] = "pro_rata"
    decryption_delay_seconds: Annotated[
        Seconds,
        Field(description="encrypted: from the commitment to an order until it can be read"),
    ] = 0.0
    fee_median_usd: Annotated[
        NotNegative, Field(description="priority_fee: median bid of a trader's order")
    ] = 0.0
    fee_ln_sigma: Annotated[
        NotNegative, Field(description="Log standard deviation of that bid, drawn for each order")
    ] = 0.0


class Searchers(Table):
    """Searchers: trade ahead of orders that they can read, and on quotes that are out of date."""

    count: Annotated[Count, Field(description="Searchers")]
    capital_usd: Annotated[Positive, Field(description="Deposit of each at the venue")]
    minimum_profit_usd: Annotated[
        NotNegative, Field(description="Expected profit, after fees, below which they do nothing")
    ] = 1.0
    fee_share: Annotated[
        Fraction, Field(description="Share of the expected profit that they bid as priority fee")
    ] = 0.5
    delay_seconds: Annotated[
        Seconds, Field(description="Time of their orders to the sequencer")
    ] = 1.0
    snipe_liquidations: Annotated[
        bool,
        Field(
            description="Whether they also trade ahead of close-outs whose time can be told from "
            "accounts: those at_once, and those with nothing to seize"
        ),
    ] = False
    hold_seconds: Annotated[
        PositiveSeconds, Field(description="Until what they still hold is offered anew")
    ] = 300.0


def ordering_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield what the whole file shows to be wrong with orders, their ways, and searchers."""
    ordering = scenario.venue.ordering
    step = scenario.clock.step_seconds
    batched = ordering is not None and ordering.rule == "batch_auction"
    if ordering is not None and batched and ordering.batch_seconds < step:
        rule = f"an auction needs a step of its own; the clock's step is {step} seconds"
        yield Problem("venue.ordering.batch_seconds", f"{ordering.batch_seconds:g}", rule)
    if scenario.searchers is not None:
        if ordering is None:
            rule = "searchers need an order in which orders are settled: give [venue.ordering] too"
            yield Problem("searchers", f"count = {scenario.searchers.count}", rule)
        if SEARCHER in scenario.traders:
            rule = "with [searchers] this name is taken by their accounts"
            yield Problem(f"traders.{SEARCHER}", "", rule)
    routes = {(channel.source, channel.destination) for channel in scenario.channels.values()}
    chains = dict(zip(venue_names(scenario), venue_chains(scenario), strict=True))
    for kind, traders in scenario.traders.items():
        venues = [chains[name] for name in traders.venues or list(chains)[:1] if name in chains]
        for chain in traders.home_chains if traders.orders_from_home else ():
            for venue in venues:
                if chain != venue and (chain, venue) not in routes:
                    rule = f"orders from {chain} need a channel from {chain} to {venue}"
                    yield Problem(f"traders.{kind}.orders_from_home", "true", rule)
