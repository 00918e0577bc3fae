"""Liquidation: who is below, how much to close to be whole again, and in which order.

Signs are those of the source: margins are *what is left*, below 0 for a breach; mark-to-market is
positions, collateral and cash together. The price factor at which a portfolio is sold falls with
time as `abm.venue.auction.price_factor` says. Arguments for many accounts are arrays of one shape;
any but the first may be a single number.

References
----------
Derive v2-core, ``src/liquidation/DutchAuction.sol``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.margin.checks import check_number, checked_numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

# Risks closer than this share of the largest profit or loss of a position are equal but for
# rounding.
SAME_RISK = 1e-12


def below_requirement(equity: ArrayLike, requirement: ArrayLike) -> NDArray[np.bool_]:
    """Return who has less than is required; exactly the requirement is enough.

    Parameters
    ----------
    equity : array_like, shape (accounts,)
        Dollars, positions included; may be below 0.
    requirement : array_like, shape (accounts,)
        Dollars, at least 0.

    Returns
    -------
    ndarray of bool, shape (accounts,)

    Raises
    ------
    ValueError
        If a number is not finite, a requirement is below 0, or the shapes differ.

    References
    ----------
    ``startAuction``: an auction may start where maintenance margin is below 0.

    >>> below_requirement([90.0, 100.0, -5.0], [100.0, 100.0, 0.0]).tolist()
    [True, False, True]
    """
    owned = checked_numbers("equity", equity)
    return np.asarray(owned < _alike(owned, "requirement", requirement, least=0.0))


def buffer_margin(
    maintenance_left: ArrayLike, mark_to_market: ArrayLike, buffer: ArrayLike
) -> Floats:
    """Return BM = MM + buffer*(MM - MtM): what is left over a requirement enlarged by a buffer.

    Closing goes on until this is back at 0, so that an account that was just made whole is not
    below again at the next small move.

    Parameters
    ----------
    maintenance_left : array_like, shape (accounts,)
        MM in dollars: mark-to-market less the maintenance requirement.
    mark_to_market : array_like, shape (accounts,)
        MtM in dollars.
    buffer : array_like, shape (accounts,)
        Share of the requirement to have on top of it, at least 0.

    Returns
    -------
    ndarray, shape (accounts,)
        Dollars, at most ``maintenance_left``; below 0 where something has to be closed.

    Raises
    ------
    ValueError
        If a number is not finite, ``buffer`` is below 0, the shapes differ, or what is left is
        more than the mark-to-market, which would be a requirement below 0.

    References
    ----------
    Section 4 of the reference cases.

    Examples
    --------
    Worth 80 with a requirement of 100: 20 are missing, and 15 of buffer.

    >>> buffer_margin([-20.0], [80.0], 0.15).tolist()
    [-35.0]
    """
    left, value = _margins(maintenance_left, mark_to_market)
    return left + _alike(left, "buffer", buffer, least=0.0) * (left - value)


def largest_fraction(
    margin: ArrayLike,
    mark_to_market: ArrayLike,
    price_factor: ArrayLike,
    reserved_cash: ArrayLike = 0.0,
) -> Floats:
    """Return f = BM/(BM - MtM*d - R*(1 - d)): the largest share of a portfolio that may be sold.

    Whoever buys the share f takes it without the reserved cash R and pays f*(MtM - R)*d. What is
    left is then BM - f*(BM - R) + f*(MtM - R)*d, and f makes that 0. So the largest share that may
    be sold is also the smallest that is enough.

    It is 0 where BM is not below 0: nothing has to be sold. It is 1 where even the sale of
    everything, which leaves MtM*d + R*(1 - d) in cash, leaves nothing or a debt.

    Parameters
    ----------
    margin : array_like, shape (accounts,)
        BM in dollars, from `buffer_margin`.
    mark_to_market : array_like, shape (accounts,)
        MtM in dollars, reserved cash included; below 0 for an insolvent account.
    price_factor : array_like, shape (accounts,)
        d, price over mark-to-market, from 0 to 1.
    reserved_cash : array_like, shape (accounts,)
        R in dollars, at least 0: what earlier buyers paid in, which is not for sale.

    Returns
    -------
    ndarray, shape (accounts,)
        From 0 to 1.

    Raises
    ------
    ValueError
        If a number is not finite or out of its range, or the shapes differ.

    References
    ----------
    ``_getMaxProportion``. The source has no clip at 1: it asks only while MtM is above 0.

    Examples
    --------
    35 are missing of 80 that sell for 60: 35/(35 + 60). Nothing is missing; nothing is to be had.

    >>> largest_fraction([-35.0, 5.0, -35.0], [80.0, 80.0, -10.0], 0.75).round(4).tolist()
    [0.3684, 0.0, 1.0]
    """
    left = checked_numbers("margin", margin)
    value = _alike(left, "mark_to_market", mark_to_market)
    factor = _alike(left, "price_factor", price_factor, least=0.0, most=1.0)
    reserved = _alike(left, "reserved_cash", reserved_cash, least=0.0)
    cash_if_all_sold = np.maximum(value * factor + reserved * (1.0 - factor), 0.0)
    missing = np.maximum(-left, 0.0)
    share = np.zeros(np.broadcast_shapes(missing.shape, cash_if_all_sold.shape))
    np.divide(missing, missing + cash_if_all_sold, out=share, where=missing > 0)
    return share


def smallest_fraction(
    maintenance_left: ArrayLike,
    mark_to_market: ArrayLike,
    buffer: ArrayLike,
    price_factor: ArrayLike,
    reserved_cash: ArrayLike = 0.0,
) -> Floats:
    """Return the smallest share of a portfolio whose sale restores the buffer margin to 0.

    `largest_fraction` of the `buffer_margin`, which says why the two are one formula. Exact where
    the requirement is proportional to the portfolio, which all three methods of margin are.

    Parameters
    ----------
    maintenance_left, mark_to_market, buffer : array_like, shape (accounts,)
        As for `buffer_margin`.
    price_factor, reserved_cash : array_like, shape (accounts,)
        As for `largest_fraction`.

    Returns
    -------
    ndarray, shape (accounts,)
        From 0, where nothing is missing, to 1; also 1 where even everything is not enough.

    Raises
    ------
    ValueError
        If a number is not finite or out of its range, or the shapes differ.

    >>> smallest_fraction([-20.0], [80.0], 0.15, 0.75).round(4).tolist()
    [0.3684]
    """
    margin = buffer_margin(maintenance_left, mark_to_market, buffer)
    return largest_fraction(margin, mark_to_market, price_factor, reserved_cash)


def insolvent_payment(
    maintenance_left: ArrayLike,
    mark_to_market: ArrayLike,
    elapsed_seconds: ArrayLike,
    length_seconds: float,
) -> Floats:
    """Return what the fund pays to whoever takes over all of an insolvent account.

    It rises linearly from what is owed to what is missing to the requirement. The taker of a share
    is paid that share of it.

    Parameters
    ----------
    maintenance_left : array_like, shape (accounts,)
        MM in dollars.
    mark_to_market : array_like, shape (accounts,)
        MtM in dollars, at least ``maintenance_left``.
    elapsed_seconds : array_like, shape (accounts,)
        Since the insolvent auction began, at least 0.
    length_seconds : float
        Time until the payment stops rising, at least 0; at 0 it is the highest at once.

    Returns
    -------
    ndarray, shape (accounts,)
        Dollars, from max(-MtM, 0) to max(-MM, 0).

    Raises
    ------
    ValueError
        If a number is not finite or out of its range, the shapes differ, or what is left is more
        than the mark-to-market.

    References
    ----------
    ``_getInsolventAuctionBidPrice``; section 4 of the reference cases.

    >>> insolvent_payment([-50.0] * 3, [-10.0] * 3, [0.0, 900.0, 7200.0], 3600.0).tolist()
    [10.0, 20.0, 50.0]
    """
    left, value = _margins(maintenance_left, mark_to_market)
    elapsed = _alike(left, "elapsed_seconds", elapsed_seconds, least=0.0)
    check_number("length_seconds", length_seconds, least=0.0)
    share = np.minimum(elapsed, length_seconds) / length_seconds if length_seconds > 0 else 1.0
    owed, missing = np.maximum(-value, 0.0), np.maximum(-left, 0.0)
    return np.asarray(owed + share * (missing - owed))


@dataclass(frozen=True)
class ClosingOrder:
    """Order in which the positions of an account are closed.

    Attributes
    ----------
    instrument : ndarray of int64, shape (positions,)
        Series, first to be closed first.
    step : ndarray of int64, shape (positions,)
        Step of each, from 0; two positions of one step offset each other and are closed together.
    risk_left : ndarray, shape (steps,)
        Scan risk of what is still open after each step, in dollars; 0 after the last.
    """

    instrument: NDArray[np.int64]
    step: NDArray[np.int64]
    risk_left: Floats


def closing_order(lots: ArrayLike, changes: ArrayLike) -> ClosingOrder:
    """Order the positions of one account so that the scan risk falls as fast as it can.

    Every step closes the one position, or the two that offset each other, which leave the least
    scan risk. Two positions offset each other where their profits over the points have a product
    below 0. Pairs come before single positions that leave as much, then lower instrument numbers.
    A hedge so stays until what it hedges goes, and then goes with it.

    The scan risk of what is left never rises where one of these steps keeps it from rising. It can
    rise where only three or more positions together hedge each other, as in a butterfly; and the
    rule looks one step ahead, not at all orders.

    Parameters
    ----------
    lots : array_like of int, shape (series,)
        Contracts, short below 0.
    changes : array_like, shape (series, points)
        Change in value of one contract at each stress point, in dollars, as `stress_changes` makes
        them.

    Returns
    -------
    ClosingOrder
        Without steps for an account without positions.

    Raises
    ------
    ValueError
        If a number is not finite or the shapes do not fit.

    Examples
    --------
    A short contract, its hedge, and a short one that nothing hedges: that one goes first.

    >>> order = closing_order([-1, 1, -1], [[-9.0, 10.0], [-9.0, 9.0], [-4.0, 4.0]])
    >>> order.instrument.tolist(), order.step.tolist(), order.risk_left.tolist()
    ([2, 0, 1], [0, 1, 1], [1.0, 0.0])
    """
    change = checked_numbers("changes", changes)
    if change.ndim != 2:  # noqa: PLR2004 - a table has two axes
        raise ValueError(f"changes has shape {change.shape}; it must be (series, points)")
    contracts = checked_numbers("lots", lots, shape=change.shape[:1])
    still_open = np.flatnonzero(contracts)
    profit = contracts[still_open, np.newaxis] * change[still_open]
    slack = SAME_RISK * float(np.abs(profit).max(initial=0.0))
    steps: list[NDArray[np.int64]] = []
    risks: list[float] = []
    while len(still_open):
        closed = _next_step(profit, slack)
        steps.append(still_open[closed])
        still_open, profit = np.delete(still_open, closed), np.delete(profit, closed, axis=0)
        risks.append(float(_risk(profit.sum(axis=0))))
    numbers = [np.full(len(step), number) for number, step in enumerate(steps)]
    nothing = np.zeros(0, dtype=np.int64)
    return ClosingOrder(
        np.concatenate([nothing, *steps]), np.concatenate([nothing, *numbers]), np.array(risks)
    )


def _next_step(profit: Floats, slack: float) -> NDArray[np.int64]:
    """Return the rows to close: the pair or the position that leaves the least risk."""
    total = profit.sum(axis=0)
    single = _risk(total - profit)
    worst, product = np.zeros((2, len(profit), len(profit)))
    # Point by point: all pairs at all points would not fit in memory for very many positions.
    for left, own in zip(total.tolist(), profit.T, strict=True):
        np.minimum(worst, left - np.add.outer(own, own), out=worst)
        product += np.multiply.outer(own, own)
    pair = np.where(np.triu(product < 0, 1), -worst, np.inf)
    enough = min(float(single.min()), float(pair.min())) + slack
    pairs: NDArray[np.int64] = np.argwhere(pair <= enough)
    return pairs[0] if len(pairs) else np.flatnonzero(single <= enough)[:1]


def _risk(profit: Floats) -> Floats:
    """Return `abm.margin.scan_risk`, and 0 where there are no points."""
    risk: Floats = -profit.min(axis=-1, initial=0.0) + 0.0
    return risk


def _margins(maintenance_left: ArrayLike, mark_to_market: ArrayLike) -> tuple[Floats, Floats]:
    left = checked_numbers("maintenance_left", maintenance_left)
    value = _alike(left, "mark_to_market", mark_to_market)
    too_much = np.extract(left > value, left)
    if len(too_much):
        raise ValueError(f"maintenance_left is {too_much[0]}; it must be at most mark_to_market")
    return left, value


def _alike(
    first: Floats, name: str, values: ArrayLike, *, least: float = -np.inf, most: float = np.inf
) -> Floats:
    """Return numbers of the first argument's shape, or one number for all."""
    shape = first.shape if np.ndim(values) else None
    return checked_numbers(name, values, least=least, most=most, shape=shape)
