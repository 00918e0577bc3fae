"""Several venues: books, cash and funds apart; makers, arbitrageurs and a mutual fund shared."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from abm.errors import ScenarioError
from abm.scenario import Scenario, parse_scenario
from abm.simulation.build import build_world
from abm.simulation.firms import accounts_behind, bring_dollars, funding_seconds
from abm.simulation.layers import left_by_layer
from abm.simulation.model import OptionsMarket
from abm.simulation.run import simulate
from abm.venue import Lifetime, Order, Side, Trade, TradeKind
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from abm.simulation.world import World

FILE = ROOT / "scenarios" / "two_venues.toml"
Tables = dict[str, Any]


@pytest.fixture(scope="module")
def data() -> Tables:
    """Return the scenario of two venues as its file has it."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def small(data: Tables) -> Callable[..., Scenario]:
    """Make the scenario with a fifth of the traders and five-minute steps."""

    def make(hours: int = 6, **tables: Any) -> Scenario:  # noqa: ANN401 - any table of a scenario
        changed = {**data, "clock": {**data["clock"], "hours": hours, "step_seconds": 300}}
        changed["traders"] = {
            kind: {**rule, "count": rule["count"] // 5} for kind, rule in data["traders"].items()
        }
        changed["shocks"] = {}
        return parse_scenario({**changed, **tables})

    return make


def run(scenario: Scenario) -> World:
    """Run a scenario to its end and return its world."""
    model = OptionsMarket(scenario)
    for _ in range(scenario.clock.step_count):
        model.step()
    return model.world


def test_every_series_sums_to_zero_at_every_venue_and_its_cash_is_in_its_vault(
    small: Callable[..., Scenario],
) -> None:
    world = run(small())
    account, instrument, lots = world.positions.entries()
    for number, clearing in enumerate(world.clearings):
        here = world.clearing_of[account] == number
        assert here.any()
        totals = np.bincount(instrument[here], lots[here], len(world.instruments))
        assert not totals.any()
        booked = int(world.cash.balances[world.clearing_of == number].sum())
        vault = world.cash.vault_of(clearing.house)
        assert booked == world.ledger.balance(vault, world.cash.token)
    assert all(exchange.trades for exchange in world.exchanges)


@pytest.mark.parametrize(
    ("shock", "still", "open_"),
    [
        pytest.param(
            {"kind": "chain_halt", "chains": ["second"]}, "second", ["main"], id="its chain halts"
        ),
        pytest.param(
            {"kind": "emergency_pause", "venues": ["second"]}, "second", ["main"], id="it is paused"
        ),
        pytest.param({"kind": "emergency_pause"}, "main", ["second"], id="the first, unless named"),
        pytest.param(
            {"kind": "emergency_pause", "venues": ["main", "second"]}, "second", [], id="both"
        ),
    ],
)
def test_nobody_trades_at_a_venue_that_stands_still(
    small: Callable[..., Scenario], shock: Tables, still: str, open_: list[str]
) -> None:
    recorder = simulate(small(shocks={"stop": {**shock, "at_hours": 2, "duration_hours": 2}}))
    seconds = recorder.column("trades", "second")
    venues = recorder.column("trades", "venue")
    during = [
        venue
        for venue, second in zip(venues, seconds, strict=True)
        if isinstance(second, int) and 2 * 3_600 < second < 4 * 3_600
    ]
    assert list(dict.fromkeys(during)) == open_
    assert still in venues


def hold_both_ways(world: World) -> tuple[float, ...]:
    """Let the first maker sell at one venue what it buys at the other; return its requirements."""
    seats = [seat for seat in world.seats if seat.firm == 0]
    for seat, side in zip(seats, (Side.BUY, Side.SELL), strict=True):
        traders = np.flatnonzero(world.venue_of[: len(world.traders)] == seat.venue)
        other = int(traders[0])
        buyer, seller = (seat.account, other) if side is Side.BUY else (other, seat.account)
        world.exchanges[seat.venue].settle(
            Trade(0, buyer, seller, 1_000, 100, side, TradeKind.ORDER)
        )
    return tuple(
        world.books[int(world.clearing_of[seat.account])].margin.initial(
            world.positions.row(seat.account)
        )
        for seat in seats
    )


def test_a_unified_pool_nets_what_an_account_holds_across_venues(
    small: Callable[..., Scenario], data: Tables
) -> None:
    needed = {}
    for architecture in ("message_passing", "unified_pool"):
        collateral = {**data["collateral"], "architecture": architecture}
        world = build_world(small(collateral=collateral))
        maker = world.seats[0].account
        before = {seat.account: world.positions.row(seat.account).copy() for seat in world.seats}
        needed[architecture] = hold_both_ways(world)
        if architecture == "unified_pool":
            assert {seat.account for seat in world.seats if seat.firm == 0} == {maker}
            assert (world.positions.row(maker) == before[maker]).all()
    apart, pooled = needed["message_passing"], needed["unified_pool"]
    assert pooled[0] == pooled[1]
    assert sum(apart) > 10 * pooled[0]


def test_makers_and_arbitrageurs_hold_less_margin_under_a_pool(
    small: Callable[..., Scenario], data: Tables
) -> None:
    required = {}
    for architecture in ("message_passing", "unified_pool"):
        world = run(small(collateral={**data["collateral"], "architecture": architecture}))
        firms = slice(len(world.traders), world.house)
        required[architecture] = float(world.beliefs.initial[firms].sum())
    assert required["unified_pool"] < required["message_passing"]


def test_arbitrageurs_trade_where_venues_mark_apart_and_gain_by_it(
    small: Callable[..., Scenario], data: Tables
) -> None:
    # Feeds that err let the two venues mark apart.
    world = run(small(oracles={**data["oracles"], "error_ln_sigma": 0.01}))
    firms = list(world.arbitrageurs)
    trades = [
        trade
        for exchange in world.exchanges
        for trade in exchange.trades
        if trade.buyer in firms or trade.seller in firms
    ]
    assert {trade.kind for trade in trades} == {TradeKind.ORDER}
    assert all(any(t in trades for t in exchange.trades) for exchange in world.exchanges)
    start = data["arbitrageurs"]["capital_usd"] * len(firms)
    assert float(world.beliefs.equity[firms].sum()) > start


def test_without_arbitrageurs_the_books_differ_but_arrivals_do_not(
    small: Callable[..., Scenario],
) -> None:
    scenario = small()
    alone = scenario.model_copy(update={"arbitrageurs": None})
    first, second = build_world(scenario), build_world(alone)
    assert (first.arrivals.trader == second.arrivals.trader).all()
    assert (first.venue_of[: len(first.traders)] == second.venue_of[: len(second.traders)]).all()
    assert not second.arbitrageurs


def test_dollars_travel_between_venues_as_long_as_the_lane_takes(
    small: Callable[..., Scenario], data: Tables
) -> None:
    makers = {**data["market_makers"], "capital_usd": 60_000, "bring_below": 0.9}
    world = run(small(market_makers=makers))
    sent = [t for t in world.transport.transits if t.message.kind == "remittance"]
    assert sent
    arrived = [t for t in sent if t.end_second is not None]
    assert arrived
    for transit in arrived:
        assert transit.end_second is not None
        assert transit.end_second - transit.message.sent_second >= 30


def test_no_dollars_travel_where_makers_are_apart(
    small: Callable[..., Scenario], data: Tables
) -> None:
    makers = {**data["market_makers"], "capital_usd": 60_000, "bring_below": 0.9}
    world = run(small(market_makers=makers, contagion={"shared_market_makers": False}))
    assert not [t for t in world.transport.transits if t.message.kind == "remittance"]


def test_what_stands_behind_a_halted_lane_backs_no_quotes_elsewhere(
    small: Callable[..., Scenario],
) -> None:
    halt = {
        "halt": {
            "kind": "channel_halt",
            "channels": ["to_second"],
            "at_hours": 0,
            "duration_hours": 5,
        }
    }
    model = OptionsMarket(small(shocks=halt))
    world = model.world
    there = next(seat for seat in world.seats if seat.venue == 1)
    here = next(seat for seat in world.seats if seat.venue == 0 and seat.firm == there.firm)
    assert set(accounts_behind(world, there)) == {here.account, there.account}
    model.step()
    assert accounts_behind(world, there) == (there.account,)
    assert set(accounts_behind(world, here)) == {here.account, there.account}


def test_a_halted_lane_lets_makers_behind_it_wait_for_dollars_until_it_opens(
    small: Callable[..., Scenario],
) -> None:
    halt = {
        "halt": {
            "kind": "channel_halt",
            "channels": ["to_second"],
            "at_hours": 0,
            "duration_hours": 2,
        }
    }
    model = OptionsMarket(small(shocks=halt))
    model.step()
    world = model.world
    there = next(seat for seat in world.seats if seat.venue == 1)
    here = next(seat for seat in world.seats if seat.venue == 0)
    usual = world.transport.typical_seconds("to_second")
    assert funding_seconds(world, there) == 2 * 3_600 - world.now + usual
    assert funding_seconds(world, here) == world.transport.typical_seconds("from_second")
    apart = OptionsMarket(small(contagion={"shared_market_makers": False})).world
    assert funding_seconds(apart, apart.seats[0]) == 0


def strained(data: Tables, *, shared: bool) -> Tables:
    """Return tables under which the first venue's losses fall on thinly funded makers."""
    return {
        "traders": {
            kind: {**rule, "venues": {"main": 0.95, "second": 0.05}}
            for kind, rule in data["traders"].items()
        },
        "venue": {**data["venue"], "opening_utilisation": 0.8},
        "market_makers": {**data["market_makers"], "capital_usd": 15_000},
        "waterfall": {"insurance_fund_usd": 1_000},
        "further_venues": {"second": {"chain": "second", "insurance_fund_usd": 25_000}},
        "contagion": {"shared_market_makers": shared},
        "clock": {**data["clock"], "hours": 30, "step_seconds": 120},
        "seed": 1,
    }


@pytest.mark.slow
def test_shared_makers_let_quotes_vanish_at_the_untouched_venue_and_makers_apart_do_not(
    data: Tables,
) -> None:
    fewest = {}
    for shared in (True, False):
        recorder = simulate(parse_scenario({**data, **strained(data, shared=shared)}))
        quoting = [
            count
            for count, venue, second in zip(
                recorder.column("venues", "makers_quoting"),
                recorder.column("venues", "venue"),
                recorder.column("venues", "second"),
                strict=True,
            )
            if venue == "second" and isinstance(second, int) and second > 3_600
        ]
        fewest[shared] = min(int(count) for count in quoting if count is not None)
    assert fewest[True] == 0
    assert fewest[False] >= 2


def test_a_venue_draws_on_the_other_ones_contribution_only_where_funds_are_shared(
    small: Callable[..., Scenario],
) -> None:
    left = {}
    for shared in (True, False):
        world = build_world(small(contagion={"shared_funds": shared}))
        trader = int(np.flatnonzero(world.clearing_of == 0)[0])
        maker = world.seats[0].account
        # More than the first venue's fund and own contribution, less than both contributions.
        debt = 20_000_000_000 + 80_000_000_000 + 10_000_000_000
        world.cash.move(trader, maker, debt + int(world.cash.balances[trader]))
        use = world.clearings[0].waterfall.pay(trader, 0)
        left[shared] = use.of("socialised")
        assert use.of("mutual_fund") == (90 if shared else 80) * 10**9
        assert world.clearings[1].waterfall.own() == (55 if shared else 65) * 10**9
    assert left == {True: 0, False: 10 * 10**9}


def test_what_venues_share_is_counted_once_and_what_they_do_not_share_for_each(
    small: Callable[..., Scenario],
) -> None:
    for shared in (True, False):
        left = left_by_layer(build_world(small(contagion={"shared_funds": shared})))
        assert left == {"fund": 25 * 10**9, "mutual_fund": 140 * 10**9, "socialised": 0}


def test_no_firm_takes_dollars_out_of_a_venue_that_lets_nobody_else_withdraw(
    small: Callable[..., Scenario], data: Tables
) -> None:
    makers = {**data["market_makers"], "capital_usd": 60_000, "bring_below": 0.9}
    sent = {}
    for blocked in (False, True):
        world = build_world(small(market_makers=makers))
        if blocked:  # a believed shortfall beyond every fund
            for number in range(len(world.clearings)):
                trader = int(np.flatnonzero(world.clearing_of == number)[0])
                world.beliefs.equity[trader] = -1e9
        bring_dollars(world)
        sent[blocked] = len(world.firms.expected)
    assert sent[False] > 0
    assert sent[True] == 0


def test_losses_beyond_the_funds_fall_on_the_accounts_of_that_venue_alone(
    small: Callable[..., Scenario],
) -> None:
    world = build_world(
        small(
            waterfall={"insurance_fund_usd": 0.0},
            further_venues={"second": {"chain": "second", "insurance_fund_usd": 0.0}},
        )
    )
    trader = int(np.flatnonzero(world.clearing_of == 1)[0])
    maker = next(seat.account for seat in world.seats if seat.venue == 1)
    before = world.cash.balances.copy()
    world.cash.move(trader, maker, 10**11 + int(before[trader]))
    world.clearings[1].waterfall.pay(trader, 0)
    changed = np.flatnonzero(world.clearings[1].waterfall.cutting[0].cut)
    assert len(changed)
    assert (world.clearing_of[changed] == 1).all()


def test_an_order_of_a_trader_goes_to_its_own_venue(small: Callable[..., Scenario]) -> None:
    model = OptionsMarket(small())
    world = model.world
    model.step()
    trader = int(np.flatnonzero(world.venue_of[: len(world.traders)] == 1)[0])
    before = [len(list(exchange.books[0].resting(Side.BUY))) for exchange in world.exchanges]
    model.orders.queue_order(Order(trader, 0, Side.BUY, 1, 1, Lifetime.REST))
    model.step()
    after = [len(list(exchange.books[0].resting(Side.BUY))) for exchange in world.exchanges]
    assert [now - then for now, then in zip(after, before, strict=True)] == [0, 1]


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"further_venues": {"b": {"chain": "secnd", "insurance_fund_usd": 1.0}}}, "'second'"),
        ({"further_venues": {"b": {"chain": "venue", "insurance_fund_usd": 1.0}}}, "of its own"),
        ({"further_venues": {"main": {"chain": "second", "insurance_fund_usd": 1.0}}}, "name"),
        ({"further_venues": {}}, "arbitrageurs need"),
        ({"further_venues": {"b": {"chain": "second", "insurance_fund_usd": -1.0}}}, "greater"),
    ],
)
def test_a_venue_that_cannot_be_is_refused_with_the_reason(
    data: Tables, tables: Tables, words: str
) -> None:
    with pytest.raises(ScenarioError, match=words):
        parse_scenario({**data, **tables})


def test_a_pause_of_a_venue_that_is_not_there_is_refused_with_the_nearest_name(
    data: Tables,
) -> None:
    shock = {"kind": "emergency_pause", "venues": ["secnd"], "at_hours": 2, "duration_hours": 2}
    with pytest.raises(ScenarioError, match=r"shocks\.stop\.venues.*'second'"):
        parse_scenario({**data, "shocks": {"stop": shock}})


def test_a_venue_that_no_lane_reaches_is_refused_by_the_lane_it_needs(data: Tables) -> None:
    channels = {name: rule for name, rule in data["channels"].items() if name != "to_second"}
    with pytest.raises(ScenarioError, match="venue to second"):
        parse_scenario({**data, "channels": channels})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hours", "seed", "apart", "shared"), [(6, 20200318, 1, 0), (12, 20200320, 1, 2)]
)
def test_sharing_saves_a_venue_from_a_small_loss_and_a_large_one_brings_down_both(
    data: Tables, hours: int, seed: int, apart: int, shared: int
) -> None:
    found = {}
    for switch in (False, True):
        shocks = {**data["shocks"], "halt": {**data["shocks"]["halt"], "duration_hours": hours}}
        tables = {"shocks": shocks, "seed": seed, "contagion": {"shared_funds": switch}}
        recorder = simulate(parse_scenario({**data, **tables}))
        found[switch] = recorder.column("runs", "venues_beyond_funds")
    assert found == {False: [apart], True: [shared]}
