"""Positions of every account in every series, in whole contracts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


class PositionTable:
    """Contracts held: accounts by instruments, long above 0, short below.

    Trades update it in place; the sparse form that the margin core multiplies is rebuilt only
    after a change.

    Parameters
    ----------
    accounts, instruments : int
        Size of the table.
    """

    def __init__(self, accounts: int, instruments: int) -> None:
        self._lots = np.zeros((accounts, instruments), dtype=np.int64)
        self._sparse: csr_array | None = None

    @property
    def lots(self) -> NDArray[np.int64]:
        """Read-only view, shape (accounts, instruments)."""
        view = self._lots.view()
        view.flags.writeable = False
        return view

    def trade(self, buyer: int, seller: int, instrument: int, lots: int) -> None:
        """Move contracts from seller to buyer, so that each series sums to zero."""
        self._lots[buyer, instrument] += lots
        self._lots[seller, instrument] -= lots
        self._sparse = None

    def expire(self, instruments: NDArray[np.int64]) -> None:
        """Remove all positions in these series."""
        self._lots[:, instruments] = 0
        self._sparse = None

    def sparse(self) -> csr_array:
        """Return the positions as a sparse float64 matrix, shape (accounts, instruments)."""
        if self._sparse is None:
            self._sparse = csr_array(self._lots.astype(np.float64))
        return self._sparse

    def short_contracts(self) -> NDArray[np.float64]:
        """Return the number of contracts each account is short, shape (accounts,)."""
        matrix = self.sparse()
        return np.asarray(matrix.minimum(0.0).sum(axis=1), dtype=np.float64) * -1.0

    def open_interest(self) -> NDArray[np.int64]:
        """Return the contracts outstanding in each series, shape (instruments,)."""
        interest: NDArray[np.int64] = np.maximum(self._lots, 0).sum(axis=0)
        return interest

    def breaches(self) -> list[str]:
        """Return a sentence for each series whose positions do not sum to zero."""
        sums = self._lots.sum(axis=0)
        return [
            f"positions in series {instrument} sum to {int(sums[instrument])}"
            for instrument in np.flatnonzero(sums)
        ]
