"""A batch auction on the exchange: ladders, resting orders and the batch clear at one premium."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from abm.venue.batch import Interest, clear
from abm.venue.orders import SIDES, Lifetime, Order, SelfTrade, Side, Trade
from abm.venue.orders import TradeKind as Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from abm.venue.batch import Margin
    from abm.venue.exchange import Exchange
    from abm.venue.quotes import MassQuote


@dataclass(frozen=True, slots=True)
class _Source:
    """Where an interest stands, and how to take contracts off it there."""

    interest: Interest
    take: Callable[[int], object]
    order: Order | None = None


def replace_ladder(exchange: Exchange, maker: int, quote: MassQuote) -> None:
    """Put a ladder up for the next auction; what it crosses trades there, not before."""
    exchange.sequence += 1
    exchange.quotes.replace(maker, quote, exchange.sequence)


def refill_ladder(exchange: Exchange, maker: int) -> None:
    """Quote what traded of a ladder again, for the next auction."""
    exchange.sequence += 1
    for (side, instrument, level), lots in list(exchange.quotes.taken[maker].items()):
        exchange.quotes.put_back(maker, side, instrument, level, lots, exchange.sequence)
    exchange.quotes.taken[maker] = {}


def hold_auctions(
    exchange: Exchange,
    orders: Sequence[Order],
    price_usd: float,
    *,
    makers: Sequence[int],
    began: int,
    margin: Margin,
    self_trade: SelfTrade,
) -> list[tuple[int, int]]:
    """Clear every series that a batch has orders for, or whose quotes cross.

    What trades of the batch's orders pays the taker's fee. Of the rest, immediate orders end, the
    others rest.

    Parameters
    ----------
    exchange : Exchange
    orders : sequence of Order
        Of the batch, in the order of arrival; nothing is asked about their margin here.
    price_usd : float
        Price of the underlying that the venue believes, for the fee.
    makers : sequence of int
        Accounts by place on the quote board.
    began : int
        The exchange's sequence at the start of the batch: what is older stood there before.
    margin : {"pro_rata", "time"}
        As `abm.venue.batch.clear` has it.
    self_trade : SelfTrade
        Which of an account's own interests goes where they would meet.

    Returns
    -------
    list of (int, int)
        Contracts and premium in ticks of what traded of each order.
    """
    crossed = np.flatnonzero(exchange.best(Side.BUY) >= exchange.best(Side.SELL)).tolist()
    series = sorted(dict.fromkeys([*(order.instrument for order in orders), *crossed]))
    found = [(0, 0)] * len(orders)
    for instrument in series:
        sources = list(_standing(exchange, instrument, makers, began))
        batch = {
            place: order for place, order in enumerate(orders) if order.instrument == instrument
        }
        first = exchange.sequence + 1
        exchange.sequence += len(batch)
        fresh = {}
        for since, (place, order) in enumerate(batch.items(), start=first):
            fresh[since] = place
            interest = Interest(order.account, order.side, order.lots, order.limit_ticks, since)
            sources.append(_Source(interest, _nothing, order))
        kept = _without_self_trades(exchange, instrument, sources, makers, self_trade)
        clearing = clear([source.interest for source in kept], margin)
        lots = clearing.lots if clearing is not None else (0,) * len(kept)
        if clearing is not None:
            _trade(exchange, instrument, kept, lots, clearing.price_ticks, price_usd)
        for source, traded in zip(kept, lots, strict=True):
            if source.order is None:
                continue
            if clearing is not None and traded:
                found[fresh[source.interest.since]] = traded, clearing.price_ticks
            left = source.order.lots - traded
            if left and source.order.lifetime is not Lifetime.IMMEDIATE:
                exchange.rest(source.order, left)
    return found


def _nothing(_: int) -> None:
    """Take nothing off: an order of the batch stands nowhere yet."""


def _standing(
    exchange: Exchange, instrument: int, makers: Sequence[int], began: int
) -> Iterator[_Source]:
    """Yield what is quoted and what rests in a series."""
    quotes = exchange.quotes
    for side in SIDES:
        for price, since, maker, level in quotes.ranked(side, instrument):
            lots = int(quotes.lots[side][instrument, maker, level])
            interest = Interest(makers[maker], side, lots, -side * price, since, since <= began)

            def take(lots: int, side: Side = side, maker: int = maker, level: int = level) -> None:
                quotes.take(side, instrument, maker, level, lots)

            yield _Source(interest, take)
        for resting in exchange.books[instrument].resting(side):
            order, since = resting.order, resting.sequence
            interest = Interest(
                order.account, side, resting.lots_left, order.limit_ticks, since, since <= began
            )

            def reduce(lots: int, since: int = since) -> None:
                exchange.take_resting(instrument, since, lots)

            yield _Source(interest, reduce)


def _without_self_trades(
    exchange: Exchange,
    instrument: int,
    sources: list[_Source],
    makers: Sequence[int],
    rule: SelfTrade,
) -> list[_Source]:
    """Leave out what of an account would meet its own, as the venue's rule says.

    A market maker has its ladder alone, which does not cross itself.
    """
    gone: set[int] = set()
    own: dict[int, list[_Source]] = {}
    for source in sources:
        if source.interest.account not in makers:
            own.setdefault(source.interest.account, []).append(source)
    for mine in own.values():
        for older, newer in combinations(sorted(mine, key=_arrival), 2):
            if _arrival(older) in gone or _arrival(newer) in gone:
                continue
            if _meet(older.interest, newer.interest):
                gone |= _losers(older.interest, newer.interest, rule)
    for source in sources:
        if _arrival(source) in gone and source.order is None:
            exchange.cancel_order(instrument, _arrival(source))
    return [source for source in sources if _arrival(source) not in gone]


def _arrival(source: _Source) -> int:
    return source.interest.since


def _meet(one: Interest, other: Interest) -> bool:
    """Return whether two interests could trade with each other."""
    crosses = one.side * (one.limit_ticks - other.limit_ticks) >= 0
    return one.side is other.side.opposite and crosses


def _losers(older: Interest, newer: Interest, rule: SelfTrade) -> set[int]:
    """Return the arrivals of what goes where two interests of one account would trade."""
    match rule:
        case SelfTrade.CANCEL_RESTING:
            return {older.since}
        case SelfTrade.CANCEL_INCOMING:
            return {newer.since}
        case _:
            return {older.since, newer.since}


def _trade(
    exchange: Exchange,
    instrument: int,
    sources: Sequence[_Source],
    lots: Sequence[int],
    price_ticks: int,
    price_usd: float,
) -> None:
    """Pair buyers with sellers in the order of arrival; the newer of two counts as the taker."""
    left: dict[Side, list[tuple[_Source, int]]] = {side: [] for side in SIDES}
    for source, traded in zip(sources, lots, strict=True):
        if traded:
            left[source.interest.side].append((source, traded))
            source.take(traded)
            if source.order is not None:
                exchange.charge(source.interest.account, traded, price_usd)
    for queue in left.values():
        queue.sort(key=lambda item: _arrival(item[0]))
    buys, sells = left[Side.BUY], left[Side.SELL]
    while buys and sells:
        (buyer, bought), (seller, sold) = buys.pop(0), sells.pop(0)
        size = min(bought, sold)
        newer = max(buyer.interest, seller.interest, key=lambda interest: interest.since)
        exchange.settle(
            Trade(
                instrument,
                buyer.interest.account,
                seller.interest.account,
                size,
                price_ticks,
                newer.side,
                Kind.ORDER,
            )
        )
        if bought > size:
            buys.insert(0, (buyer, bought - size))
        if sold > size:
            sells.insert(0, (seller, sold - size))
