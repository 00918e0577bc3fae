"""The cash books of venues: what each account has or owes, in integer micro-dollars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abm.ledger.tokens import TokenLedger


class CashBook:
    """Settled cash of every account; its sum equals the dollars in the venue's vault, exactly.

    A balance may be negative: an account that bought options against collateral elsewhere owes
    the venue. Premiums and payoffs move cash between accounts; dollars that enter or leave the
    vault move with a token transfer, so book and vault cannot drift apart. Where several venues
    clear for themselves, each has a vault of its own, and the same holds for each.

    Parameters
    ----------
    ledger : TokenLedger
        Holds the vaults.
    vault : int
        Holder index of the first venue's vault; those of the others follow.
    token : int
        The dollar token.
    accounts : int
        Number of accounts.
    clearing_of : sequence of int, one for each account, optional
        Number of the vault that an account's cash stands in; the first for all if not given.
    """

    def __init__(
        self,
        ledger: TokenLedger,
        vault: int,
        token: int,
        accounts: int,
        clearing_of: Sequence[int] = (),
    ) -> None:
        self._ledger = ledger
        self._vaults = [vault + number for number in clearing_of] or [vault] * accounts
        self.token = token
        self._cash = np.zeros(accounts, dtype=np.int64)
        # Made once: it is looked at many times in a step.
        self._seen = self._cash.view()
        self._seen.flags.writeable = False
        numbers = np.array(self._vaults)
        self._accounts_of = {
            int(holder): np.flatnonzero(numbers == holder) for holder in np.unique(numbers)
        }

    @property
    def balances(self) -> NDArray[np.int64]:
        """Read-only micro-dollars of every account, shape (accounts,)."""
        return self._seen

    def in_vault(self, account: int) -> int:
        """Return the micro-dollars in the vault that an account's cash stands in."""
        return self._ledger.balance(self._vaults[account], self.token)

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

    def pay(self, account: int, others: Sequence[tuple[int, int]]) -> None:
        """Move cash from an account, which may go below zero, to several others.

        Raises
        ------
        LedgerError
            If an amount is negative; then nothing moves.
        """
        self._move_all(account, others, 1)

    def collect(self, account: int, others: Sequence[tuple[int, int]]) -> None:
        """Move cash to an account from several others, which may go below zero.

        Raises
        ------
        LedgerError
            If an amount is negative; then nothing moves.
        """
        self._move_all(account, others, -1)

    def _move_all(self, account: int, others: Sequence[tuple[int, int]], sign: int) -> None:
        least = min((amount for _, amount in others), default=0)
        if least < 0:
            raise LedgerError(f"cash move of {least} micro-dollars; it must be >= 0")
        total = 0
        for other, amount in others:
            self._cash[other] += sign * amount
            total += amount
        self._cash[account] -= sign * total

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

    def vault_of(self, account: int) -> int:
        """Return the holder index of the vault that an account's cash stands in."""
        return self._vaults[account]

    def pay_in(self, account: int, holder: int, amount: int) -> None:
        """Credit an account with dollars that move from a holder into its venue's vault."""
        self._ledger.transfer(holder, self._vaults[account], self.token, amount)
        self._cash[account] += amount

    def pay_out(self, account: int, holder: int, amount: int) -> None:
        """Debit an account with dollars that move from its venue's vault to a holder."""
        self._ledger.transfer(self._vaults[account], holder, self.token, amount)
        self._cash[account] -= amount

    def breaches(self) -> list[str]:
        """Return a sentence for each vault with which the book disagrees."""
        found = []
        for vault, accounts in self._accounts_of.items():
            booked = int(self._cash[accounts].sum())
            held = self._ledger.balance(vault, self.token)
            if booked != held:
                found.append(f"cash book says {booked} micro-dollars, the vault holds {held}")
        return found
