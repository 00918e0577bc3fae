"""What every kind of path takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from abm.units import SECONDS_PER_YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Grid:
    """The steps of a run: how many there are, and the length of one in seconds."""

    step_count: int
    step_seconds: int

    @property
    def step_years(self) -> float:
        """Length of one step, in years."""
        return self.step_seconds / SECONDS_PER_YEAR

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds of every step, from 0, shape (step_count + 1,)."""
        return np.arange(self.step_count + 1, dtype=np.float64) * self.step_seconds


@dataclass(frozen=True)
class DrawnPath:
    """One drawn price, and what drove it.

    Attributes
    ----------
    price_usd : ndarray, shape (step_count + 1,)
        Dollars; the first is the price at second 0.
    moves : ndarray, shape (step_count,)
        The moves that drove it, in standard deviations; another path may be correlated with them.
    """

    price_usd: NDArray[np.float64]
    moves: NDArray[np.float64]


class Noise:
    """The random numbers of one path: its own stream, and the path it is correlated with.

    Parameters
    ----------
    rng : numpy.random.Generator
        The stream of this path.
    leader : DrawnPath or None
        The traded underlying's path, for another underlying's.
    correlation : float
        Of the normal moves with the leader's.
    """

    def __init__(
        self, rng: np.random.Generator, leader: DrawnPath | None = None, correlation: float = 0.0
    ) -> None:
        self.rng = rng
        self.leader = leader
        self.correlation = correlation

    def moves(self, count: int) -> NDArray[np.float64]:
        """Draw the standard normal moves of the price, correlated with the leader's."""
        own = self.rng.standard_normal(count)
        if self.leader is None or not self.correlation:
            return own
        correlated: NDArray[np.float64] = (
            self.correlation * self.leader.moves + np.sqrt(1.0 - self.correlation**2) * own
        )
        return correlated


class PathKind(Protocol):
    """Draws the path of one kind of price; the table of its parameters chooses it."""

    def __call__(self, price: Any, grid: Grid, noise: Noise, /) -> DrawnPath:  # noqa: ANN401
        """Draw the price at every step; each kind takes a table of its own."""
        ...


def path_of_returns(
    start_usd: float, returns: NDArray[np.float64], moves: NDArray[np.float64]
) -> DrawnPath:
    """Return the path of log returns, shape (step_count,), from a first price."""
    logs = np.concatenate([[0.0], np.cumsum(returns)])
    return DrawnPath(start_usd * np.exp(logs), moves)
