"""Market makers' ladders: arrays, replaced at once by each mass quote."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from abm.venue.orders import SIDES, Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_BID = 0
NO_ASK = int(np.iinfo(np.int64).max)


@dataclass(frozen=True)
class MassQuote:
    """A market maker's whole ladder.

    Attributes
    ----------
    bid_ticks, ask_ticks : ndarray of int64, shape (instruments, levels)
        Premiums in ticks; the best level first.
    bid_lots, ask_lots : ndarray of int64, shape (instruments, levels)
        Contracts at each; 0 where nothing is quoted.
    """

    bid_ticks: NDArray[np.int64]
    ask_ticks: NDArray[np.int64]
    bid_lots: NDArray[np.int64]
    ask_lots: NDArray[np.int64]

    def ticks(self, side: Side) -> NDArray[np.int64]:
        """Return the premiums of a side."""
        return self.bid_ticks if side is Side.BUY else self.ask_ticks

    def lots(self, side: Side) -> NDArray[np.int64]:
        """Return the contracts of a side."""
        return self.bid_lots if side is Side.BUY else self.ask_lots

    @cached_property
    def best(self) -> dict[Side, NDArray[np.int64]]:
        """Best premium of each series on either side; `NO_BID` or `NO_ASK` where there is none."""
        return {side: _best_of_ladder(side, self.ticks(side), self.lots(side)) for side in SIDES}

    @cached_property
    def total_lots(self) -> dict[Side, int]:
        """Contracts of either side."""
        return {side: int(self.lots(side).sum()) for side in SIDES}


class QuoteBoard:
    """The quotes of all market makers on all series.

    Parameters
    ----------
    makers, instruments, levels : int
        Size of the board.

    Attributes
    ----------
    ticks, lots : dict of Side to ndarray of int64, shape (instruments, makers, levels)
        Premiums and remaining contracts of either side.
    sequence : ndarray of int64, shape (instruments, makers)
        When each maker quoted each series last, in the exchange's order of arrival.
    taken : list of dict of (Side, int, int) to int, one for each maker
        Contracts that traded since the maker quoted last, by side, series and level.
    """

    def __init__(self, makers: int, instruments: int, levels: int) -> None:
        shape = (instruments, makers, levels)
        self.ticks = {side: np.zeros(shape, dtype=np.int64) for side in SIDES}
        self.lots = {side: np.zeros(shape, dtype=np.int64) for side in SIDES}
        self.sequence = np.zeros((instruments, makers), dtype=np.int64)
        self.taken: list[dict[tuple[Side, int, int], int]] = [{} for _ in range(makers)]
        self._ranked: dict[tuple[Side, int], list[tuple[int, int, int, int]]] = {}
        # Best premium of each maker in each series, shape (makers, instruments), and all it quotes.
        self._best = {
            Side.BUY: np.full((makers, instruments), NO_BID, dtype=np.int64),
            Side.SELL: np.full((makers, instruments), NO_ASK, dtype=np.int64),
        }
        self._quoted = {side: np.zeros(makers, dtype=np.int64) for side in SIDES}

    def ranked(self, side: Side, instrument: int) -> list[tuple[int, int, int, int]]:
        """Return the quotes on a side of a series in the order in which they trade.

        Returns
        -------
        list of tuple
            Premium in ticks (negative for bids, so that lower comes first), sequence, maker and
            level, each with contracts left.
        """
        key = (side, instrument)
        if key not in self._ranked:
            makers, levels = self.lots[side][instrument].nonzero()
            prices = -int(side) * self.ticks[side][instrument, makers, levels]
            sequences = self.sequence[instrument, makers]
            self._ranked[key] = sorted(
                zip(
                    prices.tolist(),
                    sequences.tolist(),
                    makers.tolist(),
                    levels.tolist(),
                    strict=True,
                )
            )
        return self._ranked[key]

    def take(self, side: Side, instrument: int, maker: int, level: int, wanted: int) -> int:
        """Remove up to ``wanted`` contracts of one quote and return how many."""
        lots = self.lots[side]
        available = int(lots[instrument, maker, level])
        taken = min(wanted, available)
        lots[instrument, maker, level] = available - taken
        gone = self.taken[maker]
        gone[side, instrument, level] = gone.get((side, instrument, level), 0) + taken
        self._quoted[side][maker] -= taken
        if taken == available:
            self._forget(side, instrument, maker, level)
        return taken

    def _forget(self, side: Side, instrument: int, maker: int, level: int) -> None:
        """Take a quote that has traded away out of its series' ranking."""
        ranked = self.ranked(side, instrument)
        for place, entry in enumerate(ranked):
            if entry[2] == maker and entry[3] == level:
                del ranked[place]
                break
        best = NO_BID if side is Side.BUY else NO_ASK
        for price, _, other, _ in ranked:
            if other == maker:
                best = -side * price
                break
        self._best[side][maker, instrument] = best

    def replace(self, maker: int, quote: MassQuote, sequence: int) -> None:
        """Replace a maker's ladder."""
        for side in SIDES:
            self.ticks[side][:, maker] = quote.ticks(side)
            self.lots[side][:, maker] = quote.lots(side)
            self._best[side][maker] = quote.best[side]
            self._quoted[side][maker] = quote.total_lots[side]
        self.sequence[:, maker] = sequence
        self.taken[maker] = {}
        self._ranked.clear()

    def put_back(
        self, maker: int, side: Side, instrument: int, level: int, lots: int, sequence: int
    ) -> None:
        """Quote contracts again that traded, behind all others at their price."""
        self.lots[side][instrument, maker, level] += lots
        self._quoted[side][maker] += lots
        self.sequence[instrument, maker] = sequence
        ticks = int(self.ticks[side][instrument, maker, level])
        best = self._best[side]
        if lots:
            held = int(best[maker, instrument])
            best[maker, instrument] = max(held, ticks) if side is Side.BUY else min(held, ticks)
        for either in SIDES:
            self._ranked.pop((either, instrument), None)

    def best_of(self, side: Side, instrument: int) -> int:
        """Return the best quoted premium of one series in ticks, as `best` does for all."""
        column: list[int] = self._best[side][:, instrument].tolist()
        return max(column) if side is Side.BUY else min(column)

    def withdraw(self, maker: int) -> None:
        """Take a maker's quotes away."""
        if not (self.taken[maker] or any(self._quoted[side][maker] for side in SIDES)):
            return
        for side in SIDES:
            self.lots[side][:, maker] = 0
            self._best[side][maker] = NO_BID if side is Side.BUY else NO_ASK
            self._quoted[side][maker] = 0
        self.taken[maker] = {}
        self._ranked.clear()

    def expire(self, instruments: NDArray[np.int64]) -> None:
        """Take the quotes on some series away."""
        for side in SIDES:
            self._quoted[side] -= self.lots[side][instruments].sum(axis=(0, 2))
            self.lots[side][instruments] = 0
            self._best[side][:, instruments] = NO_BID if side is Side.BUY else NO_ASK
        expired = instruments.tolist()
        for maker, gone in enumerate(self.taken):
            self.taken[maker] = {key: lots for key, lots in gone.items() if key[1] not in expired}
        self._ranked.clear()

    def best(self, side: Side) -> NDArray[np.int64]:
        """Return the best quoted premium of each series in ticks.

        Returns
        -------
        ndarray of int64, shape (instruments,)
            The highest bid or the lowest ask; `NO_BID` or `NO_ASK` where nothing is quoted.
        """
        reduce = np.maximum.reduce if side is Side.BUY else np.minimum.reduce
        best: NDArray[np.int64] = reduce(self._best[side], axis=0)
        return best

    def lots_at(self, side: Side, ticks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the contracts quoted at one premium of each series, shape (instruments,)."""
        at = self.ticks[side] == ticks[:, np.newaxis, np.newaxis]
        found: NDArray[np.int64] = np.where(at, self.lots[side], 0).sum(axis=(1, 2))
        return found

    def lots_by_maker(self) -> NDArray[np.int64]:
        """Return the contracts each maker quotes, both sides, shape (makers,)."""
        return self._quoted[Side.BUY] + self._quoted[Side.SELL]


def _best_of_ladder(
    side: Side, ticks: NDArray[np.int64], lots: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the best premium with contracts left; levels are the last axis, the best first."""
    first = lots[..., 0] > 0
    nothing = NO_BID if side is Side.BUY else NO_ASK
    best: NDArray[np.int64] = np.where(first, ticks[..., 0], nothing)
    left = lots[~first]
    if np.count_nonzero(left):
        # The best level of a series crossed the book when it was quoted, and traded away.
        found = np.where(left > 0, ticks[~first], nothing)
        best[~first] = found.max(axis=-1) if side is Side.BUY else found.min(axis=-1)
    return best
