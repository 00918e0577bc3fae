"""What the tests of the venue share: an exchange with empty books."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from abm.ledger import CashBook, Holders, TokenLedger, open_holders
from abm.margin import PositionTable
from abm.venue import Exchange, Lifetime, Order, SelfTrade, Side

if TYPE_CHECKING:
    from collections.abc import Callable

USDC, ETH = 0, 1
MAKERS = (3, 4)
HOUSE = 5
SERIES = 2


@dataclass
class Floor:
    """An exchange and its books: accounts 0 to 2 trade, 3 and 4 make markets, 5 is the house.

    Two series, ladders of two levels, ticks of 0.05 dollars, and a taker's fee of 0.05 dollars a
    contract at the price of 100.
    """

    exchange: Exchange
    cash: CashBook
    positions: PositionTable
    ledger: TokenLedger
    holders: Holders

    def order(
        self,
        account: int,
        side: Side,
        lots: int,
        ticks: int,
        *,
        series: int = 0,
        rests: bool = False,
    ) -> int:
        """Submit an order at a price of 100 and return the contracts that traded."""
        lifetime = Lifetime.REST if rests else Lifetime.IMMEDIATE
        return self.exchange.submit(Order(account, series, side, lots, ticks, lifetime), 100.0)

    def buy(self, account: int, lots: int, ticks: int, *, rests: bool = False) -> int:
        """Buy contracts of series 0."""
        return self.order(account, Side.BUY, lots, ticks, rests=rests)

    def sell(self, account: int, lots: int, ticks: int, *, rests: bool = False) -> int:
        """Sell contracts of series 0."""
        return self.order(account, Side.SELL, lots, ticks, rests=rests)

    def fills(self) -> list[tuple[int, int, int, int]]:
        """Return buyer, seller, contracts and ticks of every trade."""
        return [
            (trade.buyer, trade.seller, trade.lots, trade.price_ticks)
            for trade in self.exchange.trades
        ]

    def depth(self) -> int:
        """Return all contracts that are quoted or rest."""
        quoted = int(self.exchange.quotes.lots_by_maker().sum())
        return quoted + self.exchange.resting_lots

    def deposit(self, account: int, micro_dollars: int) -> None:
        """Give an account cash."""
        self.ledger.endow(self.holders.outside, USDC, micro_dollars)
        self.cash.pay_in(account, self.holders.outside, micro_dollars)


def open_floor(self_trade: SelfTrade = SelfTrade.CANCEL_RESTING) -> Floor:
    """Return a floor with empty books."""
    ledger = TokenLedger(("USDC", "ETH"))
    holders = open_holders(
        ledger,
        wallet_chains=["far"] * 6,
        vault_chains=["far"] * 6,
        liquidator_chains=["far"],
        relayers=1,
        venue_chains=("home",),
        chains=("home", "far"),
        channels=(),
    )
    cash = CashBook(ledger, holders.venue_vault, USDC, 6)
    positions = PositionTable(6, SERIES)
    exchange = Exchange(
        positions,
        cash,
        makers=MAKERS,
        house=HOUSE,
        levels=2,
        tick_usd=0.05,
        taker_fee=0.0005,
        self_trade=self_trade,
    )
    return Floor(exchange, cash, positions, ledger, holders)


@pytest.fixture
def floor() -> Floor:
    """Return a floor with empty books."""
    return open_floor()


@pytest.fixture(scope="session")
def make_floor() -> Callable[..., Floor]:
    """Return what opens floors, for tests that need many."""
    return open_floor
