"""Which account is whose, and where it trades and is margined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.scenario.venues import clearing_count, venue_chains, venue_names
from abm.simulation.population import pick
from abm.simulation.world import Seat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.randomness import Streams
    from abm.scenario.model import Scenario


@dataclass(frozen=True)
class Layout:
    """The accounts of a run.

    Traders come first; then market makers and arbitrageurs, each clearing house by clearing house;
    last, the own account of each clearing house.

    Attributes
    ----------
    traders : int
        How many of the accounts are traders' or searchers'.
    makers, arbitrageurs : tuple of tuple of int
        Accounts of each firm, in the order of the clearing houses.
    houses : tuple of int
        Own accounts of the clearing houses.
    clearing_of, venue_of : ndarray of int64, shape (accounts,)
        Number of the clearing house that margins each, and of the venue in which it trades.
    chains : tuple of str
        Chain of each clearing house.
    seats : tuple of Seat
        Every maker at every venue, venue by venue.
    """

    traders: int
    makers: tuple[tuple[int, ...], ...]
    arbitrageurs: tuple[tuple[int, ...], ...]
    houses: tuple[int, ...]
    clearing_of: NDArray[np.int64]
    venue_of: NDArray[np.int64]
    chains: tuple[str, ...]
    seats: tuple[Seat, ...]

    def __len__(self) -> int:
        """Return the number of accounts."""
        return len(self.clearing_of)

    @property
    def venue_chains(self) -> tuple[str, ...]:
        """Chain of the clearing house of every account."""
        return tuple(self.chains[number] for number in self.clearing_of.tolist())

    def makers_at(self, clearing: int) -> tuple[int, ...]:
        """Return the makers' accounts at a clearing house."""
        return tuple(accounts[clearing] for accounts in self.makers)


def lay_out(scenario: Scenario, streams: Streams) -> Layout:
    """Lay out the accounts of a run; where each trader trades is drawn."""
    names, clearings = venue_names(scenario), clearing_count(scenario)
    trading: list[int] = []
    for kind, rule in scenario.traders.items():
        if rule.venues is None:
            trading += [0] * rule.count
        else:
            drawn = pick(rule.venues, rule.count, streams.get("venues", kind))
            trading += [names.index(name) for name in drawn]
    # Searchers are numbered behind traders, and trade at the first venue.
    trading += [0] * (scenario.searchers.count if scenario.searchers is not None else 0)
    traders = len(trading)
    makers = _firms(traders, scenario.market_makers.count, clearings)
    count = 0 if scenario.arbitrageurs is None else scenario.arbitrageurs.count
    arbitrageurs = _firms(traders + len(makers) * clearings, count, clearings)
    last = traders + (len(makers) + len(arbitrageurs)) * clearings
    firms = [*_numbers(len(makers), clearings), *_numbers(len(arbitrageurs), clearings)]
    venue_of = np.array([*trading, *firms, *range(clearings)], dtype=np.int64)
    return Layout(
        traders,
        makers,
        arbitrageurs,
        tuple(range(last, last + clearings)),
        venue_of if clearings > 1 else np.zeros_like(venue_of),
        venue_of,
        venue_chains(scenario)[:clearings],
        tuple(
            Seat(firm, venue, accounts[venue if clearings > 1 else 0])
            for venue in range(len(names))
            for firm, accounts in enumerate(makers)
        ),
    )


def _firms(first: int, count: int, clearings: int) -> tuple[tuple[int, ...], ...]:
    return tuple(
        tuple(first + clearing * count + firm for clearing in range(clearings))
        for firm in range(count)
    )


def _numbers(count: int, clearings: int) -> list[int]:
    return [clearing for clearing in range(clearings) for _ in range(count)]
