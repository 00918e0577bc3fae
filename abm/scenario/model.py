"""A whole scenario, and the checks that need to see all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from abm.errors import Problem
from abm.scenario.agents import (
    Arbitrageurs,
    Arrivals,
    Liquidators,
    MarketMakers,
    Oracles,
    Relayers,
    Traders,
)
from abm.scenario.clock import Clock
from abm.scenario.collateral import Collateral, GasTreasury, Liquidation
from abm.scenario.contagion import Contagion
from abm.scenario.fields import Name, Table
from abm.scenario.hedge_market import HedgeMarket, hedge_market_problems
from abm.scenario.history import HistoricRange
from abm.scenario.market import ExchangeRules, Market, StressGrid
from abm.scenario.network import OWN_WORTHS, Chain, Channel, Protocol, Token
from abm.scenario.ordering import Searchers, ordering_problems
from abm.scenario.prices import ClusteredPrice, ReplayPrice
from abm.scenario.references import unknown
from abm.scenario.shock_checks import shock_problems
from abm.scenario.shocks import Counterfactual, Shock
from abm.scenario.venues import (
    FurtherVenue,
    clearing_chains,
    venue_problems,
)
from abm.scenario.watchers import FundDepositors, Guardians, watcher_problems
from abm.scenario.waterfall import Waterfall, waterfall_problems
from abm.units import MICRO, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator


class Scenario(Table):
    """What one run is. Frozen; equal scenarios have equal fingerprints."""

    name: Annotated[Name, Field(description="Name of the study that its results belong to")]
    question: Annotated[str, Field(min_length=1, description="What the scenario asks")]
    seed: Annotated[int, Field(ge=0, lt=2**63, description="Seed of every random stream")] = 1
    clock: Clock
    market: Market
    tokens: Annotated[dict[str, Token], Field(min_length=1)]
    chains: Annotated[dict[Name, Chain], Field(min_length=1)]
    protocols: Annotated[dict[Name, Protocol], Field(default_factory=dict)]
    channels: Annotated[dict[Name, Channel], Field(default_factory=dict)]
    venue: ExchangeRules
    further_venues: Annotated[dict[Name, FurtherVenue], Field(default_factory=dict)]
    hedge_market: Annotated[
        HedgeMarket | None,
        Field(description="Prices that sales and hedges move; none moves any if not given"),
    ] = None
    collateral: Collateral
    margin: StressGrid = StressGrid()
    liquidation: Liquidation = Liquidation()
    waterfall: Waterfall
    gas: GasTreasury = GasTreasury()
    contagion: Contagion = Contagion()
    traders: Annotated[dict[Name, Traders], Field(min_length=1)]
    arrivals: Arrivals = Arrivals()
    market_makers: MarketMakers
    arbitrageurs: Arbitrageurs | None = None
    relayers: Relayers
    oracles: Oracles = Oracles()
    liquidators: Liquidators
    searchers: Annotated[
        Searchers | None, Field(description="Who trades on what waits; nobody if not given")
    ] = None
    fund_depositors: FundDepositors | None = None
    guardians: Guardians | None = None
    shocks: Annotated[dict[Name, Shock], Field(default_factory=dict)]
    counterfactual: Counterfactual = Counterfactual()
    history: Annotated[
        dict[Name, HistoricRange],
        Field(default_factory=dict, description="What is reported of the event, by measure"),
    ]

    @property
    def cash_token(self) -> str:
        """The token that is a dollar and settles the venue's cash."""
        return next(name for name, token in self.tokens.items() if token.worth == "dollar")

    @property
    def left_out_shocks(self) -> tuple[str, ...]:
        """Names of the shocks that the counterfactual leaves out."""
        chosen = self.counterfactual.without_shocks
        return tuple(name for name in self.shocks if chosen is None or name in chosen)

    @property
    def first_shock_second(self) -> int:
        """Start of the first shock that is left out; the horizon where there is none.

        Until then a run and its counterfactual are the same.
        """
        starts = [self.shocks[name].start_second for name in self.left_out_shocks]
        return min(starts, default=self.clock.horizon_seconds)

    def without_shocks(self) -> Scenario:
        """Return the counterfactual: the same scenario without the shocks it leaves out."""
        left_out = self.left_out_shocks
        kept = {name: shock for name, shock in self.shocks.items() if name not in left_out}
        return self.model_copy(update={"shocks": kept, "counterfactual": Counterfactual()})


def _network_problems(scenario: Scenario) -> Iterator[Problem]:
    for name, channel in scenario.channels.items():
        for end in ("source", "destination"):
            chain = getattr(channel, end)
            if chain not in scenario.chains:
                yield unknown(f"channels.{name}.{end}", chain, scenario.chains, "chains")
        if channel.protocol not in scenario.protocols:
            yield unknown(
                f"channels.{name}.protocol", channel.protocol, scenario.protocols, "protocols"
            )
        yield from _lane_problems(scenario, name, channel)
    yield from _limit_problems(scenario)
    routes: dict[tuple[str, str], str] = {}
    for name, channel in scenario.channels.items():
        route = (channel.source, channel.destination)
        if route in routes:
            rule = f"one channel joins two chains in one direction; {routes[route]!r} does already"
            yield Problem(f"channels.{name}", f"{route[0]} to {route[1]}", rule)
        routes.setdefault(route, name)
    if scenario.venue.chain not in scenario.chains:
        yield unknown("venue.chain", scenario.venue.chain, scenario.chains, "chains")


def _lane_problems(scenario: Scenario, name: str, channel: Channel) -> Iterator[Problem]:
    """Check what a channel takes over from its protocol and its source, and what it changes."""
    protocol = scenario.protocols.get(channel.protocol)
    source = scenario.chains.get(channel.source)
    if protocol is None or source is None:
        return
    verifiers = channel.verifiers or protocol.verifiers
    quorum = channel.quorum or protocol.quorum
    if quorum > verifiers:
        key = "quorum" if channel.quorum is not None else "verifiers"
        rule = f"the channel's quorum of {quorum} must not be above its {verifiers} verifiers"
        yield Problem(f"channels.{name}.{key}", str(getattr(channel, key)), rule)
    if channel.finality_median_seconds is None:
        level = protocol.confidence
        if source.seconds_until(level) is None:
            rule = (
                f"this key is required, or chains.{channel.source}.{level}_seconds, for which "
                f"protocol {channel.protocol!r} waits"
            )
            yield Problem(f"channels.{name}.finality_median_seconds", "", rule)


def _limit_problems(scenario: Scenario) -> Iterator[Problem]:
    """Check that the channels of one protocol and source share one rolling-day limit."""
    first: dict[tuple[str, str], str] = {}
    for name, channel in scenario.channels.items():
        other = first.setdefault((channel.protocol, channel.source), name)
        for key in ("daily_limit_usd", "large_transfer_usd"):
            found, expected = getattr(channel, key), getattr(scenario.channels[other], key)
            if found != expected:
                rule = (
                    f"channels of one protocol and source share their limit; {other!r} has "
                    f"{'none' if expected is None else f'{expected:g}'}"
                )
                yield Problem(f"channels.{name}.{key}", str(found), rule)


def _population_problems(scenario: Scenario) -> Iterator[Problem]:
    homes: dict[tuple[str, str], str] = {}
    for kind, traders in scenario.traders.items():
        key = f"traders.{kind}.home_chains"
        for chain in traders.home_chains:
            if chain not in scenario.chains:
                yield unknown(key, chain, scenario.chains, "chains")
                continue
            for venue in clearing_chains(scenario, traders):
                homes.setdefault((chain, venue), key)
        for token in traders.collateral_tokens:
            if token not in scenario.tokens:
                key = f"traders.{kind}.collateral_tokens"
                yield unknown(key, token, scenario.tokens, "tokens")
    yield from _route_problems(scenario, homes)
    home = scenario.oracles.home_chain
    if home is not None and home not in scenario.chains:
        yield unknown("oracles.home_chain", home, scenario.chains, "chains")


def _liquidator_problems(scenario: Scenario) -> Iterator[Problem]:
    lanes = {(channel.source, channel.destination) for channel in scenario.channels.values()}
    for chain in scenario.liquidators.home_chains:
        if chain not in scenario.chains:
            yield unknown("liquidators.home_chains", chain, scenario.chains, "chains")
        elif scenario.liquidators.reserve_fraction and chain != scenario.venue.chain:
            lane = (scenario.venue.chain, chain)
            if lane not in lanes:
                rule = f"a reserve needs a channel from {lane[0]} to {lane[1]}"
                yield Problem("liquidators.home_chains", repr(chain), rule)


def _route_problems(scenario: Scenario, homes: dict[tuple[str, str], str]) -> Iterator[Problem]:
    """Check that messages join home chains and venues, given with the first key that names them."""
    architecture = scenario.collateral.architecture
    if architecture == "silo":
        return
    routes = {(channel.source, channel.destination) for channel in scenario.channels.values()}
    for (chain, venue), key in homes.items():
        for route in ((venue, chain), (chain, venue)):
            if venue in scenario.chains and chain != venue and route not in routes:
                rule = f"{architecture} needs a channel from {route[0]} to {route[1]}"
                yield Problem(key, repr(chain), rule)


def _token_problems(scenario: Scenario) -> Iterator[Problem]:
    worths = (*OWN_WORTHS, *scenario.market.others)
    for name, token in scenario.tokens.items():
        if token.worth not in worths:
            yield unknown(f"tokens.{name}.worth", token.worth, worths, "worths")
    for name in scenario.market.others:
        if name in (*OWN_WORTHS, scenario.market.underlying):
            rule = "another underlying needs a name of its own"
            yield Problem(f"market.others.{name}", "", rule)
    dollars = [name for name, token in scenario.tokens.items() if token.worth == "dollar"]
    if len(dollars) != 1:
        yield Problem("tokens", str(dollars), "exactly one token must have worth = 'dollar'")
    elif scenario.tokens[dollars[0]].base_units != MICRO:
        found = str(scenario.tokens[dollars[0]].base_units)
        yield Problem(
            f"tokens.{dollars[0]}.base_units", found, f"it must be {MICRO}: micro-dollars"
        )


def _price_problems(scenario: Scenario) -> Iterator[Problem]:
    """Check that recorded figures cover the run, and that a clustered price fits its steps."""
    market, clock = scenario.market, scenario.clock
    horizon = clock.horizon_seconds
    prices = {"market.price": market.price} | {
        f"market.others.{name}.price": other.price for name, other in market.others.items()
    }
    for key, price in prices.items():
        if isinstance(price, ReplayPrice) and len(price.bars) * price.bar_seconds < horizon:
            covered = len(price.bars) * price.bar_seconds
            rule = f"the run lasts {horizon} seconds; the bars must cover it"
            yield Problem(f"{key}.bars", f"{covered} seconds long", rule)
        if isinstance(price, ClusteredPrice) and price.weights(clock.step_seconds)[-1] < 0:
            rule = (
                f"with these weights it is too short for steps of {clock.step_seconds} s: the "
                "last variance would count negatively"
            )
            yield Problem(f"{key}.half_life_hours", f"{price.half_life_hours:g} hours", rule)
    index = market.volatility.index
    if index is not None and (len(index.points) - 1) * index.point_seconds < horizon:
        covered = (len(index.points) - 1) * index.point_seconds
        rule = f"the run lasts {horizon} seconds; the points must cover it"
        yield Problem("market.volatility.index.points", f"{covered} seconds long", rule)


def _time_problems(scenario: Scenario) -> Iterator[Problem]:
    horizon = scenario.clock.horizon_seconds
    yield from _price_problems(scenario)
    for number, expiry in enumerate(scenario.market.expiries):
        if seconds(expiry.after_hours) % scenario.clock.step_seconds:
            key = f"market.expiries[{number}].after_hours"
            yield Problem(key, str(expiry.after_hours), "it must fall on a step of the clock")
    for name, shock in scenario.shocks.items():
        if shock.start_second >= horizon:
            rule = f"it must start before the end of the run, at {scenario.clock.hours} hours"
            yield Problem(f"shocks.{name}.at_hours", str(shock.at_hours), rule)


def cross_table_problems(scenario: Scenario) -> list[Problem]:
    """Return every fault that only the whole file shows, such as a channel to no chain."""
    checks = (
        _network_problems,
        _token_problems,
        _population_problems,
        _liquidator_problems,
        _time_problems,
        shock_problems,
        waterfall_problems,
        ordering_problems,
        venue_problems,
        watcher_problems,
        hedge_market_problems,
    )
    return [problem for check in checks for problem in check(scenario)]
