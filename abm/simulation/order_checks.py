"""Whether the venue takes an order: its series trades, and its account keeps its initial margin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from abm.simulation.world import World
    from abm.venue import Exchange, Order


def is_taken(
    world: World,
    order: Order,
    exchange: Exchange,
    row: NDArray[np.int64],
    gained_usd: float = 0.0,
) -> tuple[bool, float]:
    """Return whether an order may trade, and what its account gains if all of it does.

    It is taken to trade at its limit; a market order, which has none, as the book would fill it.

    Parameters
    ----------
    world : World
    order : Order
    exchange : Exchange
        Where it is to trade.
    row : ndarray of int64, shape (instruments,)
        Contracts that the account has before it; changed to those that it would have after it
        where the order is taken.
    gained_usd : float
        Dollars that the account gains from what was taken before and has not traded yet.
    """
    account, instrument = order.account, order.instrument
    book = world.book_of(account)
    if not book.marks.alive[instrument] or world.desk.is_open(account):
        return False, 0.0
    lots, ticks = order.lots, order.limit_ticks
    if order.is_market:
        lots, ticks = exchange.prospect(order)
    signed = order.side * lots
    row[instrument] += signed
    required = book.margin.initial(row)
    premium = ticks * exchange.tick_usd
    gain = signed * (float(book.marks.value[instrument]) - premium)
    equity = float(world.beliefs.equity[account]) + gained_usd + gain
    if equity < required:
        row[instrument] -= signed
        return False, 0.0
    return True, gain


@dataclass
class BatchCheck:
    """Checks the orders of a venue's batch, each against what those before it would leave."""

    world: World
    exchange: Exchange
    rows: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    gained_usd: dict[int, float] = field(default_factory=dict)

    def takes(self, order: Order) -> bool:
        """Return whether an order may trade beside all that its account was allowed before."""
        account = order.account
        if account not in self.rows:
            self.rows[account] = self.world.positions.row(account).copy()
        before = self.gained_usd.get(account, 0.0)
        taken, gain = is_taken(self.world, order, self.exchange, self.rows[account], before)
        self.gained_usd[account] = before + gain
        return taken
