"""How each venue stands: rows for a table of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.simulation.firms import free_share
from abm.units import dollars
from abm.venue import NO_ASK, NO_BID, Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.simulation.world import World

# Below this vega, in dollars for 1.00, a spread in volatility says nothing.
SMALLEST_VEGA = 1.0


def record_venues(world: World) -> None:
    """Add a row for every venue; where one clears for all, what is paid stands in its row."""
    account, _, lots = world.positions.entries()
    longs = np.bincount(world.clearing_of[account], np.maximum(lots, 0), len(world.clearings))
    for venue, exchange in enumerate(world.exchanges):
        clears = len(world.clearings) > venue
        waterfall = world.clearings[venue].waterfall if clears else None
        seats = [seat for seat in world.seats if seat.venue == venue]
        shares = [free_share(world, (seat.account,)) for seat in seats]
        members = (world.clearing_of == venue)[: world.house]
        quoted = exchange.quotes.lots_by_maker()
        world.recorder.add(
            "venues",
            world.now,
            world.venue_names[venue],
            int(quoted.sum()) + exchange.resting_lots,
            int(np.count_nonzero(quoted)),
            lower_median(spreads_at(world, venue)),
            float(np.mean(shares)) if shares else None,
            int(longs[venue]) if clears else None,
            float(world.beliefs.initial[: world.house][members].sum()) if clears else None,
            dollars(waterfall.fund()) if waterfall is not None else None,
            dollars(waterfall.paid.total) if waterfall is not None else None,
            dollars(waterfall.paid.of("mutual_fund")) if waterfall is not None else None,
            dollars(waterfall.paid.of("socialised") + waterfall.paid.of("deleveraged"))
            if waterfall is not None
            else None,
        )


def spread_volatility(world: World) -> float | None:
    """Return the median quoted spread over two-sided series, in volatility, if there is one."""
    found = [spreads_at(world, venue) for venue in range(len(world.exchanges))]
    return lower_median(found[0] if len(found) == 1 else np.concatenate(found))


def spreads_at(world: World, venue: int) -> NDArray[np.float64]:
    """Return the quoted spreads of a venue's two-sided series, in volatility."""
    exchange = world.exchanges[venue]
    bids = exchange.quotes.best(Side.BUY)
    asks = exchange.quotes.best(Side.SELL)
    vega = world.books[venue if len(world.books) > 1 else 0].marks.vega
    both = (bids > NO_BID) & (asks < NO_ASK) & (vega > SMALLEST_VEGA)
    spreads: NDArray[np.float64] = (asks - bids)[both] * exchange.tick_usd / vega[both]
    return spreads


def lower_median(values: NDArray[np.float64]) -> float | None:
    """Return the lower median, if there is any value."""
    spreads = np.sort(values)
    # The lower median: NumPy's own takes longer than the rest of the row.
    return float(spreads[(len(spreads) - 1) // 2]) if len(spreads) else None
