"""Arbitrageurs' front on the world: the best premiums of all venues, and two orders at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.agents import Arbitrage, ArbitrageView
from abm.simulation.firms import free_share
from abm.simulation.world import Routed
from abm.venue import NO_ASK, NO_BID, Lifetime, Order, Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.margin import Marks
    from abm.simulation.world import World


class CrossVenueDesk:
    """Serves arbitrageurs; what they see of the books stays as it is until all have decided."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._bids: NDArray[np.int64] = np.zeros((0, 0), dtype=np.int64)
        self._asks = self._bids
        self._tradable: NDArray[np.bool_] = np.zeros((0, 0), dtype=np.bool_)
        self._at_best: dict[Side, NDArray[np.int64]] = {}

    @property
    def firms(self) -> int:
        """How many arbitrageurs there are."""
        return len(self._world.arbitrageurs) // len(self._world.clearings)

    def look(self) -> bool:
        """Look once at all books; return whether any bid is above an ask elsewhere."""
        world = self._world
        if not self.firms:
            return False
        self._at_best = {}
        self._bids = np.array([exchange.best(Side.BUY) for exchange in world.exchanges])
        self._asks = np.array([exchange.best(Side.SELL) for exchange in world.exchanges])
        works = [not world.trading_stands_still(chain) for chain in world.venue_chains]
        alive = np.array([self._marks(venue).alive for venue in range(len(world.exchanges))])
        self._tradable = alive & np.array(works)[:, np.newaxis]
        bids = np.where(self._tradable & (self._bids > NO_BID), self._bids, NO_BID)
        asks = np.where(self._tradable, self._asks, NO_ASK)
        return bool((bids.max(axis=0) > asks.min(axis=0)).any())

    def _marks(self, venue: int) -> Marks:
        books = self._world.books
        return books[venue if len(books) > 1 else 0].marks

    def _account(self, firm: int, venue: int) -> int:
        world = self._world
        clearings = len(world.clearings)
        return world.arbitrageurs[firm * clearings + (venue if clearings > 1 else 0)]

    def view(self, firm: int) -> ArbitrageView:
        """Return what an arbitrageur sees now."""
        world = self._world
        accounts = [self._account(firm, venue) for venue in range(len(world.exchanges))]
        return ArbitrageView(
            bid_ticks=self._bids,
            ask_ticks=self._asks,
            bid_lots=self._lots(Side.BUY, self._bids),
            ask_lots=self._lots(Side.SELL, self._asks),
            mark_ticks=np.array([self._marks(venue).value for venue in range(len(accounts))])
            / world.exchange.tick_usd,
            tradable=self._tradable,
            held=np.array([world.positions.row(account) for account in accounts]),
            free_share=np.array([free_share(world, (account,)) for account in accounts]),
            fee_usd=world.scenario.venue.taker_fee * float(world.marks.price_usd),
            tick_usd=world.exchange.tick_usd,
        )

    def _lots(self, side: Side, best: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the contracts that makers quote at the best premium, venue by venue."""
        if side not in self._at_best:
            self._at_best[side] = np.array(
                [
                    exchange.quotes.lots_at(side, ticks)
                    for exchange, ticks in zip(self._world.exchanges, best, strict=True)
                ]
            )
        return self._at_best[side]

    def queue_arbitrage(self, firm: int, arbitrage: Arbitrage) -> None:
        """Queue both orders; each trades at its premium or better, or not at all."""
        for venue, side, ticks in (
            (arbitrage.buy_at, Side.BUY, arbitrage.ask_ticks),
            (arbitrage.sell_at, Side.SELL, arbitrage.bid_ticks),
        ):
            account = self._account(firm, venue)
            order = Order(
                account, arbitrage.instrument, side, arbitrage.lots, ticks, Lifetime.IMMEDIATE
            )
            self._world.intents.trading.append(Routed(venue, order))
