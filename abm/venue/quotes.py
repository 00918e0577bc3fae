"""Market makers' ladders: arrays, replaced at once by each mass quote."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abm.venue.orders import Side


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
    sequence : ndarray of int64, shape (makers,)
        When each maker quoted last, in the exchange's order of arrival.
    """

    def __init__(self, makers: int, instruments: int, levels: int) -> None:
        shape = (instruments, makers, levels)
        self.ticks = {side: np.zeros(shape, dtype=np.int64) for side in Side}
        self.lots = {side: np.zeros(shape, dtype=np.int64) for side in Side}
        self.sequence = np.zeros(makers, dtype=np.int64)

    def replace(self, maker: int, quote: MassQuote, sequence: int) -> None:
        """Replace a maker's ladder."""
        self.ticks[Side.BUY][:, maker] = quote.bid_ticks
        self.ticks[Side.SELL][:, maker] = quote.ask_ticks
        self.lots[Side.BUY][:, maker] = quote.bid_lots
        self.lots[Side.SELL][:, maker] = quote.ask_lots
        self.sequence[maker] = sequence

    def withdraw(self, maker: int) -> None:
        """Take a maker's quotes away."""
        for side in Side:
            self.lots[side][:, maker] = 0

    def expire(self, instruments: NDArray[np.int64]) -> None:
        """Take the quotes on some series away."""
        for side in Side:
            self.lots[side][instruments] = 0

    def best(self, side: Side) -> NDArray[np.int64]:
        """Return the best quoted premium of each series in ticks; see `quoted` for its validity.

        Returns
        -------
        ndarray of int64, shape (instruments,)
            The highest bid or the lowest ask; 0 or a huge number where nothing is quoted.
        """
        live = self.lots[side] > 0
        if side is Side.BUY:
            best: NDArray[np.int64] = np.where(live, self.ticks[side], 0).max(axis=(1, 2))
            return best
        huge = np.iinfo(np.int64).max
        best = np.where(live, self.ticks[side], huge).min(axis=(1, 2))
        return best

    def quoted(self, side: Side) -> NDArray[np.bool_]:
        """Return which series have a quote on a side, shape (instruments,)."""
        quoted: NDArray[np.bool_] = (self.lots[side] > 0).any(axis=(1, 2))
        return quoted

    def makers_quoting(self) -> int:
        """Return how many makers have any quote."""
        live = sum((self.lots[side] > 0).any(axis=(0, 2)) for side in Side)
        return int(np.count_nonzero(live))
