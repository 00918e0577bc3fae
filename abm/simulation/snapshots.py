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
from abm.simulation.local_market import (
    local_columns,
    value_in_vaults,
    worth_where_it_stands,
)
from abm.simulation.quote_samples import record_quotes
from abm.simulation.revaluation import owned_value, true_equity
from abm.units import MICRO, dollars
from abm.venue import NO_ASK, NO_BID, Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.simulation.world import World

SAMPLE_SECONDS = 600
"""Chains and channels are recorded at the steps that are multiples of this."""

# Below this vega, in dollars for 1.00, a spread in volatility says nothing.
SMALLEST_VEGA = 1.0


def record_step(world: World) -> None:
    """Add the rows of one step."""
    now = world.now
    owned_usd = owned_value(world)
    equity = true_equity(world, owned_usd)
    margined = slice(0, world.house)
    owed = np.minimum(equity[margined], 0.0)
    shortfall = abs(float(owed[~world.desk.written_off[margined]].sum()))
    bad_debt = dollars(world.waterfall.paid.total)
    published = world.board[world.scenario.venue.chain]
    backlog = world.transport.backlog()
    quoted = world.exchange.quotes.lots_by_maker()
    world.recorder.add(
        "steps",
        now,
        world.price_usd,
        published.price_usd,
        now - published.observed_second,
        float(world.path.level[world.step]),
        float(world.path.realised[world.step]),
        int(quoted.sum()) + world.exchange.resting_lots,
        int(np.count_nonzero(quoted)),
        spread_volatility(world),
        world.positions.contracts_open(),
        bad_debt,
        shortfall,
        bad_debt + shortfall,
        float((world.beliefs.equity_before_haircuts - equity)[margined].sum()),
        *capital(world, owned_usd),
        dollars(world.waterfall.fund()),
        *_set_aside(world),
        world.desk.open_count,
        sum(backlog.values()),
    )
    for trade in world.exchange.trades[world.trades_recorded :]:
        world.recorder.add(
            "trades",
            now,
            world.series_names[trade.instrument],
            trade.buyer,
            trade.seller,
            trade.lots,
            trade.price_ticks * world.exchange.tick_usd,
            "buy" if trade.aggressor is Side.BUY else "sell",
            trade.kind,
        )
    world.trades_recorded = len(world.exchange.trades)
    if now % SAMPLE_SECONDS == 0:
        _record_chains(world)
        record_feeds(world)
        _record_channels(world, backlog)
        record_balance_sheets(world)
        record_quotes(world)
        record_hedges(world)
    record_exposures(world)


def _set_aside(world: World) -> list[float]:
    """Return what funded layers beside the insurance fund have left, in dollars."""
    left = {layer.name: layer.left() for layer in world.waterfall.layers}
    return [dollars(left.get(name, 0)) for name in FUNDED[1:]]


def capital(world: World, owned_usd: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return what is locked and in transit, and of traders what counts and is required, in dollars.

    ``owned_usd`` is from `owned_value`.
    """
    makers = dollars(sum(int(world.cash.balances[maker]) for maker in world.makers))
    owned = float(owned_usd.sum())
    traders = slice(0, len(world.traders))
    return (
        owned + makers,
        owned - value_in_vaults(world),
        float(np.maximum(world.beliefs.equity[traders], 0.0).sum()),
        float(world.beliefs.initial[traders].sum()),
    )


def spread_volatility(world: World) -> float | None:
    """Return the median quoted spread over two-sided series, in volatility, if there is one."""
    bids = world.exchange.quotes.best(Side.BUY)
    asks = world.exchange.quotes.best(Side.SELL)
    vega = world.marks.vega
    both = (bids > NO_BID) & (asks < NO_ASK) & (vega > SMALLEST_VEGA)
    spreads = np.sort((asks - bids)[both] * world.exchange.tick_usd / vega[both])
    # The lower median: NumPy's own takes longer than the rest of the row.
    return float(spreads[(len(spreads) - 1) // 2]) if len(spreads) else None


def _record_chains(world: World) -> None:
    now = world.now
    traders = len(world.traders)
    vaults = worth_where_it_stands(world, world.ledger.block(world.holders.vault, traders))
    claims = world.architecture.claims
    counted = world.place.counted_unit_usd(world.price_usd)
    claimed = total_value(claims.units[:traders], counted)
    ages = now - claims.as_of_second[:traders]
    stand = world.collateral_chains
    for name in world.scenario.chains:
        there = stand == name
        round_ = world.board[name]
        cash = [
            world.ledger.balance(world.holders.liquidator + liquidator, world.cash.token)
            for liquidator, chain in enumerate(world.liquidators.chains)
            if chain == name
            and float(world.liquidators.exit_rank[liquidator]) >= world.strains.liquidators_gone
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


def _record_channels(world: World, backlog: dict[str, int]) -> None:
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


def record_accounts(world: World, moment: str) -> None:
    """Add a row for every account."""
    equity = true_equity(world, owned_value(world))
    accounts = len(world.cash.balances)
    prices = world.unit_usd(world.price_usd)
    vault = worth_where_it_stands(world, world.ledger.block(world.holders.vault, accounts))
    wallet = total_value(world.ledger.block(world.holders.wallet, accounts), prices)
    for account in range(accounts):
        trader = account < len(world.traders)
        kind = "house" if account == world.house else "market_maker"
        world.recorder.add(
            "accounts",
            moment,
            account,
            world.traders.kinds[account] if trader else kind,
            world.traders.chains[account] if trader else world.scenario.venue.chain,
            world.traders.tokens[account] if trader else world.scenario.cash_token,
            world.architecture.claims.proof[account],
            int(world.cash.balances[account]) / MICRO,
            float(vault[account]),
            float(wallet[account]),
            float(equity[account]),
            float(world.beliefs.equity[account]),
            float(world.beliefs.maintenance[account]),
        )
