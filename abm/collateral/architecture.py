"""Where collateral sits and how it is reached: the one interface of every architecture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from abm.collateral.bridge import Bridge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abm.collateral.claims import ClaimTable
    from abm.collateral.passage import Passage
    from abm.collateral.tokens import Representation, TokenTable
    from abm.ledger import CashBook, Holders, TokenLedger
    from abm.market.board import PriceBoard
    from abm.network import ChainGraph, Message, Transport
    from abm.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class SeizureOrder:
    """Seize collateral worth this many dollars, or all there is."""

    account: int
    liquidation: int
    target_usd: float


@dataclass(frozen=True, slots=True)
class CallArrived:
    """A margin call reached the trader."""

    account: int
    liquidation: int
    second: int


@dataclass(frozen=True, slots=True)
class Seized:
    """Collateral was seized and stands ready on its chain.

    ``units`` are base units by token, in the order of the ledger's tokens.
    """

    account: int
    liquidation: int
    chain: str
    units: tuple[int, ...]
    second: int
    cause: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """Proceeds came home and are credited."""

    account: int
    liquidation: int
    micro_dollars: int
    second: int


CollateralEvent = CallArrived | Seized | Arrived


@dataclass(frozen=True)
class Surroundings:
    """What an architecture works with.

    ``home_chains`` has the home chain of every account; accounts at and beyond ``trader_count``
    (market makers, other firms and houses) hold cash at the venue alone. ``venue_chains`` has the
    chain of the venue that each account is margined at; that of the first venue for all if empty.
    """

    scenario: Scenario
    tokens: TokenTable
    ledger: TokenLedger
    holders: Holders
    cash: CashBook
    transport: Transport
    graph: ChainGraph
    board: PriceBoard
    home_chains: Sequence[str]
    trader_count: int
    venue_chains: Sequence[str] = ()

    @property
    def token_count(self) -> int:
        """Number of tokens."""
        return len(self.ledger.tokens)

    @property
    def venue(self) -> str:
        """The first venue's chain."""
        return self.scenario.venue.chain

    def venue_of(self, account: int) -> str:
        """Return the chain of the venue that an account is margined at."""
        return self.venue_chains[account] if self.venue_chains else self.venue

    @cached_property
    def venues(self) -> tuple[str, ...]:
        """Chains of all venues at which accounts are margined, the first venue's first."""
        return tuple(dict.fromkeys((self.venue, *self.venue_chains)))

    @cached_property
    def bridge(self) -> Bridge:
        """What is locked, and what was minted for it."""
        return Bridge(
            self.tokens,
            self.ledger,
            self.holders,
            len(self.home_chains),
            rescued=not self.scenario.contagion.wrapped_token_backing,
        )

    def counted_unit_usd(self, price_usd: float) -> NDArray[np.float64]:
        """Return what the venue takes one base unit of each token for, in dollars, unhaircut."""
        return self.tokens.seen_usd(price_usd) * self.counted_backing()

    def counted_whole_usd(self, price_usd: float) -> NDArray[np.float64]:
        """Return what the venue takes one whole token of each for, in dollars, unhaircut."""
        worth = self.tokens.whole_usd(price_usd) * self.tokens.seen_peg
        return worth * self.counted_backing()

    def counted_share(self) -> NDArray[np.float64] | None:
        """Return the share of each token that counts as margin for standing for another.

        None where nothing stands for anything, and every token the venue sees keeps its peg.
        """
        standing = self.tokens.representations
        if not standing and (self.tokens.seen_peg == 1.0).all():
            return None
        share = self.counted_backing() * self.tokens.seen_peg
        share[standing] *= 1.0 - self.scenario.collateral.wrapped_haircut
        return share

    def counted_backing(self) -> NDArray[np.float64]:
        """Return the share of each token's worth that the venue sees behind it, shape (tokens,)."""
        if self.scenario.collateral.wrapped_value == "parent":
            return np.ones(self.token_count)
        return self.bridge.backing()

    def no_units(self) -> NDArray[np.int64]:
        """Return zeros, shape (accounts, tokens), token after token as the ledger has them."""
        return np.zeros((len(self.home_chains), self.token_count), dtype=np.int64, order="F")

    def vault_balances(self) -> NDArray[np.int64]:
        """Return what really stands in every account's vault, shape (accounts, tokens)."""
        return self.ledger.block(self.holders.vault, len(self.home_chains))


class Reach(Protocol):
    """How a liquidation desk reaches collateral.

    What happens at another place or later comes back as events.

    Attributes
    ----------
    claims : ClaimTable
        What the venue believes.
    """

    claims: ClaimTable

    def chain_of(self, account: int) -> str:
        """Return the chain on which an account's collateral stands."""
        ...

    def call(
        self, account: int, liquidation: int, shortfall_usd: float, *, cause: int, now: int
    ) -> None:
        """Tell an account's owner that margin is missing."""
        ...

    def round_trip_seconds(self, account: int) -> float:
        """Return how long a call and the report of its answer take together, as a rule."""
        ...

    def seize(self, order: SeizureOrder, *, cause: int, now: int) -> None:
        """Seize collateral; a `Seized` event follows when it is done."""
        ...

    def give_back(self, seized: Seized, units: Sequence[int], *, cause: int, now: int) -> None:
        """Return unsold collateral of a seizure to its account; `send_home` follows and tells."""
        ...

    def send_home(self, seized: Seized, micro_dollars: int, *, cause: int, now: int) -> None:
        """Send a seizure's dollars to the venue, with what is left of the collateral.

        Both count from the same moment; an `Arrived` event follows.
        """
        ...

    def take_events(self) -> list[CollateralEvent]:
        """Return what happened since the last call, in order."""
        ...


class Architecture(Reach, Protocol):
    """Four questions: where does a deposit go, what counts, how is it seized, how comes it home.

    The venue and the agents never ask which architecture it is.

    Attributes
    ----------
    represents : str
        Which tokens stand for others.
    held_at_venue : bool
        Whether wallets of traders stand on the venue's chain, so that nothing has to travel.
    reached_by_message : bool
        Whether vaults stand at home, on the chain of the wallet.
    passage : Passage
        What owners moved, and what it cost them.
    bridge : Bridge
        What is locked, and what was minted for it.
    escrowed : ndarray of int64, shape (accounts, tokens)
        Base units of owners that are in a channel's escrow, in either direction.
    """

    represents: ClassVar[Representation]
    held_at_venue: ClassVar[bool]
    reached_by_message: ClassVar[bool]
    passage: Passage
    bridge: Bridge
    escrowed: NDArray[np.int64]

    def __init__(self, place: Surroundings) -> None: ...

    def endow(self, account: int, token: int, amount: int) -> None:
        """Bring an opening deposit into existence, as if it had been made long ago."""
        ...

    def deposit(self, account: int, token: int, amount: int, *, cause: int, now: int) -> None:
        """Move an account's own tokens into its collateral and tell the venue."""
        ...

    def withdraw(self, account: int, token: int, amount: int, *, cause: int, now: int) -> None:
        """Move collateral into its owner's wallet; the venue counts it no more from now on.

        ``token`` is the column of what the venue counts, as in ``claims``.
        """
        ...

    def withdraw_cash(self, account: int, micro_dollars: int, *, cause: int, now: int) -> None:
        """Move an account's cash at the venue into its owner's wallet."""
        ...

    def deliver(self, message: Message, now: int) -> None:
        """Act on a message that arrived for the first time."""
        ...

    def expire(self, message: Message, now: int) -> None:
        """Act on a message that was given up."""
        ...

    def advance(self, now: int) -> None:
        """Do what is due by the clock, such as periodic reports."""
        ...
