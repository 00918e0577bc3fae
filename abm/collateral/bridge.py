"""Originals locked on their chains, and the tokens that were minted to stand for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.collateral.tokens import TokenTable
    from abm.ledger import Holders, TokenLedger


class Bridge:
    """Locks, mints, burns and releases; what stands for others equals what is locked, exactly.

    Only an exploit parts the two, and the gap it leaves is a number of its own. Whoever redeems
    gets the whole of it as long as there is any: who comes last finds the lock empty.

    Parameters
    ----------
    tokens : TokenTable
        What stands for what.
    ledger, holders : TokenLedger, Holders
        Where tokens are.
    accounts : int
        Number of accounts.
    rescued : bool
        Whether the rest of the world makes every lock whole at once after a theft.

    Attributes
    ----------
    pending : ndarray of int64, shape (accounts, tokens)
        Base units locked and not minted yet, or burnt and not released yet, in the columns of what
        stands for others.
    unbacked : ndarray of int64, shape (tokens,)
        Base units drained from the lock or minted without one, less what holders have lost of it.
    """

    def __init__(
        self,
        tokens: TokenTable,
        ledger: TokenLedger,
        holders: Holders,
        accounts: int,
        *,
        rescued: bool = False,
    ) -> None:
        self.tokens = tokens
        self.pending = np.zeros((accounts, len(tokens)), dtype=np.int64, order="F")
        self.unbacked = np.zeros(len(tokens), dtype=np.int64)
        self._ledger = ledger
        self._holders = holders
        self._rescued = rescued
        self._whole = np.ones(len(tokens))
        self._whole.flags.writeable = False

    def lock(self, account: int, chain: str, original: int, units: int, *, source: int) -> None:
        """Lock originals of an account; what stands for them is minted later, elsewhere."""
        token = self.tokens.standing_for(original, chain)
        self._ledger.transfer(source, self._holders.lock[chain], original, units)
        self.pending[account, token] += units

    def mint(self, account: int, token: int, units: int) -> None:
        """Mint into an account's vault what was locked for it before."""
        self.pending[account, token] -= units
        self._ledger.mint(self._holders.vault + account, token, units)

    def burn(self, account: int, token: int, units: int, *, source: int) -> None:
        """Burn what stands for originals, which are released later, at home."""
        self._ledger.burn(source, token, units)
        self.pending[account, token] += units

    def release(self, account: int, chain: str, token: int, units: int, destination: int) -> int:
        """Release originals for what was burnt, as far as the lock goes; return how many."""
        original = int(self.tokens.original[token])
        released = min(units, self._ledger.balance(self._holders.lock[chain], original))
        self._ledger.transfer(self._holders.lock[chain], destination, original, released)
        self.pending[account, token] -= units
        self.unbacked[token] -= units - released
        return released

    def return_lock(self, account: int, chain: str, original: int, units: int, source: int) -> int:
        """Put originals back into the lock for an account; return what stands for them."""
        token = self.tokens.standing_for(original, chain)
        self.lock(account, chain, original, units, source=source)
        return token

    def drain(self, chain: str, original: int, units: int) -> int:
        """Take originals out of a lock without burning anything: an exploit; return how many."""
        lock = self._holders.lock[chain]
        taken = min(units, self._ledger.balance(lock, original))
        self._ledger.transfer(lock, self._holders.attacker, original, taken)
        self._miss(self.tokens.standing_for(original, chain), chain, taken)
        return taken

    def _miss(self, token: int, chain: str, units: int) -> None:
        """Note that a lock is short of so much, or have it made whole."""
        if self._rescued:
            original = int(self.tokens.original[token])
            lock = self._holders.lock[chain]
            self._ledger.transfer(self._holders.outside, lock, original, units)
        else:
            self.unbacked[token] += units

    def forge(self, holder: int, token: int, units: int) -> None:
        """Mint what nothing was locked for: a forged message."""
        self._ledger.mint(holder, token, units)
        self._miss(token, self.tokens.locked_on[token][0], units)

    def locked(self, token: int) -> int:
        """Return the base units that are locked for what stands for them."""
        original = int(self.tokens.original[token])
        held = sum(
            self._ledger.balance(self._holders.lock[chain], original)
            for chain in self.tokens.locked_on[token]
        )
        if len(self.tokens.locked_on[token]) > 1:
            held += self._ledger.balance(self._holders.rebalancing, original)
        return held

    def supply(self, token: int) -> int:
        """Return the base units that have a claim on the lock, those under way included."""
        return int(self._ledger.issued()[token] + self.pending[:, token].sum())

    def backing(self) -> NDArray[np.float64]:
        """Return what share of each token is backed, shape (tokens,); 1 for an original."""
        if not self.tokens.representations or not self.unbacked.any():
            return self._whole
        backing = self._whole.copy()
        for token in self.tokens.representations:
            if self.unbacked[token] > 0:
                backing[token] = min(self.locked(token) / self.supply(token), 1.0)
        return backing

    def has_pending(self) -> bool:
        """Return whether anything is between lock and mint, or between burn and release."""
        return bool(self.tokens.representations) and bool(self.pending.any())

    def breaches(self) -> list[str]:
        """Return a sentence for each token whose claims, locks and recorded gap disagree."""
        found = []
        for token in self.tokens.representations:
            claims, locked = self.supply(token), self.locked(token)
            gap = int(self.unbacked[token])
            if claims - locked != gap:
                found.append(
                    f"{self.tokens.names[token]}: claims of {claims} base units, {locked} are "
                    f"locked; the difference must be the recorded gap of {gap}"
                )
        return found
