"""Portfolio margin as a method of the simulator: options alone, on one underlying."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from abm.margin.checks import check_shape
from abm.margin.core import Marks, Requirements, one_row
from abm.margin.fused_portfolio import portfolio_requirements
from abm.margin.portfolio import StressedMarket
from abm.margin.portfolio_inputs import PortfolioAccounts, PortfolioMarket, PortfolioParameters
from abm.margin.sparse import row_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from abm.market.instruments import InstrumentTable
    from abm.scenario.market import StressGrid

    Floats = NDArray[np.float64]

# Accounts in a block: the profits of one expiry at all points stay in a core's own cache.
BLOCK = 2_048


class PortfolioMethod:
    """The 31 points of `abm.margin.portfolio_margin`, for accounts whose collateral stands apart.

    Collateral is counted by haircuts at the venue, not in the grid: what an account may offset is
    its options alone, prices are sure, rates are 0, and the stablecoin holds its peg.

    Parameters
    ----------
    grid : abm.scenario.market.StressGrid
        ``price_scan_range`` is the outermost spot move of the grid, ``volatility_scan_range`` its
        volatility move up for 30 days; the other parameters are those of the method's source.
    """

    def __init__(self, grid: StressGrid) -> None:
        self.parameters = portfolio_parameters(grid)

    def prepare(self, instruments: InstrumentTable, marks: Marks, now: int) -> PreparedPortfolio:
        """Price every series at every point."""
        expiries, place = np.unique(instruments.expiry_second, return_inverse=True)
        nothing = np.zeros(len(expiries))
        none = np.zeros(0)
        market = PortfolioMarket(
            spot=marks.price_usd,
            spot_confidence=1.0,
            stable_price=1.0,
            seconds=np.maximum(expiries - now, 0).astype(np.float64),
            forward_fixed=nothing,
            forward_variable=np.full(len(expiries), marks.price_usd),
            rate=nothing,
            expiry_confidence=np.ones(len(expiries)),
            option_expiry=place.ravel(),
            strike=instruments.strike_usd,
            volatility=marks.volatility,
            is_call=instruments.is_call,
            perp_price=marks.price_usd,
            perp_confidence=1.0,
            collateral_price=none,
            collateral_confidence=none,
            risk_cancelling=np.zeros(0, dtype=np.bool_),
            maintenance_haircut=none,
            initial_haircut=none,
        )
        return PreparedPortfolio(marks, StressedMarket(market, self.parameters))


def portfolio_parameters(grid: StressGrid) -> PortfolioParameters:
    """Return the method's parameters with a scenario's ranges in place of its own."""
    parameters = PortfolioParameters()
    outermost = max(point.spot for point in parameters.points if point.damping == 1.0) - 1.0
    stretch = grid.price_scan_range / outermost
    points = tuple(
        replace(point, spot=1.0 + (point.spot - 1.0) * stretch) if point.damping == 1.0 else point
        for point in parameters.points
    )
    return replace(parameters, points=points, volatility_range_up=grid.volatility_scan_range)


@dataclass(frozen=True)
class PreparedPortfolio:
    """Portfolio margin at one set of marks."""

    marks: Marks
    stressed: StressedMarket

    def requirements(self, positions: csr_array) -> Requirements:
        """Return values and requirements of accounts.

        What the method says is left is turned into what is required: the mark-to-market less it.

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
        found = portfolio_requirements(positions, self.stressed.tables)
        maintenance, initial = self._by_blocks(positions) if found is None else found
        return Requirements(value, maintenance, initial)

    def with_perpetuals(self, positions: csr_array, perpetuals: Floats) -> Requirements:
        """Return the same for accounts with perpetuals, which the method nets with options."""
        check_shape("positions", positions, (positions.shape[0], len(self.marks.value)))
        value = positions @ self.marks.value
        return Requirements(value, *self._by_blocks(positions, perpetuals))

    def _by_blocks(
        self, positions: csr_array, perpetuals: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Return what `portfolio_requirements` does, by products of blocks of accounts."""
        maintenance, initial = np.empty(positions.shape[0]), np.empty(positions.shape[0])
        for rows, options in row_blocks(positions, BLOCK):
            nothing = np.zeros(options.shape[0])
            held = nothing if perpetuals is None else perpetuals[rows]
            found = self.stressed.margins(
                PortfolioAccounts(options, held, nothing, np.zeros((len(nothing), 0)))
            )
            worth = found.mark_to_market
            maintenance[rows] = np.maximum(worth - found.maintenance, 0.0) + 0.0
            initial[rows] = np.maximum(worth - found.initial, 0.0) + 0.0
        return maintenance, initial

    def initial(self, lots: NDArray[np.int64]) -> float:
        """Return the initial requirement of one account, in dollars, from its row of contracts."""
        return float(self.requirements(one_row(lots)).initial[0])
