"""All the state of one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from abm.simulation.layers import LayerBook
from abm.simulation.shocks.effects import Strains

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
        Exchange,
        LiquidationDesk,
        MassQuote,
        Order,
        Waterfall,
    )


@dataclass(frozen=True, slots=True)
class Ladder:
    """A market maker's new ladder, or its withdrawal."""

    maker: int
    quote: MassQuote | None


@dataclass(frozen=True, slots=True)
class Refill:
    """A market maker's ladder as it stands, in its full size again."""

    maker: int


@dataclass
class Intents:
    """What agents asked for in this step, not yet applied, in the order of asking."""

    trading: list[Order | Ladder | Refill] = field(default_factory=list)
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
class World:
    """Everything that a step reads and changes.

    Accounts are numbered: traders, then market makers, then the venue's own account.
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
    exchange: Exchange
    auctions: AuctionHouse
    waterfall: Waterfall
    desk: LiquidationDesk
    margin_method: MarginMethod
    log: EventLog
    recorder: Recorder
    makers: tuple[int, ...]
    collateral_chains: NDArray[np.str_]
    series_names: tuple[str, ...]

    marks: Marks
    margin: PreparedMargin
    requirements: Requirements
    beliefs: Beliefs

    listed: NDArray[np.bool_]

    step: int = 0
    marked_round: Round | None = None
    marked_second: int = 0
    revalued_marks: Marks | None = None
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
    published_history: list[float] = field(default_factory=list)
    quoted: dict[int, Quoted] = field(default_factory=dict)
    trades_recorded: int = 0
    band: StaticBand | None = None
    layer_book: LayerBook = field(default_factory=LayerBook)
    order_flow: OrderFlow | None = None

    @property
    def now(self) -> int:
        """Current second."""
        return self.step * self.scenario.clock.step_seconds

    @property
    def price_usd(self) -> float:
        """The true price now, in dollars."""
        return self.path.spot(self.step)

    def unit_usd(self, price_usd: float) -> NDArray[np.float64]:
        """Return what one base unit of each token is really worth, in dollars, shape (tokens,).

        What stands for another token is worth the share of it that is backed.
        """
        return self.place.tokens.unit_usd(price_usd) * self.place.bridge.backing()

    def oracle_is_stale(self, chain: str) -> bool:
        """Return whether what stands on a chain is older than the rule of stale rounds allows."""
        limit = self.scenario.oracles.stale_after_seconds
        return limit is not None and self.now - self.board[chain].observed_second > limit

    def trading_stands_still(self) -> bool:
        """Return whether the venue takes no orders: halted, paused, or without a fresh price."""
        stops = self.scenario.oracles.stale_rule != "use"
        return self.liquidation_stands_still() or (
            stops and self.oracle_is_stale(self.scenario.venue.chain)
        )

    def liquidation_stands_still(self) -> bool:
        """Return whether the venue calls no margin."""
        venue = self.scenario.venue.chain
        if self.strains.venue_paused or self.transport.is_halted(venue, self.now):
            return True
        return self.scenario.oracles.stale_rule == "stop_all" and self.oracle_is_stale(venue)

    def maker_is_gone(self, maker: int) -> bool:
        """Return whether a market maker makes no quotes for now."""
        gone = maker < self.strains.makers_gone * len(self.makers)
        return gone or maker in self.strains.makers_out

    def wallet_chain(self, account: int) -> str:
        """Return the chain on which an account's wallet stands."""
        if self.architecture.held_at_venue:
            return self.scenario.venue.chain
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
        if self.architecture.escrowed.any():
            owned += self.architecture.escrowed
        if self.architecture.bridge.has_pending():
            owned += self.architecture.bridge.pending
        return owned

    @property
    def house(self) -> int:
        """The venue's own account."""
        return len(self.cash.balances) - 1

    def next_number(self) -> int:
        """Return a number that orders things due at the same second."""
        self.later_count += 1
        return self.later_count
