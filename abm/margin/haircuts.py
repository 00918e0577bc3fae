"""What collateral counts for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abm.scenario.collateral import Collateral
    from abm.scenario.network import Token


def token_prices(tokens: Sequence[Token], price_usd: float) -> NDArray[np.float64]:
    """Return the dollars that one base unit of each token is worth, shape (tokens,)."""
    return np.array(
        [(1.0 if token.worth == "dollar" else price_usd) / token.base_units for token in tokens]
    )


def counted_value(
    units: NDArray[np.int64],
    age_seconds: NDArray[np.int64],
    tokens: Sequence[Token],
    price_usd: float,
    rule: Collateral,
) -> NDArray[np.float64]:
    """Value of claims after haircuts.

    Parameters
    ----------
    units : ndarray of int64, shape (accounts, tokens)
        Claimed base units.
    age_seconds : ndarray of int64, shape (accounts,)
        Age of the claims.
    tokens : sequence of Token
        The scenario's tokens, in the order of the columns.
    price_usd : float
        Price of the underlying that the venue believes, in dollars.
    rule : Collateral
        When a claim is stale, and its haircut.

    Returns
    -------
    ndarray, shape (accounts,)
        Dollars that count as margin, at least 0.
    """
    counted = token_prices(tokens, price_usd) * (1.0 - np.array([t.haircut for t in tokens]))
    fresh = np.where(age_seconds > rule.stale_after_seconds, 1.0 - rule.stale_haircut, 1.0)
    return total_value(units, counted) * fresh


def total_value(units: NDArray[np.int64], unit_usd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Value token balances.

    Token by token rather than as a matrix product, whose rounding may depend on its threads.

    Parameters
    ----------
    units : ndarray of int64, shape (accounts, tokens)
        Base units.
    unit_usd : ndarray, shape (tokens,)
        Dollars for one base unit of each.

    Returns
    -------
    ndarray, shape (accounts,)
        Dollars.
    """
    value = np.zeros(len(units))
    for token, worth in enumerate(unit_usd.tolist()):
        value += units[:, token] * worth
    return value
