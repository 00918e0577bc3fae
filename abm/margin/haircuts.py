"""What collateral counts for, and what a position costs that is too large to close."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.margin.checks import check_number, checked_numbers
from abm.market.tokens import token_prices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array

    from abm.scenario.collateral import Collateral
    from abm.scenario.network import Token


def counted_value(
    units: NDArray[np.int64],
    age_seconds: NDArray[np.int64],
    tokens: Sequence[Token],
    price_usd: float,
    rule: Collateral,
    backing: NDArray[np.float64] | None = None,
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
        When a claim is stale, its haircut, and when it is refused.
    backing : ndarray, shape (tokens,), optional
        Share of each token's worth that counts, from 0 to 1; all of it where not given.

    Returns
    -------
    ndarray, shape (accounts,)
        Dollars that count as margin, at least 0.
    """
    counted = token_prices(tokens, price_usd) * (1.0 - np.array([t.haircut for t in tokens]))
    if backing is not None:
        counted *= backing
    value = total_value(units, counted)
    if not rule.stale_haircut and rule.refused_after_seconds is None:
        return value
    fresh = np.where(age_seconds > rule.stale_after_seconds, 1.0 - rule.stale_haircut, 1.0)
    if rule.refused_after_seconds is not None:
        fresh[age_seconds > rule.refused_after_seconds] = 0.0
    return value * fresh


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
    worths = unit_usd.tolist()
    if not worths:
        return np.zeros(len(units))
    value: NDArray[np.float64] = units[:, 0] * worths[0]
    for token, worth in enumerate(worths[1:], start=1):
        value += units[:, token] * worth
    return value


def backed_value(
    units: NDArray[np.int64],
    unit_usd: ArrayLike,
    backing: ArrayLike,
    wrapped_haircut: ArrayLike,
) -> NDArray[np.float64]:
    """Value token balances by what backs the wrapped ones.

    A wrapped token is worth what is locked for it, at most its original: it counts for
    ``min(backing, 1) * (1 - wrapped_haircut)`` of it. A token that is not wrapped has a backing of
    1 and a haircut of 0.

    Parameters
    ----------
    units : ndarray of int64, shape (accounts, tokens)
        Base units, at least 0.
    unit_usd : array_like, shape (tokens,)
        Dollars for one base unit of the original, at least 0.
    backing : array_like, shape (tokens,)
        Originals locked over wrapped tokens minted, at least 0.
    wrapped_haircut : array_like, shape (tokens,)
        Share of the backed value that does not count because the token is wrapped, from 0 to 1.

    Returns
    -------
    ndarray, shape (accounts,)
        Dollars, at least 0.

    Raises
    ------
    ValueError
        If a number is not finite or out of its range, or the shapes do not fit.

    Examples
    --------
    100 of an original and 100 wrapped, of which an exploit has left 60 % backed; 5 % haircut.

    >>> import numpy as np
    >>> backed_value(np.array([[100, 100]]), [1.0, 1.0], [1.0, 0.6], [0.0, 0.05]).tolist()
    [157.0]
    """
    if units.ndim != 2:  # noqa: PLR2004 - a table has two axes
        raise ValueError(f"units has shape {units.shape}; it must be (accounts, tokens)")
    checked_numbers("units", units, least=0.0)
    tokens = units.shape[1:]
    worth = checked_numbers("unit_usd", unit_usd, least=0.0, shape=tokens)
    backed = np.minimum(checked_numbers("backing", backing, least=0.0, shape=tokens), 1.0)
    haircut = checked_numbers("wrapped_haircut", wrapped_haircut, least=0.0, most=1.0, shape=tokens)
    return total_value(units, worth * backed * (1.0 - haircut))


def age_factor(
    age_seconds: ArrayLike, free_seconds: float, refused_seconds: float
) -> NDArray[np.float64]:
    """Return the share of a claim that counts at its age.

    All of it up to the free age, none from the age of refusal on, and in between a share that falls
    linearly. Where both ages are one it falls at once after it, as the stale haircut of
    `counted_value` does.

    Parameters
    ----------
    age_seconds : array_like
        Age of the claims, at least 0.
    free_seconds : float
        Age up to which nothing is taken off, at least 0.
    refused_seconds : float
        Age from which on nothing counts, at least ``free_seconds``.

    Returns
    -------
    ndarray
        From 0 to 1, of the shape of ``age_seconds``.

    Raises
    ------
    ValueError
        If a number is not finite or out of its range.

    >>> age_factor([0.0, 600.0, 1500.0, 2400.0, 9000.0], 600.0, 2400.0).tolist()
    [1.0, 1.0, 0.5, 0.0, 0.0]
    """
    age = checked_numbers("age_seconds", age_seconds, least=0.0)
    check_number("free_seconds", free_seconds, least=0.0)
    check_number("refused_seconds", refused_seconds, least=free_seconds)
    length = refused_seconds - free_seconds
    if length == 0:
        return np.where(age > free_seconds, 0.0, 1.0)
    share: NDArray[np.float64] = 1.0 - np.clip(age - free_seconds, 0.0, length) / length
    return share


def concentration_add_on(
    lots: csr_array,
    depth_lots: ArrayLike,
    unit_usd: ArrayLike,
    free_multiple: float,
    rate: float,
) -> NDArray[np.float64]:
    """Charge accounts for holding more of a series than the market can take back.

    The sum over series of ``rate * unit_usd * |lots| * max(|lots| / depth - free_multiple, 0)``:
    closing more than is quoted costs a price move in proportion to the excess, on every contract.
    A depth below one contract, 0 included, counts as one contract, so that a series that nobody
    quotes is charged as the thinnest that can be quoted. Beyond the free multiple the charge grows
    faster than the position, so merging two accounts can cost more than the two alone: that is its
    purpose.

    Parameters
    ----------
    lots : csr_array, shape (accounts, series)
        Contracts, short below 0.
    depth_lots : array_like, shape (series,)
        Contracts quoted within the venue's band, at least 0.
    unit_usd : array_like, shape (series,)
        What the charge is a fraction of, for one contract: its value, or the underlying's; at
        least 0.
    free_multiple : float
        Multiple of the depth that is free of charge, at least 0.
    rate : float
        Charge for one more multiple, a fraction of ``unit_usd``, at least 0.

    Returns
    -------
    ndarray, shape (accounts,)
        Dollars, at least 0; exactly 0 for an account without positions.

    Raises
    ------
    ValueError
        If a number is not finite or out of its range, or the shapes do not fit.

    Examples
    --------
    Short 30 where 10 are quoted and 2 times as many are free: 1 % of 100 dollars on 30 contracts.

    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> book = csr_array(np.array([[-30.0, 5.0], [20.0, 0.0]]))
    >>> concentration_add_on(book, [10.0, 10.0], [100.0, 100.0], 2.0, 0.01).tolist()
    [30.0, 0.0]
    """
    accounts, series = lots.shape
    depth = np.maximum(checked_numbers("depth_lots", depth_lots, least=0.0, shape=(series,)), 1.0)
    worth = checked_numbers("unit_usd", unit_usd, least=0.0, shape=(series,))
    check_number("free_multiple", free_multiple, least=0.0)
    check_number("rate", rate, least=0.0)
    if not lots.has_canonical_format:
        lots = lots.copy()
        lots.sum_duplicates()
    held = np.abs(checked_numbers("lots.data", lots.data))
    excess = np.maximum(held / depth[lots.indices] - free_multiple, 0.0)
    charge = rate * worth[lots.indices] * held * excess
    owner = np.repeat(np.arange(accounts), np.diff(lots.indptr))
    return np.asarray(np.bincount(owner, charge, minlength=accounts), dtype=np.float64)
