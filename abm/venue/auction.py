"""The Dutch auction of seized collateral, on the chain where it stands.

It opens at a start factor of the price published on that chain; the factor falls to a cutoff over
the fast phase and to zero over the slow phase. Whoever has dollars on that chain may take any
part at the current price. What nobody took by the end goes back.

References
----------
Derive v2-core, ``DutchAuction.sol``: the solvent auction's two phases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from abm.collateral import Seized
    from abm.scenario.collateral import Auction as AuctionRule


def price_factor(elapsed_seconds: int, rule: AuctionRule) -> float:
    """Share of the published price that an auction asks after some time.

    >>> from abm.scenario.collateral import Auction
    >>> rule = Auction(start_factor=1.0, cutoff_factor=0.5, fast_seconds=100, slow_seconds=1000)
    >>> [price_factor(elapsed, rule) for elapsed in (0, 50, 100, 600, 2000)]
    [1.0, 0.75, 0.5, 0.25, 0.0]
    """
    if elapsed_seconds <= rule.fast_seconds:
        share = elapsed_seconds / rule.fast_seconds
        return rule.start_factor + share * (rule.cutoff_factor - rule.start_factor)
    share = min((elapsed_seconds - rule.fast_seconds) / rule.slow_seconds, 1.0)
    return rule.cutoff_factor * (1.0 - share)


@dataclass(frozen=True, slots=True)
class Bid:
    """An offer to take base units of an auction at its current price."""

    liquidator: int
    auction: int
    units: int


@dataclass(slots=True, eq=False)
class Auction:
    """One token of one seizure on sale.

    Amounts are base units; ``proceeds`` are micro-dollars; ``published_value_usd`` is what was sold
    at the prices published on the chain, ``backed_value_usd`` the part of it that stands for
    something.
    """

    id: int
    seized: Seized
    token: int
    units: int
    opened_second: int
    units_left: int
    proceeds: int = 0
    bids: int = 0
    ended_second: int | None = None
    last_factor: float | None = None
    published_value_usd: float = 0.0
    backed_value_usd: float = 0.0


class AuctionHouse:
    """All auctions of a venue's seized collateral.

    Parameters
    ----------
    rule : abm.scenario.collateral.Auction
        Factors and phases.
    halted_seconds : callable
        Tells how many of the seconds from one to another a chain stood still: an auction's clock
        is its chain's blocks.

    Attributes
    ----------
    auctions : list of Auction
        All of them, in the order of opening.
    changes : int
        Goes up with every change of what is on sale.
    """

    def __init__(self, rule: AuctionRule, halted_seconds: Callable[[str, int, int], int]) -> None:
        self.rule = rule
        self._halted_seconds = halted_seconds
        self.auctions: list[Auction] = []
        self._open: dict[int, Auction] = {}
        self.changes = 0

    def open(self, seized: Seized, token: int, now: int) -> Auction:
        """Put one token of a seizure on sale."""
        units = seized.units[token]
        auction = Auction(len(self.auctions), seized, token, units, now, units)
        self.auctions.append(auction)
        self._open[auction.id] = auction
        self.changes += 1
        return auction

    def open_on(self, chain: str) -> list[Auction]:
        """Return the open auctions of a chain, oldest first."""
        return [auction for auction in self._open.values() if auction.seized.chain == chain]

    def chains_with_auctions(self) -> list[str]:
        """Return the chains on which something is on sale, by age of the oldest auction."""
        return list(dict.fromkeys(auction.seized.chain for auction in self._open.values()))

    def factor(self, auction: Auction, now: int) -> float:
        """Return an auction's current price factor."""
        return price_factor(self._elapsed(auction, now), self.rule)

    def _elapsed(self, auction: Auction, now: int) -> int:
        """Return the seconds since the opening in which the auction's chain made blocks."""
        opened = auction.opened_second
        return now - opened - self._halted_seconds(auction.seized.chain, opened, now)

    def take(self, auction: Auction, units: int, micro_dollars: int, now: int) -> None:
        """Note that units were sold."""
        self.changes += 1
        auction.units_left -= units
        auction.proceeds += micro_dollars
        auction.bids += 1
        auction.last_factor = self.factor(auction, now)

    def close_finished(self, now: int) -> list[Auction]:
        """Take out the auctions that are sold out or over; none where the chain stands still."""
        length = self.rule.fast_seconds + self.rule.slow_seconds
        finished = [
            auction
            for auction in self._open.values()
            # Most are young, whether or not their chain stood still.
            if (
                auction.units_left == 0
                or (now - auction.opened_second >= length and self._elapsed(auction, now) >= length)
            )
            and not self._halted_seconds(auction.seized.chain, now, now + 1)
        ]
        for auction in finished:
            auction.ended_second = now
            del self._open[auction.id]
            self.changes += 1
        return finished
