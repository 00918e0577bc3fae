"""Portfolio margin over 31 points, as Derive's second portfolio manager computes it.

Signs are the equity-like ones of the source: margins are *what is left*, below 0 for a breach.
The work goes in the order that makes it fast: every option is priced once per stress point, never
per account; positions are multiplied expiry by expiry, because the discount of an expiry depends
on the sign of its sum.

References
----------
Derive v2-core, ``src/risk-managers/PMRM_2.sol`` and ``PMRMLib_2.sol``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from abm.margin.fused import aligned, whole_points
from abm.margin.fused_portfolio import PortfolioTables
from abm.margin.portfolio_checks import check_accounts, check_market
from abm.margin.portfolio_inputs import (
    PortfolioAccounts,
    PortfolioMarket,
    PortfolioParameters,
    PortfolioPoint,
    VolatilityShock,
    portfolio_points,
)
from abm.market.pricing import black_value
from abm.units import SECONDS_PER_DAY, SECONDS_PER_YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]

__all__ = [
    "PortfolioAccounts",
    "PortfolioMargin",
    "PortfolioMarket",
    "PortfolioParameters",
    "PortfolioPoint",
    "StressedMarket",
    "naked_shorts",
    "portfolio_margin",
    "portfolio_points",
    "static_discounts",
    "volatility_multiples",
]


@dataclass(frozen=True)
class PortfolioMargin:
    """The margins of accounts, in dollars, with their parts.

    Attributes
    ----------
    profit : ndarray, shape (accounts, points)
        Profit at each stress point.
    basis : ndarray, shape (accounts,)
        Basis contingency, at most 0.
    worst : ndarray, shape (accounts,)
        Least of the basis contingency and every point.
    maintenance_contingency, initial_contingency : ndarray, shape (accounts,)
        Static charges, at least 0; the initial one comes on top, with the confidence charge in it.
    mark_to_market : ndarray, shape (accounts,)
        Options, collateral and cash.
    maintenance, initial : ndarray, shape (accounts,)
        What is left; below 0 for a breach.
    """

    profit: Floats
    basis: Floats
    worst: Floats
    maintenance_contingency: Floats
    initial_contingency: Floats
    mark_to_market: Floats
    maintenance: Floats
    initial: Floats


def volatility_multiples(years: Floats, parameters: PortfolioParameters) -> tuple[Floats, Floats]:
    """Return the multiples of volatility of the up and the down shock, by expiry.

    Shapes are those of ``years``; the shock grows for short expiries as a power of 30 days over the
    time to expiry.
    """
    days = years * SECONDS_PER_YEAR / SECONDS_PER_DAY
    base = 30.0 / np.maximum(days, parameters.floor_days)
    power = np.where(days <= 30.0, parameters.short_term_power, parameters.long_term_power)  # noqa: PLR2004 - the source's 30 days
    scale = base**power
    return (
        1.0 + parameters.volatility_range_up * scale,
        np.maximum(1.0 - parameters.volatility_range_down * scale, 0.0),
    )


def _skew_multiples(
    market: PortfolioMarket, parameters: PortfolioParameters, kind: VolatilityShock
) -> Floats:
    """Return the multiples of volatility of a skew point, by option."""
    root = np.sqrt(market.years)[market.option_expiry]
    linear = kind == "linear"
    cap = (
        parameters.linear_cap + parameters.linear_cap_per_root_year * root
        if linear
        else parameters.absolute_cap + parameters.absolute_cap_per_root_year * root
    )
    deviation = parameters.width_volatility + parameters.width_volatility_per_root_year * root
    width = np.maximum(parameters.minimum_log_strike, root * parameters.width_scale * deviation)
    forward = (market.forward_fixed + market.forward_variable)[market.option_expiry]
    log_strike = np.log(market.strike / forward)
    moved = log_strike if linear else np.abs(log_strike)
    multiples: Floats = np.maximum(1.0 + np.clip(moved * cap / width, -cap, cap), 0.0)
    return multiples


def _values(market: PortfolioMarket, spot: float, volatility: Floats) -> Floats:
    """Value every option at a spot factor and given volatilities, shape (options,)."""
    expiry = market.option_expiry
    forward = market.forward_fixed + spot * market.forward_variable
    discount = np.exp(-np.maximum(market.rate, 0.0) * market.years)
    return black_value(
        forward[expiry],
        market.strike,
        volatility * np.sqrt(market.years)[expiry],
        market.is_call,
        discount[expiry],
    )


def _shocked_volatility(
    market: PortfolioMarket, parameters: PortfolioParameters, shock: VolatilityShock
) -> Floats:
    volatility = market.volatility
    up, down = volatility_multiples(market.years, parameters)
    if shock == "up":
        raised = volatility * up[market.option_expiry]
        return np.maximum(raised, parameters.minimum_volatility_up)
    if shock == "down":
        return volatility * down[market.option_expiry]
    if shock == "none":
        return volatility
    return volatility * _skew_multiples(market, parameters, shock)


def portfolio_margin(
    market: PortfolioMarket, accounts: PortfolioAccounts, parameters: PortfolioParameters
) -> PortfolioMargin:
    """Return maintenance and initial margin of all accounts on one underlying.

    Merging two portfolios never needs more than the two alone but for the skew points: these charge
    gains like losses, and a merger gains what the static discount took from long options alone.
    Without skew points, or without the discount, it never does.

    Parameters
    ----------
    market : PortfolioMarket
        Prices, volatilities, rates and confidences.
    accounts : PortfolioAccounts
        Holdings.
    parameters : PortfolioParameters
        Of the method.

    Returns
    -------
    PortfolioMargin

    Raises
    ------
    ValueError
        If a number is not finite or out of its range, or the shapes do not fit.
    """
    check_market(market)
    check_accounts(accounts, market)
    return StressedMarket(market, parameters).margins(accounts)


class StressedMarket:
    """Every option of a market valued once at every stress point, for any number of accounts.

    For trusted input: `portfolio_margin` checks its own.

    Parameters
    ----------
    market : PortfolioMarket
        Prices, volatilities, rates and confidences.
    parameters : PortfolioParameters
        Of the method.
    """

    def __init__(self, market: PortfolioMarket, parameters: PortfolioParameters) -> None:
        self.market = market
        self.parameters = parameters
        points = parameters.points
        volatilities = {
            shock: _shocked_volatility(market, parameters, shock)
            for shock in dict.fromkeys(point.volatility for point in points)
        }
        self._now = _values(market, 1.0, market.volatility)
        self._stressed = np.stack(
            [_values(market, point.spot, volatilities[point.volatility]) for point in points],
            axis=1,
        )
        self._basis_values = np.stack(
            [
                _values(market, parameters.basis_spot_up, market.volatility),
                _values(market, parameters.basis_spot_down, market.volatility),
            ],
            axis=1,
        )
        self._discounts = static_discounts(market, parameters)
        self._basis_weight = parameters.basis_add + parameters.basis_multiple * market.years
        self._moves = np.array([point.spot - 1.0 for point in points])
        self._damping = np.array([point.damping for point in points])
        self._skew = np.array([point.volatility in ("linear", "absolute") for point in points])
        self._rows = [
            np.flatnonzero(market.option_expiry == expiry) for expiry in range(len(market.seconds))
        ]

    @cached_property
    def tables(self) -> PortfolioTables:
        """What the requirements of accounts with options alone are worked out from.

        The prices' oracles must be sure of them, and the stablecoin must hold its peg.
        """
        market, parameters = self.market, self.parameters
        place, strikes = strike_places(market)
        long_discount, short_discount = self._discounts
        point = whole_points(len(self._damping))
        return PortfolioTables(
            marks=aligned(np.column_stack([self._now, self._basis_values, np.zeros(len(place))])),
            stressed=aligned(self._stressed[:, point]),
            expiry=market.option_expiry.astype(np.uint32),
            strike=place.astype(np.uint32),
            long_discount=long_discount,
            short_discount=short_discount,
            basis_weight=self._basis_weight,
            turned=aligned(np.where(self._skew, -1.0, 1.0)[point]),
            damping=aligned(self._damping[point]),
            strikes=strikes,
            maintenance_factor=parameters.maintenance_factor,
            initial_factor=parameters.initial_factor,
            spot=market.spot,
            maintenance_naked=parameters.maintenance_option,
            initial_naked=parameters.initial_option,
        )

    def margins(self, accounts: PortfolioAccounts) -> PortfolioMargin:
        """Return maintenance and initial margin of all accounts."""
        market, parameters = self.market, self.parameters
        long_discount, short_discount = self._discounts
        # Cash is counted in the stablecoin, so collateral is, too.
        collateral_value = accounts.collateral * market.collateral_price / market.stable_price
        cancelling = collateral_value[:, market.risk_cancelling].sum(axis=1)
        profit = np.outer(accounts.perp * market.perp_price + cancelling, self._moves)
        basis = np.zeros(len(accounts.cash))
        mark_to_market = accounts.cash + collateral_value.sum(axis=1)
        for expiry, rows in enumerate(self._rows):
            held = accounts.options[:, rows]
            before = held @ self._now[rows]
            mark_to_market = mark_to_market + before
            sums = held @ self._stressed[rows]
            sums *= np.where(sums >= 0.0, long_discount[expiry], short_discount[expiry])
            change = sums - before[:, np.newaxis]
            profit += np.where(self._skew, -np.abs(change), change)
            move = held @ self._basis_values[rows] - before[:, np.newaxis]
            basis += np.minimum(move.min(axis=1), 0.0) * self._basis_weight[expiry]
        profit *= self._damping
        worst = np.minimum(profit.min(axis=1), basis)
        maintenance_cost, initial_cost = _contingencies(
            market, accounts, parameters, collateral_value
        )
        peg = max(0.0, parameters.peg_threshold - market.stable_price) * parameters.peg_factor
        return PortfolioMargin(
            profit=profit,
            basis=basis,
            worst=worst,
            maintenance_contingency=maintenance_cost,
            initial_contingency=initial_cost,
            mark_to_market=mark_to_market,
            maintenance=worst * parameters.maintenance_factor - maintenance_cost + mark_to_market,
            initial=worst * (parameters.initial_factor + peg)
            - initial_cost
            - maintenance_cost
            + mark_to_market,
        )


def static_discounts(
    market: PortfolioMarket, parameters: PortfolioParameters
) -> tuple[Floats, Floats]:
    """Return the discounts of an expiry's stressed value, for long and for short sums."""
    years, rate = market.years, np.maximum(market.rate, 0.0)
    long = parameters.long_base_discount * np.exp(
        -years * (rate * parameters.long_rate_multiple + parameters.long_rate_add)
    )
    short = parameters.short_base_discount * np.exp(
        years * (rate * parameters.short_rate_multiple + parameters.short_rate_add)
    )
    return long, np.minimum(np.exp(rate * years), short)


def naked_shorts(market: PortfolioMarket, options: csr_array) -> Floats:
    """Return the shorts of each account that no long at their strike and expiry matches.

    Calls and puts of one strike net against each other. Shape (accounts,), contracts.
    """
    place, strikes = strike_places(market)
    gather = np.zeros((len(place), strikes))
    gather[np.arange(len(place)), place] = 1.0
    net = options @ gather
    # Strike by strike, so that the order of the sum does not hang on their number.
    naked: Floats = np.add.reduce(np.ascontiguousarray(np.maximum(-net, 0.0).T), axis=0)
    return naked


def strike_places(market: PortfolioMarket) -> tuple[NDArray[np.int64], int]:
    """Return the number of each option's strike among those of all expiries, and how many."""
    pairs = np.stack([market.option_expiry.astype(np.float64), market.strike], axis=1)
    _, place = np.unique(pairs, axis=0, return_inverse=True)
    place = np.ravel(place)
    return place, int(place.max()) + 1 if len(place) else 0


def _contingencies(
    market: PortfolioMarket,
    accounts: PortfolioAccounts,
    parameters: PortfolioParameters,
    collateral_value: Floats,
) -> tuple[Floats, Floats]:
    """Return the maintenance charge, and the initial charge that comes on top."""
    perp = np.abs(accounts.perp) * market.spot
    naked = naked_shorts(market, accounts.options) * market.spot
    maintenance = (
        perp * parameters.maintenance_perp
        + naked * parameters.maintenance_option
        + (collateral_value * market.maintenance_haircut).sum(axis=1)
    )
    initial = (
        perp * parameters.initial_perp
        + naked * parameters.initial_option
        + (collateral_value * market.initial_haircut).sum(axis=1)
    )
    return maintenance, initial + _confidence_charge(market, accounts, parameters, collateral_value)


def _confidence_charge(
    market: PortfolioMarket,
    accounts: PortfolioAccounts,
    parameters: PortfolioParameters,
    collateral_value: Floats,
) -> Floats:
    """Return what is charged for prices that their oracles are not sure of, shape (accounts,)."""

    def rate(confidence: Floats) -> Floats:
        lowest = np.minimum(confidence, market.spot_confidence)
        missing = np.where(lowest < parameters.confidence_threshold, 1.0 - lowest, 0.0)
        return missing * parameters.confidence_margin

    perp = np.abs(accounts.perp) * market.spot * rate(np.array(market.perp_confidence))
    size = abs(accounts.options) @ rate(market.expiry_confidence)[market.option_expiry]
    value = collateral_value @ rate(market.collateral_confidence)
    charge: Floats = perp + size * market.spot + value
    return charge
