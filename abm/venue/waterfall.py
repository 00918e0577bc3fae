"""Who pays the loss that an account leaves: the insurance fund, then all who have cash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.ledger import CashBook, Holders, TokenLedger


def share_out(amount: int, weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Divide whole units in proportion to weights, exactly.

    Parameters
    ----------
    amount : int
        Units to divide, at least 0.
    weights : ndarray of int64, shape (n,)
        At least 0, with a sum of at least ``amount``.

    Returns
    -------
    ndarray of int64, shape (n,)
        Shares that sum to ``amount``, none above its weight; what rounding leaves goes one unit
        each to the largest remainders (ties: the first).

    Examples
    --------
    >>> share_out(10, np.array([1, 1, 2, 30]))
    array([0, 0, 1, 9])
    """
    total = int(weights.sum())
    if amount == 0 or total == 0:
        return np.zeros_like(weights)
    # Python integers: the product of two amounts in micro-dollars overflows 64 bits.
    exact = [weight * amount for weight in weights.tolist()]
    shares = np.array([product // total for product in exact], dtype=np.int64)
    remainders = np.array([product % total / total for product in exact])
    left = amount - int(shares.sum())
    shares[np.argsort(-remainders, kind="stable")[:left]] += 1
    return shares


@dataclass(frozen=True, slots=True)
class WaterfallUse:
    """Micro-dollars that each layer paid for one loss; ``uncovered`` is what none could."""

    fund: int
    socialised: int
    uncovered: int

    @property
    def total(self) -> int:
        """The whole loss."""
        return self.fund + self.socialised + self.uncovered

    def plus(self, other: WaterfallUse) -> WaterfallUse:
        """Return the layers' use for two losses together."""
        return WaterfallUse(
            self.fund + other.fund,
            self.socialised + other.socialised,
            self.uncovered + other.uncovered,
        )


class Waterfall:
    """The layers of one venue, in order.

    Parameters
    ----------
    ledger, cash, holders : TokenLedger, CashBook, Holders
        The fund's tokens and the accounts' cash.

    Attributes
    ----------
    paid : WaterfallUse
        All losses so far.
    """

    def __init__(self, ledger: TokenLedger, cash: CashBook, holders: Holders) -> None:
        self._ledger = ledger
        self._cash = cash
        self._holders = holders
        self.paid = WaterfallUse(0, 0, 0)

    def fund(self) -> int:
        """Return what the insurance fund holds, in micro-dollars."""
        return self._ledger.balance(self._holders.fund, self._cash.token)

    def pay(self, account: int) -> WaterfallUse:
        """Bring an account's cash from below zero to zero.

        The fund pays first; then every positive balance is cut in the same proportion, the
        withdrawal haircut of Derive v2-core. What even that cannot cover stays owed.
        """
        debt = max(-int(self._cash.balances[account]), 0)
        from_fund = min(debt, self.fund())
        self._cash.pay_in(account, self._holders.fund, from_fund)
        rest = debt - from_fund
        positive = np.maximum(self._cash.balances, 0)
        socialised = min(rest, int(positive.sum()))
        cuts = -share_out(socialised, positive)
        cuts[account] += socialised
        self._cash.settle(cuts)
        use = WaterfallUse(from_fund, socialised, rest - socialised)
        self.paid = self.paid.plus(use)
        return use
