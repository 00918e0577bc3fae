"""Market makers: quote around the surface, lean against inventory, widen and withdraw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

import mesa
import numpy as np

from abm.units import SECONDS_PER_DAY, SECONDS_PER_HOUR
from abm.venue import MassQuote, best_of_ladders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abm.margin import Marks
    from abm.scenario.agents import MarketMakers

SHORTEST_DAYS = 1 / 24
"""No spread widens further than that of an hour to expiry."""

WING_DELTA = 0.4
"""Below this absolute delta an option is in the wing."""

DEEP_DELTA = 0.6
"""Above this absolute delta it is deep in the money."""

MOST_FUNDING_ROOT_HOURS = 2.0
"""Beyond four hours a longer wait for dollars widens no more: nobody counts on them then."""


@dataclass(frozen=True)
class MakerView:
    """What a market maker sees when it quotes.

    Attributes
    ----------
    marks : Marks
        Values at the price it trusts.
    seconds_left : ndarray of int64, shape (instruments,)
        Time to expiry.
    inventory : ndarray of int64, shape (instruments,)
        Its own contracts, short below 0.
    free_share : float
        Equity beyond its initial requirement, as a share of equity.
    stress : float
        Realised over calm volatility, at least 1.
    levels : int
        Levels of its ladder.
    tick_usd : float
    funding_seconds : float
        How long dollars from its accounts at other venues would take to come, now.
    adverse_move : float
        By how much the underlying had left its ladders behind when they were taken of late, as a
        fraction.
    """

    marks: Marks
    seconds_left: NDArray[np.int64]
    inventory: NDArray[np.int64]
    free_share: float
    stress: float
    levels: int
    tick_usd: float
    funding_seconds: float = 0.0
    adverse_move: float = 0.0

    def is_beside(self, other: MakerView) -> bool:
        """Return whether another maker sees the same market and the same rules at once."""
        return (
            self.marks is other.marks
            and self.seconds_left is other.seconds_left
            and (self.stress, self.levels, self.tick_usd)
            == (other.stress, other.levels, other.tick_usd)
        )


def choose_quotes(view: MakerView, parameters: MarketMakers) -> MassQuote | None:
    """Decide a whole ladder, or to withdraw.

    The half-spread is that of `half_spreads`, and wider the longer dollars from other venues would
    take: what a maker may lose until they come grows with the square root of the delay. Besides,
    the best quotes stand further from the mark by their delta times the move of the underlying by
    which ladders were behind when they were taken of late. Further levels are half a spread apart.
    Size falls by the stress. Inventory shifts the middle against itself, and stops the side that
    would exceed the limit.

    Parameters
    ----------
    view : MakerView
        What it sees.
    parameters : MarketMakers
        The scenario's.

    Returns
    -------
    MassQuote or None
        None where free equity is below the withdrawal threshold.
    """
    return choose_ladders([view], parameters)[0]


def choose_ladders(views: Sequence[MakerView], parameters: MarketMakers) -> list[MassQuote | None]:
    """Decide what `choose_quotes` does for several makers at once.

    Parameters
    ----------
    views : sequence of MakerView, at least one
        What each sees; all the same marks at the same time, and of the market the same.
    parameters : MarketMakers
        The scenario's.

    Returns
    -------
    list of MassQuote or None
        One for each view.

    Raises
    ------
    ValueError
        If they do not see the same marks at the same time.
    """
    first = views[0]
    if not all(view.is_beside(first) for view in views):
        raise ValueError("makers that decide together must see the same marks at the same time")
    width = min(first.stress, parameters.stress_width)
    inventory = np.array([view.inventory for view in views])
    bid, ask = _best_premiums(views, inventory, width, parameters)
    step = np.maximum((ask - bid) // 2, 1)
    levels = np.arange(first.levels)
    outward = step[:, :, np.newaxis] * levels
    makers, series = step.shape
    ticks = np.empty((makers, 2, series, first.levels), dtype=np.int64)
    np.subtract(bid[:, :, np.newaxis], outward, out=ticks[:, 0])
    np.add(ask[:, :, np.newaxis], outward, out=ticks[:, 1])
    sizes = max(int(parameters.quote_lots / width), 1) * (1 + levels)
    may_buy = first.marks.alive & (inventory < parameters.inventory_limit_lots)
    may_sell = first.marks.alive & (inventory > -parameters.inventory_limit_lots)
    lots = np.empty_like(ticks)
    np.multiply(may_buy[:, :, np.newaxis] & (ticks[:, 0] >= 1), sizes, out=lots[:, 0])
    np.multiply(may_sell[:, :, np.newaxis], sizes, out=lots[:, 1])
    best = best_of_ladders(ticks, lots)
    return [
        None
        if view.free_share < parameters.withdraw_below
        else MassQuote.of(ticks[maker], lots[maker], best[maker])
        for maker, view in enumerate(views)
    ]


def _best_premiums(
    views: Sequence[MakerView],
    inventory: NDArray[np.int64],
    width: float,
    parameters: MarketMakers,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the best bids and asks of makers in ticks, each of shape (makers, instruments)."""
    marks, tick = views[0].marks, views[0].tick_usd
    waits = np.array([[_width_by_funding(view, parameters)] for view in views])
    half = half_spreads(views[0], parameters, width) * waits
    fullness = np.minimum(np.maximum(inventory / parameters.inventory_limit_lots, -1.0), 1.0)
    shift = -parameters.inventory_skew_volatility * fullness
    bid_usd = marks.value + marks.vega * (shift - half)
    ask_usd = marks.value + marks.vega * (shift + half)
    if any(view.adverse_move for view in views):
        moves = np.array([[view.adverse_move] for view in views])
        taken = parameters.adverse_selection_share * moves * marks.price_usd
        further = np.abs(marks.delta) * taken
        bid_usd, ask_usd = bid_usd - further, ask_usd + further
    bid = np.floor(bid_usd / tick).astype(np.int64)
    ask = np.ceil(ask_usd / tick).astype(np.int64)
    return bid, np.maximum(ask, np.maximum(bid + 1, 1))


def _width_by_funding(view: MakerView, parameters: MarketMakers) -> float:
    """Return how many times as wide a maker quotes for what dollars from elsewhere would take."""
    root_hours: float = (view.funding_seconds / SECONDS_PER_HOUR) ** 0.5
    return 1.0 + parameters.funding_width * min(root_hours, MOST_FUNDING_ROOT_HOURS)


def half_spreads(view: MakerView, parameters: MarketMakers, stress: float) -> NDArray[np.float64]:
    """Return half the spread of every series, in volatility.

    At the money it is ``half_spread_volatility * sqrt(1 + 6 / days to expiry)`` times the stress.
    Wings and options deep in the money, which are seldom traded and hard to hedge, have a part more
    that does not grow with stress. Last comes what gamma costs: over the time until a stale quote
    is replaced, a move of the stressed volatility loses ``gamma * price**2 * volatility**2 * time /
    2``, and in the model of Black vega is ``gamma * price**2 * volatility * time to expiry``.

    The shape fits the median spreads of two Deribit chains, ETH of 8 January 2024 and BTC of 21 May
    2020, which ``abm facts`` sets beside a run.

    Parameters
    ----------
    view : MakerView
        What a maker sees.
    parameters : MarketMakers
        The scenario's.
    stress : float
        Factor of the part at the money, at least 1.

    Returns
    -------
    ndarray, shape (instruments,)
        1.0 is 100 % a year.
    """
    days = np.maximum(view.seconds_left / SECONDS_PER_DAY, SHORTEST_DAYS)
    size = np.abs(view.marks.delta)
    wing = parameters.wing_width * np.maximum(1.0 - size / WING_DELTA, 0.0) ** 2
    deep = parameters.deep_width * np.maximum((size - DEEP_DELTA) / (1.0 - DEEP_DELTA), 0.0)
    at_the_money = parameters.half_spread_volatility * np.sqrt(1.0 + 6.0 / days)
    exposed = parameters.exposure_seconds / SECONDS_PER_DAY / days
    gamma = 0.5 * view.marks.volatility * stress**2 * exposed
    half: NDArray[np.float64] = at_the_money * (stress + wing + deep) + gamma
    return half


@dataclass(frozen=True)
class Requoting:
    """Makers that need new ladders at one moment and see the same, with those worked out so far.

    Attributes
    ----------
    makers : list of int
        By their slots.
    ladders : dict of int to WorkedOut
        What each decides.
    """

    makers: list[int]
    ladders: dict[int, WorkedOut] = field(default_factory=dict)


class WorkedOut(NamedTuple):
    """A ladder, with the desk that showed what it answers to and the parameters it follows."""

    desk: MakerDesk
    parameters: MarketMakers
    quote: MassQuote | None


class MakerDesk(Protocol):
    """What the simulation offers a market maker."""

    def view(self, maker: int) -> MakerView:
        """Return what a market maker sees now."""
        ...

    def needs_new_quote(self, maker: int) -> bool:
        """Return whether price, inventory or time have moved enough to quote anew."""
        ...

    def requoting(self, maker: int) -> Requoting:
        """Return the makers that need new ladders now and see what this one does."""
        ...

    def queue_quote(self, maker: int, quote: MassQuote | None) -> None:
        """Ask for a ladder to be replaced, or withdrawn, in this step."""
        ...

    def queue_same(self, maker: int) -> None:
        """Ask for the last ladder to be posted again in its full size."""
        ...


class MarketMaker(mesa.Agent):
    """One market maker; ``slot`` is its place on the quote board."""

    def __init__(
        self, model: mesa.Model, slot: int, parameters: MarketMakers, desk: MakerDesk
    ) -> None:
        super().__init__(model)
        self.slot = slot
        self.parameters = parameters
        self.desk = desk

    def step(self) -> None:
        """Queue a new ladder if something moved, else the last one again."""
        if self.desk.needs_new_quote(self.slot):
            self.desk.queue_quote(self.slot, self._choose())
        else:
            self.desk.queue_same(self.slot)

    def _choose(self) -> MassQuote | None:
        """Decide, the first of several makers for all: one by one takes several times as long."""
        together = self.desk.requoting(self.slot)
        if self.slot in together.makers and not together.ladders:
            own = self.desk.view(self.slot)
            views = {
                maker: own if maker == self.slot else self.desk.view(maker)
                for maker in together.makers
            }
            views = {maker: view for maker, view in views.items() if view.is_beside(own)}
            quotes = choose_ladders(list(views.values()), self.parameters)
            for maker, quote in zip(views, quotes, strict=True):
                together.ladders[maker] = WorkedOut(self.desk, self.parameters, quote)
        known = together.ladders.get(self.slot)
        if known and known.desk is self.desk and known.parameters is self.parameters:
            return known.quote
        return choose_quotes(self.desk.view(self.slot), self.parameters)
