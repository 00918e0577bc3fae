"""What prices do after market makers' trades: what those cost them who knew more."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp
from typing import TYPE_CHECKING

import numpy as np

from abm.units import SECONDS_PER_HOUR
from abm.venue import TradeKind
from abm.venue.orders import BUY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.margin import Marks
    from abm.simulation.world import Ladder, World

FLOW = (TradeKind.ORDER, TradeKind.CLOSE_OUT)
"""What meets a maker's quotes."""


@dataclass(frozen=True, slots=True)
class Met:
    """Contracts of a ladder that somebody took; ``sign`` is above 0 where they were bought."""

    maker: int
    instrument: int
    sign: int
    lots: int
    mark_usd: float


@dataclass(eq=False)
class Markouts:
    """Every maker's measure of the price impact of its trades, from its own fills.

    Of a trade, the impact is what the mark has moved in the direction of whoever took the quote,
    from when the ladder was made to the step after the trade: the part of the effective spread that
    a maker does not keep (Huang and Stoll 1996). Trades of those who know nothing have
    none on average, whatever the spread.

    Attributes
    ----------
    loss_usd, vega_usd : ndarray, shape (seats,)
        Impact in dollars, and dollars for 1.00 of volatility of the contracts; both fade.
    made_at : list of Marks or None
        Of the ladder in force of each seat.
    met : list of Met
        What traded since the last step, whose impact shows in the next one.
    """

    loss_usd: NDArray[np.float64]
    vega_usd: NDArray[np.float64]
    made_at: list[Marks | None]
    seats: dict[tuple[int, int], int]
    seen: list[int]
    met: list[Met] = field(default_factory=list)

    def look(self, world: World, venue: int) -> None:
        """Take in what traded at a venue since the last look, against the ladders in force."""
        trades = world.exchanges[venue].trades
        for trade in trades[self.seen[venue] :]:
            bought = trade.aggressor is BUY
            maker = self.seats.get((venue, trade.seller if bought else trade.buyer))
            marks = None if maker is None else self.made_at[maker]
            if maker is not None and marks is not None and trade.kind in FLOW:
                mark_usd = float(marks.value[trade.instrument])
                sign = 1 if bought else -1
                self.met.append(Met(maker, trade.instrument, sign, trade.lots, mark_usd))
        self.seen[venue] = len(trades)

    def replace(self, world: World, ladder: Ladder) -> None:
        """Note, before a ladder takes the place of another, what the old one met."""
        self.look(world, world.seats[ladder.maker].venue)
        self.made_at[ladder.maker] = ladder.marks

    def learn(self, world: World) -> None:
        """Measure at this step's marks what traded before it."""
        for venue in range(len(world.exchanges)):
            self.look(world, venue)
        rule = world.scenario.market_makers
        fading = exp(
            -world.scenario.clock.step_seconds / SECONDS_PER_HOUR / rule.adverse_selection_hours
        )
        self.loss_usd *= fading
        self.vega_usd *= fading
        for item in self.met:
            marks = world.book_of(world.seats[item.maker].account).marks
            if marks.alive[item.instrument]:
                moved_usd = float(marks.value[item.instrument]) - item.mark_usd
                self.loss_usd[item.maker] += item.sign * item.lots * moved_usd
                self.vega_usd[item.maker] += item.lots * float(marks.vega[item.instrument])
        self.met.clear()

    def adverse_volatility(self, world: World, maker: int) -> float:
        """Return the impact of a maker's trades in volatility, at least 0.

        As if, besides, all of one side of its best quotes had traded with none: a few trades say
        little.
        """
        marks = world.book_of(world.seats[maker].account).marks
        usual_usd = float(marks.vega[marks.alive].sum()) * world.scenario.market_makers.quote_lots
        vega_usd = float(self.vega_usd[maker]) + usual_usd
        return max(float(self.loss_usd[maker]) / vega_usd, 0.0) if vega_usd > 0 else 0.0


def open_markouts(world: World) -> None:
    """Let makers measure their trades, where the scenario lets them answer to it."""
    if not world.scenario.market_makers.adverse_selection_share:
        return
    count = len(world.seats)
    world.markouts = Markouts(
        loss_usd=np.zeros(count),
        vega_usd=np.zeros(count),
        made_at=[None] * count,
        seats={(seat.venue, seat.account): number for number, seat in enumerate(world.seats)},
        seen=[len(exchange.trades) for exchange in world.exchanges],
    )
