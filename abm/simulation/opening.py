"""The market as it stands at second 0: deposits, and an open interest that somebody holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.agents import DRAWS_PER_ARRIVAL, LiveSeries, TraderView, choose_orders
from abm.agents.strategies import STRATEGIES
from abm.margin import unit_initial
from abm.market import worth_usd
from abm.simulation.layers import endow_layers
from abm.simulation.population import trader_rule
from abm.simulation.revaluation import revalue
from abm.units import MICRO
from abm.venue import Side, Trade, TradeKind

if TYPE_CHECKING:
    from abm.simulation.world import World

# Dollars and underlying that the rest of the world has to trade with liquidators.
OUTSIDE_DOLLARS = 10**11
OUTSIDE_TOKENS = 10**9
RELAYER_FLOAT_USD = 1_000
# A buyer's opening position costs up to this multiple of what one order later may.
BUYER_OPENING_MULTIPLE = 3.0


def endow(world: World) -> None:
    """Give every holder what it has at the start, and bring the makers' deposits to the venue."""
    scenario, ledger, holders = world.scenario, world.ledger, world.holders
    cash = world.cash.token
    names = list(scenario.tokens)
    price = world.price_usd
    for searcher in world.traders.searchers:
        amount = round(float(world.traders.wealth_usd[searcher]) * MICRO)
        ledger.endow(holders.wallet + searcher, cash, amount)
        world.cash.pay_in(searcher, holders.wallet + searcher, amount)
    for trader in range(len(world.traders) - len(world.traders.searchers)):
        name = world.traders.tokens[trader]
        token, rule = names.index(name), scenario.tokens[name]
        per_usd = rule.base_units / worth_usd(rule.worth, price)
        deposit = int(float(world.traders.wealth_usd[trader]) * per_usd)
        reserve = int(float(world.traders.reserve_usd[trader]) * per_usd)
        world.architecture.endow(trader, token, deposit)
        ledger.endow(holders.wallet + trader, token, reserve)
    capital_usd = dict.fromkeys(world.makers, scenario.market_makers.capital_usd)
    if scenario.arbitrageurs is not None:
        capital_usd |= dict.fromkeys(world.arbitrageurs, scenario.arbitrageurs.capital_usd)
    # Who clears at one place for several venues brings there what it would to all of them.
    venues = len(world.exchanges) if len(world.clearings) == 1 else 1
    for account, deposit_usd in capital_usd.items():
        amount = round(deposit_usd * venues * MICRO)
        ledger.endow(holders.wallet + account, cash, amount)
        world.cash.pay_in(account, holders.wallet + account, amount)
    for liquidator, capital in enumerate(world.liquidators.capital_usd.tolist()):
        ledger.endow(holders.liquidator + liquidator, cash, round(capital * MICRO))
        reserve = round(capital * scenario.liquidators.reserve_fraction * MICRO)
        ledger.endow(holders.reserve + liquidator, cash, reserve)
    for relayer in range(scenario.relayers.count):
        ledger.endow(holders.relayer + relayer, cash, RELAYER_FLOAT_USD * MICRO)
    ledger.endow(holders.treasury, cash, round(scenario.gas.treasury_usd * MICRO))
    for token, rule in enumerate(scenario.tokens.values()):
        amount = OUTSIDE_DOLLARS if token == cash else OUTSIDE_TOKENS
        ledger.endow(holders.outside, token, amount * rule.base_units)
    endow_layers(world)
    world.layer_book.cash_before = world.cash.balances.copy()


def open_positions(world: World) -> None:
    """Let every trader take a position at the mark against a market maker, before the clock runs.

    Sellers use a drawn share of their margin around the scenario's mean utilisation; buyers spend
    a share of their deposit.
    """
    revalue(world)
    rng = world.streams.get("opening")
    draws = rng.random((len(world.traders), DRAWS_PER_ARRIVAL + 1))
    unit = unit_initial(world.books[0].margin, len(world.instruments))
    mean = world.scenario.venue.opening_utilisation
    live = LiveSeries(world.instruments, world.marks, world.exchange.tick_usd)
    for trader in range(len(world.traders) - len(world.traders.searchers)):
        rule = trader_rule(world.scenario, world.traders, trader)
        view = TraderView(
            world.instruments,
            world.marks,
            unit,
            float(world.beliefs.equity[trader]),
            float(world.traders.wealth_usd[trader]),
            world.exchange.tick_usd,
            known_live=live,
        )
        *choice, utilisation = draws[trader].tolist()
        # Uniform between (2 * mean - 1) and 1, so that its mean is the scenario's.
        use = 1.0 - 2.0 * (1.0 - mean) * utilisation
        for order in choose_orders(trader, rule, view, choice):
            ticks = world.exchange.ticks(float(world.marks.value[order.instrument]))
            opening = STRATEGIES[rule.strategy].opening
            if opening == "premium":
                lots = int(order.lots * BUYER_OPENING_MULTIPLE)
            elif opening == "order":
                lots = order.lots
            else:
                budget = view.free_margin_usd * use
                lots = int(budget / float(unit[order.instrument]))
            if lots < 1:
                continue
            makers = world.clearings[int(world.clearing_of[trader])].makers
            maker = makers[trader % len(makers)]
            buyer, seller = (trader, maker) if order.side is Side.BUY else (maker, trader)
            world.exchange_of(trader).settle(
                Trade(order.instrument, buyer, seller, lots, ticks, order.side, TradeKind.OPENING)
            )
