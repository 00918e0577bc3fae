"""Each agent asks its desk, decides, and queues: over desks made up here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import mesa
import numpy as np
import pytest

from abm.agents import (
    Liquidator,
    MakerView,
    MarketMaker,
    Offer,
    Oracle,
    Pending,
    Relayer,
    Requoting,
    Trader,
    TraderView,
)
from abm.margin import Marks
from abm.market import InstrumentTable, Round
from abm.scenario.agents import Liquidators, MarketMakers, Oracles, Relayers, Traders
from abm.venue import Bid, Side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.venue import MassQuote, Order

LEFT = np.array([86_400])
MARKS = Marks(
    100.0, np.array([2.0]), np.array([0.3]), np.array([9.0]), np.array([0.8]), np.array([True])
)


@pytest.fixture
def model() -> mesa.Model:
    """Return a model that agents can belong to."""
    return mesa.Model(rng=1)


@dataclass
class Relaying:
    down: bool = False
    carried: list[tuple[int, int]] = field(default_factory=list)

    def pending(self, relayer: int) -> list[Pending]:
        assert relayer == 4
        return [Pending(0, 1.0, 0.9), Pending(1, 5.0, 1.0), Pending(2, 3.0, 1.0)]

    def is_down(self, relayer: int) -> bool:
        assert relayer == 4
        return self.down

    def capacity(self) -> int:
        return 2

    def carry(self, relayer: int, message: int) -> None:
        self.carried.append((relayer, message))


def test_a_relayer_carries_what_pays_as_far_as_its_capacity_goes(model: mesa.Model) -> None:
    desk = Relaying()
    Relayer(model, 4, Relayers(count=1, minimum_profit_usd=0.05), desk).step()
    assert desk.carried == [(4, 1), (4, 2)]


def test_a_relayer_wants_the_profit_of_its_scenario(model: mesa.Model) -> None:
    desk = Relaying()
    Relayer(model, 4, Relayers(count=1, minimum_profit_usd=3.0), desk).step()
    assert desk.carried == [(4, 1)]


def test_a_relayer_in_an_outage_carries_nothing(model: mesa.Model) -> None:
    desk = Relaying(down=True)
    Relayer(model, 4, Relayers(count=1), desk).step()
    assert desk.carried == []


@dataclass
class Bidding:
    active: bool = True
    gas: float = 1.0
    bids: list[Bid] = field(default_factory=list)

    def is_active(self, liquidator: int) -> bool:
        assert liquidator == 2
        return self.active

    def offers(self, liquidator: int) -> list[Offer]:
        assert liquidator == 2
        return [Offer(7, 10, 8.0, 10.0)]

    def cash_usd(self, liquidator: int) -> float:
        assert liquidator == 2
        return 50.0

    def gas_usd(self, liquidator: int) -> float:
        assert liquidator == 2
        return self.gas

    def queue_bid(self, bid: Bid) -> None:
        self.bids.append(bid)


def liquidator(model: mesa.Model, desk: Bidding, minimum_profit: float = 0.01) -> Liquidator:
    rule = Liquidators(
        count=1, capital_median_usd=1.0, home_chains={"far": 1.0}, minimum_profit=minimum_profit
    )
    return Liquidator(model, 2, rule, desk)


def test_a_liquidator_queues_its_bids(model: mesa.Model) -> None:
    desk = Bidding()
    liquidator(model, desk).step()
    # 49 dollars beyond gas buy 6 units at 8.
    assert desk.bids == [Bid(2, 7, 6)]


@pytest.mark.parametrize("reason", ["stopped", "gas", "profit"])
def test_a_liquidator_that_stopped_or_cannot_gain_enough_stays_away(
    model: mesa.Model, reason: str
) -> None:
    # Six units gain 12 dollars on 48.
    desk = Bidding(active=reason != "stopped", gas=13.0 if reason == "gas" else 1.0)
    liquidator(model, desk, minimum_profit=0.5 if reason == "profit" else 0.01).step()
    assert desk.bids == []


@dataclass
class Publishing:
    price: float
    gas: float = 1.0
    rounds: list[tuple[str, Round]] = field(default_factory=list)

    def observe(self, chain: str) -> Round:  # noqa: ARG002 - all see the same
        return Round(self.price, 0.8, 60)

    def published(self, chain: str) -> Round:
        assert chain == "far"
        return Round(100.0, 0.8, 0)

    def gas_multiple(self, chain: str) -> float:
        assert chain == "far"
        return self.gas

    def publish(self, chain: str, fresh: Round) -> None:
        self.rounds.append((chain, fresh))


@pytest.mark.parametrize(
    ("price", "gas", "published"), [(100.0, 1.0, False), (90.0, 1.0, True), (90.0, 21.0, False)]
)
def test_an_oracle_publishes_what_it_observed_on_its_chain_if_it_is_worth_it(
    model: mesa.Model, price: float, gas: float, *, published: bool
) -> None:
    desk = Publishing(price, gas)
    Oracle(model, "far", Oracles(deviation=0.05, gas_tolerance=20.0), desk).step()
    assert desk.rounds == ([("far", Round(price, 0.8, 60))] if published else [])


@dataclass
class Quoting:
    moved: bool = True
    free: float = 1.0
    queued: list[tuple[int, MassQuote | None]] = field(default_factory=list)
    renewed: list[int] = field(default_factory=list)

    def view(self, maker: int) -> MakerView:
        assert maker == 1
        inventory = np.zeros(1, dtype=np.int64)
        return MakerView(MARKS, np.array([86_400]), inventory, self.free, 1.0, 2, 0.05)

    def needs_new_quote(self, maker: int) -> bool:
        assert maker == 1
        return self.moved

    def requoting(self, maker: int) -> Requoting:
        assert maker == 1
        return Requoting([1])

    def queue_quote(self, maker: int, quote: MassQuote | None) -> None:
        self.queued.append((maker, quote))

    def queue_same(self, maker: int) -> None:
        self.renewed.append(maker)


def test_a_market_maker_queues_its_ladder(model: mesa.Model) -> None:
    desk = Quoting()
    MarketMaker(model, 1, MarketMakers(count=1, capital_usd=1.0, quote_lots=7), desk).step()
    ((maker, quote),) = desk.queued
    assert maker == 1
    assert quote is not None
    assert quote.bid_lots.tolist() == [[7, 14]]
    assert desk.renewed == []


class Beside(Quoting):
    """Two makers, 1 and 2, who need new ladders and see the same, times a stress of its own."""

    def __init__(self, together: Requoting, stress: float = 1.0) -> None:
        super().__init__()
        self.together, self.stress = together, stress

    def view(self, maker: int) -> MakerView:
        return replace(super().view(min(maker, 1)), seconds_left=LEFT, stress=self.stress)

    def needs_new_quote(self, maker: int) -> bool:
        return super().needs_new_quote(min(maker, 1))

    def requoting(self, maker: int) -> Requoting:
        assert maker in self.together.makers
        return self.together


def test_makers_with_parameters_of_their_own_keep_to_them(model: mesa.Model) -> None:
    desk = Beside(Requoting([1, 2]))
    rules = [MarketMakers(count=2, capital_usd=1.0, quote_lots=lots) for lots in (7, 9)]
    for slot, parameters in enumerate(rules, start=1):
        MarketMaker(model, slot, parameters, desk).step()
    quotes = [quote.bid_lots.tolist() for _, quote in desk.queued if quote is not None]
    assert quotes == [[[7, 14]], [[9, 18]]]


def test_a_maker_who_sees_the_market_by_a_desk_of_its_own_decides_for_nobody_else(
    model: mesa.Model,
) -> None:
    together = Requoting([1, 2])
    rule = MarketMakers(count=2, capital_usd=1.0, quote_lots=8)
    nervous, usual = Beside(together, stress=4.0), Beside(together)
    MarketMaker(model, 1, rule, nervous).step()
    MarketMaker(model, 2, rule, usual).step()
    quotes = [quote.ask_lots.tolist() for _, quote in nervous.queued + usual.queued if quote]
    assert quotes == [[[2, 4]], [[8, 16]]]


def test_a_market_maker_queues_its_withdrawal(model: mesa.Model) -> None:
    desk = Quoting(free=0.0)
    MarketMaker(model, 1, MarketMakers(count=1, capital_usd=1.0), desk).step()
    assert desk.queued == [(1, None)]


def test_a_market_maker_posts_its_last_ladder_again_where_nothing_moved(model: mesa.Model) -> None:
    desk = Quoting(moved=False)
    MarketMaker(model, 1, MarketMakers(count=1, capital_usd=1.0), desk).step()
    assert desk.queued == []
    assert desk.renewed == [1]


@dataclass
class Ordering:
    orders: list[Order] = field(default_factory=list)

    def view(self, account: int) -> TraderView:
        assert account == 9
        table = InstrumentTable(np.array([86_400]), np.array([110.0]), np.array([True]))
        return TraderView(table, MARKS, np.array([25.0]), 1_000.0, 10_000.0, 0.05)

    def arrival_draws(self, account: int) -> Sequence[float]:
        assert account == 9
        return [0.0, 0.99, 0.5, 0.5, 0.0, 0.0]

    def queue_order(self, order: Order) -> None:
        self.orders.append(order)


def test_a_trader_queues_its_orders(model: mesa.Model) -> None:
    desk = Ordering()
    rule = Traders(
        strategy="buy_options",
        count=1,
        wealth_median_usd=1.0,
        home_chains={"far": 1.0},
        collateral_tokens={"USDC": 1.0},
        orders_per_day=1.0,
    )
    Trader(model, 9, rule, desk).step()
    # 10,000 * 0.03 * 0.5 = 150 dollars at 2 dollars a contract.
    ((order),) = desk.orders
    assert (order.account, order.side, order.lots) == (9, Side.BUY, 75)
