"""Perpetuals that market makers hold elsewhere against the delta of their options here."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from abm.units import MICRO, SECONDS_PER_DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.ledger import CashBook
    from abm.scenario.hedge_market import Hedging


class HedgeBook:
    """Positions in the perpetual, settled in cash to the last price at every step.

    A position is worth its contracts times the price, less what was paid for them and not settled.
    Profit, fees and funding move between the account's cash and the rest of the world in whole
    micro-dollars, so that nothing is made or lost.

    Parameters
    ----------
    rule : Hedging
        Fee and funding.
    cash : CashBook
        The venues'.
    outside : int
        Holder of whoever takes the other side.

    Attributes
    ----------
    lots : ndarray of int64, shape (accounts,)
        Contracts of each account, one unit of the underlying each; short below 0.
    cost : ndarray of int64, shape (accounts,)
        Micro-dollars paid for them and not settled; received if below 0.
    traded_usd, settled_usd : float
        Value traded, and profits after fees and funding paid to accounts, so far.
    """

    def __init__(self, rule: Hedging, cash: CashBook, outside: int) -> None:
        self.lots = np.zeros(len(cash.balances), dtype=np.int64)
        self.cost = np.zeros(len(cash.balances), dtype=np.int64)
        self.traded_usd = 0.0
        self.settled_usd = 0.0
        self._rule = rule
        self._cash = cash
        self._outside = outside

    def open(self, account: int, lots: int, price_usd: float) -> None:
        """Give an account contracts at a price before the clock runs, without a fee."""
        self.lots[account] += lots
        self.cost[account] += round(lots * price_usd * MICRO)

    def trade(self, account: int, lots: int, price_usd: float) -> None:
        """Buy contracts at a price, or sell them if below 0; the fee is part of what they cost."""
        value = lots * price_usd * MICRO
        self.lots[account] += lots
        self.cost[account] += round(value) + ceil(abs(value) * self._rule.fee)
        self.traded_usd += abs(value) / MICRO

    def value_usd(self, price_usd: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the positions are worth at one price or each at its own, in dollars."""
        value: NDArray[np.float64] = self.lots * price_usd - self.cost / MICRO
        return value

    def settle(self, price_usd: NDArray[np.float64], seconds: int) -> None:
        """Pay profits and funding since the last time, as far as an account's vault has dollars.

        What it has not stays owed: the position is worth so much less. Prices are by account.
        """
        rate = self._rule.funding_rate_per_day * seconds / SECONDS_PER_DAY
        for account in (self.lots.astype(bool) | self.cost.astype(bool)).nonzero()[0].tolist():
            value = round(int(self.lots[account]) * float(price_usd[account]) * MICRO)
            self.cost[account] += round(value * rate)
            profit = value - int(self.cost[account])
            if profit < 0:
                profit = -min(-profit, self._cash.in_vault(account))
                self._cash.pay_out(account, self._outside, -profit)
            else:
                self._cash.pay_in(account, self._outside, profit)
            self.cost[account] += profit
            self.settled_usd += profit / MICRO
