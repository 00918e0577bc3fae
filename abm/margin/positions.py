"""Positions of every account in every series, in whole contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.margin.sparse import assembled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from scipy.sparse import csr_array


ROWS_KEPT = 4_096
"""So many accounts that have not changed have a row of their own; then those are made anew."""

FEW_ROWS = 256
"""Up to so many accounts are looked up one by one."""


class PositionTable:
    """Contracts held: accounts by instruments, long above 0, short below.

    The table is sparse and sorted by account. Accounts that trade have rows of their own beside it,
    where a trade is one addition; the next margin pass puts those that changed into the table, all
    at once. Memory and time go with the number of positions, not of accounts times instruments, but
    for at most `ROWS_KEPT` rows and those that changed.

    Parameters
    ----------
    accounts, instruments : int
        Size of the table.
    """

    def __init__(self, accounts: int, instruments: int) -> None:
        self.shape = (accounts, instruments)
        # One entry for each position, sorted by account, then by instrument.
        self._instrument = np.zeros(0, dtype=np.int64)
        self._lots = np.zeros(0, dtype=np.int64)
        # First entry of every account, and one more for the end.
        self._starts = np.zeros(accounts + 1, dtype=np.int64)
        # Rows of accounts looked at of late, as they are now; of which the table lacks some.
        self._rows: dict[int, NDArray[np.int64]] = {}
        self._views: dict[int, NDArray[np.int64]] = {}
        self._unmerged: dict[int, None] = {}
        self._touched: dict[int, None] = {}
        self._sides: dict[int, tuple[int, int]] = {}
        self._matrix: csr_array | None = None

    def row(self, account: int) -> NDArray[np.int64]:
        """Return a read-only row of contracts by series, shape (instruments,).

        It holds until the account trades next; to keep it, copy it.
        """
        view = self._views.get(account)
        if view is None:
            view = self._views[account] = self._row(account).view()
            view.flags.writeable = False
        return view

    def _row(self, account: int) -> NDArray[np.int64]:
        row = self._rows.get(account)
        if row is None:
            start, stop = int(self._starts[account]), int(self._starts[account + 1])
            row = np.zeros(self.shape[1], dtype=np.int64)
            row[self._instrument[start:stop]] = self._lots[start:stop]
            if len(self._rows) >= ROWS_KEPT + len(self._unmerged):
                self._rows = {changed: self._rows[changed] for changed in self._unmerged}
                self._views = {}
            self._rows[account] = row
        return row

    def held(self, account: int) -> list[tuple[int, int]]:
        """Return an account's positions as pairs of instrument and contracts, by instrument."""
        if account in self._rows:
            row = self._rows[account]
            instruments = row.nonzero()[0]
            return list(zip(instruments.tolist(), row[instruments].tolist(), strict=True))
        start, stop = int(self._starts[account]), int(self._starts[account + 1])
        instruments, lots = self._instrument[start:stop], self._lots[start:stop]
        return list(zip(instruments.tolist(), lots.tolist(), strict=True))

    def sides(self, account: int) -> tuple[int, int]:
        """Return the series an account is long in, and those it is short in.

        Both as the bits of a whole number, the first series' the lowest, so that thousands of
        accounts can be compared in a step with what a market offers.
        """
        if account not in self._sides:
            bits = [0, 0]
            for instrument, lots in self.held(account):
                bits[lots < 0] |= 1 << instrument
            self._sides[account] = bits[0], bits[1]
        return self._sides[account]

    def trade(self, buyer: int, seller: int, instrument: int, lots: int) -> None:
        """Move contracts from seller to buyer, so that each series sums to zero."""
        self.trade_with(buyer, instrument, ((seller, lots),))

    def trade_with(self, account: int, instrument: int, others: Iterable[tuple[int, int]]) -> None:
        """Move contracts of one series to an account from others, or to them if below 0."""
        moved = 0
        for other, lots in others:
            self._change(other, instrument, -lots)
            moved += lots
        self._change(account, instrument, moved)

    def _change(self, account: int, instrument: int, change: int) -> None:
        self._row(account)[instrument] += change
        self._unmerged[account] = self._touched[account] = None
        self._sides.pop(account, None)

    def expire(self, instruments: NDArray[np.int64]) -> None:
        """Remove all positions in these series."""
        account, instrument, lots = self.entries()
        self._sides, self._rows, self._views = {}, {}, {}
        keep = ~np.isin(instrument, instruments)
        self._touched.update(dict.fromkeys(account[~keep].tolist()))
        counts = np.bincount(account[keep], minlength=self.shape[0])
        self._take_over(instrument[keep], lots[keep], counts)

    def _take_over(
        self, instrument: NDArray[np.int64], lots: NDArray[np.int64], counts: NDArray[np.int64]
    ) -> None:
        """Replace the table; ``counts`` says how many entries each account has."""
        self._instrument, self._lots = instrument, lots
        self._starts = np.zeros(len(counts) + 1, dtype=np.int64)
        counts.cumsum(out=self._starts[1:])
        self._matrix = None

    def _merge(self) -> None:
        """Put the rows that changed into the sorted table, between what stays of it."""
        if not self._unmerged:
            return
        accounts = sorted(self._unmerged)
        rows = np.array([self._rows[account] for account in accounts])
        row, held = rows.nonzero()
        lots = rows[row, held]
        fresh = np.bincount(row, minlength=len(accounts))
        counts = self._starts[1:] - self._starts[:-1]
        instrument_parts: list[NDArray[np.int64]] = []
        lots_parts: list[NDArray[np.int64]] = []
        old_end = new_end = 0
        for start, size, new in zip(
            self._starts[accounts].tolist(),
            counts[accounts].tolist(),
            fresh.tolist(),
            strict=True,
        ):
            instrument_parts += self._instrument[old_end:start], held[new_end : new_end + new]
            lots_parts += self._lots[old_end:start], lots[new_end : new_end + new]
            old_end, new_end = start + size, new_end + new
        instrument_parts.append(self._instrument[old_end:])
        lots_parts.append(self._lots[old_end:])
        counts[accounts] = fresh
        self._take_over(np.concatenate(instrument_parts), np.concatenate(lots_parts), counts)
        self._unmerged = {}

    def entries(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return account, instrument and contracts of every position, sorted by account."""
        self._merge()
        account = np.repeat(np.arange(self.shape[0]), self._starts[1:] - self._starts[:-1])
        return account, self._instrument, self._lots

    def sparse(self) -> csr_array:
        """Return the positions as a sparse float64 matrix, shape (accounts, instruments)."""
        self._merge()
        if self._matrix is None:
            values = self._lots.astype(np.float64)
            self._matrix = assembled(values, self._instrument, self._starts, self.shape[1])
        return self._matrix

    def sparse_rows(self, accounts: NDArray[np.int64]) -> csr_array:
        """Return some accounts' rows of `sparse`, shape (len(accounts), instruments)."""
        if len(accounts) <= FEW_ROWS:
            return self._few_rows(accounts.tolist())
        self._merge()
        starts, stops = self._starts[accounts], self._starts[accounts + 1]
        ends = np.cumsum(stops - starts)
        # Position of each entry of the result in the whole table.
        place = np.arange(int(ends[-1]) if len(ends) else 0)
        place += np.repeat(stops - ends, stops - starts)
        indptr = np.zeros(len(ends) + 1, dtype=np.int64)
        indptr[1:] = ends
        values = self._lots[place].astype(np.float64)
        return assembled(values, self._instrument[place], indptr, self.shape[1])

    def _few_rows(self, accounts: list[int]) -> csr_array:
        """Return what `sparse_rows` does from the accounts' own rows, merged or not."""
        rows = np.zeros((len(accounts), self.shape[1]), dtype=np.int64)
        for place, account in enumerate(accounts):
            rows[place] = self._row(account)
        row, instrument = rows.nonzero()
        indptr = np.zeros(len(accounts) + 1, dtype=np.int64)
        np.bincount(row, minlength=len(accounts)).cumsum(out=indptr[1:])
        values = rows[row, instrument].astype(np.float64)
        return assembled(values, instrument, indptr, self.shape[1])

    def take_touched(self) -> NDArray[np.int64]:
        """Return the accounts that traded since the last call, sorted."""
        touched = np.array(sorted(self._touched), dtype=np.int64)
        self._touched = {}
        return touched

    def settle(self, payoff: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return contracts times a whole payoff of each series, summed by account, exactly.

        Parameters
        ----------
        payoff : ndarray of int64, shape (instruments,)
            Micro-dollars that one contract pays.

        Returns
        -------
        ndarray of int64, shape (accounts,)
        """
        account, instrument, lots = self.entries()
        sums = np.zeros(self.shape[0], dtype=np.int64)
        np.add.at(sums, account, lots * payoff[instrument])
        return sums

    def open_interest(self) -> NDArray[np.float64]:
        """Return the contracts outstanding in each series, shape (instruments,)."""
        self._merge()
        long = np.maximum(self._lots, 0).astype(np.float64)
        return np.asarray(np.bincount(self._instrument, long, self.shape[1]), dtype=np.float64)

    def contracts_open(self) -> int:
        """Return the contracts outstanding in all series together."""
        self._merge()
        return int(np.maximum(self._lots, 0).sum())

    def breaches(self) -> list[str]:
        """Return a sentence for each series whose positions do not sum to zero."""
        lots = self.sparse()
        # Whole numbers below 2**53 add exactly in float64.
        sums = np.bincount(lots.indices, lots.data, minlength=self.shape[1])
        return [
            f"positions in series {series} sum to {int(sums[series])}"
            for series in sums.nonzero()[0].tolist()
        ]
