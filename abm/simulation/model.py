"""The Mesa model of a run: it owns the agents and steps the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import mesa

from abm.simulation.arbitrage import CrossVenueDesk
from abm.simulation.auction_desk import AuctionDesk
from abm.simulation.build import build_world
from abm.simulation.deposits import FundDesk
from abm.simulation.desks import OrderDesk, QuoteDesk, RelayDesk
from abm.simulation.feeds import FeedDesk
from abm.simulation.guard import GuardDesk
from abm.simulation.population import trader_rule
from abm.simulation.roles import cast
from abm.simulation.searching import SearcherDesk
from abm.simulation.step import advance

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from abm.scenario.model import Scenario
    from abm.simulation.roles import MakeAgent


class Watched(Protocol):
    """What some agents watch."""

    def look(self) -> bool:
        """Return whether any of them may have a reason to act in this step."""
        ...


class OptionsMarket(mesa.Model):
    """A cross-chain options market as a Mesa model.

    Parameters
    ----------
    scenario : Scenario
        What to run; its seed feeds every stream.
    agents : mapping of str to callable, optional
        As `abm.simulation.run.simulate` has it.
    tables : collection of str, optional
        Those to record, in the same way.

    Attributes
    ----------
    world : World
        All state; agents see it through desks.
    traders, oracles, relayers, searchers, standing_agents : list
        Traders by account, oracles by chain, relayers, searchers, and those that may act at any
        step.
    watching : list of (str, Watched, list)
        The others, by role: arbitrageurs, depositors of funds, guardians.
    """

    def __init__(
        self,
        scenario: Scenario,
        agents: Mapping[str, MakeAgent] | None = None,
        tables: Collection[str] | None = None,
    ) -> None:
        make = cast(agents or {})
        world = build_world(scenario, tables)
        world.recorder.replaced = tuple(sorted(agents or ()))
        seed = world.streams.integer("mesa")
        super().__init__(rng=seed)
        # Mesa 3.3.1 and 3.5 seed this generator differently; in place, so that sets share it.
        self.random.seed(seed)
        self.world = world
        self.orders = OrderDesk(world)
        self.quotes = QuoteDesk(world)
        self.relay = RelayDesk(world)
        self.feeds = FeedDesk(world)
        self.bids = AuctionDesk(world)
        self.traders = [
            make["trader"](self, slot, trader_rule(scenario, world.traders, slot), self.orders)
            for slot in range(len(world.traders) - len(world.traders.searchers))
        ]
        self.oracles = [
            make["oracle"](self, chain, scenario.oracles, self.feeds) for chain in self.feeds.chains
        ]
        makers = [
            make["market_maker"](self, slot, scenario.market_makers, self.quotes)
            for slot in range(len(world.seats))
        ]
        self.relayers = [
            make["relayer"](self, slot, scenario.relayers, self.relay)
            for slot in range(scenario.relayers.count)
        ]
        liquidators = [
            make["liquidator"](self, slot, scenario.liquidators, self.bids)
            for slot in range(scenario.liquidators.count)
        ]
        self.search_desk = SearcherDesk(world)
        self.searchers = [
            make["searcher"](self, slot, scenario.searchers, self.search_desk)
            for slot in world.traders.searchers
        ]
        self.arbitrage = CrossVenueDesk(world)
        self.deposits = FundDesk(world)
        self.guard = GuardDesk(world)
        # Those who seldom act, with what says whether they may have a reason to.
        self.watching: list[tuple[str, Watched, list[mesa.Agent]]] = [
            (
                "arbitrageur",
                self.arbitrage,
                [
                    make["arbitrageur"](self, slot, scenario.arbitrageurs, self.arbitrage)
                    for slot in range(self.arbitrage.firms)
                ],
            ),
            (
                "fund_depositor",
                self.deposits,
                [
                    make["fund_depositor"](self, slot, scenario.fund_depositors, self.deposits)
                    for slot in range(self.deposits.count)
                ],
            ),
            (
                "guardian",
                self.guard,
                [
                    make["guardian"](self, slot, scenario.guardians, self.guard)
                    for slot in range(self.guard.count)
                ],
            ),
        ]
        self.standing_agents: list[mesa.Agent] = [*makers, *liquidators]

    def standing_with_something_to_do(self) -> Iterator[int]:
        """Yield the places of the standing agents that have a reason to be stepped now."""
        makers = len(self.standing_agents) - len(self.world.liquidators.chains)
        yield from (maker for maker in range(makers) if self.quotes.needs_quote(maker))
        if on_sale := self.world.auctions.chains_with_auctions():
            for slot, chain in enumerate(self.world.liquidators.chains):
                if chain in on_sale:
                    yield makers + slot

    def step(self) -> None:
        """Take the run one step further."""
        advance(self)

    def release(self) -> None:
        """Let go of all agents at the end of a run.

        Mesa 3.3.1 keeps every model alive in a dictionary on the class ``mesa.Agent``.
        """
        self.remove_all_agents()
        identifiers = getattr(mesa.Agent, "_ids", None)
        if identifiers is not None:
            identifiers.pop(self, None)
