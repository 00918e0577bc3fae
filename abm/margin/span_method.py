"""SPAN: the worst loss over 16 stress points, at least a minimum for every short option."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from abm.margin.checks import check_shape
from abm.margin.core import Marks, Requirements, stress_changes
from abm.margin.fused import worst_losses
from abm.margin.grids import span_points
from abm.margin.sparse import assembled, row_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from abm.market.instruments import InstrumentTable
    from abm.scenario.market import StressGrid

    Floats = NDArray[np.float64]

# Accounts in a block: its profits, 16 numbers for each, stay in a core's own cache.
BLOCK = 4_096


class SpanMethod:
    """SPAN with a scenario's parameters.

    Parameters
    ----------
    grid : abm.scenario.market.StressGrid
        Ranges, cover of the extreme points, short option minimum, initial over maintenance.
    """

    def __init__(self, grid: StressGrid) -> None:
        self.grid = grid
        self.points = span_points(grid)

    def prepare(self, instruments: InstrumentTable, marks: Marks, now: int) -> PreparedSpan:
        """Price every series at every point."""
        return PreparedSpan(self.grid, marks, stress_changes(instruments, marks, now, self.points))


@dataclass(frozen=True)
class PreparedSpan:
    """SPAN at one set of marks.

    Attributes
    ----------
    grid : abm.scenario.market.StressGrid
        Parameters.
    marks : Marks
        Values of one contract of each series.
    changes : ndarray, shape (instruments, points)
        Change in value of one contract at each point, in dollars, cover included.
    """

    grid: StressGrid
    marks: Marks
    changes: NDArray[np.float64]

    def requirements(self, positions: csr_array) -> Requirements:
        """Return values and requirements of accounts.

        The maintenance requirement is the worst loss over the points, at least the short option
        minimum of every short contract; the initial one is a multiple of it. Gains offset losses
        inside an account, never between accounts.

        Parameters
        ----------
        positions : csr_array of float64, shape (accounts, instruments)
            Contracts, short below 0.

        Raises
        ------
        ValueError
            If the positions are not in as many series as are priced.
        """
        check_shape("positions", positions, (positions.shape[0], len(self.marks.value)))
        found = worst_losses(positions, self.changes, self.marks.value, self._short_minimum)
        if found is None:
            found = self._by_products(positions)
        value, maintenance = found
        return Requirements(value, maintenance, self.grid.initial_factor * maintenance)

    @cached_property
    def _short_minimum(self) -> float:
        """Dollars that a short contract needs at least."""
        return self.grid.short_option_minimum * self.marks.price_usd

    @cached_property
    def _table(self) -> Floats:
        """What one contract brings, shape (2 * instruments, points, made even, + 2).

        One product with it brings the profits at all points, the value, and the minimum of the
        shorts: short contracts look up a second copy, with what one of them costs at least.
        """
        series = len(self.marks.value)
        minimum = np.zeros(2 * series)
        minimum[series:] = -self._short_minimum
        changes = self.changes
        if changes.shape[1] % 2:
            changes = np.column_stack([changes, changes[:, -1]])
        once = np.column_stack([changes, self.marks.value])
        return np.column_stack([np.concatenate([once, once]), minimum])

    def _by_products(self, positions: csr_array) -> tuple[Floats, Floats]:
        """Return what `worst_losses` does, by products of blocks of accounts with one table."""
        accounts, series = positions.shape
        value, maintenance = np.empty(accounts), np.empty(accounts)
        table = self._table
        for rows, block in row_blocks(positions, BLOCK):
            lots, place = block.data, block.indices
            place = place + (lots < 0).astype(place.dtype) * series
            by_pair = _by_pair(assembled(lots, place, block.indptr, 2 * series) @ table)
            worst = np.minimum.reduce(by_pair[:-1], initial=0.0)
            worst = np.minimum(worst[0::2], worst[1::2])
            value[rows] = by_pair[-1, 0::2]
            maintenance[rows] = np.maximum(-worst, by_pair[-1, 1::2]) + 0.0
        return value, maintenance

    def with_perpetuals(
        self, positions: csr_array, perpetuals: NDArray[np.float64]
    ) -> Requirements:
        """Return the same for accounts with perpetuals, whose profit at each point is linear."""
        check_shape("positions", positions, (positions.shape[0], len(self.marks.value)))
        points = span_points(self.grid)
        one = self.marks.price_usd * (points.price_factor - 1.0) * points.cover
        profit = positions @ self.changes + np.outer(perpetuals, one)
        short = -positions.minimum(0.0).sum(axis=1)
        floor = self.grid.short_option_minimum * self.marks.price_usd * short
        maintenance = np.maximum(-profit.min(axis=1, initial=0.0), floor) + 0.0
        value = positions @ self.marks.value
        return Requirements(value, maintenance, self.grid.initial_factor * maintenance)

    def initial(self, lots: NDArray[np.int64]) -> float:
        """Return the initial requirement of one account, in dollars, from its row of contracts."""
        held = lots.nonzero()[0]
        contracts = lots[held].astype(np.float64)
        # Few numbers: lists are faster than arrays here.
        profits: list[float] = (contracts @ self.changes[held]).tolist()
        worst = min(0.0, *profits)
        short = -math.fsum(count for count in contracts.tolist() if count < 0)
        return self.grid.initial_factor * max(-worst, self._short_minimum * short)


def _by_pair(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a table of (accounts, 2 * pairs) as (pairs, 2 * accounts), pair beside pair.

    Along rows of 16 numbers NumPy's minimum is slow and along columns it is not; turning the table
    costs by the item, and two numbers that travel as one complex number are one item.
    """
    return table.view(np.complex128).T.copy().view(np.float64)
