"""All the state of one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Union

from abm.simulation.layers import LayerBook
from abm.simulation.replenishing import Replenishing
from abm.simulation.shocks.effects import Strains
from abm.simulation.true_values import TrueValues
from abm.simulation.whereabouts import Whereabouts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from abm.collateral import Architecture, Surroundings
    from abm.ledger import CashBook, Holders, TokenLedger
    from abm.margin import MarginMethod, Marks, PositionTable, PreparedMargin, Requirements
    from abm.market import InstrumentTable, PriceBoard, Round
    from abm.network import ChainGraph, Transport
    from abm.randomness import Streams
    from abm.recording.events import EventLog
    from abm.recording.recorder import Recorder
    from abm.scenario.model import Scenario
    from abm.simulation.adverse_selection import AdverseSelection
    from abm.simulation.firms import Firms
    from abm.simulation.local_market import LocalMarket
    from abm.simulation.market import MarketPath
    from abm.simulation.order_flow import OrderFlow
    from abm.simulation.population import (
        Arrivals,
        LiquidatorPopulation,
        RelayerPopulation,
        TraderPopulation,
    )
    from abm.simulation.static_band import StaticBand
    from abm.simulation.withdrawals import Withdrawals
    from abm.venue import (
        AuctionHouse,
        Beliefs,
        Bid,
        Clearing,
        Exchange,
        LiquidationDesk,
        MassQuote,
        Order,
        Waterfall,
    )


@dataclass(frozen=True, slots=True)
class Seat:
    """A market maker's place at one venue.

    Attributes
    ----------
    firm : int
        Which maker it is.
    venue : int
        Number of the venue.
    account : int
        The firm's account where the venue clears.
    """

    firm: int
    venue: int
    account: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """A market maker's new ladder, or its withdrawal, by the number of its seat.

    ``marks`` are those it was made at.
    """

    maker: int
    quote: MassQuote | None
    marks: Marks


@dataclass(frozen=True, slots=True)
class Refill:
    """A market maker's ladder as it stands, in its full size again, by the number of its seat."""

    maker: int


@dataclass(frozen=True, slots=True)
class Routed:
    """An order for the books of a venue that is not the account's usual one."""

    venue: int
    order: Order


Intent = Union["Order", Ladder, Refill, Routed]
"""One thing asked of a venue."""


@dataclass
class Intents:
    """What agents asked for in this step, not yet applied, in the order of asking."""

    trading: list[Intent] = field(default_factory=list)
    bids: list[Bid] = field(default_factory=list)


@dataclass(frozen=True, order=True, slots=True)
class TopUp:
    """A called trader acts at a second; ``number`` orders what is due at the same one."""

    second: int
    number: int
    account: int
    liquidation: int


@dataclass(frozen=True, order=True, slots=True)
class Resale:
    """A liquidator sells what it bought at a second; ``units`` are base units."""

    second: int
    number: int
    liquidator: int
    token: int
    units: int


@dataclass(frozen=True, slots=True)
class Quoted:
    """How a market maker quoted last: at which price, when, with which inventory."""

    price_usd: float
    second: int
    inventory: NDArray[np.int64]


@dataclass
class MarkBook:
    """What one clearing house marks by.

    Attributes
    ----------
    marks : Marks
        Of the round last published on its chain.
    margin : PreparedMargin
        The method of margin at these marks.
    listed : ndarray of bool, shape (instruments,)
        Series that trade.
    round, second : Round or None, int
        The round, and when it was taken over.
    first_expiry : float
        Second at which the first of the series that live by these marks expires; infinite without.
    revalued : Marks or None
        Those of the last pass over all its accounts.
    published : list of float
        Prices that stood on its chain at every step so far, in dollars.
    """

    marks: Marks
    margin: PreparedMargin
    listed: NDArray[np.bool_]
    round: Round | None = None
    second: int = 0
    first_expiry: float = inf
    revalued: Marks | None = None
    published: list[float] = field(default_factory=list)


@dataclass
class World:
    """Everything that a step reads and changes.

    Accounts are numbered: traders; market makers, then arbitrageurs, clearing house by clearing
    house; and the own account of each clearing house. ``clearings`` and ``books`` stand in the
    same order, and ``clearing_of`` says whose an account is; ``exchanges``, ``venue_names`` and
    ``venue_chains`` are all venues', and ``venue_of`` says where a trader trades.
    """

    scenario: Scenario
    streams: Streams
    graph: ChainGraph
    path: MarketPath
    instruments: InstrumentTable
    traders: TraderPopulation
    withdrawals: Withdrawals
    arrivals: Arrivals
    liquidators: LiquidatorPopulation
    relayers: RelayerPopulation
    ledger: TokenLedger
    holders: Holders
    cash: CashBook
    positions: PositionTable
    transport: Transport
    board: PriceBoard
    place: Surroundings
    architecture: Architecture
    exchanges: tuple[Exchange, ...]
    venue_names: tuple[str, ...]
    venue_chains: tuple[str, ...]
    clearings: tuple[Clearing, ...]
    clearing_of: NDArray[np.int64]
    venue_of: NDArray[np.int64]
    auctions: AuctionHouse
    desk: LiquidationDesk
    margin_method: MarginMethod
    log: EventLog
    recorder: Recorder
    makers: tuple[int, ...]
    arbitrageurs: tuple[int, ...]
    seats: tuple[Seat, ...]
    firms: Firms
    series_names: tuple[str, ...]

    books: tuple[MarkBook, ...]
    requirements: Requirements
    beliefs: Beliefs

    local: LocalMarket | None = None
    step: int = 0
    valued_claims: tuple[object, NDArray[np.float64], NDArray[np.float64]] | None = None
    intents: Intents = field(default_factory=Intents)
    top_ups: list[TopUp] = field(default_factory=list)
    resales: list[Resale] = field(default_factory=list)
    later_count: int = 0
    started_shocks: dict[str, int] = field(default_factory=dict)
    begun: dict[tuple[str, int], int] = field(default_factory=dict)
    over: set[tuple[str, int]] = field(default_factory=set)
    strains: Strains = field(default_factory=Strains)
    in_force: tuple[tuple[str, float], ...] = ()
    enacted: list[tuple[str, int]] = field(default_factory=list)
    quoted: dict[int, Quoted] = field(default_factory=dict)
    trades_recorded: list[int] = field(default_factory=list)
    band: StaticBand | None = None
    layer_book: LayerBook = field(default_factory=LayerBook)
    replenishing: Replenishing = field(default_factory=Replenishing)
    order_flow: OrderFlow | None = None
    adverse_selection: AdverseSelection | None = None

    @property
    def now(self) -> int:
        """Current second."""
        return self.step * self.scenario.clock.step_seconds

    @property
    def price_usd(self) -> float:
        """The true price at the venue now, in dollars."""
        return self.price_at(self.scenario.venue.chain)

    def price_at(self, chain: str, step: int | None = None) -> float:
        """Return the true price on a chain, in dollars; now, or as it was at a past step."""
        path_usd = self.path.spot(self.step if step is None else step)
        return path_usd if self.local is None else self.local.displaced(path_usd, chain, step)

    def unit_usd(self, price_usd: float) -> NDArray[np.float64]:
        """Return what one base unit of each token is really worth, in dollars, shape (tokens,).

        What stands for another token is worth the share of it that is backed.
        """
        return self.place.tokens.unit_usd(price_usd) * self.place.bridge.backing()

    @cached_property
    def whereabouts(self) -> Whereabouts:
        """Where accounts stand, and who they are."""
        return Whereabouts(self)

    @cached_property
    def true_values(self) -> TrueValues:
        """What contracts are really worth."""
        return TrueValues(self)

    @property
    def exchange(self) -> Exchange:
        """The first venue's books."""
        return self.exchanges[0]

    @property
    def waterfall(self) -> Waterfall:
        """The first venue's waterfall."""
        return self.clearings[0].waterfall

    @property
    def marks(self) -> Marks:
        """The first venue's marks."""
        return self.books[0].marks

    @property
    def waterfalls(self) -> list[Waterfall]:
        """The waterfalls of all clearing houses."""
        return [clearing.waterfall for clearing in self.clearings]

    def book_of(self, account: int) -> MarkBook:
        """Return what an account is marked by."""
        return self.books[int(self.clearing_of[account])]

    def exchange_of(self, account: int) -> Exchange:
        """Return the books in which a trader trades."""
        return self.exchanges[int(self.venue_of[account])]

    def oracle_is_stale(self, chain: str) -> bool:
        """Return whether what stands on a chain is older than the rule of stale rounds allows."""
        limit = self.scenario.oracles.stale_after_seconds
        return limit is not None and self.now - self.board[chain].observed_second > limit

    def trading_stands_still(self, chain: str) -> bool:
        """Return whether the venue on a chain takes no orders: halted, paused, or without price."""
        stops = self.scenario.oracles.stale_rule != "use"
        return self.liquidation_stands_still(chain) or (stops and self.oracle_is_stale(chain))

    def liquidation_stands_still(self, chain: str) -> bool:
        """Return whether the venue on a chain calls no margin: paused or halted."""
        if chain in self.strains.paused or self.transport.is_halted(chain, self.now):
            return True
        return self.scenario.oracles.stale_rule == "stop_all" and self.oracle_is_stale(chain)

    def maker_is_gone(self, firm: int) -> bool:
        """Return whether a market maker makes no quotes for now."""
        gone = firm < self.strains.makers_gone * self.scenario.market_makers.count
        return gone or firm in self.strains.makers_out

    def wallet_chain(self, account: int) -> str:
        """Return the chain on which an account's wallet stands."""
        if self.architecture.held_at_venue:
            return self.place.venue_of(account)
        return self.place.home_chains[account]

    def owned_units(self) -> NDArray[np.int64]:
        """Return every account's collateral, wherever it is, in base units.

        Returns
        -------
        ndarray of int64, shape (accounts, tokens)
            In vaults, in escrows, between lock and mint, and seized and not home yet.
        """
        vaults = self.ledger.block(self.holders.vault, len(self.cash.balances))
        owned: NDArray[np.int64] = vaults + self.desk.under_way
        owned += self.architecture.escrowed
        if self.architecture.bridge.has_pending():
            owned += self.architecture.bridge.pending
        return owned

    @property
    def house(self) -> int:
        """The first venue's own account; those of others follow, and nobody else's."""
        return len(self.clearing_of) - len(self.clearings)

    def next_number(self) -> int:
        """Return a number that orders things due at the same second."""
        self.later_count += 1
        return self.later_count
