"""Market makers' ladders: arrays, replaced at once by each mass quote."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from abm.venue.orders import BUY, SELL, SIDES, Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_BID = 0
NO_ASK = int(np.iinfo(np.int64).max)
NOTHING_QUOTED = np.array([NO_BID, NO_ASK]).reshape(2, 1, 1)
"""What stands where nothing is quoted, on either side."""

ROW = {BUY: 0, SELL: 1}
"""Where each side stands in an array of both."""


@dataclass(frozen=True, eq=False)
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

    @classmethod
    def of(
        cls,
        both_ticks: NDArray[np.int64],
        both_lots: NDArray[np.int64],
        best_ticks: NDArray[np.int64],
    ) -> Self:
        """Return a ladder of arrays of both sides, bids first, which nobody writes to any more.

        Parameters
        ----------
        both_ticks, both_lots : ndarray of int64, shape (2, instruments, levels)
            Premiums and contracts.
        best_ticks : ndarray of int64, shape (2, instruments)
            From `best_of_ladders`.
        """
        for array in (both_ticks, both_lots, best_ticks):
            array.flags.writeable = False
        quote = cls(*both_ticks, *both_lots)
        vars(quote).update(both_ticks=both_ticks, both_lots=both_lots, best_ticks=best_ticks)
        return quote

    def ticks(self, side: Side) -> NDArray[np.int64]:
        """Return the premiums of a side."""
        return self.bid_ticks if side is BUY else self.ask_ticks

    def lots(self, side: Side) -> NDArray[np.int64]:
        """Return the contracts of a side."""
        return self.bid_lots if side is BUY else self.ask_lots

    @cached_property
    def both_ticks(self) -> NDArray[np.int64]:
        """Premiums of both sides, bids first, shape (2, instruments, levels)."""
        return np.array([self.bid_ticks, self.ask_ticks])

    @cached_property
    def both_lots(self) -> NDArray[np.int64]:
        """Contracts of both sides, bids first, shape (2, instruments, levels)."""
        return np.array([self.bid_lots, self.ask_lots])

    @cached_property
    def best_ticks(self) -> NDArray[np.int64]:
        """Best premium of each series on both sides, bids first, shape (2, instruments)."""
        return best_of_ladders(self.both_ticks, self.both_lots)


def best_of_ladders(
    both_ticks: NDArray[np.int64], both_lots: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the best premiums of ladders with contracts left.

    Parameters
    ----------
    both_ticks, both_lots : ndarray of int64, shape (..., 2, instruments, levels)
        As a `MassQuote` has them.

    Returns
    -------
    ndarray of int64, shape (..., 2, instruments)
        `NOTHING_QUOTED` where nothing is quoted.
    """
    # The best level may have crossed the book when it was quoted, and traded away.
    quoted = np.where(both_lots > 0, both_ticks, NOTHING_QUOTED)
    best = np.empty(quoted.shape[:-1], dtype=np.int64)
    np.maximum.reduce(quoted[..., 0, :, :], axis=-1, out=best[..., 0, :])
    np.minimum.reduce(quoted[..., 1, :, :], axis=-1, out=best[..., 1, :])
    return best


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
        # Maker by maker, as ladders come and go.
        shape = (makers, 2, instruments, levels)
        self._ticks = np.zeros(shape, dtype=np.int64)
        self._lots = np.zeros(shape, dtype=np.int64)
        by_series = 1, 0, 2
        self.ticks = {side: self._ticks[:, ROW[side]].transpose(by_series) for side in SIDES}
        self.lots = {side: self._lots[:, ROW[side]].transpose(by_series) for side in SIDES}
        self.sequence = np.zeros((instruments, makers), dtype=np.int64)
        self.taken: list[dict[tuple[Side, int, int], int]] = [{} for _ in range(makers)]
        self._ranked: dict[tuple[Side, int], list[tuple[int, int, int, int]]] = {}
        # Best premium of each maker in each series.
        self._best = np.empty((2, makers, instruments), dtype=np.int64)
        self._best[:] = NOTHING_QUOTED
        # Makers that may have something quoted.
        self._stands = [False] * makers

    def ranked(self, side: Side, instrument: int) -> list[tuple[int, int, int, int]]:
        """Return the quotes on a side of a series in the order in which they trade.

        Returns
        -------
        list of tuple
            Premium in ticks (negative for bids, so that lower comes first), sequence, maker and
            level, each with contracts left.
        """
        key = (side, instrument)
        found = self._ranked.get(key)
        if found is None:
            # A series has few quotes: whole numbers are faster than arrays here.
            sign = -int(side)
            found = [
                (sign * ticks, sequence, maker, level)
                for maker, (sequence, premiums, left) in enumerate(
                    zip(
                        self.sequence[instrument].tolist(),
                        self.ticks[side][instrument].tolist(),
                        self.lots[side][instrument].tolist(),
                        strict=True,
                    )
                )
                for level, (ticks, lots) in enumerate(zip(premiums, left, strict=True))
                if lots
            ]
            found.sort()
            self._ranked[key] = found
        return found

    def take(self, side: Side, instrument: int, maker: int, level: int, wanted: int) -> int:
        """Remove up to ``wanted`` contracts of one quote and return how many."""
        lots = self.lots[side]
        available = int(lots[instrument, maker, level])
        taken = min(wanted, available)
        lots[instrument, maker, level] = available - taken
        gone = self.taken[maker]
        gone[side, instrument, level] = gone.get((side, instrument, level), 0) + taken
        if taken == available:
            self._forget(side, instrument, maker, level)
        return taken

    def sweep(
        self, side: Side, instrument: int, wanted: int, limit_ticks: int, *, without: int | None
    ) -> list[tuple[int, int, int]]:
        """Remove up to ``wanted`` contracts of the quotes on a side, as they trade.

        Parameters
        ----------
        side, instrument : Side, int
            Of the quotes.
        wanted : int
            Contracts, at least 1.
        limit_ticks : int
            Worst premium that is taken.
        without : int or None
            Maker whose quotes are passed by.

        Returns
        -------
        list of (int, int, int)
            Maker, contracts and premium in ticks of each.
        """
        sign = -int(side)
        worst = sign * limit_ticks
        if sign * self.best_of(side, instrument) > worst:
            return []
        ranked, lots = self.ranked(side, instrument), self.lots[side][instrument]
        taken, emptied, passed = [], [], []
        seen = 0
        for entry in ranked:
            rank, _, maker, level = entry
            if not wanted or rank > worst:
                break
            seen += 1
            if maker == without:
                passed.append(entry)
                continue
            available = int(lots[maker, level])
            size = min(wanted, available)
            wanted -= size
            lots[maker, level] = available - size
            gone = self.taken[maker]
            gone[side, instrument, level] = gone.get((side, instrument, level), 0) + size
            taken.append((maker, size, sign * rank))
            if size == available:
                emptied.append(maker)
            else:
                passed.append(entry)
        ranked[:seen] = passed
        self._renew_best(side, instrument, emptied)
        return taken

    def _forget(self, side: Side, instrument: int, maker: int, level: int) -> None:
        """Take a quote that has traded away out of its series' ranking."""
        ranked = self.ranked(side, instrument)
        for place, entry in enumerate(ranked):
            if entry[2] == maker and entry[3] == level:
                del ranked[place]
                break
        self._renew_best(side, instrument, [maker])

    def _renew_best(self, side: Side, instrument: int, makers: list[int]) -> None:
        """Find the best premium of makers in a series anew."""
        if not makers:
            return
        sign = -int(side)
        best: dict[int, int] = {}
        for rank, _, maker, _ in self.ranked(side, instrument):
            best.setdefault(maker, sign * rank)
        nothing = NO_BID if side is BUY else NO_ASK
        for maker in makers:
            self._best[ROW[side], maker, instrument] = best.get(maker, nothing)

    def replace(self, maker: int, quote: MassQuote, sequence: int) -> None:
        """Replace a maker's ladder."""
        self._ticks[maker] = quote.both_ticks
        self._lots[maker] = quote.both_lots
        self._best[:, maker] = quote.best_ticks
        self.sequence[:, maker] = sequence
        self.taken[maker] = {}
        self._stands[maker] = True
        self._ranked.clear()

    def put_back(
        self, maker: int, side: Side, instrument: int, level: int, lots: int, sequence: int
    ) -> None:
        """Quote contracts again that traded, behind all others at their price."""
        self.lots[side][instrument, maker, level] += lots
        self._stands[maker] = True
        self.sequence[instrument, maker] = sequence
        ticks = int(self.ticks[side][instrument, maker, level])
        best = self._best[ROW[side]]
        if lots:
            held = int(best[maker, instrument])
            best[maker, instrument] = max(held, ticks) if side is BUY else min(held, ticks)
        for either in SIDES:
            self._ranked.pop((either, instrument), None)

    def offers(self, side: Side, instrument: int) -> bool:
        """Return whether anything is quoted on a side of a series."""
        return self.best_of(side, instrument) != (NO_BID if side is BUY else NO_ASK)

    def best_of(self, side: Side, instrument: int) -> int:
        """Return the best quoted premium of one series in ticks, as `best` does for all."""
        column: list[int] = self._best[ROW[side], :, instrument].tolist()
        return max(column) if side is BUY else min(column)

    def withdraw(self, maker: int) -> None:
        """Take a maker's quotes away."""
        if not self._stands[maker]:
            return
        self._lots[maker] = 0
        self._best[:, maker] = NOTHING_QUOTED[:, 0]
        self.taken[maker] = {}
        self._stands[maker] = False
        self._ranked.clear()

    def expire(self, instruments: NDArray[np.int64]) -> None:
        """Take the quotes on some series away."""
        self._lots[:, :, instruments] = 0
        self._best[:, :, instruments] = NOTHING_QUOTED
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
        reduce = np.maximum.reduce if side is BUY else np.minimum.reduce
        best: NDArray[np.int64] = reduce(self._best[ROW[side]], axis=0)
        return best

    def lots_at(self, side: Side, ticks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the contracts quoted at one premium of each series, shape (instruments,)."""
        at = self.ticks[side] == ticks[:, np.newaxis, np.newaxis]
        found: NDArray[np.int64] = np.where(at, self.lots[side], 0).sum(axis=(1, 2))
        return found

    def lots_by_maker(self) -> NDArray[np.int64]:
        """Return the contracts each maker quotes, both sides, shape (makers,)."""
        found: NDArray[np.int64] = self._lots.reshape(len(self._lots), -1).sum(axis=1)
        return found
