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
    sides = {side: _best(world, side, alive) for side in (Side.BUY, Side.SELL)}
    quoted = sum(exchange.quotes.lots[side].sum(axis=(1, 2)) for side in sides)
    _, instrument, lots = world.positions.entries()
    long = lots > 0
    interest = np.bincount(instrument[long], lots[long], minlength=len(world.instruments))
    for place, series in enumerate(alive.tolist()):
        bid, bid_lots = sides[Side.BUY][place]
        ask, ask_lots = sides[Side.SELL][place]
        world.recorder.add(
            "quotes",
            now,
            world.series_names[series],
            int(world.instruments.expiry_second[series]) - now,
            float(world.instruments.strike_usd[series]),
            bool(world.instruments.is_call[series]),
            float(marks.value[series]),
            float(marks.delta[series]),
            float(marks.vega[series]),
            float(marks.price_usd),
            bid * exchange.tick_usd if bid_lots else None,
            ask * exchange.tick_usd if ask_lots else None,
            bid_lots,
            ask_lots,
            int(quoted[series]) + exchange.books[series].lots_in_all,
            int(interest[series]),
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
