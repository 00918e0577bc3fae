"""Liquidators: buy seized collateral with money that stands on its chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import mesa

from abm.venue import Bid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.scenario.agents import Liquidators


@dataclass(frozen=True, slots=True)
class Offer:
    """An open auction as a liquidator sees it.

    Attributes
    ----------
    auction : int
        Its number.
    units : int
        Base units left.
    ask_usd : float
        Dollars asked now for one base unit.
    worth_usd : float
        Dollars that one base unit brings elsewhere, after the cost of selling it.
    """

    auction: int
    units: int
    ask_usd: float
    worth_usd: float


def choose_bids(
    liquidator: int,
    offers: Sequence[Offer],
    cash_usd: float,
    gas_usd: float,
    minimum_profit: float,
) -> list[Bid]:
    """Decide which auctions to take, the largest margin first, as far as the cash goes.

    Parameters
    ----------
    liquidator : int
        Who bids.
    offers : sequence of Offer
        Open auctions on the liquidator's chain.
    cash_usd : float
        Dollars it has there.
    gas_usd : float
        Cost of one bid.
    minimum_profit : float
        Profit after gas that it wants, as a fraction of what it pays.

    Returns
    -------
    list of Bid
        Empty when nothing is worth it: without such bids an auction fails.

    Examples
    --------
    Ten units asked at 90 and worth 100 earn 100 dollars less gas; cash is enough for five.

    >>> choose_bids(3, [Offer(7, 10, 90.0, 100.0)], cash_usd=460.0, gas_usd=10.0,
    ...             minimum_profit=0.01)
    [Bid(liquidator=3, auction=7, units=5)]
    >>> choose_bids(3, [Offer(7, 10, 90.0, 100.0)], 460.0, gas_usd=60.0, minimum_profit=0.01)
    []
    """
    bids = []
    left = cash_usd
    for offer in sorted(offers, key=lambda offer: (offer.ask_usd - offer.worth_usd, offer.auction)):
        spendable = left - gas_usd
        if spendable <= 0:
            break
        affordable = offer.units
        if offer.ask_usd > 0:
            affordable = min(offer.units, int(spendable / offer.ask_usd))
        paid = affordable * offer.ask_usd
        profit = affordable * (offer.worth_usd - offer.ask_usd) - gas_usd
        if affordable > 0 and profit > 0 and profit >= minimum_profit * paid:
            bids.append(Bid(liquidator, offer.auction, affordable))
            left -= paid + gas_usd
    return bids


class BidDesk(Protocol):
    """What the simulation offers a liquidator."""

    def is_active(self, liquidator: int) -> bool:
        """Return whether the liquidator works at all now."""
        ...

    def offers(self, liquidator: int) -> list[Offer]:
        """Return the open auctions on its chain."""
        ...

    def cash_usd(self, liquidator: int) -> float:
        """Return the dollars it has on its chain."""
        ...

    def gas_usd(self, liquidator: int) -> float:
        """Return the cost of one bid there."""
        ...

    def queue_bid(self, bid: Bid) -> None:
        """Ask for a bid to be settled in this step."""
        ...


class Liquidator(mesa.Agent):
    """Bids with cash already on the auction's chain; ``slot`` is its number.

    Cash elsewhere helps only after it has been moved, so this agent never looks at other chains.
    """

    def __init__(
        self, model: mesa.Model, slot: int, parameters: Liquidators, desk: BidDesk
    ) -> None:
        super().__init__(model)
        self.slot = slot
        self.parameters = parameters
        self.desk = desk

    def step(self) -> None:
        """Queue what is worth bidding for."""
        if not self.desk.is_active(self.slot):
            return
        offers = self.desk.offers(self.slot)
        if not offers:
            return
        for bid in choose_bids(
            self.slot,
            offers,
            self.desk.cash_usd(self.slot),
            self.desk.gas_usd(self.slot),
            self.parameters.minimum_profit,
        ):
            self.desk.queue_bid(bid)
