"""Standard margin: per position, with the maximum loss of an expiry as its bound.

Signs are the equity-like ones of the source: margins are *what is left* for the options alone,
below 0 where options are owed. Long options give no credit of their own; they count only where
they bound the loss of their expiry.

References
----------
Derive v2-core, ``src/risk-managers/StandardManager.sol``; parameters of
``scripts/config-mainnet.sol`` at 7736900d.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.margin.checks import check_number, check_shape, checked_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StandardParameters:
    """Parameters of the method, as fractions of the spot unless said otherwise.

    Attributes
    ----------
    initial_maximum, initial_minimum : float
        Initial charge of a short at the money, and the least one.
    maintenance : float
        Maintenance charge of a short.
    maintenance_of_value : float
        Least maintenance charge of a short put, as a fraction of its value.
    initial_over_maintenance : float
        Least initial over maintenance margin of a short put.
    unpaired_initial, unpaired_maintenance : float
        Charge for each net short call of an expiry, as a multiple of the forward.
    """

    initial_maximum: float = 0.15
    initial_minimum: float = 0.13
    maintenance: float = 0.09
    maintenance_of_value: float = 0.09
    initial_over_maintenance: float = 1.05
    unpaired_initial: float = 1.2
    unpaired_maintenance: float = 1.1


@dataclass(frozen=True)
class OptionTable:
    """Options on one underlying at one moment.

    Attributes
    ----------
    expiry : ndarray of int64, shape (options,)
        Number of each option's expiry, from 0.
    forward : ndarray, shape (expiries,)
        Dollars.
    strike, value : ndarray, shape (options,)
        Dollars; value of one contract.
    is_call : ndarray of bool, shape (options,)
    """

    expiry: NDArray[np.int64]
    forward: Floats
    strike: Floats
    value: Floats
    is_call: NDArray[np.bool_]


@dataclass(frozen=True)
class StandardMargin:
    """What is left of the options of accounts, in dollars, each of shape (accounts,)."""

    maintenance: Floats
    initial: Floats


def short_margins(
    table: OptionTable, spot: float, parameters: StandardParameters
) -> tuple[Floats, Floats]:
    """Return maintenance and initial margin of one short contract of each option.

    Returns
    -------
    tuple of ndarray, shape (options,)
        Dollars, at most 0: the value owed and the charge on top.
    """
    owed = -table.value
    otm = np.maximum(np.where(table.is_call, table.strike - spot, spot - table.strike) / spot, 0.0)
    charge = np.maximum(parameters.initial_minimum, parameters.initial_maximum - otm) * spot
    flat = -parameters.maintenance * spot
    maintenance_call = owed + flat
    maintenance_put = owed + np.minimum(flat, parameters.maintenance_of_value * owed)
    initial_put = np.minimum(owed - charge, parameters.initial_over_maintenance * maintenance_put)
    return (
        np.where(table.is_call, maintenance_call, maintenance_put),
        np.where(table.is_call, owed - charge, initial_put),
    )


def standard_margin(
    table: OptionTable, positions: csr_array, spot: float, parameters: StandardParameters
) -> StandardMargin:
    """Return the margins of the options of all accounts.

    For every expiry the smaller loss counts of two: all shorts charged alone, and the worst payoff
    at expiry over prices of 0 and of every strike, with a further charge for net short calls.

    Merging two portfolios can need more than the two alone: one of two bounds is taken for all of
    an expiry, so that each portfolio may have taken the other one. Either bound alone never does,
    and the sum of all shorts charged alone bounds any merger.

    Parameters
    ----------
    table : OptionTable
        The options.
    positions : csr_array, shape (accounts, options)
        Contracts, short below 0.
    spot : float
        Dollars.
    parameters : StandardParameters
        Of the method.

    Returns
    -------
    StandardMargin

    Raises
    ------
    ValueError
        If a number is not finite or out of its range, or the shapes do not fit.
    """
    _check(table, positions, spot)
    count = positions.shape[0]
    maintenance, initial = np.zeros(count), np.zeros(count)
    short_maintenance, short_initial = short_margins(table, spot, parameters)
    shorts = positions.minimum(0.0) * -1.0
    for expiry in range(len(table.forward)):
        rows = np.flatnonzero(table.expiry == expiry)
        worst = worst_payoff(table, positions[:, rows], rows)
        calls = rows[table.is_call[rows]]
        uncovered = np.minimum(np.asarray(positions[:, calls].sum(axis=1)), 0.0)
        naked = uncovered * table.forward[expiry]
        alone = shorts[:, rows] @ short_maintenance[rows]
        maintenance += np.maximum(alone, worst + parameters.unpaired_maintenance * naked)
        alone = shorts[:, rows] @ short_initial[rows]
        initial += np.maximum(alone, worst + parameters.unpaired_initial * naked)
    return StandardMargin(maintenance, initial)


def _check(table: OptionTable, positions: csr_array, spot: float) -> None:
    check_number("spot", spot, above=0.0)
    expiries, options = np.shape(table.forward), np.shape(table.strike)
    checked_numbers("forward", table.forward, above=0.0)
    checked_numbers("strike", table.strike, above=0.0)
    checked_numbers("value", table.value, least=0.0, shape=options)
    checked_numbers("expiry", table.expiry, least=0.0, most=expiries[0] - 1, shape=options)
    check_shape("is_call", table.is_call, options)
    check_shape("positions", positions, (positions.shape[0], *options))
    checked_numbers("positions.data", positions.data)


def worst_payoff(table: OptionTable, held: csr_array, rows: NDArray[np.int64]) -> Floats:
    """Return the least payoff at expiry of the positions in one expiry, shape (accounts,).

    The payoff is piecewise linear in the price, so prices of 0 and of every strike suffice, but for
    net short calls beyond the last strike, which are charged apart. A gain counts as 0.
    """
    prices = np.concatenate([[0.0], np.unique(table.strike[rows])])
    sign = np.where(table.is_call[rows], 1.0, -1.0)[:, np.newaxis]
    payoff = np.maximum(sign * (prices - table.strike[rows][:, np.newaxis]), 0.0)
    worst: Floats = np.minimum((held @ payoff).min(axis=1, initial=0.0), 0.0)
    return worst
