"""Prices that trades move, chain by chain, and that arbitrage draws together again.

A trade of q units moves the log of a chain's price by ``ln(1.01) * q / depth``: linear in the
units, so that it costs the same in one piece as in many. A part of the move stays; the rest decays
exponentially, as orders come back to the book.

References
----------
Obizhaeva and Wang 2013, "Optimal trading strategy and supply/demand dynamics", section 4 (a block
of orders that resilience fills up again), doi:10.1016/j.finmar.2012.09.001. Almgren, Thum,
Hauptmann and Li 2005, "Direct estimation of equity market impact" (a linear permanent and a
temporary part, both in proportion to volatility). Huberman and Stanzl 2004, "Price manipulation
and quasi-arbitrage", doi:10.1111/j.1468-0262.2004.00531.x (why the permanent part is linear).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import (
    exp,
    expm1,
    fsum,  # exact: `sum` of floats rounds otherwise from Python 3.12 on
    log,
)
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PERCENT_MOVE = log(1.01)
"""Log move of the price that takes a whole depth."""


@dataclass(frozen=True, slots=True)
class Link:
    """A way that carries now, for arbitrageurs who buy at its source and sell at its destination.

    Attributes
    ----------
    source, destination : int
        Chains, by number.
    delay_seconds : float
        Until what was bought can be sold.
    units_per_second : float
        What the arbitrageurs' money buys at most.
    """

    source: int
    destination: int
    delay_seconds: float
    units_per_second: float


@dataclass(frozen=True, slots=True)
class Parcel:
    """Units that arbitrageurs bought on one chain and have not sold on the other."""

    due_second: float
    source: int
    destination: int
    units: float


def average_multiple(displacement: float, move: float) -> float:
    """Return the average price over a trade that moves the log price, as a multiple.

    The mean of ``exp`` from ``displacement`` to ``displacement + move``: what walking through a
    book of constant depth costs.

    >>> round(average_multiple(0.0, log(1.01)), 6)  # half of the one per cent, nearly
    1.004992
    """
    return exp(displacement) * (expm1(move) / move if move else 1.0)


class LocalPrices:
    """Log displacement of each chain's price from the price without any of these trades.

    With a constant depth no round trip gains, in however many pieces and whatever the times in
    between. Where depth changes in time, buying in thin and selling in deep markets could (Fruth,
    Schöneborn and Urusov 2014, doi:10.1111/mafi.12022); no agent here tries to.

    Parameters
    ----------
    depth_units : ndarray, shape (chains,)
        Units of a trade that moves the price by 1 %.
    permanent_share : float
        Share of the move that stays, 0 to 1.
    half_life_seconds : float
        Time in which half of the rest is gone.
    arbitrage_cost : float
        Log difference of two prices that arbitrageurs leave, at least 0.

    Attributes
    ----------
    permanent, temporary : ndarray, shape (chains,)
        The two parts of the displacement.
    under_way : list of Parcel
        What arbitrageurs have bought and not sold.
    bought, sold : ndarray, shape (chains,)
        Units that they have bought and sold on each chain so far.

    Examples
    --------
    Selling 100 units where 100 move the price by 1 %: 0.99 is left at once, and after a half-life
    half of the part that passes has come back.

    >>> prices = LocalPrices(np.array([100.0]), 0.5, half_life_seconds=600.0)
    >>> round(prices.trade(0, -100.0), 4), round(prices.multiple(0), 4)
    (0.995, 0.9901)
    >>> prices.relax(600.0)
    >>> round(prices.multiple(0), 4)
    0.9926
    """

    def __init__(
        self,
        depth_units: NDArray[np.float64],
        permanent_share: float,
        half_life_seconds: float,
        arbitrage_cost: float = 0.0,
    ) -> None:
        self.depth_units = depth_units
        self.permanent = np.zeros(len(depth_units))
        self.temporary = np.zeros(len(depth_units))
        self.under_way: list[Parcel] = []
        self.bought = np.zeros(len(depth_units))
        self.sold = np.zeros(len(depth_units))
        self._permanent_share = permanent_share
        self._half_life_seconds = half_life_seconds
        self._arbitrage_cost = arbitrage_cost
        self._second = 0.0

    @property
    def displacement(self) -> NDArray[np.float64]:
        """Log of each chain's price over the price without trades, shape (chains,)."""
        return self.permanent + self.temporary

    def multiple(self, chain: int) -> float:
        """Return a chain's price as a multiple of the price without trades."""
        return exp(self._at(chain))

    def quote(self, chain: int, units: float) -> float:
        """Return the average price of a trade, as a multiple, without making it; sales below 0."""
        return average_multiple(self._at(chain), units * self._slope(chain))

    def trade(self, chain: int, units: float) -> float:
        """Buy units on a chain, or sell them if below 0.

        Returns
        -------
        float
            Average price paid or received, as a multiple of the price without trades.
        """
        average = self.quote(chain, units)
        move = units * self._slope(chain)
        self.permanent[chain] += self._permanent_share * move
        self.temporary[chain] += (1.0 - self._permanent_share) * move
        return average

    def relax(self, seconds: float, links: Sequence[Link] = ()) -> None:
        """Let time pass: books fill up, and arbitrageurs do what the links let them.

        They buy where it is cheap, and sell the same units, a link's delay later, where it is dear,
        never so many that the two prices would pass each other. What arrives when the prices have
        met, or waits for a link that no longer carries, stays with them until it can be sold.

        Parameters
        ----------
        seconds : float
            At least 0.
        links : sequence of Link
            Those that carry in this time.
        """
        self._second += seconds
        self.temporary *= 0.5 ** (seconds / self._half_life_seconds)
        self._sell_what_arrived(links)
        for link in sorted(links, key=self._gap, reverse=True):
            self._buy(link, seconds)

    def held_units(self) -> float:
        """Return what arbitrageurs have bought and not sold."""
        return fsum(parcel.units for parcel in self.under_way)

    def _at(self, chain: int) -> float:
        return float(self.permanent[chain] + self.temporary[chain])

    def _slope(self, chain: int) -> float:
        """Log move of the price for one unit."""
        return PERCENT_MOVE / float(self.depth_units[chain])

    def _gap(self, link: Link) -> float:
        """Return by how much the destination is dearer, in logs."""
        return self._at(link.destination) - self._at(link.source)

    def _sell_what_arrived(self, links: Sequence[Link]) -> None:
        ways = {(link.source, link.destination): link for link in links}
        kept = []
        for parcel in self.under_way:
            link = ways.get((parcel.source, parcel.destination))
            if link is None or parcel.due_second > self._second:
                kept.append(parcel)
                continue
            room = max(self._gap(link), 0.0) / self._slope(parcel.destination)
            units = min(parcel.units, room)
            self.trade(parcel.destination, -units)
            self.sold[parcel.destination] += units
            if units < parcel.units:
                kept.append(replace(parcel, units=parcel.units - units))
        self.under_way = kept

    def _buy(self, link: Link, seconds: float) -> None:
        coming = fsum(
            parcel.units for parcel in self.under_way if parcel.destination == link.destination
        )
        there, here = self._slope(link.destination), self._slope(link.source)
        gap = self._gap(link) - self._arbitrage_cost - there * coming
        units = min(gap / (there + here), link.units_per_second * seconds)
        if units <= 0:
            return
        self.trade(link.source, units)
        self.bought[link.source] += units
        due = self._second + link.delay_seconds
        self.under_way.append(Parcel(due, link.source, link.destination, units))
