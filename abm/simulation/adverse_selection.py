"""What market makers lose to those who see a price move before their ladders have."""

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
class Fill:
    """Contracts of a ladder that somebody took; ``sign`` is above 0 where they were bought."""

    maker: int
    instrument: int
    sign: int
    lots: int
    mark_usd: float


@dataclass(eq=False)
class AdverseSelection:
    """What each maker measures of its own fills: how far the mark has left the ladder behind.

    Of a fill, the loss is what the mark has moved in the direction of whoever took the quote, from
    when the ladder was made to the step after the trade, whatever the spread. Those who know
    nothing take either side, and make none on average; those who are faster take the wrong one,
    and what they take is paid for in the spread (Budish, Cramton and Shim 2015).

    Attributes
    ----------
    loss_usd : ndarray, shape (seats,)
        In dollars, of fills of late: it fades.
    exposure_usd : ndarray, shape (seats,)
        Dollars of the underlying that these fills stood for, by their delta; it fades as well.
    made_at : list of Marks or None
        Of the ladder in force of each seat.
    seats : dict of (int, int) to int
        Number of the seat by venue and account.
    seen : list of int
        Trades of each venue that were looked at.
    fills : list of Fill
        Since the last step; what they lost shows in the next one.
    """

    loss_usd: NDArray[np.float64]
    exposure_usd: NDArray[np.float64]
    made_at: list[Marks | None]
    seats: dict[tuple[int, int], int]
    seen: list[int]
    fills: list[Fill] = field(default_factory=list)

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
                self.fills.append(Fill(maker, trade.instrument, sign, trade.lots, mark_usd))
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
        self.exposure_usd *= fading
        for fill in self.fills:
            marks = world.book_of(world.seats[fill.maker].account).marks
            # What has expired since was settled, at no mark.
            if marks.alive[fill.instrument]:
                moved_usd = float(marks.value[fill.instrument]) - fill.mark_usd
                delta = abs(float(marks.delta[fill.instrument]))
                self.loss_usd[fill.maker] += fill.sign * fill.lots * moved_usd
                self.exposure_usd[fill.maker] += fill.lots * delta * marks.price_usd
        self.fills.clear()

    def move(self, world: World, maker: int) -> float:
        """Return the loss of a maker's fills as a relative move of the underlying, at least 0.

        As if, besides, all of one side of its best quotes had traded with none: a few fills say
        little.
        """
        marks = world.book_of(world.seats[maker].account).marks
        deltas = float(np.abs(marks.delta[marks.alive]).sum())
        usual_usd = world.scenario.market_makers.quote_lots * deltas * marks.price_usd
        exposure_usd = float(self.exposure_usd[maker]) + usual_usd
        return max(float(self.loss_usd[maker]) / exposure_usd, 0.0) if exposure_usd > 0 else 0.0


def open_adverse_selection(world: World) -> None:
    """Let makers measure their fills, where the scenario lets them answer to it."""
    if not world.scenario.market_makers.adverse_selection_share:
        return
    count = len(world.seats)
    world.adverse_selection = AdverseSelection(
        loss_usd=np.zeros(count),
        exposure_usd=np.zeros(count),
        made_at=[None] * count,
        seats={(seat.venue, seat.account): number for number, seat in enumerate(world.seats)},
        seen=[len(exchange.trades) for exchange in world.exchanges],
    )
