"""Standard margin as a method of the simulator: per position, with an expiry's maximum loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.margin.checks import check_shape
from abm.margin.core import Marks, Requirements, one_row
from abm.margin.sparse import row_blocks
from abm.margin.standard import OptionTable, StandardParameters, standard_margin

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from abm.market.instruments import InstrumentTable
    from abm.scenario.market import StressGrid

# Accounts in a block: their payoffs at all strikes of an expiry stay in a core's own cache.
BLOCK = 4_096

# Of a perpetual's value: Derive v2-core, scripts/config-mainnet.sol at 7736900d.
MAINTENANCE_PERPETUAL = 0.065
INITIAL_PERPETUAL = 0.10


class StandardMethod:
    """`abm.margin.standard_margin` with the parameters of its source.

    Parameters
    ----------
    grid : abm.scenario.market.StressGrid
        Not read: the method has no ranges, its charges are fractions of the spot.
    """

    def __init__(self, grid: StressGrid) -> None:  # noqa: ARG002 - all methods are made alike
        self.parameters = StandardParameters()

    def prepare(self, instruments: InstrumentTable, marks: Marks, now: int) -> PreparedStandard:  # noqa: ARG002
        """Gather what the charges are fractions of."""
        expiries, place = np.unique(instruments.expiry_second, return_inverse=True)
        table = OptionTable(
            expiry=place.ravel(),
            forward=np.full(len(expiries), marks.price_usd),
            strike=instruments.strike_usd,
            value=marks.value,
            is_call=instruments.is_call,
        )
        return PreparedStandard(marks, table, self.parameters)


@dataclass(frozen=True)
class PreparedStandard:
    """Standard margin at one set of marks."""

    marks: Marks
    table: OptionTable
    parameters: StandardParameters

    def requirements(self, positions: csr_array) -> Requirements:
        """Return values and requirements of accounts.

        The method gives long options no credit, so their value is required along with what shorts
        are charged.

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
        value = positions @ self.marks.value
        maintenance, initial = np.empty(len(value)), np.empty(len(value))
        for rows, block in row_blocks(positions, BLOCK):
            left = standard_margin(self.table, block, self.marks.price_usd, self.parameters)
            maintenance[rows] = np.maximum(value[rows] - left.maintenance, 0.0)
            initial[rows] = np.maximum(value[rows] - left.initial, 0.0)
        return Requirements(value, maintenance, initial)

    def with_perpetuals(
        self, positions: csr_array, perpetuals: NDArray[np.float64]
    ) -> Requirements:
        """Return the same for accounts with perpetuals: each is charged apart, nothing offset."""
        alone = self.requirements(positions)
        value_usd = np.abs(perpetuals) * self.marks.price_usd
        return Requirements(
            alone.position_value,
            alone.maintenance + MAINTENANCE_PERPETUAL * value_usd,
            alone.initial + INITIAL_PERPETUAL * value_usd,
        )

    def initial(self, lots: NDArray[np.int64]) -> float:
        """Return the initial requirement of one account, in dollars, from its row of contracts."""
        return float(self.requirements(one_row(lots)).initial[0])
