"""Traders: take option positions when they arrive, top up when they are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import mesa
import numpy as np

from abm.agents.strategies import STRATEGIES, order_size, wants_put
from abm.venue import Lifetime, Order, Side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abm.margin import Marks
    from abm.market import InstrumentTable
    from abm.scenario.agents import Traders

DRAWS_PER_ARRIVAL = 6
"""Uniform draws that one arrival takes, whatever it does with them."""

# How far beyond the mark a market order may trade, and a resting one stands from it.
MARKET_REACH = 0.25
LIMIT_REACH = 0.10


class LiveSeries:
    """Series that have not expired and are worth more than a tick, at some marks.

    Parameters
    ----------
    instruments : InstrumentTable
    marks : Marks
    tick_usd : float

    Attributes
    ----------
    expiries : list of int
        Seconds at which they expire, ascending.
    """

    def __init__(self, instruments: InstrumentTable, marks: Marks, tick_usd: float) -> None:
        self._of = instruments, marks, tick_usd
        live = (marks.alive & (marks.value > tick_usd)).nonzero()[0]
        # Each with its absolute delta, by expiry and type: whoever arrives looks at few of them.
        self._by_kind: dict[tuple[int, bool], list[tuple[int, float]]] = {}
        for series, expiry, is_call, delta in zip(
            live.tolist(),
            instruments.expiry_second[live].tolist(),
            instruments.is_call[live].tolist(),
            np.abs(marks.delta[live]).tolist(),
            strict=True,
        ):
            self._by_kind.setdefault((expiry, not is_call), []).append((series, delta))
        self.expiries = sorted(dict.fromkeys(expiry for expiry, _ in self._by_kind))

    def are_of(self, view: TraderView) -> bool:
        """Return whether these are the ones that a trader sees."""
        instruments, marks, tick_usd = self._of
        same = instruments is view.instruments and marks is view.marks
        return same and tick_usd == view.tick_usd

    def nearest(self, expiry: int, delta: float, *, put: bool) -> int | None:
        """Return the put or call of an expiry whose absolute delta is nearest, the first of some.

        None where there is none.
        """
        there = self._by_kind.get((expiry, put))
        return min(there, key=lambda item: abs(item[1] - delta))[0] if there else None


@dataclass(frozen=True)
class TraderView:
    """What a trader sees when it decides.

    Attributes
    ----------
    instruments : InstrumentTable
    marks : Marks
        The venue's marks.
    unit_margin_usd : ndarray, shape (instruments,)
        Initial requirement of one short contract alone, in dollars.
    free_margin_usd : float
        Equity beyond the account's initial requirement.
    wealth_usd : float
        The deposit it started with.
    tick_usd : float
    trend : float
        Log move of the published price over the scenario's look-back.
    known_live : LiveSeries or None
        Those of these marks, where they have been looked up: traders share them.
    """

    instruments: InstrumentTable
    marks: Marks
    unit_margin_usd: NDArray[np.float64]
    free_margin_usd: float
    wealth_usd: float
    tick_usd: float
    trend: float = 0.0
    known_live: LiveSeries | None = None

    @property
    def live(self) -> LiveSeries:
        """Series that are worth asking for."""
        if self.known_live is not None and self.known_live.are_of(self):
            return self.known_live
        return LiveSeries(self.instruments, self.marks, self.tick_usd)


def choose_instrument(view: TraderView, parameters: Traders, draws: Sequence[float]) -> int | None:
    """Return the live series of a drawn expiry and type whose delta is nearest a drawn target."""
    strategy, live = STRATEGIES[parameters.strategy], view.live
    if not live.expiries:
        return None
    last = len(live.expiries) - 1
    expiry = live.expiries[min(int(draws[0] * len(live.expiries)), last)]
    put = wants_put(strategy, parameters.put_share, view.trend, draws[1])
    if put is None:
        return None
    low, high = strategy.delta
    return live.nearest(expiry, low + draws[2] * (high - low), put=put)


def choose_orders(
    account: int, parameters: Traders, view: TraderView, draws: Sequence[float]
) -> list[Order]:
    """Decide what an arriving trader asks for.

    Parameters
    ----------
    account : int
        The trader's account.
    parameters : Traders
        Its kind.
    view : TraderView
        What it sees.
    draws : sequence of float
        `DRAWS_PER_ARRIVAL` uniforms in [0, 1).

    Returns
    -------
    list of Order
        Nothing, one order, or the two legs of a spread.
    """
    strategy = STRATEGIES[parameters.strategy]
    instrument = choose_instrument(view, parameters, draws)
    if instrument is None:
        return []
    value = float(view.marks.value[instrument])
    size = order_size(parameters, draws[3])
    if strategy.side is Side.BUY:
        lots = int(view.wealth_usd * min(strategy.use * size, 1.0) / value)
        return _order(account, instrument, Side.BUY, lots, parameters, view, draws)
    budget = max(view.free_margin_usd, 0.0) * min(strategy.use * size, 1.0)
    lots = int(budget / max(float(view.unit_margin_usd[instrument]), view.tick_usd))
    sold = _order(account, instrument, Side.SELL, lots, parameters, view, draws)
    if strategy.legs == "one" or not sold:
        return sold
    wing = _further_out(view, instrument)
    if wing is None:
        return []
    # The bought leg goes first: it lowers the margin that the sold leg needs.
    return _order(account, wing, Side.BUY, lots, parameters, view, draws) + sold


def _further_out(view: TraderView, instrument: int) -> int | None:
    """Return the next strike out of the money, of the same expiry and type."""
    table = view.instruments
    same = (table.expiry_second == table.expiry_second[instrument]) & (
        table.is_call == table.is_call[instrument]
    )
    sign = 1.0 if table.is_call[instrument] else -1.0
    distance = sign * (table.strike_usd - table.strike_usd[instrument])
    further = same & (distance > 0) & view.marks.alive
    return int(np.where(further, distance, np.inf).argmin()) if further.any() else None


def _order(
    account: int,
    instrument: int,
    side: Side,
    lots: int,
    parameters: Traders,
    view: TraderView,
    draws: Sequence[float],
) -> list[Order]:
    if lots < 1:
        return []
    value = float(view.marks.value[instrument])
    if draws[4] < parameters.market_order_share:
        limit, lifetime = value * (1.0 + side * MARKET_REACH), Lifetime.IMMEDIATE
    else:
        limit, lifetime = value * (1.0 - side * LIMIT_REACH * draws[5]), Lifetime.REST
    ticks = max(round(limit / view.tick_usd), 1)
    return [Order(account, instrument, side, lots, ticks, lifetime)]


def choose_top_up(
    shortfall_usd: float, wallet_units: Sequence[int], unit_usd: Sequence[float]
) -> list[int]:
    """Decide what to move from wallet to collateral when called.

    Parameters
    ----------
    shortfall_usd : float
        Missing margin in dollars.
    wallet_units : sequence of int
        Base units in the wallet, by token.
    unit_usd : sequence of float
        Dollars of margin that one base unit gives, by token.

    Returns
    -------
    list of int
        Base units to deposit, by token: the shortfall and a tenth more, as far as the wallet goes.

    Examples
    --------
    >>> choose_top_up(100.0, [50, 1000], [1.0, 0.5])
    [50, 121]
    """
    missing = 1.1 * shortfall_usd
    deposit = []
    for held, worth in zip(wallet_units, unit_usd, strict=True):
        units = min(held, int(max(missing, 0.0) / worth) + 1) if missing > 0 else 0
        deposit.append(units)
        missing -= units * worth
    return deposit


class TraderDesk(Protocol):
    """What the simulation offers a trader."""

    def view(self, account: int) -> TraderView:
        """Return what an account's owner sees now."""
        ...

    def arrival_draws(self, account: int) -> Sequence[float]:
        """Return the uniforms of the account's arrival in this step."""
        ...

    def queue_order(self, order: Order) -> None:
        """Ask for an order to be settled in this step."""
        ...


class Trader(mesa.Agent):
    """One trader; ``slot`` is its account. It is stepped only when it arrives."""

    def __init__(self, model: mesa.Model, slot: int, parameters: Traders, desk: TraderDesk) -> None:
        super().__init__(model)
        self.slot = slot
        self.parameters = parameters
        self.desk = desk

    def step(self) -> None:
        """Queue what it wants to trade."""
        view = self.desk.view(self.slot)
        draws = self.desk.arrival_draws(self.slot)
        for order in choose_orders(self.slot, self.parameters, view, draws):
            self.desk.queue_order(order)
