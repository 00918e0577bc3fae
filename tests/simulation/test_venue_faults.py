"""What fails at one of several venues, or between them, is counted once and where it belongs."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from abm.analysis.cover import funded_usd
from abm.errors import ScenarioError
from abm.scenario import Scenario, parse_scenario
from abm.simulation.deposits import FundDesk
from abm.simulation.exposures import exposures
from abm.simulation.firms import bring_dollars
from abm.simulation.layers import standing
from abm.simulation.model import OptionsMarket
from abm.simulation.shocks.bridges import Theft, mintable
from abm.studies.layers import sizes_usd
from abm.units import MICRO
from tests.conftest import ROOT

if TYPE_CHECKING:
    from abm.simulation.world import World

Tables = dict[str, Any]


@pytest.fixture(scope="module")
def data() -> Tables:
    """Return the scenario of two venues, small and without its shocks."""
    file = ROOT / "scenarios" / "two_venues.toml"
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    found["clock"] |= {"hours": 4, "step_seconds": 300}
    found["traders"] = {name: rule | {"count": 10} for name, rule in found["traders"].items()}
    return found | {"shocks": {}}


def at(data: Tables, architecture: str, **tables: Any) -> Scenario:  # noqa: ANN401
    collateral = data["collateral"] | {"architecture": architecture}
    return parse_scenario({**data, "collateral": collateral, **tables})


def stepped(scenario: Scenario, steps: int) -> World:
    model = OptionsMarket(scenario)
    for _ in range(steps):
        model.step()
    return model.world


def impoverish(world: World, account: int) -> None:
    """Leave a maker's account with no free equity, as the venue sees it."""
    world.beliefs.equity[account] = world.beliefs.initial[account]


def test_a_reorganisation_that_drops_a_firms_dollars_sends_them_again(data: Tables) -> None:
    reorg = {"kind": "reorg", "chains": ["venue"], "depth_seconds": 900, "at_hours": 1.0}
    soft = {
        **data["protocols"],
        "layerzero": data["protocols"]["layerzero"] | {"confidence": "soft"},
    }
    scenario = at(data, "asset_bridge", protocols=soft, shocks={"reorg": reorg})
    model = OptionsMarket(scenario)
    world = model.world
    for _ in range(10):
        model.step()
    _, short = world.firms.members[0].accounts
    world.transport.halt_chain("second", world.now, world.now + 3_600)
    impoverish(world, short)
    bring_dollars(world)
    assert short in world.firms.expected
    for _ in range(25):
        model.step()
    sent = [item for item in world.transport.transits if item.message.kind == "remittance"]
    assert sent[0].reason == "reorg"
    assert short not in world.firms.expected


def test_an_exploit_takes_its_share_once_of_a_lock_that_channels_of_two_venues_reach(
    data: Tables,
) -> None:
    theft = {"kind": "bridge_exploit", "protocol": "ccip", "share": 0.3}
    shocks = {"theft": {**theft, "at_hours": 1, "duration_hours": 1}}
    before = stepped(at(data, "asset_bridge", shocks=shocks), 11)
    after = stepped(at(data, "asset_bridge", shocks=shocks), 12)
    lock = before.holders.lock["ethereum"]
    token = list(before.scenario.tokens).index("ETH")
    left = after.ledger.balance(lock, token) / before.ledger.balance(lock, token)
    assert left == pytest.approx(0.7, abs=0.01)


def test_what_stands_for_a_lock_is_owed_to_the_venue_that_counts_it(data: Tables) -> None:
    world = stepped(at(data, "asset_bridge"), 1)
    _, edges = exposures(world)
    owed = {
        (edge.holder, edge.debtor): edge.exposure_usd for edge in edges if edge.layer == "backing"
    }
    both = (owed["venue", "lock:ethereum"], owed["venue:second", "lock:ethereum"])
    assert both[1] == pytest.approx(sum(both) * 0.4, rel=0.5)
    reach = {edge.debtor: edge.exposure_usd for edge in edges if edge.layer == "reach"}
    reached = reach["channel:to_ethereum"] + reach["channel:second_to_ethereum"]
    assert reached == pytest.approx(sum(both))


def test_thieves_post_what_is_minted_at_its_venue_alone(data: Tables) -> None:
    thieves = data["traders"]["hedgers"] | {"home_chains": {"venue": 1.0}, "count": 2}
    traders = {**data["traders"], "thieves": thieves | {"venues": {"main": 1.0, "second": 1.0}}}
    shock = {
        "kind": "verifier_compromise",
        "protocol": "layerzero",
        "keys": 2,
        "target_usd": 10_000,
        "posted_by": "thieves",
        "at_hours": 0.1,
        "duration_hours": 3,
    }
    with pytest.raises(ScenarioError, match=r"traders\.thieves\.venues must be"):
        at(data, "asset_bridge", traders=traders, shocks={"forged": shock})
    traders["thieves"] = thieves | {"venues": {"main": 1.0}}
    world = stepped(at(data, "asset_bridge", traders=traders, shocks={"forged": shock}), 20)
    minted = [event.place for event in world.log.events if event.kind == "minted_unbacked"]
    assert {"from_arbitrum", "second_from_arbitrum"} <= set(minted)
    thefts = [
        item.message.payload
        for item in world.transport.transits
        if item.message.forged and item.message.channel == "second_from_arbitrum"
    ]
    assert thefts
    assert all(isinstance(theft, Theft) and not theft.accounts for theft in thefts)
    assert mintable(world, "second_from_arbitrum")


@pytest.mark.parametrize("frozen", ["custody", "jurisdiction"])
def test_no_firm_moves_dollars_out_of_a_venue_that_lets_nothing_out(
    data: Tables, frozen: str
) -> None:
    world = stepped(at(data, "centralized_exchange"), 2)
    source, short = world.firms.members[0].accounts
    impoverish(world, short)
    if frozen == "custody":
        world.withdrawals.freeze(world.now + 3_600)
    else:
        world.transport.chains["venue"].freezes.halt(world.now, world.now + 3_600)
    held = int(world.cash.balances[source])
    bring_dollars(world)
    assert short not in world.firms.expected
    assert world.cash.balances[source] == held


def test_dollars_that_a_firm_moves_are_no_profit_to_take_back(data: Tables) -> None:
    model = OptionsMarket(at(data, "asset_bridge"))
    world = model.world
    for _ in range(2):
        model.step()
    source, short = world.firms.members[0].accounts
    before = standing(world).profit
    impoverish(world, short)
    bring_dollars(world)
    sent = world.firms.expected[short]
    assert sent > 0
    assert standing(world).profit[source] == before[source]
    for _ in range(3):
        model.step()
    assert short not in world.firms.expected
    start = round(world.scenario.market_makers.capital_usd * MICRO)
    assert world.layer_book.cash_before[[source, short]].tolist() == [start - sent, start + sent]
    assert standing(world).profit[short] < sent / 10


def test_nobody_is_paid_out_of_a_fund_while_its_chain_stands_still(data: Tables) -> None:
    depositors = {"count": 4, "share": 1.0, "leave_below": 1.0}
    world = stepped(at(data, "silo", fund_depositors=depositors), 1)
    desk = FundDesk(world)
    first = world.log.add(world.now, "bad_debt", account=0)
    for depositor in range(4):
        desk.ask_to_leave(depositor)
    world.transport.halt_chain("venue", world.now, world.now + 1_000)
    funds = [waterfall.fund() for waterfall in world.waterfalls]
    desk.pay_out()
    left = [waterfall.fund() for waterfall in world.waterfalls]
    assert left[0] == funds[0]
    assert left[1] < funds[1] * 0.01
    world.step += 4
    desk.pay_out()
    assert world.waterfalls[0].fund() < funds[0] * 0.01
    at_loss = int(world.clearing_of[0])
    causes = [event.cause for event in world.log.events if event.kind == "fund_notice"]
    assert causes == [first if depositor % 2 == at_loss else 0 for depositor in range(4)]


def test_what_stands_behind_each_venue_is_its_own_fund_and_what_is_shared(data: Tables) -> None:
    scenario = at(data, "silo")
    dump = scenario.model_dump(mode="json")
    assert funded_usd(dump) == {"main": 20_000 + 140_000, "second": 5_000 + 140_000}
    apart = at(data, "silo", contagion={"shared_funds": False}).model_dump(mode="json")
    assert funded_usd(apart) == {"main": 20_000 + 80_000, "second": 5_000 + 60_000}
    pooled = at(data, "unified_pool").model_dump(mode="json")
    assert funded_usd(pooled) == {"main": 165_000}
    assert sizes_usd(scenario) == {"fund": 25_000, "mutual_fund": 140_000}
