"""Arbitrageurs: buy a series where it is cheap and sell it where it is dear, at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import mesa
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.scenario.agents import Arbitrageurs


@dataclass(frozen=True)
class ArbitrageView:
    """What an arbitrageur sees of every venue.

    Attributes
    ----------
    bid_ticks, ask_ticks : ndarray of int64, shape (venues, instruments)
        Best premiums.
    bid_lots, ask_lots : ndarray of int64, shape (venues, instruments)
        Contracts quoted at them.
    mark_ticks : ndarray, shape (venues, instruments)
        Each venue's own mark, in ticks.
    tradable : ndarray of bool, shape (venues, instruments)
        Whether there is a bid and an ask worth looking at: the venue works, the series is alive.
    held : ndarray of int64, shape (venues, instruments)
        Its own contracts where the venue clears, short below 0.
    free_share : ndarray, shape (venues,)
        Its equity beyond initial margin as a share of equity, where each venue clears.
    fee_usd : float
        Of one contract, at either venue.
    tick_usd : float
    """

    bid_ticks: NDArray[np.int64]
    ask_ticks: NDArray[np.int64]
    bid_lots: NDArray[np.int64]
    ask_lots: NDArray[np.int64]
    mark_ticks: NDArray[np.float64]
    tradable: NDArray[np.bool_]
    held: NDArray[np.int64]
    free_share: NDArray[np.float64]
    fee_usd: float
    tick_usd: float


@dataclass(frozen=True, slots=True)
class Arbitrage:
    """Buy contracts of a series at one venue and sell them at another, at these premiums."""

    instrument: int
    lots: int
    buy_at: int
    ask_ticks: int
    sell_at: int
    bid_ticks: int


def choose_arbitrages(view: ArbitrageView, parameters: Arbitrageurs) -> list[Arbitrage]:
    """Decide what to buy at one venue and sell at another.

    For each series the lowest ask is bought and the highest bid sold if the gain after both fees is
    at least the minimum, as many as are quoted at both; the largest gain goes first. Quotes on the
    wrong side of their own venue's mark are old: their makers take them away first, and one side of
    the trade would stand alone. Where its free share of equity has fallen to what it keeps, it only
    closes what it holds: the side that is to fall must be held there already.

    Parameters
    ----------
    view : ArbitrageView
        What it sees.
    parameters : Arbitrageurs
        The scenario's.

    Returns
    -------
    list of Arbitrage
    """
    columns = np.arange(view.bid_ticks.shape[1])
    stays = view.tradable & (view.bid_ticks <= view.mark_ticks)
    bids = np.where(stays, view.bid_ticks, -1)
    stays = view.tradable & (view.ask_ticks >= view.mark_ticks)
    asks = np.where(stays, view.ask_ticks, np.iinfo(np.int64).max)
    sell_at, buy_at = bids.argmax(axis=0), asks.argmin(axis=0)
    bid, ask = bids[sell_at, columns], asks[buy_at, columns]
    gain = (bid.astype(np.float64) - ask) * view.tick_usd - 2.0 * view.fee_usd
    worth_it = (bid > 0) & (sell_at != buy_at) & (gain >= parameters.minimum_gain_usd) & (gain > 0)
    found = []
    for instrument in sorted(np.flatnonzero(worth_it).tolist(), key=lambda one: -gain[one]):
        buy, sell = int(buy_at[instrument]), int(sell_at[instrument])
        quoted = min(view.ask_lots[buy, instrument], view.bid_lots[sell, instrument])
        lots = min(parameters.largest_lots, int(quoted))
        if view.free_share[buy] <= parameters.keep_free:
            lots = min(lots, max(-int(view.held[buy, instrument]), 0))
        if view.free_share[sell] <= parameters.keep_free:
            lots = min(lots, max(int(view.held[sell, instrument]), 0))
        if lots:
            found.append(
                Arbitrage(instrument, lots, buy, int(ask[instrument]), sell, int(bid[instrument]))
            )
    return found


class ArbitrageDesk(Protocol):
    """What the simulation offers an arbitrageur."""

    def view(self, firm: int) -> ArbitrageView:
        """Return what it sees now."""
        ...

    def queue_arbitrage(self, firm: int, arbitrage: Arbitrage) -> None:
        """Ask for both orders to be settled in this step."""
        ...


class Arbitrageur(mesa.Agent):
    """One arbitrageur; ``slot`` is its number among them.

    Each side of a trade needs margin at its own venue, unless one clears for both: what stands
    between venues for long is the price of dollars that cannot be moved.
    """

    def __init__(
        self, model: mesa.Model, slot: int, parameters: Arbitrageurs, desk: ArbitrageDesk
    ) -> None:
        super().__init__(model)
        self.slot = slot
        self.parameters = parameters
        self.desk = desk

    def step(self) -> None:
        """Queue what is worth it."""
        for arbitrage in choose_arbitrages(self.desk.view(self.slot), self.parameters):
            self.desk.queue_arbitrage(self.slot, arbitrage)
