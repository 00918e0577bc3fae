"""Who holds which token, in integer base units: every move is a double entry."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from abm.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class TokenLedger:
    """Balances of every token at every holder; the total of each token never changes.

    A holder is a place where tokens really are: a wallet, a vault, a channel's escrow, a fund.
    Holders are opened in blocks, so that a whole population is one slice of the table. Only tokens
    that stand for others are minted and burnt, by `abm.collateral.bridge`.

    Parameters
    ----------
    tokens : tuple of str
        Names of the tokens, in the order of the columns.

    Attributes
    ----------
    flows : dict of (str, str, int) to int
        Base units that moved since it was last cleared, by place of origin, place of arrival and
        token; a place is what `open` calls it, such as ``vault`` or ``escrow.to_base``.
    """

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self.tokens = tokens
        self._balances = np.zeros((len(tokens), 0), dtype=np.int64)
        self._names: list[str] = []
        self._places: list[str] = []
        self.flows: dict[tuple[str, str, int], int] = defaultdict(int)
        self._issued = np.zeros(len(tokens), dtype=np.int64)

    def open(self, name: str, count: int = 1, places: Sequence[str] = ()) -> int:
        """Open ``count`` holders in a row and return the index of the first.

        ``places`` says where the flows table has each; the name where it is not given.
        """
        first = len(self._names)
        self._places += places or [name] * count
        if count == 1:
            self._names.append(name)
        else:
            self._names += [f"{name}[{number}]" for number in range(count)]
        fresh = np.zeros((len(self.tokens), count), dtype=np.int64)
        self._balances = np.concatenate([self._balances, fresh], axis=1)
        return first

    def name(self, holder: int) -> str:
        """Return the name of a holder."""
        return self._names[holder]

    def endow(self, holder: int, token: int, amount: int) -> None:
        """Bring tokens into existence: part of the state at second 0, never of a step.

        Raises
        ------
        LedgerError
            If ``amount`` is negative.
        """
        if amount < 0:
            raise LedgerError(f"endowment of {self.name(holder)} is {amount}; it must be >= 0")
        self._balances[token, holder] += amount
        self._issued[token] += amount

    def mint(self, holder: int, token: int, amount: int) -> None:
        """Issue tokens that stand for others.

        Raises
        ------
        LedgerError
            If ``amount`` is negative.
        """
        if amount < 0:
            raise LedgerError(f"minting of {amount} {self.tokens[token]}; it must be >= 0")
        self._balances[token, holder] += amount
        self._issued[token] += amount

    def burn(self, holder: int, token: int, amount: int) -> None:
        """Take tokens that stand for others out of existence.

        Raises
        ------
        LedgerError
            If ``amount`` is negative or more than the holder has.
        """
        held = int(self._balances[token, holder])
        if not 0 <= amount <= held:
            raise LedgerError(
                f"burning of {amount} {self.tokens[token]} of {self.name(holder)}: "
                f"it must be between 0 and the {held} held"
            )
        self._balances[token, holder] -= amount
        self._issued[token] -= amount

    def transfer(self, source: int, destination: int, token: int, amount: int) -> None:
        """Move ``amount`` base units from one holder to another.

        Raises
        ------
        LedgerError
            If ``amount`` is negative or more than the source holds.
        """
        held = int(self._balances[token, source])
        if not 0 <= amount <= held:
            raise LedgerError(
                f"transfer of {amount} {self.tokens[token]} from {self.name(source)} to "
                f"{self.name(destination)}: it must be between 0 and the {held} held"
            )
        self._balances[token, source] -= amount
        self._balances[token, destination] += amount
        if amount:
            self.flows[self._places[source], self._places[destination], token] += amount

    def balance(self, holder: int, token: int) -> int:
        """Return what one holder has of one token, in base units."""
        return int(self._balances[token, holder])

    def block(self, first: int, count: int) -> NDArray[np.int64]:
        """Return a read-only view of the balances of a block, shape (count, tokens)."""
        view = self._balances[:, first : first + count].T
        view.flags.writeable = False
        return view

    def held_in_block(self, first: int, count: int) -> NDArray[np.int64]:
        """Return what a block holds together of each token, shape (tokens,)."""
        held: NDArray[np.int64] = self._balances[:, first : first + count].sum(axis=1)
        return held

    def held_by(self, holders: list[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what some holders have together of each token, shape (tokens,)."""
        held: NDArray[np.int64] = self._balances[:, holders].sum(axis=1)
        return held

    def issued(self) -> NDArray[np.int64]:
        """Return what was brought into existence of each token, shape (tokens,)."""
        return self._issued.copy()

    def totals(self) -> NDArray[np.int64]:
        """Return what all holders have together of each token, shape (tokens,)."""
        totals: NDArray[np.int64] = self._balances.sum(axis=1)
        return totals

    def breaches(self) -> list[str]:
        """Return a sentence for each token whose total changed and each negative balance."""
        found = [
            f"{token}: {total} base units exist, {issued} were issued"
            for token, total, issued in zip(
                self.tokens, self.totals().tolist(), self._issued.tolist(), strict=True
            )
            if total != issued
        ]
        if self._balances.size and self._balances.min() < 0:
            for token, holder in np.argwhere(self._balances < 0).tolist():
                held = int(self._balances[token, holder])
                found.append(f"{self.name(holder)} holds {held} {self.tokens[token]}")
        return found
