"""Whole units divided among several, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


EXACT = 2**53
"""Below it, every whole number is a float64."""

BINS = 1_024
"""Remainders are sorted into so many bins."""


def share_out(amount: int, weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Divide whole units in proportion to weights, exactly.

    Parameters
    ----------
    amount : int
        Units to divide, at least 0.
    weights : ndarray of int64, shape (n,)
        At least 0.

    Returns
    -------
    ndarray of int64, shape (n,)
        Shares that sum to ``amount``, or to 0 if all weights are 0; none above its weight where
        ``amount`` is not above their sum. What rounding leaves goes one unit each to the largest
        remainders (ties: the first).

    Examples
    --------
    >>> share_out(10, np.array([1, 1, 2, 30]))
    array([0, 0, 1, 9])
    """
    total = int(weights.sum())
    if amount == 0 or total == 0:
        return np.zeros_like(weights)
    shares, remainders = _divided(amount, weights, total)
    # Whoever has no weight gets nothing of what rounding leaves either: there are always more
    # remainders above 0 than units left.
    shares += _largest(remainders, amount - int(shares.sum()))
    return shares


def _divided(
    amount: int, weights: NDArray[np.int64], total: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return ``amount * weights // total`` and what is left of each, as a share of ``total``.

    The product of two amounts in micro-dollars overflows 64 bits. But a quotient by floats is off
    by a few units at most, and what is left of each after it is small: whole numbers that overflow
    on the way give it exactly. Amounts that a float64 does not hold exactly go by Python's
    integers.
    """
    if max(total, amount) >= EXACT:
        exact = [weight * amount for weight in weights.tolist()]
        shares = np.array([product // total for product in exact], dtype=np.int64)
        return shares, np.array([product % total / total for product in exact])
    shares = (weights * (amount / total)).astype(np.int64)
    rest = weights * amount - shares * total
    while (off := (rest >= total).astype(np.int64) - (rest < 0)).any():
        shares += off
        rest -= off * total
    return shares, rest / total


def _largest(values: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    """Return a mask of the so many largest values from 0 to 1, of equal ones the first.

    >>> _largest(np.array([0.5, 0.2, 0.5, 0.5]), 2)
    array([ True, False,  True, False])
    """
    if not count:
        return np.zeros(len(values), dtype=np.bool_)
    # The last of them is in one of many bins, and only that one needs to be looked at.
    bins = (values * BINS).astype(np.int64)
    up_to = np.bincount(bins, minlength=BINS).cumsum()
    place = len(values) - count
    in_question = int(np.searchsorted(up_to, place, side="right"))
    inside = values[bins == in_question]
    place -= int(up_to[in_question - 1]) if in_question else 0
    threshold = np.partition(inside, place)[place]
    found: NDArray[np.bool_] = values > threshold
    found[np.flatnonzero(values == threshold)[: count - int(found.sum())]] = True
    return found


def draw_on(amount: int, held: NDArray[np.int64], weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Take whole units from several in proportion to weights, from none more than it has.

    What one lacks the others pay, again in proportion; once those with a weight have nothing left,
    the rest pay by what they have.

    Parameters
    ----------
    amount : int
        Units to take, at least 0.
    held : ndarray of int64, shape (n,)
        What each has, at least 0.
    weights : ndarray of int64, shape (n,)
        At least 0.

    Returns
    -------
    ndarray of int64, shape (n,)
        What each pays; sums to ``amount``, or to all they have if that is less.

    Examples
    --------
    Of 9, by weights 3, 3 and 3, the first has 1 only: the others pay the 2 that it lacks.

    >>> draw_on(9, np.array([1, 10, 10]), np.array([3, 3, 3]))
    array([1, 4, 4])
    """
    paid = np.zeros_like(held)
    left = min(amount, int(held.sum()))
    while left:
        rest = held - paid
        counted = np.where(rest > 0, weights, 0)
        shares = np.minimum(share_out(left, counted if counted.any() else rest), rest)
        paid += shares
        left -= int(shares.sum())
    return paid


def draw_in_order(
    amount: int, held: NDArray[np.int64], score: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Take whole units from several one after another, from each all it has.

    Parameters
    ----------
    amount : int
        Units to take, at least 0.
    held : ndarray of int64, shape (n,)
        What each has, at least 0.
    score : ndarray, shape (n,)
        Who comes first: the highest (ties: the first).

    Returns
    -------
    ndarray of int64, shape (n,)
        What each pays; sums to ``amount``, or to all they have if that is less.

    Examples
    --------
    >>> draw_in_order(7, np.array([5, 5, 5]), np.array([1.0, 3.0, 2.0]))
    array([0, 5, 2])
    """
    order = np.argsort(-score, kind="stable")
    before = np.concatenate([[0], np.cumsum(held[order])[:-1]])
    paid = np.zeros_like(held)
    paid[order] = np.clip(amount - before, 0, held[order])
    return paid
