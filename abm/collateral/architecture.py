"""Where collateral sits and how it is reached: the one interface of every architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from abm.collateral.claims import ClaimTable
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
    (market makers and the house) hold cash at the venue alone.
    """

    scenario: Scenario
    ledger: TokenLedger
    holders: Holders
    cash: CashBook
    transport: Transport
    graph: ChainGraph
    board: PriceBoard
    home_chains: Sequence[str]
    trader_count: int

    @property
    def token_count(self) -> int:
        """Number of tokens."""
        return len(self.ledger.tokens)

    def vault_balances(self) -> NDArray[np.int64]:
        """Return what really stands in every account's vault, shape (accounts, tokens)."""
        return self.ledger.block(self.holders.vault, len(self.home_chains))


class Architecture(Protocol):
    """Four questions: where does a deposit go, what counts, how is it seized, how comes it home.

    The venue and the agents never ask which architecture it is. What happens at another place or
    later comes back as events.
    """

    claims: ClaimTable

    def chain_of(self, account: int) -> str:
        """Return the chain on which an account's collateral stands."""
        ...

    def deposit(self, account: int, token: int, amount: int, *, cause: int, now: int) -> None:
        """Move an account's own tokens into its collateral and tell the venue."""
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

    def deliver(self, message: Message, now: int) -> None:
        """Act on a message that arrived for the first time."""
        ...

    def expire(self, message: Message, now: int) -> None:
        """Act on a message that was given up."""
        ...

    def advance(self, now: int) -> None:
        """Do what is due by the clock, such as periodic reports."""
        ...

    def take_events(self) -> list[CollateralEvent]:
        """Return what happened since the last call, in order."""
        ...
