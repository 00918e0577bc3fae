"""What oracles have published, chain by chain."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Round:
    """One published round: what was observed, and when.

    Attributes
    ----------
    price_usd : float
        Price of the underlying, in dollars.
    level : float
        Level of implied volatility, annualised.
    observed_second : int
        When the price was this.
    """

    price_usd: float
    level: float
    observed_second: int


class PriceBoard:
    """The last round on every chain: all that contracts there know of the market.

    Parameters
    ----------
    chains : tuple of str
        Names of the chains.
    opening : Round
        The round that stands on all of them at second 0.
    """

    def __init__(self, chains: tuple[str, ...], opening: Round) -> None:
        self._rounds = dict.fromkeys(chains, opening)
        self._published = dict.fromkeys(chains, 0)

    def __getitem__(self, chain: str) -> Round:
        """Return the last round on a chain."""
        return self._rounds[chain]

    def publish(self, chain: str, fresh: Round) -> None:
        """Replace the round on a chain."""
        self._rounds[chain] = fresh
        self._published[chain] += 1

    def publications(self, chain: str) -> int:
        """Return how often a chain's round was replaced."""
        return self._published[chain]
