"""What every series is quoted at, sampled: spreads and depth by tenor and delta come from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.venue import NO_ASK, NO_BID, Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.simulation.world import World


def record_quotes(world: World) -> None:
    """Add a row for every series that has not expired, in the order of the instruments."""
    exchange, marks, now = world.exchange, world.marks, world.now
    alive = np.flatnonzero(marks.alive & (world.instruments.expiry_second > now))
    if not len(alive):
        return
    bids, asks = _best(world, Side.BUY, alive), _best(world, Side.SELL, alive)
    quoted = sum(exchange.quotes.lots[side].sum(axis=(1, 2)) for side in (Side.BUY, Side.SELL))
    table = world.instruments
    columns = (
        table.expiry_second,
        table.strike_usd,
        table.is_call,
        marks.value,
        marks.delta,
        marks.vega,
        quoted,
        world.positions.open_interest().astype(np.int64),
    )
    rows = zip(*(column[alive].tolist() for column in columns), strict=True)
    for series, (bid, bid_lots), (ask, ask_lots), row in zip(
        alive.tolist(), bids, asks, rows, strict=True
    ):
        expiry, strike_usd, is_call, value_usd, delta, vega, lots, held = row
        world.recorder.add(
            "quotes",
            now,
            world.series_names[series],
            expiry - now,
            strike_usd,
            is_call,
            value_usd,
            delta,
            vega,
            float(marks.price_usd),
            bid * exchange.tick_usd if bid_lots else None,
            ask * exchange.tick_usd if ask_lots else None,
            bid_lots,
            ask_lots,
            lots + exchange.books[series].lots_in_all,
            held,
        )


def _best(world: World, side: Side, alive: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the best premium in ticks of each series, quoted or resting, and the contracts at it.

    Of a resting order's price only the contracts of the first order in its queue are counted.
    """
    exchange = world.exchange
    nothing = NO_BID if side is Side.BUY else NO_ASK
    ticks = exchange.best(side)
    there = ticks != nothing
    lots = np.where(there, exchange.quotes.lots_at(side, ticks), 0)
    for series in np.flatnonzero(there & (exchange.best_resting(side) == ticks)).tolist():
        resting = exchange.books[series].best(side)
        lots[series] += 0 if resting is None else resting.lots_left
    ticks = np.where(there, ticks, 0)
    return list(zip(ticks[alive].tolist(), lots[alive].tolist(), strict=True))
