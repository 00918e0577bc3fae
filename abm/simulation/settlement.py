"""Phase 6: the venue settles queued quotes and orders, and expires series; chains settle bids."""

from __future__ import annotations

import heapq
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from abm.market import settlement_price
from abm.simulation.local_market import sell_locally
from abm.simulation.order_checks import is_taken
from abm.simulation.order_flow import venue_of
from abm.simulation.sequencing import settle_order_flow
from abm.simulation.world import Intent, Ladder, Refill, Resale, Routed, Seat, World
from abm.units import MICRO, seconds
from abm.venue import Order

if TYPE_CHECKING:
    from abm.venue import Exchange, MassQuote


def settle_intents(world: World) -> None:
    """Apply what agents asked of the exchanges, in the order of asking, and clear it.

    Where the scenario has orders on their way, what is asked queues first.
    """
    works = [not world.trading_stands_still(chain) for chain in world.venue_chains]
    if world.order_flow is not None:
        settle_order_flow(world, works, _settle)
        return
    # Cancels go first, as real venues order them: otherwise the first maker to see a new price
    # would trade against the others' old ones, of the same minute.
    asked = [intent for intent in world.intents.trading if works[venue_of(world, intent)]]
    for intent in asked:
        if isinstance(intent, Ladder):
            seat = world.seats[intent.maker]
            world.exchanges[seat.venue].quotes.withdraw(seat.firm)
    for intent in asked:
        _settle(world, intent)
    world.intents.trading.clear()


def _settle(world: World, intent: Intent) -> None:
    match intent:
        case Order():
            _settle_order(world, intent, world.exchange_of(intent.account))
        case Routed(venue, order):
            _settle_order(world, order, world.exchanges[venue])
        case Ladder(maker, quote):
            if world.adverse_selection is not None:
                world.adverse_selection.replace(world, intent)
            if quote is not None:
                _post(world, world.seats[maker], quote)
        case Refill(maker):
            _post(world, world.seats[maker], None)


def _post(world: World, seat: Seat, quote: MassQuote | None) -> None:
    """Replace the ladder of a seat, or fill it up, unless its account is being liquidated."""
    if world.desk.is_open(seat.account):
        return
    price_usd = world.book_of(seat.account).marks.price_usd
    if quote is None:
        world.exchanges[seat.venue].refill(seat.firm, price_usd)
    else:
        world.exchanges[seat.venue].quote(seat.firm, quote, price_usd)


def _settle_order(world: World, order: Order, exchange: Exchange) -> None:
    """Match an order if the account keeps its initial margin after the whole of it."""
    # As it is now: a second order of the same step is checked against what the first one left.
    row = world.positions.row(order.account).copy()
    taken, _ = is_taken(world, order, exchange, row)
    if taken:
        exchange.submit(order, world.book_of(order.account).marks.price_usd)


def expire_series(world: World) -> None:
    """Settle the series that expire at this step, at the average of published prices."""
    now = world.now
    for clearing, book in zip(world.clearings, world.books, strict=True):
        book.published.append(world.board[clearing.chain].price_usd)
    if now not in world.instruments.expiries:
        return
    expiring = np.flatnonzero(world.instruments.expiry_second == now)
    # All venues settle at one price, the first one's: their contracts are the same.
    average = settlement_price(
        world.books[0].published,
        world.scenario.market.settlement_average_seconds,
        world.scenario.clock.step_seconds,
    )
    payoff = np.rint(world.instruments.payoff(average) * MICRO).astype(np.int64)
    world.exchange.expire(expiring, payoff)
    for exchange in world.exchanges[1:]:
        exchange.clear(expiring)
    world.log.add(now, "expiry", value_usd=average)


def settle_bids(world: World) -> None:
    """Exchange liquidators' dollars for seized collateral, in the order of asking."""
    ledger, holders = world.ledger, world.holders
    cash = world.cash.token
    for bid in world.intents.bids:
        auction = world.auctions.auctions[bid.auction]
        chain = auction.seized.chain
        wallet = holders.liquidator + bid.liquidator
        held = ledger.balance(wallet, cash)
        gas = min(round(world.transport.gas_usd(chain) * MICRO), held)
        counted = world.place.counted_unit_usd(world.board[chain].price_usd)
        published = float(counted[auction.token])
        per_unit = world.auctions.factor(auction, world.now) * published * MICRO
        units = min(bid.units, auction.units_left)
        if per_unit > 0:
            units = min(units, int((held - gas) / per_unit))
        if units <= 0:
            continue
        paid = min(ceil(units * per_unit), held - gas)
        ledger.transfer(wallet, holders.outside, cash, gas)
        ledger.transfer(wallet, holders.auction[chain], cash, paid)
        ledger.transfer(holders.auction[chain], wallet, auction.token, units)
        backed = world.place.tokens.seen_usd(world.board[chain].price_usd)
        backed *= world.place.bridge.backing()
        world.desk.sell(
            auction,
            units,
            paid,
            world.now,
            published_usd=units * published,
            backed_usd=units * float(backed[auction.token]),
        )
        due = world.now + seconds(world.scenario.liquidators.resale_seconds / 3_600)
        resale = Resale(due, world.next_number(), bid.liquidator, auction.token, units)
        heapq.heappush(world.resales, resale)
    world.intents.bids.clear()


def settle_resales(world: World) -> None:
    """Let liquidators sell what they bought, at their chain's price less the cost of selling."""
    ledger, holders = world.ledger, world.holders
    while world.resales and world.resales[0].second <= world.now:
        resale = heapq.heappop(world.resales)
        wallet = holders.liquidator + resale.liquidator
        chain = world.liquidators.chains[resale.liquidator]
        worth_usd = sell_locally(world, chain, resale.token, resale.units)
        micro_dollars = int(worth_usd * (1.0 - world.scenario.liquidators.resale_cost) * MICRO)
        ledger.transfer(wallet, holders.outside, resale.token, resale.units)
        ledger.transfer(holders.outside, wallet, world.cash.token, micro_dollars)
