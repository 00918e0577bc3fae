"""From a scenario to the world at second 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.collateral import ARCHITECTURES, Surroundings, make_token_table
from abm.ledger import CashBook, TokenLedger, open_holders
from abm.margin import METHODS, PositionTable, Requirements, mark_instruments
from abm.market import Grid, PriceBoard, Round, list_instruments
from abm.network import Transport, build_graph
from abm.randomness import Streams
from abm.recording.events import EventLog
from abm.recording.recorder import Recorder
from abm.scenario.venues import venue_chains, venue_names
from abm.simulation.adverse_selection import open_adverse_selection
from abm.simulation.firms import Firm, Firms
from abm.simulation.hedging import open_hedges
from abm.simulation.layers import build_waterfall
from abm.simulation.layout import Layout, lay_out
from abm.simulation.local_market import build_local_market
from abm.simulation.market import draw_market
from abm.simulation.opening import endow, open_positions
from abm.simulation.order_flow import open_order_flow
from abm.simulation.population import (
    draw_arrivals,
    draw_liquidators,
    draw_relayers,
    draw_traders,
)
from abm.simulation.revaluation import mark, revalue
from abm.simulation.snapshots import record_accounts, record_step
from abm.simulation.withdrawals import Withdrawals, draw_withdrawals
from abm.simulation.world import MarkBook, World
from abm.venue import (
    AuctionHouse,
    Beliefs,
    Clearing,
    Exchange,
    LiquidationDesk,
    SelfTrade,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from abm.scenario.model import Scenario


def build_world(scenario: Scenario, tables: Collection[str] | None = None) -> World:
    """Build everything a run needs, draw its populations, and open its market.

    ``tables`` are those to record, as `abm.recording.recorder.Recorder` has them.
    """
    streams = Streams(scenario.seed)
    clock = scenario.clock
    traders = draw_traders(scenario, streams)
    layout = lay_out(scenario, streams)
    accounts = len(layout)
    at_venue = layout.venue_chains
    home_chains = (*traders.chains, *at_venue[len(traders) :])

    make_architecture = ARCHITECTURES[scenario.collateral.architecture]
    tokens = make_token_table(scenario, make_architecture.represents)
    ledger = TokenLedger(tokens.names)
    liquidators = draw_liquidators(scenario, streams)
    wallet_chains = at_venue if make_architecture.held_at_venue else home_chains
    mutual = scenario.waterfall.mutual_fund
    holders = open_holders(
        ledger,
        wallet_chains=wallet_chains,
        vault_chains=home_chains if make_architecture.reached_by_message else at_venue,
        liquidator_chains=liquidators.chains,
        relayers=scenario.relayers.count,
        venue_chains=layout.chains,
        chains=tuple(scenario.chains),
        channels=tuple(scenario.channels),
        members=len(layout.chains) + (len(mutual.others) if mutual is not None else 0),
    )
    cash = CashBook(
        ledger,
        holders.venue_vault,
        list(scenario.tokens).index(scenario.cash_token),
        accounts,
        layout.clearing_of.tolist(),
    )
    graph = build_graph(scenario)
    transport = Transport(scenario, graph, streams)
    path = draw_market(scenario, streams)
    instruments = list_instruments(scenario.market)
    opening = Round(path.spot(0), float(path.level[0]), 0)
    board = PriceBoard(tuple(scenario.chains), opening)
    positions = PositionTable(accounts, len(instruments))
    surroundings = Surroundings(
        scenario,
        tokens,
        ledger,
        holders,
        cash,
        transport,
        graph,
        board,
        home_chains,
        len(traders),
        at_venue,
    )
    architecture = make_architecture(surroundings)
    log = EventLog()
    auctions = AuctionHouse(scenario.liquidation.auction, transport.halted_seconds)
    exchanges = _open_exchanges(scenario, layout, positions, cash)
    clearings = tuple(
        Clearing(
            name,
            chain,
            exchanges if len(layout.chains) == 1 else (exchanges[number],),
            build_waterfall(scenario, ledger, cash, holders, layout.clearing_of, number),
            layout.makers_at(number),
            layout.houses[number],
        )
        for number, (name, chain) in enumerate(
            zip(venue_names(scenario), layout.chains, strict=False)
        )
    )
    desk = LiquidationDesk(
        scenario.liquidation,
        architecture,
        clearings,
        cash,
        auctions,
        log,
        margined=layout.houses[0],
        clearing_of=layout.clearing_of,
    )
    method = METHODS[scenario.margin.grid](scenario.margin)
    marks = mark_instruments(
        instruments, opening.price_usd, opening.level, 0, scenario.market.volatility
    )
    nothing = np.zeros(accounts)
    world = World(
        scenario=scenario,
        streams=streams,
        graph=graph,
        path=path,
        instruments=instruments,
        traders=traders,
        withdrawals=Withdrawals(draw_withdrawals(scenario, streams)),
        arrivals=draw_arrivals(
            traders,
            Grid(clock.step_count, clock.step_seconds),
            streams,
            scenario.arrivals,
            path.realised / scenario.market.volatility.base,
        ),
        liquidators=liquidators,
        relayers=draw_relayers(scenario, streams),
        ledger=ledger,
        holders=holders,
        cash=cash,
        positions=positions,
        transport=transport,
        board=board,
        place=surroundings,
        architecture=architecture,
        exchanges=exchanges,
        venue_names=venue_names(scenario),
        venue_chains=venue_chains(scenario),
        clearings=clearings,
        clearing_of=layout.clearing_of,
        venue_of=layout.venue_of,
        auctions=auctions,
        desk=desk,
        margin_method=method,
        log=log,
        recorder=Recorder(tables),
        makers=tuple(account for firm in layout.makers for account in firm),
        arbitrageurs=tuple(account for firm in layout.arbitrageurs for account in firm),
        seats=layout.seats,
        firms=_firms(scenario, layout),
        series_names=tuple(
            instruments.name(series, scenario.market.underlying)
            for series in range(len(instruments))
        ),
        books=tuple(
            MarkBook(
                marks,
                method.prepare(instruments, marks, 0),
                np.zeros(len(instruments), dtype=np.bool_),
            )
            for _ in clearings
        ),
        requirements=Requirements(nothing, nothing, nothing),
        beliefs=Beliefs((marks,) * len(clearings), nothing, nothing, nothing, nothing, nothing),
        trades_recorded=[0] * len(exchanges),
        local=build_local_market(scenario, cash, holders.outside, opening.price_usd),
    )
    open_order_flow(world)
    open_adverse_selection(world)
    endow(world)
    # Vaults report their opening balances, as if all had been delivered long ago.
    architecture.claims.units[:] = surroundings.vault_balances()
    mark(world)
    open_positions(world)
    open_hedges(world)
    revalue(world)
    record_accounts(world, "start")
    record_step(world)
    return world


def _open_exchanges(
    scenario: Scenario, layout: Layout, positions: PositionTable, cash: CashBook
) -> tuple[Exchange, ...]:
    """Return the books of every venue."""
    rules = scenario.venue
    pooled = len(layout.chains) == 1
    return tuple(
        Exchange(
            positions,
            cash,
            makers=layout.makers_at(0 if pooled else number),
            house=layout.houses[0 if pooled else number],
            levels=rules.depth_levels,
            tick_usd=rules.tick_usd,
            taker_fee=rules.taker_fee,
            self_trade=SelfTrade(rules.self_trade),
        )
        for number in range(len(venue_names(scenario)))
    )


def _firms(scenario: Scenario, layout: Layout) -> Firms:
    """Return the firms that have more than one account."""
    if len(layout.chains) == 1:
        return Firms()
    members = [Firm(accounts, scenario.market_makers.bring_below) for accounts in layout.makers]
    if scenario.arbitrageurs is not None:
        below = scenario.arbitrageurs.bring_below
        members += [Firm(accounts, below) for accounts in layout.arbitrageurs]
    return Firms(tuple(members))
