"""Positions of every account in every series, in whole contracts."""

from __future__ import annotations

import numpy as np
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
        # One entry for each position: account * instruments + instrument, in rising order.
        self._keys = np.zeros(0, dtype=np.int64)
        self._lots = np.zeros(0, dtype=np.int64)
        self._hot: dict[int, NDArray[np.int64]] = {}
        self._matrix: csr_array | None = None

    def row(self, account: int) -> NDArray[np.int64]:
        """Return a read-only row of contracts by series, shape (instruments,)."""
        view = self._row(account).view()
        view.flags.writeable = False
        return view

    def _row(self, account: int) -> NDArray[np.int64]:
        if account in self._hot:
            return self._hot[account]
        instruments = self.shape[1]
        start, stop = self._keys.searchsorted([account * instruments, (account + 1) * instruments])
        row = np.zeros(instruments, dtype=np.int64)
        row[self._keys[start:stop] - account * instruments] = self._lots[start:stop]
        return row

    def trade(self, buyer: int, seller: int, instrument: int, lots: int) -> None:
        """Move contracts from seller to buyer, so that each series sums to zero."""
        for account, change in ((buyer, lots), (seller, -lots)):
            if account not in self._hot:
                self._hot[account] = self._row(account)
            self._hot[account][instrument] += change
        self._matrix = None

    def expire(self, instruments: NDArray[np.int64]) -> None:
        """Remove all positions in these series."""
        self._merge()
        keep = ~np.isin(self._keys % self.shape[1], instruments)
        self._keys, self._lots = self._keys[keep], self._lots[keep]
        self._matrix = None

    def _merge(self) -> None:
        """Put the rows that traded back into the sorted table."""
        if not self._hot:
            return
        instruments = self.shape[1]
        accounts = np.array(sorted(self._hot), dtype=np.int64)
        rows = np.array([self._hot[account] for account in accounts.tolist()])
        row, instrument = np.nonzero(rows)
        keys = accounts[row] * instruments + instrument
        cold = ~np.isin(self._keys // instruments, accounts)
        joined = np.concatenate([self._keys[cold], keys])
        lots = np.concatenate([self._lots[cold], rows[row, instrument]])
        order = np.argsort(joined, kind="stable")
        self._keys, self._lots = joined[order], lots[order]
        self._hot = {}

    def entries(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return account, instrument and contracts of every position, sorted by account."""
        self._merge()
        account, instrument = np.divmod(self._keys, self.shape[1])
        return account, instrument, self._lots

    def sparse(self) -> csr_array:
        """Return the positions as a sparse float64 matrix, shape (accounts, instruments)."""
        if self._matrix is None:
            account, instrument, lots = self.entries()
            starts = account.searchsorted(np.arange(self.shape[0] + 1))
            self._matrix = csr_array(
                (lots.astype(np.float64), instrument, starts), shape=self.shape
            )
        return self._matrix

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

    def short_contracts(self) -> NDArray[np.float64]:
        """Return the number of contracts each account is short, shape (accounts,)."""
        account, _, lots = self.entries()
        return np.bincount(account, np.maximum(-lots, 0), minlength=self.shape[0])

    def open_interest(self) -> NDArray[np.float64]:
        """Return the contracts outstanding in each series, shape (instruments,)."""
        _, instrument, lots = self.entries()
        return np.bincount(instrument, np.maximum(lots, 0), minlength=self.shape[1])

    def breaches(self) -> list[str]:
        """Return a sentence for each series whose positions do not sum to zero."""
        _, instrument, lots = self.entries()
        # Whole numbers below 2**53 add exactly in float64.
        sums = np.bincount(instrument, lots, minlength=self.shape[1])
        return [
            f"positions in series {series} sum to {int(sums[series])}"
            for series in np.flatnonzero(sums).tolist()
        ]
