"""Orders on their way: what waits, what is read, what is settled, and what it changes."""

from __future__ import annotations

import tomllib
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.recording.schemas import SCHEMAS
from abm.scenario import load_scenario, parse_scenario
from abm.scenario.ordering import Ordering
from abm.simulation.close_outs import coming_close_outs, first_closed
from abm.simulation.model import OptionsMarket
from abm.simulation.order_flow import OrderFlow, ask_as_searcher, flow_of
from abm.simulation.run import simulate
from abm.simulation.settlement import settle_intents
from abm.simulation.step import begin_step, end_step
from abm.venue import Lifetime, Order, Side, market_order
from abm.venue.sequencer import Sequencer

if TYPE_CHECKING:
    from abm.recording.recorder import Recorder
    from abm.scenario import Scenario
    from abm.simulation.world import World

ROOT = Path(__file__).parents[2]
SMALL_CRASH = ROOT / "tests" / "scenario" / "small_crash.toml"
ORDER_FLOW = ROOT / "scenarios" / "order_flow.toml"


def crash(*, home: bool = False, shocks: dict[str, Any] | None = None, **ordering: Any) -> Scenario:  # noqa: ANN401
    """Return the small crash with an ordering; buyers may send their orders from home."""
    data = tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8"))
    if ordering:
        data["venue"]["ordering"] = ordering
    data["traders"]["buyers"]["orders_from_home"] = home
    if shocks is not None:
        data["shocks"] = shocks
    return parse_scenario(data)


def rows(recorder: Recorder, table: str, **where: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return the rows of a table in which some columns have some values."""
    names = SCHEMAS[table].names
    found = [dict(zip(names, row, strict=True)) for row in recorder.rows[table]]
    return [row for row in found if all(row[key] == value for key, value in where.items())]


def searched(rule: str, *more: str) -> Recorder:
    """Run an hour of the shipped scenario under a rule."""
    changes = ("clock.hours=1", f"venue.ordering.rule={rule}", *more)
    return simulate(load_scenario(ORDER_FLOW, changes))


@pytest.fixture(scope="module")
def first_come() -> Recorder:
    """Return an hour in which searchers read what waits."""
    return searched("first_come")


@pytest.fixture(scope="module")
def encrypted() -> Recorder:
    """Return the same hour with contents hidden for a minute."""
    return searched("encrypted", "venue.ordering.decryption_delay_seconds=60")


SECOND_VENUE = (
    *("further_venues.second.chain=near", "further_venues.second.insurance_fund_usd=1e3"),
    *("arbitrageurs.count=1", "arbitrageurs.capital_usd=1e6"),
    *("traders.buyers.venues.second=1", "traders.buyers.home_chains={near=1}"),
)


@pytest.mark.parametrize("more", [(), SECOND_VENUE], ids=["one venue", "two venues"])
def test_first_come_without_delay_is_what_venues_do_anyway(more: tuple[str, ...]) -> None:
    plain, queued = (
        simulate(load_scenario(SMALL_CRASH, (*more, *rule)))
        for rule in ((), ("venue.ordering.rule=first_come",))
    )
    assert not plain.rows["orders"]
    assert queued.rows["orders"]
    for table in set(SCHEMAS) - {"orders"}:
        assert queued.rows[table] == plain.rows[table], table


@pytest.mark.parametrize("rule", ["first_come", "priority_fee", "batch_auction", "encrypted"])
@pytest.mark.parametrize("architecture", ["message_passing", "unified_pool"])
def test_every_venue_has_a_queue_under_every_rule(rule: str, architecture: str) -> None:
    changes = (
        *SECOND_VENUE,
        f"collateral.architecture={architecture}",
        f"venue.ordering.rule={rule}",
        "venue.ordering.delay_median_seconds=20",
        "venue.ordering.decryption_delay_seconds=60",
        "venue.ordering.fee_median_usd=0.5",
        *("searchers.count=2", "searchers.capital_usd=1e5"),
        "traders.sellers.orders_from_home=true",
    )
    # Invariants are checked at every step: a breach would stop the run.
    recorder = simulate(load_scenario(SMALL_CRASH, changes))
    for venue in ("main", "second"):
        settled = [
            row
            for row in rows(recorder, "orders", venue=venue, outcome="traded")
            if row["purpose"] in ("trade", "arbitrage")
        ]
        assert settled
        assert {trade["venue"] for trade in rows(recorder, "trades", kind="order")} >= {venue}
    fees = sum(row["fee_usd"] for row in rows(recorder, "orders"))
    assert (fees > 0) == (rule == "priority_fee")


def test_a_delay_changes_what_trades_and_no_order_comes_before_its_time() -> None:
    recorder = simulate(crash(rule="first_come", delay_median_seconds=90, delay_ln_sigma=0.5))
    assert recorder.rows["trades"] != simulate(crash()).rows["trades"]
    settled = [row for row in rows(recorder, "orders") if row["sequenced_second"] is not None]
    assert settled
    for row in settled:
        assert row["asked_second"] < row["arrived_second"] <= row["sequenced_second"]
        # A step is a minute: nothing due stays longer.
        assert row["sequenced_second"] - row["arrived_second"] < 60
    delays = sorted(row["arrived_second"] - row["asked_second"] for row in settled)
    assert 60 < delays[len(delays) // 2] < 130


def test_an_order_takes_the_same_time_in_a_run_and_in_its_pair() -> None:
    scenario = crash(rule="first_come", delay_median_seconds=90, delay_ln_sigma=0.5)
    times = []
    for one in (scenario, scenario.without_shocks()):
        found: dict[tuple[int, int], list[float]] = {}
        for row in rows(simulate(one), "orders"):
            key = (row["account"], row["asked_second"])
            found.setdefault(key, []).append(row["arrived_second"])
        times.append(found)
    late = [key for key in times[0] if key[1] > 3_600 and key in times[1]]
    assert late
    assert all(times[0][key][0] == times[1][key][0] for key in late)


def test_searchers_trade_ahead_of_what_they_can_read(first_come: Recorder) -> None:
    ahead = rows(first_come, "orders", purpose="front_run", outcome="traded")
    assert ahead
    searchers = {row["account"] for row in rows(first_come, "accounts", kind="searcher")}
    assert len(searchers) == 3
    assert {row["account"] for row in ahead} <= searchers
    # Somebody bought what was resold: a searcher is the passive side of a trade.
    assert any(
        trade["seller"] in searchers and trade["aggressor"] == "buy"
        for trade in rows(first_come, "trades", kind="order")
    )


def test_encryption_leaves_nothing_to_trade_ahead_of_but_stale_quotes_remain(
    encrypted: Recorder,
) -> None:
    purposes = {row["purpose"] for row in rows(encrypted, "orders")}
    assert not purposes & {"front_run", "resale"}
    assert "snipe" in purposes


def test_what_is_encrypted_is_settled_a_decryption_delay_after_its_commitment(
    encrypted: Recorder,
) -> None:
    for row in rows(encrypted, "orders"):
        if row["sequenced_second"] is not None:
            assert row["released_second"] == row["arrived_second"] + 60
            assert 60 <= row["sequenced_second"] - row["arrived_second"] < 64.001


def test_a_close_out_waits_for_its_decryption_too() -> None:
    found = {}
    for delay in (0, 600):
        recorder = simulate(crash(rule="encrypted", decryption_delay_seconds=delay))
        closing = {
            row["account"]: row["closing_second"]
            for row in rows(recorder, "liquidations")
            if row["closing_second"] is not None
        }
        trades = [
            trade["second"]
            - closing[trade["buyer"] if trade["aggressor"] == "buy" else trade["seller"]]
            for trade in rows(recorder, "trades", kind="close_out")
            if trade["second"] >= 60
        ]
        found[delay] = min(trades)
    assert found[0] == 0
    assert found[600] >= 600


def test_close_outs_trade_when_batches_end() -> None:
    recorder = simulate(crash(rule="batch_auction", batch_seconds=300))
    seconds = {row["second"] for row in rows(recorder, "trades", kind="close_out")}
    assert seconds
    assert all(second % 300 == 0 for second in seconds)
    settled = {row["sequenced_second"] for row in rows(recorder, "orders")} - {None}
    assert all(second % 300 == 0 for second in settled)


def test_orders_of_one_batch_and_series_trade_at_one_premium() -> None:
    recorder = searched("batch_auction")
    premiums: dict[tuple[int, str], set[float]] = {}
    for trade in rows(recorder, "trades", kind="order"):
        premiums.setdefault((trade["second"], trade["series"]), set()).add(trade["premium_usd"])
    assert premiums
    assert all(len(found) == 1 for found in premiums.values())


def test_orders_from_home_travel_as_messages_and_wait_for_a_halted_lane() -> None:
    halt = {
        "kind": "channel_halt",
        "channels": ["from_far"],
        "at_hours": 0.5,
        "duration_hours": 1.0,
    }
    recorder = simulate(crash(home=True, shocks={"halt": halt}, rule="first_come"))
    sent = rows(recorder, "messages", kind="order")
    assert {row["channel"] for row in sent} == {"from_far", "from_near"}
    assert all(row["subject"].startswith("account ") for row in sent)
    start, end = 1_800, 5_400
    held = [row for row in rows(recorder, "orders", chain="far") if row["arrived_second"]]
    caught = [row for row in held if start <= row["asked_second"] < end - 600]
    assert caught
    assert all(row["arrived_second"] >= end for row in caught)
    assert all(row["sequenced_second"] >= end for row in caught if row["sequenced_second"])
    near = [row for row in rows(recorder, "orders", chain="near") if row["arrived_second"]]
    assert min(row["arrived_second"] - row["asked_second"] for row in near) < 120


def test_an_order_whose_message_is_lost_never_comes() -> None:
    recorder = simulate(crash(home=True, shocks={}, rule="first_come"))
    sent = rows(recorder, "messages", kind="order")
    lost = [row for row in sent if row["fate"] == "lost"]
    assert lost
    twins = {row["nonce"] for row in sent if row["repeat_of"] is not None}
    gone = [row for row in lost if row["nonce"] not in twins]
    assert gone
    waiting = rows(recorder, "orders", outcome="waiting")
    for message in gone:
        # Nobody sends an order again: its nonce has this one message.
        assert (
            sum(
                row["nonce"] == message["nonce"]
                for row in sent
                if row["channel"] == message["channel"]
            )
            == 1
        )
        assert any(
            row["account"] == int(message["subject"].split()[1])
            and row["asked_second"] == message["sent_second"]
            for row in waiting
        )


def test_orders_from_home_need_no_ordering_to_take_their_time() -> None:
    recorder = simulate(crash(home=True, shocks={}))
    assert rows(recorder, "messages", kind="order")
    assert not recorder.rows["orders"]
    assert recorder.rows["trades"] != simulate(crash(shocks={})).rows["trades"]


def test_what_is_under_way_waits_while_the_venue_stands_still() -> None:
    halt = {"kind": "chain_halt", "chains": ["venue"], "at_hours": 0.5, "duration_hours": 0.5}
    recorder = simulate(crash(shocks={"halt": halt}, rule="first_come", delay_median_seconds=150))
    under_way = [
        row
        for row in rows(recorder, "orders")
        if row["asked_second"] < 1_800 <= row["arrived_second"] <= 3_600
    ]
    assert under_way
    assert all(row["sequenced_second"] >= 3_600 for row in under_way)
    asked = [row for row in rows(recorder, "orders") if 1_800 <= row["asked_second"] < 3_600]
    assert asked
    assert all(row["outcome"] == "refused" for row in asked)


def test_searchers_who_do_nothing_change_nothing() -> None:
    idle = searched("first_come", "searchers.minimum_profit_usd=1e12")
    data = tomllib.loads(ORDER_FLOW.read_text(encoding="utf-8"))
    del data["searchers"]
    data["clock"]["hours"] = 1
    without = simulate(parse_scenario(data))
    assert idle.rows["orders"] == without.rows["orders"]
    assert [row[5] for row in idle.rows["trades"]] == [row[5] for row in without.rows["trades"]]


FALLING = (
    "clock.hours=1.5",
    "market.price.annual_drift=-600",
    "venue.ordering.decryption_delay_seconds=12",
)


def closing_cost(rule: str, *, sniped: bool) -> tuple[float, int]:
    """Return what closing cost in an hour that falls, and the lots that searchers sold to it."""
    recorder = searched(rule, f"searchers.snipe_liquidations={str(sniped).lower()}", *FALLING)
    closed = rows(recorder, "trades", kind="close_out")
    ahead = rows(recorder, "orders", purpose="close_out", outcome="traded")
    assert closed
    cost = sum(row["closing_cost_usd"] for row in rows(recorder, "liquidations"))
    return cost, sum(row["traded_lots"] for row in ahead)


@pytest.mark.parametrize(
    ("rule", "dearer"), [("first_come", 1.5), ("encrypted", 1.5), ("batch_auction", 1.1)]
)
def test_whoever_is_closed_pays_for_being_seen_and_no_rule_of_ordering_ends_it(
    rule: str, dearer: float
) -> None:
    (plain, nothing), (sniped, ahead) = (closing_cost(rule, sniped=on) for on in (False, True))
    assert nothing == 0
    assert ahead > 0
    assert sniped > dearer * plain


@given(
    rule=st.sampled_from(["first_come", "priority_fee", "batch_auction", "encrypted"]),
    wait=st.floats(0.0, 400.0),
    begins=st.integers(0, 40),
    step=st.sampled_from([4, 60]),
)
def test_the_first_close_out_is_in_the_first_step_that_settles_any(
    rule: str, wait: float, begins: int, step: int
) -> None:
    ordering = Ordering.model_validate(
        {"rule": rule, "batch_seconds": step + wait, "decryption_delay_seconds": wait}
    )
    flow: OrderFlow = OrderFlow(Sequencer(ordering, [2.0]), frozenset(), recorded=False)
    closing = begins * step
    steps = range(closing, closing + 500 * step, step)
    first = next(now for now in steps if flow.close_out_is_settled(closing, now, step))
    assert flow.first_close_out_second(closing, step) == first


FAST: dict[str, Any] = {"rule": "first_come"}
HIDDEN = {"rule": "encrypted", "decryption_delay_seconds": 90}
BLOCKS = {"rule": "priority_fee"}
BATCHES = {"rule": "batch_auction", "batch_seconds": 180}


@pytest.mark.parametrize(
    ("ordering", "delay", "more"),
    [
        pytest.param(FAST, 1.0, {}, id="next step"),
        pytest.param(FAST, 0.0, {}, id="this step"),
        pytest.param(FAST, 130.0, {"grace_seconds": 600}, id="three steps on"),
        pytest.param(HIDDEN, 1.0, {}, id="decrypted"),
        pytest.param(BLOCKS, 1.0, {"grace_seconds": 600}, id="a block of many steps"),
        pytest.param(BATCHES, 1.0, {"grace_seconds": 600}, id="a batch"),
        pytest.param(
            FAST,
            1.0,
            {"close_out": "on_proceeds", "smallest_seizure_usd": 1e9},
            id="where nothing is worth a seizure",
        ),
    ],
)
def test_every_close_out_that_is_due_is_named_once_with_all_that_is_closed(
    ordering: dict[str, Any], delay: float, more: dict[str, Any]
) -> None:
    """Whose close-outs come, from step to step, but for those that are cured in between."""
    data = crash(**ordering).model_dump(mode="json")
    data["liquidation"] |= {"close_out": "at_once", **more}
    data["chains"]["venue"]["block_seconds"] = 180 if ordering is BLOCKS else 2
    model = OptionsMarket(parse_scenario(data))
    world, step = model.world, model.world.scenario.clock.step_seconds
    flow, named = flow_of(world), list[tuple[int, int, int]]()
    for _ in range(world.scenario.clock.step_count):
        begin_step(model)
        first, then = (
            ceil(flow.sequencer.release_second(second + delay) / step) * step
            for second in (world.now, world.now + step)
        )
        accounts = list(first_closed(world, first, then - step))
        named += [(account, first, then) for account in accounts]
        coming = coming_close_outs(world, delay)
        held = sum(np.abs(world.positions.row(account)).sum() for account in accounts)
        assert sum(order.lots for order in coming) == held
        assert len({(order.instrument, order.side) for order in coming}) == len(coming)
        end_step(model)
    cured = {item.account for item in world.desk.liquidations if item.is_cured}
    known = 0
    for item in world.desk.liquidations:
        if item.closing_second is None or item.account in cured:
            continue
        second = flow.first_close_out_second(item.closing_second, step)
        # What is asked from now on may be settled after it; what was asked until then, before.
        in_time = [
            now for account, now, then in named if account == item.account and now <= second < then
        ]
        assert len(in_time) <= 1
        if item.closing_second - item.breach_second >= delay + 2 * step + 180 * (delay == 1.0):
            assert in_time, item
        known += len(in_time)
    assert known > 0


def test_neither_a_paused_venue_nor_another_one_is_about_to_close_anybody_here() -> None:
    data = crash(**FAST).model_dump(mode="json")
    data["liquidation"] |= {"close_out": "at_once"}
    model = OptionsMarket(parse_scenario(data))
    world = model.world
    while not coming_close_outs(world, 1.0):
        model.step()
    world.strains.paused.add("venue")
    assert coming_close_outs(world, 1.0) == []
    world.strains.paused.clear()
    assert coming_close_outs(world, 1.0)
    world.clearing_of[:] = 1
    assert coming_close_outs(world, 1.0) == []


# One world, before its first step: what settles, piece by piece.


def world_of(**ordering: Any) -> World:  # noqa: ANN401 - any key of the ordering
    """Return the shipped scenario's world with its makers' ladders standing."""
    data = tomllib.loads(ORDER_FLOW.read_text(encoding="utf-8"))
    data["venue"]["ordering"] = ordering
    model = OptionsMarket(parse_scenario(data))
    model.step()
    model.world.intents.trading.clear()
    return model.world


def series_of(world: World) -> int:
    """Return a series with a two-sided book of some depth."""
    both = (world.exchange.best(Side.BUY) > 1) & (world.exchange.best(Side.SELL) < 10**9)
    return int((both & (world.marks.value > 20)).argmax())


def test_a_fee_goes_from_the_account_to_the_house_where_the_order_trades() -> None:
    world = world_of(rule="priority_fee", fee_median_usd=3.0)
    series, buyer = series_of(world), world.traders.chains.index("venue")
    before = world.cash.balances.copy()
    world.intents.trading.append(market_order(buyer, series, Side.BUY, 1))
    settle_intents(world)
    assert world.order_flow is not None
    way = world.order_flow.ways[-1]
    assert way.outcome == "traded"
    assert way.fee_usd == 3.0
    taker_fee = round(way.taker_fee_usd * 1e6)
    assert world.cash.balances[world.house] - before[world.house] == 3_000_000 + taker_fee


def test_the_higher_fee_of_a_block_buys_the_better_quote() -> None:
    world = world_of(rule="priority_fee", fee_median_usd=1.0, fee_ln_sigma=1.0)
    series = series_of(world)
    (_, depth), *_ = world.exchange.levels(Side.SELL, series, without=-1)
    first = world.traders.chains.index("venue")
    for buyer in range(first, first + 6):
        world.intents.trading.append(market_order(buyer, series, Side.BUY, depth))
    settle_intents(world)
    assert world.order_flow is not None
    traded = [way for way in world.order_flow.ways if way.outcome == "traded"]
    by_fee = sorted(traded, key=lambda way: -way.fee_usd)
    premiums = [way.premium_usd for way in by_fee if way.premium_usd is not None]
    assert len(set(premiums)) > 1
    assert premiums == sorted(premiums)


def test_an_order_that_only_reduces_is_cut_to_what_is_held() -> None:
    world = world_of(rule="first_come")
    series, searcher = series_of(world), world.traders.searchers[0]
    before = int(world.positions.row(searcher)[series])
    bid = int(world.exchange.best(Side.BUY)[series])
    for lots, only_reduces in ((2, False), (5, True)):
        side = Side.SELL if only_reduces else Side.BUY
        limit = bid if only_reduces else 10**6
        order = Order(searcher, series, side, lots, limit, Lifetime.IMMEDIATE)
        ask_as_searcher(world, order, "exit", delay_seconds=0, only_reduces=only_reduces)
    settle_intents(world)
    assert world.order_flow is not None
    assert [way.traded_lots for way in world.order_flow.ways[-2:]] == [2, max(before, 0) + 2]
    assert int(world.positions.row(searcher)[series]) == min(before + 2, 0)


def test_a_resale_of_what_an_auction_brings_comes_after_it_and_is_cut_to_it() -> None:
    world = world_of(rule="batch_auction", batch_seconds=4)
    series, searcher = series_of(world), world.traders.searchers[0]
    (ask, depth), *_ = world.exchange.levels(Side.SELL, series, without=searcher)
    bought = Order(searcher, series, Side.BUY, depth, ask)
    resale = Order(searcher, series, Side.SELL, depth + 5, 10 * ask, Lifetime.REST)
    ask_as_searcher(world, bought, "close_out", delay_seconds=0)
    ask_as_searcher(world, resale, "close_out_resale", delay_seconds=0, only_reduces=True)
    settle_intents(world)
    assert int(world.positions.row(searcher)[series]) == depth
    rests = [
        item.lots_left
        for item in world.exchange.books[series].resting(Side.SELL)
        if item.order.account == searcher
    ]
    assert rests == [depth]
    assert [way.outcome for way in flow_of(world).ways[-2:]] == ["traded", "rests"]


def test_who_waits_for_an_order_of_its_own_trades_ahead_of_no_close_out() -> None:
    data = crash(**FAST).model_dump(mode="json")
    data["liquidation"]["close_out"] = "at_once"
    data["searchers"] = {"count": 2, "capital_usd": 1e5, "snipe_liquidations": True}
    model = OptionsMarket(parse_scenario(data))
    world, desk = model.world, model.search_desk
    while not coming_close_outs(world, 1.0):
        model.step()
    one, other = world.traders.searchers
    desk.look()
    assert desk.view(one).close_outs
    ask_as_searcher(world, Order(one, 0, Side.BUY, 1, 1), "back_run", delay_seconds=600)
    assert desk.view(one).close_outs == ()
    assert desk.view(other).close_outs


def test_a_searchers_order_has_its_margin_checked_like_any_other() -> None:
    world = world_of(rule="first_come")
    series, searcher = series_of(world), world.traders.searchers[0]
    order = Order(searcher, series, Side.SELL, 10**6, 1)
    ask_as_searcher(world, order, "snipe", delay_seconds=0)
    settle_intents(world)
    assert world.order_flow is not None
    assert world.order_flow.ways[-1].outcome == "refused"
