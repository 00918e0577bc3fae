"""What the tests of the margin core share."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pytest

from abm.margin import PositionTable


class BookMaker(Protocol):
    """Makes position tables."""

    def __call__(self, rows: list[list[int]]) -> PositionTable:
        """Return a table with these rows, and one more account that holds the other side."""
        ...


@pytest.fixture(scope="session")
def make_book() -> BookMaker:
    """Return the maker of position tables."""

    def make(rows: list[list[int]]) -> PositionTable:
        wanted = np.array(rows)
        accounts, instruments = wanted.shape
        book = PositionTable(accounts + 1, instruments)
        for account, instrument in np.argwhere(wanted).tolist():
            book.trade(account, accounts, instrument, int(wanted[account, instrument]))
        return book

    return make
