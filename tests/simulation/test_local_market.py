"""Sales and hedges move local prices; bridges hold them together; a switch leaves it all out."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from abm.collateral import ARCHITECTURES
from abm.margin import total_value
from abm.recording.schemas import SCHEMAS
from abm.scenario import load_scenario, parse_scenario
from abm.simulation.auction_desk import AuctionDesk
from abm.simulation.hedging import hedge
from abm.simulation.local_market import moved_price, trade_locally, worth_where_it_stands
from abm.simulation.model import OptionsMarket
from abm.simulation.revaluation import revalue
from abm.simulation.run import simulate
from abm.venue import Side, Trade, TradeKind
from tests.conftest import ROOT

if TYPE_CHECKING:
    from abm.recording.recorder import Recorder
    from abm.simulation.local_market import LocalMarket
    from abm.simulation.world import World
    from abm.venue import HedgeBook

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"
DEPTH = "hedge_market.depth_usd=200_000"
HEDGING = "market_makers.hedging.band_lots=5.0"
DEEP = "hedge_market.depth_usd=10_000_000"
STILL = {"kind": "diffusion", "start_usd": 2_000, "annual_volatility": 0}
NEW = ("local_usd", "displacement", "basis", "market_depth_usd", "resale_flow_usd")


@cache
def run(*overrides: str) -> Recorder:
    return simulate(load_scenario(SMALL_CRASH, overrides))


def model_of(*overrides: str) -> OptionsMarket:
    return OptionsMarket(load_scenario(SMALL_CRASH, overrides))


def quiet_model(channels: tuple[str, ...] = ("to_far",), **rule: float) -> OptionsMarket:
    """Return the small crash without its fall: the price stands still, channels are halted."""
    data = tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8"))
    data["market"]["price"] = STILL
    data["hedge_market"] = {"depth_usd": 200_000, **rule}
    data["market_makers"]["hedging"] = {"band_lots": 5, "depth_share_per_minute": 100}
    data["shocks"]["far_halt"]["channels"] = list(channels)
    return OptionsMarket(parse_scenario(data))


def market(world: World) -> LocalMarket:
    assert world.local is not None
    return world.local


def book(world: World) -> HedgeBook:
    found = market(world).hedges
    assert found is not None
    return found


def column(recorder: Recorder, table: str, name: str) -> np.ndarray:
    return np.array(recorder.column(table, name), dtype=np.float64)


def net_delta(world: World) -> float:
    """Return the makers' delta, hedges included, without its sign and summed."""
    return float(
        sum(
            abs(float(world.positions.row(account) @ world.marks.delta) + held)
            for account, held in zip(
                world.makers, book(world).lots[list(world.makers)].tolist(), strict=True
            )
        )
    )


# --- The switch, and what is not asked for


@pytest.mark.parametrize("table", [name for name in SCHEMAS if name != "chains"])
def test_with_the_switch_off_a_run_is_the_same_as_without_a_hedge_market(table: str) -> None:
    off = run(DEPTH, "contagion.fire_sale_price=false")
    assert off.rows.get(table) == run().rows.get(table)


def test_with_the_switch_off_the_chains_differ_by_their_new_columns_alone() -> None:
    off, without = run(DEPTH, "contagion.fire_sale_price=false"), run()
    for name in SCHEMAS["chains"].names:
        if name not in NEW and not name.endswith("_flow_usd"):
            assert off.column("chains", name) == without.column("chains", name)
    assert set(without.column("chains", "local_usd")) == {None}
    assert not column(off, "chains", "displacement").any()


def test_sales_of_collateral_lower_the_price_where_it_stands() -> None:
    found = run(DEPTH)
    moved, sold = (
        column(found, "chains", "displacement"),
        column(found, "chains", "resale_flow_usd"),
    )
    chains = np.array(found.column("chains", "chain"))
    assert sold[chains == "venue"].sum() == 0
    assert sold.sum() < 0
    assert moved[chains == "near"].min() < -0.002
    assert found.rows["runs"] != run().rows["runs"]


# --- What bridges hold together


def test_a_halted_bridge_lets_a_local_price_stand_apart_and_it_closes_after() -> None:
    model = quiet_model(("to_far", "from_far"), permanent_share=1)
    world = model.world
    for _ in range(50):  # the halt began after 45 minutes, and lasts until two hours
        model.step()
    trade_locally(world, "resale", "far", -200.0)
    before = world.price_at("far") / world.price_usd - 1.0
    for _ in range(60):
        model.step()
    during = world.price_at("far") / world.price_usd - 1.0
    for _ in range(30):
        model.step()
    after = world.price_at("far") / world.price_usd - 1.0
    assert before < -0.01
    assert during == pytest.approx(before, rel=0.1)
    assert abs(after) < 0.002


def test_over_a_bridge_that_carries_a_local_price_closes_within_the_hour() -> None:
    model = quiet_model(("to_far", "from_far"), permanent_share=1)
    for _ in range(50):
        model.step()
    trade_locally(model.world, "resale", "near", -200.0)
    for _ in range(60):
        model.step()
    assert abs(model.world.price_at("near") / model.world.price_usd - 1.0) < 0.002


def test_oracles_publish_the_price_of_their_own_chain() -> None:
    model = quiet_model(arbitrage_usd_per_hour=0)
    for _ in range(5):
        model.step()
    trade_locally(model.world, "resale", "near", -500.0)
    for _ in range(3):
        model.step()
    board, world = model.world.board, model.world
    assert board["near"].price_usd == pytest.approx(world.price_at("near"), rel=0.005)
    assert board["near"].price_usd < 0.97 * board["venue"].price_usd


def test_collateral_is_worth_the_price_of_the_chain_where_it_stands() -> None:
    world = quiet_model().world
    trade_locally(world, "resale", "far", -1_000.0)
    units = world.owned_units()
    there = world.whereabouts.collateral["far"][: len(world.traders)]
    found = worth_where_it_stands(world, units)[: len(there)]
    expected = total_value(units, world.unit_usd(world.price_at("far")))[: len(there)]
    assert (found[there] == expected[there]).all()
    assert (
        found[there].sum() < total_value(units, world.unit_usd(2_000.0))[: len(there)][there].sum()
    )


def test_liquidators_see_what_their_own_sale_would_do() -> None:
    asked = {}
    for depth in ("20_000", "1e12"):
        model = model_of(f"hedge_market.depth_usd={float(depth)}")
        desk = AuctionDesk(model.world)
        while not model.world.auctions.open_on("near"):
            model.step()
        slot = model.world.liquidators.chains.index("near")
        offer = desk.offers(slot)[0]
        asked[depth] = offer.worth_usd / offer.ask_usd
    assert asked["20_000"] < 0.999 * asked["1e12"]


def test_liquidators_see_at_once_what_another_has_bought() -> None:
    model = model_of()
    world = model.world
    desk = AuctionDesk(world)
    while not world.auctions.open_on("near"):
        model.step()
    slot = world.liquidators.chains.index("near")
    before = desk.offers(slot)[0]
    world.auctions.take(world.auctions.auctions[before.auction], 1, 1, world.now)
    assert desk.offers(slot)[0] == replace(before, units=before.units - 1)


def test_other_underlyings_keep_their_price() -> None:
    assert moved_price(100.0, 0.5) == 50.0


# --- Makers' hedges


def test_makers_start_hedged_and_stay_so() -> None:
    hedged, free = model_of(DEEP, HEDGING), model_of(DEEP, HEDGING)
    assert net_delta(hedged.world) <= len(hedged.world.makers) * 0.5
    free.world.scenario = free.world.scenario.model_copy(
        update={
            "market_makers": free.world.scenario.market_makers.model_copy(update={"hedging": None})
        }
    )
    for _ in range(30):
        hedged.step()
        free.step()
    assert net_delta(hedged.world) < 0.2 * net_delta(free.world) + 20


def test_a_maker_who_is_short_gamma_sells_as_the_price_falls_and_pushes_it_down() -> None:
    world = quiet_model().world
    seller, put = world.makers[0], int(np.flatnonzero(~world.instruments.is_call)[1])
    start = int(book(world).lots[seller])
    world.exchange.settle(Trade(put, world.house, seller, 4_000, 1_000, Side.BUY, TradeKind.ORDER))
    hedge(world)
    first = market(world).prices.displacement[market(world).chains["venue"]]
    assert book(world).lots[seller] < start
    assert first < 0
    # The same again at the price to which it has pushed the market: it is longer, and sells more.
    held = int(book(world).lots[seller])
    marks = world.books[0].marks
    world.books[0].marks = replace(marks, delta=marks.delta - 0.1 * ~world.instruments.is_call)
    hedge(world)
    assert book(world).lots[seller] < held
    assert market(world).prices.displacement[market(world).chains["venue"]] < first


def test_a_hedge_lowers_what_a_maker_must_hold_and_is_part_of_its_equity() -> None:
    world = model_of(DEPTH, HEDGING).world
    maker = world.makers[0]
    hedged = float(world.beliefs.maintenance[maker])
    equity = float(world.beliefs.equity[maker])
    lots = int(book(world).lots[maker])
    book(world).cost[maker] -= 5_000_000
    revalue(world)
    assert world.beliefs.equity[maker] == pytest.approx(equity + 5.0)
    book(world).lots[maker] = 0
    revalue(world)
    assert lots != 0
    assert float(world.beliefs.maintenance[maker]) > 1.2 * hedged


def test_a_run_with_hedges_conserves_every_token_and_tells_of_them() -> None:
    # Invariants are checked after every step.
    found = run(DEEP, HEDGING)
    held = column(found, "hedges", "hedge_lots")
    delta = column(found, "hedges", "option_delta_lots")
    makers = len(set(found.column("hedges", "account")))
    assert len(held) == makers * len(set(found.column("chains", "second")))
    assert np.abs(column(found, "chains", "hedge_flow_usd")).sum() > 0
    assert np.corrcoef(held, -delta)[0, 1] > 0.9
    assert not run(DEPTH).rows.get("hedges")


def test_each_account_of_a_maker_hedges_on_the_chain_of_its_venue() -> None:
    data = tomllib.loads((ROOT / "scenarios" / "two_venues.toml").read_text(encoding="utf-8"))
    data["clock"] = {**data["clock"], "hours": 1, "step_seconds": 300}
    data["shocks"] = {}
    data["hedge_market"] = {"depth_usd": 5_000_000}
    data["market_makers"]["hedging"] = {"band_lots": 5}
    world = OptionsMarket(parse_scenario(data)).world
    first, second = (clearing.chain for clearing in world.clearings)
    account = next(each for each in world.makers if world.place.venue_of(each) == second)
    book(world).lots[account] += 100  # more than it needs, so that it sells
    hedge(world)
    flows, chains = market(world).flows["hedge"], market(world).chains
    assert flows[chains[second]] < 0
    assert flows[chains[first]] == 0
    assert world.price_at(second) < world.price_at(first)
    revalue(world)
    assert not world.cash.breaches()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_runs_with_local_prices_and_hedges(architecture: str) -> None:
    # Invariants are checked after every step: every token is conserved, cash and vaults agree.
    thin = "hedge_market.depth_usd=30_000"
    found = run(thin, HEDGING, f"collateral.architecture={architecture}")
    assert np.abs(column(found, "chains", "displacement")).max() > 0.01
    assert np.isfinite(column(found, "steps", "price_usd")).all()
