"""What portfolio margin works on: stress points, parameters, one market, accounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from abm.units import SECONDS_PER_YEAR

if TYPE_CHECKING:
    import numpy as np
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
