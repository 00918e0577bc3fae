"""Liquidators' front on the world: what is on sale on their chain, and what they bid for it."""

from __future__ import annotations

from math import fsum  # exact: `sum` of floats rounds otherwise from Python 3.12 on
from typing import TYPE_CHECKING

from abm.agents import Offer
from abm.simulation.local_market import sale_multiple
from abm.units import MICRO

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from abm.simulation.world import World
    from abm.venue import Bid


class AuctionDesk:
    """Serves liquidators."""

    def __init__(self, world: World) -> None:
        self._world = world
        # By chain: at which second, state of the auctions and prices; and what was asked then.
        self._asks: dict[str, tuple[object, list[tuple[int, int, int, float]]]] = {}

    def is_active(self, liquidator: int) -> bool:
        """Return whether a liquidator has not stopped."""
        world = self._world
        return float(world.liquidators.exit_rank[liquidator]) >= world.strains.liquidators_gone

    def offers(self, liquidator: int) -> list[Offer]:
        """Return the open auctions on a liquidator's chain, none while it is halted."""
        world = self._world
        chain = world.liquidators.chains[liquidator]
        if world.transport.is_halted(chain, world.now) or world.transport.is_frozen(
            chain, world.now
        ):
            return []
        resale = self._resale_unit_usd(chain).tolist()
        cash_usd = self.cash_usd(liquidator)
        offers = []
        for number, token, left, ask_usd in self._asked(chain):
            share = sale_multiple(world, chain, token, left, cash_usd, ask_usd)
            offers.append(Offer(number, left, ask_usd, resale[token] * share))
        return offers

    def _asked(self, chain: str) -> list[tuple[int, int, int, float]]:
        """Return number, token, units left and price of one of every auction on a chain.

        All liquidators there see the same until one of them buys.
        """
        world = self._world
        published = world.place.counted_unit_usd(world.board[chain].price_usd).tolist()
        key = (world.now, world.auctions.changes, published)
        known = self._asks.get(chain)
        if known is None or known[0] != key:
            asks = [
                (
                    auction.id,
                    auction.token,
                    auction.units_left,
                    world.auctions.factor(auction, world.now) * published[auction.token],
                )
                for auction in world.auctions.open_on(chain)
            ]
            known = self._asks[chain] = key, asks
        return known[1]

    def _resale_unit_usd(self, chain: str) -> NDArray[np.float64]:
        """Return what selling one base unit of each token would bring now on a chain."""
        world = self._world
        unit_usd = world.unit_usd(world.price_at(chain))
        return unit_usd * (1.0 - world.scenario.liquidators.resale_cost)

    def wealth_usd(self, liquidator: int) -> float:
        """Return a liquidator's cash, and what selling all else that it holds would bring now."""
        world = self._world
        wallet = world.holders.liquidator + liquidator
        resale = self._resale_unit_usd(world.liquidators.chains[liquidator])
        return self.cash_usd(liquidator) + fsum(
            world.ledger.balance(wallet, token) * unit_usd
            for token, unit_usd in enumerate(resale.tolist())
            if token != world.cash.token
        )

    def cash_usd(self, liquidator: int) -> float:
        """Return a liquidator's dollars on its chain."""
        world = self._world
        return world.ledger.balance(world.holders.liquidator + liquidator, world.cash.token) / MICRO

    def gas_usd(self, liquidator: int) -> float:
        """Return the cost of one bid on a liquidator's chain."""
        return self._world.transport.gas_usd(self._world.liquidators.chains[liquidator])

    def queue_bid(self, bid: Bid) -> None:
        """Queue a bid.

        Raises
        ------
        ValueError
            If it is not for an auction on the liquidator's own chain.
        """
        world = self._world
        chain = world.liquidators.chains[bid.liquidator]
        known = range(len(world.auctions.auctions))
        if not (
            bid.units >= 1
            and bid.auction in known
            and world.auctions.auctions[bid.auction].seized.chain == chain
        ):
            raise ValueError(
                f"{bid} was queued; it must be for at least 1 unit of an auction on the "
                f"liquidator's chain, {chain}"
            )
        world.intents.bids.append(bid)
