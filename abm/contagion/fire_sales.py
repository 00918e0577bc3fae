"""Fire sales: losses that spread through the prices of assets held in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from abm.contagion.inputs import as_matrix, as_number, as_vector

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from abm.contagion.inputs import Vector

__all__ = [
    "Deleveraging",
    "FireSale",
    "fire_sale",
    "impacted_price",
    "portfolio_overlap",
    "threshold_fire_sale",
]

LEVERAGE_SHARE = 1e-12
"""Leverage above its limit by less than this share is rounding."""


@dataclass(frozen=True)
class FireSale:
    """One round of sales that keep leverage constant.

    Attributes
    ----------
    shock_return : ndarray, shape (banks,)
        Return of each bank's assets by the shock itself.
    sales : ndarray, shape (banks,)
        What each bank trades to return to its leverage, in dollars; below 0 it sells.
    flows : ndarray, shape (assets,)
        What is traded of each asset, in dollars; below 0 it is sold.
    price_changes : ndarray, shape (assets,)
        Return of each asset by these trades.
    sale_return : ndarray, shape (banks,)
        Return of each bank's assets by these trades.
    aggregate_vulnerability : float
        Loss by these trades as a share of all equity; below 0 for a gain.
    """

    shock_return: Vector
    sales: Vector
    flows: Vector
    price_changes: Vector
    sale_return: Vector
    aggregate_vulnerability: float


def fire_sale(
    assets: ArrayLike,
    debt_to_equity: ArrayLike,
    weights: ArrayLike,
    price_impact: ArrayLike,
    shock: ArrayLike,
) -> FireSale:
    """Let banks sell in proportion to their portfolios until leverage is what it was.

    Sales are not capped by what a bank holds: the measure is linear in the shock.

    Parameters
    ----------
    assets : array_like, shape (banks,)
        Total assets, in dollars, at least 0.
    debt_to_equity : array_like, shape (banks,)
        Leverage that each bank keeps, at least 0.
    weights : array_like, shape (banks, assets)
        Share of each asset in each bank's assets, from 0 to 1.
    price_impact : array_like, shape (assets,)
        Return of an asset for one dollar of net purchases, at least 0.
    shock : array_like, shape (assets,)
        Return of each asset by the shock, from -1.

    Returns
    -------
    FireSale

    Raises
    ------
    ValueError
        If a shape is wrong, a number not finite or outside its bounds, or no bank has assets.

    References
    ----------
    Greenwood, Landier and Thesmar 2015, "Vulnerable banks", Journal of Financial Economics 115(3),
    doi:10.1016/j.jfineco.2014.11.006, equations 1 to 5: ``AV = 1' A M L M' B A M f / E``.

    Examples
    --------
    A loss of 1 % on 100 dollars, held with 9 dollars of debt for each of equity, forces sales of 9
    dollars; they cost 9 * 0.001 = 0.9 % of 100, which is 9 % of an equity of 10.

    >>> sale = fire_sale([100], [9], [[1.0]], [0.001], [-0.01])
    >>> sale.sales, round(sale.aggregate_vulnerability, 6)
    (array([-9.]), 0.09)
    """
    total = as_vector("assets", assets, least=0.0)
    if total.sum() == 0.0:
        raise ValueError("assets sum to 0.0; some bank must have assets")
    leverage = as_vector("debt_to_equity", debt_to_equity, len(total), least=0.0)
    share = as_matrix("weights", weights, rows=len(total), most=1.0)
    impact = as_vector("price_impact", price_impact, share.shape[1], least=0.0)
    change = as_vector("shock", shock, share.shape[1], least=-1.0)
    # Sums of products, not matrix products: their rounding may depend on the number of threads.
    shock_return = (share * change).sum(axis=1)
    sales = total * leverage * shock_return
    flows = (share * sales[:, np.newaxis]).sum(axis=0)
    price_changes = impact * flows
    sale_return = (share * price_changes).sum(axis=1)
    equity = total / (1.0 + leverage)
    vulnerability = -float((total * sale_return).sum() / equity.sum())
    return FireSale(shock_return, sales, flows, price_changes, sale_return, vulnerability)


def impacted_price(price: ArrayLike, sold: ArrayLike, total: ArrayLike, beta: float) -> Vector:
    """Price after a sale: ``price * exp(-beta * sold / total)``.

    Parameters
    ----------
    price : array_like, shape (assets,)
        Price before, at least 0.
    sold : array_like, shape (assets,)
        Units sold, at least 0.
    total : array_like, shape (assets,)
        Units that there are, at least 0; of an asset without units nothing moves.
    beta : float
        Impact, at least 0; ``-log(0.9) / 0.1`` lets a sale of 10 % cost 10 %.

    Returns
    -------
    ndarray, shape (assets,)

    Raises
    ------
    ValueError
        If a shape is wrong, or a number negative or not finite.

    Examples
    --------
    >>> impacted_price([1.0], [10.0], [100.0], -np.log(0.9) / 0.1).round(6)
    array([0.9])
    """
    before = as_vector("price", price, least=0.0)
    gone = as_vector("sold", sold, len(before), least=0.0)
    units = as_vector("total", total, len(before), least=0.0)
    share = gone / np.where(units > 0.0, units, np.inf)
    return before * np.exp(-as_number("beta", beta, least=0.0) * share)


def portfolio_overlap(holdings: ArrayLike, depth: ArrayLike) -> NDArray[np.float64]:
    """Liquidity-weighted overlap of portfolios: the channel by which sales of one hurt another.

    Parameters
    ----------
    holdings : array_like, shape (banks, assets)
        Dollars, at least 0.
    depth : array_like, shape (assets,)
        Dollars of sales for a full fall of the price at the first sale's rate, above 0; with an
        impact of ``beta`` it is the value of the asset in the market over ``beta``.

    Returns
    -------
    ndarray, shape (banks, banks)
        ``[i, j]`` is the loss of i, to first order, when j sells everything, in dollars; symmetric.

    Raises
    ------
    ValueError
        If a shape is wrong, a holding negative, a depth not above 0, or a number not finite.

    References
    ----------
    Cont and Schaanning 2017, "Fire sales, indirect contagion and systemic stress testing", Norges
    Bank Working Paper 2/2017, section 3.

    Examples
    --------
    >>> portfolio_overlap([[10, 0], [5, 20]], [100, 200])
    array([[1.  , 0.5 ],
           [0.5 , 2.25]])
    """
    held = as_matrix("holdings", holdings)
    market = as_vector("depth", depth, held.shape[1], above=0.0)
    left, right = sparse.csr_array(held / market), sparse.csr_array(held.T)
    overlap: NDArray[np.float64] = (left @ right).toarray()
    return overlap


@dataclass(frozen=True)
class Deleveraging:
    """Sales in rounds, until no bank exceeds its leverage limit.

    Attributes
    ----------
    price : ndarray, shape (assets,)
        Price at the end as a share of that at the start.
    holdings : ndarray, shape (banks, assets)
        Holdings at the end at the prices of the start, in dollars; times ``price`` for their value.
    capital : ndarray, shape (banks,)
        Dollars; below 0 for an insolvent bank.
    sellers_by_round : tuple of tuple of int
        The banks that sell in each round.
    finished : bool
        Whether the sales ended by themselves.
    """

    price: Vector
    holdings: NDArray[np.float64]
    capital: Vector
    sellers_by_round: tuple[tuple[int, ...], ...]
    finished: bool


def threshold_fire_sale(
    holdings: ArrayLike,
    capital: ArrayLike,
    *,
    max_leverage: float,
    target_leverage: float,
    beta: float,
    illiquid: ArrayLike = 0.0,
    max_rounds: int = 1_000,
) -> Deleveraging:
    """Let banks above a leverage limit sell, round after round, down to a target.

    A bank with more than ``max_leverage`` dollars of assets for each of capital sells the same
    share of all its holdings to reach ``target_leverage``, at most everything; one without capital
    sells everything. Prices fall by `impacted_price` on all units sold so far, and sellers get the
    price after their round.

    Parameters
    ----------
    holdings : array_like, shape (banks, assets)
        Marketable assets after the shock, in dollars, at least 0.
    capital : array_like, shape (banks,)
        Capital after the shock, in dollars.
    max_leverage, target_leverage : float
        Assets over capital; ``1 <= target_leverage <= max_leverage``.
    beta : float
        Price impact, at least 0.
    illiquid : array_like, shape (banks,), or float
        Assets that cannot be sold, in dollars, at least 0.
    max_rounds : int
        Rounds before the search gives up.

    Returns
    -------
    Deleveraging

    Raises
    ------
    ValueError
        If a shape is wrong, or a number not finite or outside its bounds.

    References
    ----------
    Cont and Schaanning 2017, "Fire sales, indirect contagion and systemic stress testing", Norges
    Bank Working Paper 2/2017, section 2, with an exponential price impact.

    Examples
    --------
    Capital 5 carries 100; at a limit of 15 and a target of 10 a bank sells 50 of its 100, half of
    all there is. With no impact, that is all.

    >>> sale = threshold_fire_sale([[100]], [5], max_leverage=15, target_leverage=10, beta=0)
    >>> sale.holdings, sale.sellers_by_round
    (array([[50.]]), ((0,),))
    """
    units = as_matrix("holdings", holdings)
    left = as_vector("capital", capital, len(units))
    stuck = as_vector("illiquid", illiquid, len(units), least=0.0)
    limit = as_number("max_leverage", max_leverage, least=1.0)
    target = as_number("target_leverage", target_leverage, least=1.0, most=limit)
    market = units.sum(axis=0)
    start = price = np.ones(units.shape[1])
    sellers: list[tuple[int, ...]] = []
    for _ in range(max_rounds):
        marketable = (units * price).sum(axis=1)
        assets = marketable + stuck
        selling = (assets > limit * left * (1.0 + LEVERAGE_SHARE)) & (marketable > 0.0)
        if not selling.any():
            return Deleveraging(price, units, left, tuple(sellers), finished=True)
        sellers.append(tuple(np.flatnonzero(selling).tolist()))
        excess = (assets - target * left) / np.where(marketable > 0.0, marketable, 1.0)
        share = np.where(selling, np.clip(excess, 0.0, 1.0), 0.0)
        kept = units * (1.0 - share)[:, np.newaxis]
        sold = np.maximum(market - kept.sum(axis=0), 0.0)
        after = impacted_price(start, sold, market, beta)
        left = left - (units * (price - after)).sum(axis=1)
        units, price = kept, after
    return Deleveraging(price, units, left, tuple(sellers), finished=False)
