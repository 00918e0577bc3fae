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
from abm.simulation.layers import build_waterfall
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
from abm.simulation.world import World
from abm.venue import AuctionHouse, Beliefs, Exchange, LiquidationDesk, SelfTrade

if TYPE_CHECKING:
    from abm.scenario.model import Scenario


def build_world(scenario: Scenario) -> World:
    """Build everything a run needs, draw its populations, and open its market."""
    streams = Streams(scenario.seed)
    clock, venue = scenario.clock, scenario.venue
    traders = draw_traders(scenario, streams)
    first_maker = len(traders)
    makers = tuple(range(first_maker, first_maker + scenario.market_makers.count))
    accounts = first_maker + len(makers) + 1
    home_chains = (*traders.chains, *([venue.chain] * (accounts - first_maker)))

    make_architecture = ARCHITECTURES[scenario.collateral.architecture]
    tokens = make_token_table(scenario, make_architecture.represents)
    ledger = TokenLedger(tokens.names)
    liquidators = draw_liquidators(scenario, streams)
    at_venue = [venue.chain] * accounts
    wallet_chains = at_venue if make_architecture.held_at_venue else home_chains
    mutual = scenario.waterfall.mutual_fund
    holders = open_holders(
        ledger,
        wallet_chains=wallet_chains,
        vault_chains=home_chains if make_architecture.reached_by_message else at_venue,
        liquidator_chains=liquidators.chains,
        relayers=scenario.relayers.count,
        venue_chain=venue.chain,
        chains=tuple(scenario.chains),
        channels=tuple(scenario.channels),
        members=1 + len(mutual.others) if mutual is not None else 1,
    )
    cash = CashBook(
        ledger, holders.venue_vault, list(scenario.tokens).index(scenario.cash_token), accounts
    )
    graph = build_graph(scenario)
    transport = Transport(scenario, graph, streams)
    path = draw_market(scenario, streams)
    instruments = list_instruments(scenario.market)
    opening = Round(path.spot(0), float(path.level[0]), 0)
    board = PriceBoard(tuple(scenario.chains), opening)
    positions = PositionTable(accounts, len(instruments))
    exchange = Exchange(
        positions,
        cash,
        makers=makers,
        house=accounts - 1,
        levels=venue.depth_levels,
        tick_usd=venue.tick_usd,
        taker_fee=venue.taker_fee,
        self_trade=SelfTrade(venue.self_trade),
    )
    surroundings = Surroundings(
        scenario, tokens, ledger, holders, cash, transport, graph, board, home_chains, len(traders)
    )
    architecture = make_architecture(surroundings)
    log = EventLog()
    auctions = AuctionHouse(scenario.liquidation.auction, transport.halted_seconds)
    waterfall = build_waterfall(scenario, ledger, cash, holders)
    desk = LiquidationDesk(
        scenario.liquidation,
        architecture,
        exchange,
        cash,
        auctions,
        waterfall,
        log,
        makers=makers,
        margined=accounts - 1,
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
        exchange=exchange,
        auctions=auctions,
        waterfall=waterfall,
        desk=desk,
        margin_method=method,
        log=log,
        recorder=Recorder(),
        makers=makers,
        collateral_chains=np.array(
            [architecture.chain_of(trader) for trader in range(first_maker)]
        ),
        series_names=tuple(
            instruments.name(series, scenario.market.underlying)
            for series in range(len(instruments))
        ),
        marks=marks,
        margin=method.prepare(instruments, marks, 0),
        requirements=Requirements(nothing, nothing, nothing),
        beliefs=Beliefs(marks, nothing, nothing, nothing, nothing, nothing),
        listed=np.zeros(len(instruments), dtype=np.bool_),
    )
    open_order_flow(world)
    endow(world)
    # Vaults report their opening balances, as if all had been delivered long ago.
    architecture.claims.units[:] = surroundings.vault_balances()
    mark(world)
    open_positions(world)
    revalue(world)
    record_accounts(world, "start")
    record_step(world)
    return world
