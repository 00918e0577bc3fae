"""Positions of every account in every series, in whole contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.margin.sparse import assembled

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array


class PositionTable:
    """Contracts held: accounts by instruments, long above 0, short below.

    The table is sparse and sorted by account. Accounts that trade are taken out into rows of
    their own, where a trade is one addition; the next margin pass merges those rows back, all at
    once. Memory and time go with the number of positions, not of accounts times instruments.

    Parameters
    ----------
    accounts, instruments : int
        Size of the table.
    """

    def __init__(self, accounts: int, instruments: int) -> None:
        self.shape = (accounts, instruments)
        # One entry for each position, sorted by account, then by instrument.
        self._account = np.zeros(0, dtype=np.int64)
        self._instrument = np.zeros(0, dtype=np.int64)
        self._lots = np.zeros(0, dtype=np.int64)
        # First entry of every account, and one more for the end.
        self._starts = np.zeros(accounts + 1, dtype=np.int64)
        self._hot: dict[int, NDArray[np.int64]] = {}
        self._touched: dict[int, None] = {}
        self._sides: dict[int, tuple[int, int]] = {}
        self._matrix: csr_array | None = None

    def row(self, account: int) -> NDArray[np.int64]:
        """Return a read-only row of contracts by series, shape (instruments,)."""
        view = self._row(account).view()
        view.flags.writeable = False
        return view

    def _row(self, account: int) -> NDArray[np.int64]:
        if account in self._hot:
            return self._hot[account]
        start, stop = int(self._starts[account]), int(self._starts[account + 1])
        row = np.zeros(self.shape[1], dtype=np.int64)
        row[self._instrument[start:stop]] = self._lots[start:stop]
        return row

    def held(self, account: int) -> list[tuple[int, int]]:
        """Return an account's positions as pairs of instrument and contracts, by instrument."""
        if account in self._hot:
            row = self._hot[account]
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
        for account, change in ((buyer, lots), (seller, -lots)):
            if account not in self._hot:
                self._hot[account] = self._row(account)
            self._touched[account] = None
            self._hot[account][instrument] += change
            self._sides.pop(account, None)

    def expire(self, instruments: NDArray[np.int64]) -> None:
        """Remove all positions in these series."""
        self._merge()
        self._sides = {}
        keep = ~np.isin(self._instrument, instruments)
        self._touched.update(dict.fromkeys(self._account[~keep].tolist()))
        self._take_over(self._account[keep], self._instrument[keep], self._lots[keep])

    def _take_over(
        self,
        account: NDArray[np.int64],
        instrument: NDArray[np.int64],
        lots: NDArray[np.int64],
    ) -> None:
        self._account, self._instrument, self._lots = account, instrument, lots
        # Sorted, so that where an account starts is how many entries those before it have.
        counts = np.bincount(account, minlength=self.shape[0])
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        self._matrix = None

    def _merge(self) -> None:
        """Put the rows that traded back into the sorted table."""
        if not self._hot:
            return
        accounts = sorted(self._hot)
        rows = np.array([self._hot[account] for account in accounts])
        row, instrument = np.nonzero(rows)
        is_hot = np.zeros(self.shape[0], dtype=np.bool_)
        is_hot[accounts] = True
        cold = ~is_hot[self._account]
        account = np.concatenate([self._account[cold], np.array(accounts)[row]])
        # Sorted runs: the stable sort merges them, and keeps instruments in order.
        order = np.argsort(account, kind="stable")
        self._take_over(
            account[order],
            np.concatenate([self._instrument[cold], instrument])[order],
            np.concatenate([self._lots[cold], rows[row, instrument]])[order],
        )
        self._hot = {}

    def entries(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return account, instrument and contracts of every position, sorted by account."""
        self._merge()
        return self._account, self._instrument, self._lots

    def sparse(self) -> csr_array:
        """Return the positions as a sparse float64 matrix, shape (accounts, instruments)."""
        _, instrument, lots = self.entries()
        if self._matrix is None:
            values = lots.astype(np.float64)
            self._matrix = assembled(values, instrument, self._starts, self.shape[1])
        return self._matrix

    def sparse_rows(self, accounts: NDArray[np.int64]) -> csr_array:
        """Return some accounts' rows of `sparse`, shape (len(accounts), instruments)."""
        _, instrument, lots = self.entries()
        starts, stops = self._starts[accounts], self._starts[accounts + 1]
        ends = np.cumsum(stops - starts)
        # Position of each entry of the result in the whole table.
        place = np.arange(int(ends[-1]) if len(ends) else 0)
        place += np.repeat(stops - ends, stops - starts)
        indptr = np.concatenate([[0], ends])
        return assembled(lots[place].astype(np.float64), instrument[place], indptr, self.shape[1])

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
        _, instrument, lots = self.entries()
        long = np.maximum(lots, 0).astype(np.float64)
        return np.asarray(np.bincount(instrument, long, self.shape[1]), dtype=np.float64)

    def contracts_open(self) -> int:
        """Return the contracts outstanding in all series together."""
        _, _, lots = self.entries()
        return int(lots[lots > 0].sum())

    def breaches(self) -> list[str]:
        """Return a sentence for each series whose positions do not sum to zero."""
        _, instrument, lots = self.entries()
        # Whole numbers below 2**53 add exactly in float64.
        sums = np.bincount(instrument, lots, minlength=self.shape[1])
        return [
            f"positions in series {series} sum to {int(sums[series])}"
            for series in np.flatnonzero(sums).tolist()
        ]
