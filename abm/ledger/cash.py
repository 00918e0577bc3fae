"""The venue's cash book: what each account has or owes, in integer micro-dollars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.errors import LedgerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.ledger.tokens import TokenLedger


class CashBook:
    """Settled cash of every account; its sum equals the dollars in the venue's vault, exactly.

    A balance may be negative: an account that bought options against collateral elsewhere owes
    the venue. Premiums and payoffs move cash between accounts; dollars that enter or leave the
    vault move with a token transfer, so book and vault cannot drift apart.

    Parameters
    ----------
    ledger : TokenLedger
        Holds the vault.
    vault : int
        Holder index of the venue's vault.
    token : int
        The dollar token.
    accounts : int
        Number of accounts.
    """

    def __init__(self, ledger: TokenLedger, vault: int, token: int, accounts: int) -> None:
        self._ledger = ledger
        self.vault = vault
        self.token = token
        self._cash = np.zeros(accounts, dtype=np.int64)

    @property
    def balances(self) -> NDArray[np.int64]:
        """Read-only micro-dollars of every account, shape (accounts,)."""
        view = self._cash.view()
        view.flags.writeable = False
        return view

    def in_vault(self) -> int:
        """Return the micro-dollars that the vault holds."""
        return self._ledger.balance(self.vault, self.token)

    def move(self, source: int, destination: int, amount: int) -> None:
        """Move cash between accounts; the source may go below zero.

        Raises
        ------
        LedgerError
            If ``amount`` is negative.
        """
        if amount < 0:
            raise LedgerError(f"cash move of {amount} micro-dollars; it must be >= 0")
        self._cash[source] -= amount
        self._cash[destination] += amount

    def settle(self, changes: NDArray[np.int64]) -> None:
        """Add a change to every account at once.

        Raises
        ------
        LedgerError
            If the changes do not sum to zero.
        """
        if total := int(changes.sum()):
            raise LedgerError(f"settlement sums to {total} micro-dollars; it must sum to 0")
        self._cash += changes

    def pay_in(self, account: int, holder: int, amount: int) -> None:
        """Credit an account with dollars that move from a holder into the vault."""
        self._ledger.transfer(holder, self.vault, self.token, amount)
        self._cash[account] += amount

    def pay_out(self, account: int, holder: int, amount: int) -> None:
        """Debit an account with dollars that move from the vault to a holder."""
        self._ledger.transfer(self.vault, holder, self.token, amount)
        self._cash[account] -= amount

    def breaches(self) -> list[str]:
        """Return a sentence if the book and the vault disagree."""
        booked = int(self._cash.sum())
        held = self._ledger.balance(self.vault, self.token)
        if booked == held:
            return []
        return [f"cash book says {booked} micro-dollars, the vault holds {held}"]
