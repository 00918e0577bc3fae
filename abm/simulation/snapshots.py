"""Phase 11: rows for the tables, after every step and at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.margin import total_value
from abm.scenario.waterfall import FUNDED
from abm.simulation.balance_sheets import record_balance_sheets
from abm.simulation.exposures import record_exposures
from abm.simulation.feeds import record_feeds
from abm.simulation.hedging import record_hedges
from abm.simulation.layers import left_by_layer
from abm.simulation.local_market import (
    local_columns,
    value_in_vaults,
    worth_where_it_stands,
)
from abm.simulation.quote_samples import record_quotes
from abm.simulation.revaluation import owned_value, true_equity
from abm.simulation.venue_samples import record_venues, spread_volatility
from abm.units import MICRO, dollars
from abm.venue.orders import BUY

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from abm.simulation.world import World
    from abm.venue import Exchange

SAMPLE_SECONDS = 600
"""Chains and channels are recorded at the steps that are multiples of this."""


def record_step(world: World) -> None:
    """Add the rows of one step."""
    now = world.now
    owned_usd = owned_value(world)
    equity = true_equity(world, owned_usd)
    margined = slice(0, world.house)
    owed = np.minimum(equity[margined], 0.0)
    shortfall = abs(float(owed[~world.desk.written_off[margined]].sum()))
    bad_debt = dollars(sum(waterfall.paid.total for waterfall in world.waterfalls))
    published = world.board[world.scenario.venue.chain]
    backlog = world.transport.backlog()
    quoted = np.add.reduce([exchange.quotes.lots_by_maker() for exchange in world.exchanges])
    world.recorder.add(
        "steps",
        now,
        world.price_usd,
        published.price_usd,
        now - published.observed_second,
        float(world.path.level[world.step]),
        float(world.path.realised[world.step]),
        int(quoted.sum()) + sum(exchange.resting_lots for exchange in world.exchanges),
        int(np.count_nonzero(quoted)),
        spread_volatility(world),
        world.positions.contracts_open(),
        bad_debt,
        shortfall,
        bad_debt + shortfall,
        float((world.beliefs.equity_before_haircuts - equity)[margined].sum()),
        *capital(world, owned_usd),
        dollars(sum(waterfall.fund() for waterfall in world.waterfalls)),
        *_set_aside(world),
        world.desk.open_count,
        sum(backlog.values()),
    )
    for venue, exchange in enumerate(world.exchanges):
        _record_trades(world, venue, exchange)
    if now % SAMPLE_SECONDS == 0:
        for tables, record in SAMPLED:
            if world.recorder.keeps(*tables):
                record(world)
    if world.recorder.keeps("nodes", "exposures"):
        record_exposures(world)


def _record_trades(world: World, venue: int, exchange: Exchange) -> None:
    """Add what traded at a venue since it was recorded last."""
    now, name, tick_usd = world.now, world.venue_names[venue], exchange.tick_usd
    for trade in exchange.trades[world.trades_recorded[venue] :]:
        world.recorder.add(
            "trades",
            now,
            name,
            world.series_names[trade.instrument],
            trade.buyer,
            trade.seller,
            trade.lots,
            trade.price_ticks * tick_usd,
            "buy" if trade.aggressor is BUY else "sell",
            trade.kind,
        )
    world.trades_recorded[venue] = len(exchange.trades)


def _set_aside(world: World) -> list[float]:
    """Return what funded layers beside the insurance fund have left, in dollars."""
    left = left_by_layer(world)
    return [dollars(left.get(name, 0)) for name in FUNDED[1:]]


def capital(world: World, owned_usd: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return what is locked and in transit, and of traders what counts and is required, in dollars.

    ``owned_usd`` is from `owned_value`.
    """
    # Market makers and arbitrageurs stand between traders and the venue's own accounts.
    makers = dollars(sum(world.cash.balances[len(world.traders) : world.house].tolist()))
    owned = float(owned_usd.sum())
    traders = slice(0, len(world.traders))
    return (
        owned + makers,
        owned - value_in_vaults(world),
        float(np.maximum(world.beliefs.equity[traders], 0.0).sum()),
        float(world.beliefs.initial[traders].sum()),
    )


def _record_chains(world: World) -> None:
    now = world.now
    traders = len(world.traders)
    vaults = worth_where_it_stands(world, world.ledger.block(world.holders.vault, traders))
    claims = world.architecture.claims
    counted = world.place.counted_unit_usd(world.price_usd)
    claimed = total_value(claims.units[:traders], counted)
    ages = now - claims.as_of_second[:traders]
    for name in world.scenario.chains:
        there = world.whereabouts.collateral[name][:traders]
        round_ = world.board[name]
        cash = [
            world.ledger.balance(world.holders.liquidator + liquidator, world.cash.token)
            for liquidator in world.whereabouts.liquidators[name]
            if float(world.liquidators.exit_rank[liquidator]) >= world.strains.liquidators_gone
        ]
        world.recorder.add(
            "chains",
            now,
            name,
            world.transport.gas_usd(name),
            world.transport.is_halted(name, now),
            round_.price_usd,
            now - round_.observed_second,
            float(vaults[there].sum()),
            float(claimed[there].sum()),
            float(ages[there].mean()) if there.any() else None,
            dollars(sum(cash)),
            len(world.auctions.open_on(name)),
            *local_columns(world, name),
        )


def _record_channels(world: World) -> None:
    backlog = world.transport.backlog()
    for name, channel in world.scenario.channels.items():
        world.recorder.add(
            "channels",
            world.now,
            name,
            channel.source,
            channel.destination,
            channel.protocol,
            world.transport.blocked_until(name) > world.now,
            backlog[name],
            dollars(world.ledger.balance(world.holders.escrow[name], world.cash.token)),
        )


SAMPLED: tuple[tuple[tuple[str, ...], Callable[[World], None]], ...] = (
    (("chains",), _record_chains),
    (("oracles",), record_feeds),
    (("channels",), _record_channels),
    (("flows", "solvency", "commitments"), record_balance_sheets),
    (("quotes",), record_quotes),
    (("hedges",), record_hedges),
    (("venues",), record_venues),
)
"""What is recorded at samples, with the tables that it fills."""


def record_accounts(world: World, moment: str) -> None:
    """Add a row for every account, if they are kept."""
    if not world.recorder.keeps("accounts"):
        return
    equity = true_equity(world, owned_value(world))
    accounts = len(world.cash.balances)
    prices = world.unit_usd(world.price_usd)
    vault = worth_where_it_stands(world, world.ledger.block(world.holders.vault, accounts))
    wallet = total_value(world.ledger.block(world.holders.wallet, accounts), prices)
    for account in range(accounts):
        trader = account < len(world.traders)
        kind = _kind_of_firm(world, account)
        world.recorder.add(
            "accounts",
            moment,
            account,
            world.traders.kinds[account] if trader else kind,
            world.venue_names[int(world.venue_of[account])],
            world.traders.chains[account] if trader else world.place.venue_of(account),
            world.traders.tokens[account] if trader else world.scenario.cash_token,
            world.architecture.claims.proof[account],
            int(world.cash.balances[account]) / MICRO,
            float(vault[account]),
            float(wallet[account]),
            float(equity[account]),
            float(world.beliefs.equity[account]),
            float(world.beliefs.maintenance[account]),
        )


def _kind_of_firm(world: World, account: int) -> str:
    """Return what an account is that is no trader's."""
    if account >= world.house:
        return "house"
    return "arbitrageur" if account in world.arbitrageurs else "market_maker"
