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

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from abm.market.pricing import black_value
from abm.units import SECONDS_PER_DAY, SECONDS_PER_YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]

VolatilityShock = Literal["none", "up", "down", "linear", "absolute"]


@dataclass(frozen=True)
class PortfolioPoint:
    """One stress point: spot factor, volatility shock, share of the result that counts."""

    spot: float
    volatility: VolatilityShock
    damping: float = 1.0


def portfolio_points(
    step: float = 0.045, steps: int = 4, tails: tuple[tuple[float, float], ...] | None = None
) -> tuple[PortfolioPoint, ...]:
    """Return the 31 points: spot by volatility, damped tails, and two skews of the smile.

    Parameters
    ----------
    step : float
        Spot move between neighbouring points.
    steps : int
        Steps to either side; at the outermost only volatility up counts.
    tails : tuple of (float, float), optional
        Spot factor and damping of the tail points; by default damped so that six steps' loss counts
        at each.
    """
    grid: list[PortfolioPoint] = [PortfolioPoint(1.0 + steps * step, "up")]
    for move in range(steps - 1, -steps, -1):
        shocks: tuple[VolatilityShock, ...] = ("down", "none", "up")
        grid += [PortfolioPoint(1.0 + move * step, shock) for shock in shocks]
    grid.append(PortfolioPoint(1.0 - steps * step, "up"))
    far = tails if tails is not None else DEFAULT_TAILS
    grid += [PortfolioPoint(spot, "up", damping) for spot, damping in far]
    return (*grid, PortfolioPoint(1.0, "linear"), PortfolioPoint(1.0, "absolute"))


DEFAULT_TAILS = (
    (0.34, 0.054545454545),
    (0.67, 0.109090909091),
    (1.5, 0.072),
    (2.0, 0.036),
    (3.0, 0.018),
    (4.0, 0.012),
)


@dataclass(frozen=True)
class PortfolioParameters:
    """Parameters of the method, in the source's groups; defaults are of its order.

    Volatility shocks are fractions per (30 days / time)**power; discounts are per year; rates of
    the contingencies are fractions of spot or collateral value.
    """

    volatility_range_up: float = 0.5
    volatility_range_down: float = 0.275
    short_term_power: float = 0.3
    long_term_power: float = 0.13
    floor_days: float = 1.0
    minimum_volatility_up: float = 0.45

    initial_factor: float = 1.0
    maintenance_factor: float = 0.8
    short_rate_multiple: float = 0.5
    long_rate_multiple: float = 1.0
    short_rate_add: float = 0.08
    long_rate_add: float = 0.08
    long_base_discount: float = 0.95
    short_base_discount: float = 1.04

    basis_spot_up: float = 1.045
    basis_spot_down: float = 0.955
    basis_add: float = 0.5
    basis_multiple: float = 2.0

    peg_threshold: float = 0.98
    peg_factor: float = 2.0
    confidence_threshold: float = 0.55
    confidence_margin: float = 1.0
    maintenance_perp: float = 0.015
    initial_perp: float = 0.005
    maintenance_option: float = 0.003
    initial_option: float = 0.002

    linear_cap: float = 0.15
    absolute_cap: float = 0.15
    linear_cap_per_root_year: float = -0.05
    absolute_cap_per_root_year: float = -0.05
    minimum_log_strike: float = 0.01
    width_scale: float = 4.0
    width_volatility: float = 0.6
    width_volatility_per_root_year: float = -0.1

    points: tuple[PortfolioPoint, ...] = field(default_factory=portfolio_points)


@dataclass(frozen=True)
class PortfolioMarket:
    """One underlying with its expiries, options, perpetual and collateral.

    Attributes
    ----------
    spot, spot_confidence, stable_price : float
        Dollars; confidence is in [0, 1].
    seconds : ndarray, shape (expiries,)
        Time to expiry, at least 0.
    forward_fixed, forward_variable : ndarray, shape (expiries,)
        Dollars; their sum is the forward, and a spot shock moves the variable part alone.
    rate : ndarray, shape (expiries,)
        Per year.
    expiry_confidence : ndarray, shape (expiries,)
        Lowest confidence of the expiry's forward, rate and volatility.
    option_expiry : ndarray of int64, shape (options,)
        Row of each option's expiry.
    strike, volatility : ndarray, shape (options,)
        Dollars; annualised.
    is_call : ndarray of bool, shape (options,)
    perp_price, perp_confidence : float
    collateral_price, collateral_confidence : ndarray, shape (collaterals,)
    risk_cancelling : ndarray of bool, shape (collaterals,)
        Whether the collateral moves with the spot and so offsets positions.
    maintenance_haircut, initial_haircut : ndarray, shape (collaterals,)
        Fractions; the initial one comes on top.
    """

    spot: float
    spot_confidence: float
    stable_price: float
    seconds: Floats
    forward_fixed: Floats
    forward_variable: Floats
    rate: Floats
    expiry_confidence: Floats
    option_expiry: NDArray[np.int64]
    strike: Floats
    volatility: Floats
    is_call: NDArray[np.bool_]
    perp_price: float
    perp_confidence: float
    collateral_price: Floats
    collateral_confidence: Floats
    risk_cancelling: NDArray[np.bool_]
    maintenance_haircut: Floats
    initial_haircut: Floats

    @property
    def years(self) -> Floats:
        """Time to expiry in years, shape (expiries,)."""
        return self.seconds / SECONDS_PER_YEAR


@dataclass(frozen=True)
class PortfolioAccounts:
    """What accounts hold.

    Attributes
    ----------
    options : csr_array, shape (accounts, options)
        Contracts, short below 0.
    perp : ndarray, shape (accounts,)
        Contracts of the perpetual.
    cash : ndarray, shape (accounts,)
        Dollars, with the perpetual's unrealised profit and unsettled funding.
    collateral : ndarray, shape (accounts, collaterals)
        Units of each collateral.
    """

    options: csr_array
    perp: Floats
    cash: Floats
    collateral: Floats


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
    """
    count = len(accounts.cash)
    points = parameters.points
    volatilities = {
        shock: _shocked_volatility(market, parameters, shock)
        for shock in dict.fromkeys(point.volatility for point in points)
    }
    now = _values(market, 1.0, market.volatility)
    stressed = np.stack(
        [_values(market, point.spot, volatilities[point.volatility]) for point in points], axis=1
    )
    basis_values = np.stack(
        [
            _values(market, parameters.basis_spot_up, market.volatility),
            _values(market, parameters.basis_spot_down, market.volatility),
        ],
        axis=1,
    )
    long_discount, short_discount = static_discounts(market, parameters)
    # Cash is counted in the stablecoin, so collateral is, too.
    collateral_value = accounts.collateral * market.collateral_price / market.stable_price
    cancelling = collateral_value[:, market.risk_cancelling].sum(axis=1)
    moves = np.array([point.spot - 1.0 for point in points])
    profit = np.outer(accounts.perp * market.perp_price + cancelling, moves)
    skew = np.array([point.volatility in ("linear", "absolute") for point in points])
    basis = np.zeros(count)
    mark_to_market = accounts.cash + collateral_value.sum(axis=1)
    for expiry in range(len(market.seconds)):
        rows = np.flatnonzero(market.option_expiry == expiry)
        held = accounts.options[:, rows]
        before = held @ now[rows]
        mark_to_market = mark_to_market + before
        sums = held @ stressed[rows]
        sums *= np.where(sums >= 0.0, long_discount[expiry], short_discount[expiry])
        change = sums - before[:, np.newaxis]
        profit += np.where(skew, -np.abs(change), change)
        move = held @ basis_values[rows] - before[:, np.newaxis]
        weight = parameters.basis_add + parameters.basis_multiple * market.years[expiry]
        basis += np.minimum(move.min(axis=1), 0.0) * weight
    profit *= np.array([point.damping for point in points])
    worst = np.minimum(profit.min(axis=1), basis)
    maintenance_cost, initial_cost = _contingencies(market, accounts, parameters, collateral_value)
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
    pairs = np.stack([market.option_expiry.astype(np.float64), market.strike], axis=1)
    _, place = np.unique(pairs, axis=0, return_inverse=True)
    place = np.ravel(place)
    strikes = int(place.max()) + 1 if len(place) else 0
    gather = np.zeros((len(place), strikes))
    gather[np.arange(len(place)), place] = 1.0
    net = options @ gather
    naked: Floats = np.maximum(-net, 0.0).sum(axis=1)
    return naked


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
