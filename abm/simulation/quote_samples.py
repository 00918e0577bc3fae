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
        book = exchange.books[series]
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
            int(quoted[series]) + sum(book.lots.values()),
            int(interest[series]),
        )


def _best(world: World, side: Side, alive: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the best premium in ticks of each series, quoted or resting, and the contracts at it.

    Of a resting order's price only the contracts of the first order in its queue are counted.
    """
    quotes = world.exchange.quotes
    quoted = quotes.best(side)
    nothing = NO_BID if side is Side.BUY else NO_ASK
    found = []
    for series in alive.tolist():
        resting = world.exchange.books[series].best(side)
        ticks = int(quoted[series])
        if resting is not None and side * (resting.order.limit_ticks - ticks) > 0:
            ticks = resting.order.limit_ticks
        if ticks == nothing:
            found.append((0, 0))
            continue
        lots = int(quotes.lots[side][series][quotes.ticks[side][series] == ticks].sum())
        if resting is not None and resting.order.limit_ticks == ticks:
            lots += resting.lots_left
        found.append((ticks, lots))
    return found
