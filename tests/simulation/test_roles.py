"""A user's own agents in the roles of a run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mesa
import pytest

from abm.agents import Liquidator, Trader
from abm.analysis.report import render_report
from abm.errors import ResultsError, ScenarioError
from abm.recording.files import write_run
from abm.recording.results import read_results
from abm.recording.tables import arrow_tables
from abm.scenario import Scenario, load_scenario
from abm.simulation.model import OptionsMarket
from abm.simulation.roles import ROLES
from abm.simulation.run import simulate
from abm.studies.verify import first_difference
from abm.venue import Bid, market_order
from abm.venue.orders import Side

if TYPE_CHECKING:
    from abm.agents import BidDesk

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario(SMALL_CRASH)


def same(steps: Counter[str], role: str) -> type[mesa.Agent]:
    """Return a role's own class, but one that counts its steps."""
    own: Any = ROLES[role]

    class Counting(own):
        def step(self) -> None:
            steps[role] += 1
            super().step()

    return Counting


ASKED_FOR = ("arbitrageur", "fund_depositor", "guardian", "searcher")
"""Roles that are there only where a scenario asks for them."""


def test_agents_that_do_the_same_give_the_same_tables(scenario: Scenario) -> None:
    steps: Counter[str] = Counter()
    agents = {role: same(steps, role) for role in ROLES}
    tables, plain = (
        arrow_tables(simulate(scenario, agents=agents)),
        arrow_tables(simulate(scenario)),
    )
    assert all(tables[name].equals(plain[name]) for name in plain)
    assert all(steps[role] > 0 for role in ROLES if role not in ASKED_FOR)


def test_a_table_is_the_same_whatever_else_is_recorded(scenario: Scenario) -> None:
    every = arrow_tables(simulate(scenario))
    for names in ((), ("solvency", "hedges"), ("exposures", "quotes", "accounts")):
        few = arrow_tables(simulate(scenario, tables=names))
        assert sorted(few) == sorted({"runs", "steps", *names})
        assert all(few[name].equals(every[name]) for name in few)


def test_a_run_of_other_agents_says_so_and_cannot_be_made_from_its_scenario(
    scenario: Scenario, tmp_path: Path
) -> None:
    recorder = simulate(scenario, agents={"liquidator": Absent, "trader": Absent})
    assert write_run(recorder, scenario, tmp_path).replaced == ["liquidator", "trader"]
    page = render_report(read_results(tmp_path))
    assert "played by agents of another program: <code>liquidator, trader</code>" in page
    with pytest.raises(ResultsError, match="of another program played liquidator, trader"):
        first_difference(tmp_path)


def test_the_roles_are_the_agents_that_a_model_makes(scenario: Scenario) -> None:
    model = OptionsMarket(scenario)
    expected = {make for role, make in ROLES.items() if role not in ASKED_FOR}
    assert {type(agent) for agent in model.agents} == expected


class Absent(mesa.Agent):
    """Written from nothing but Mesa: it keeps none of what it is given."""

    def __init__(self, model: mesa.Model, *_: object) -> None:
        super().__init__(model)

    def step(self) -> None:
        """Do nothing."""


def test_without_liquidators_who_bid_no_auction_sells(scenario: Scenario) -> None:
    sold = simulate(scenario, agents={"liquidator": Absent}).column("auctions", "units_sold")
    assert sold
    assert not any(sold)
    assert any(simulate(scenario).column("auctions", "units_sold"))


def test_without_relayers_who_carry_nothing_is_delivered(scenario: Scenario) -> None:
    agents = {"relayer": Absent}
    assert simulate(scenario, agents=agents).column("runs", "messages_delivered") == [0]


def test_without_traders_who_trade_nobody_trades_but_to_close(scenario: Scenario) -> None:
    kinds = set(simulate(scenario, agents={"trader": Absent}).column("trades", "kind"))
    assert "opening" in kinds
    assert "order" not in kinds


def test_without_makers_who_quote_there_is_no_depth(scenario: Scenario) -> None:
    agents = {"market_maker": Absent, "trader": Absent}
    assert not any(simulate(scenario, agents=agents).column("steps", "depth_lots"))


def test_without_oracles_who_publish_the_first_price_stands(scenario: Scenario) -> None:
    published = simulate(scenario, agents={"oracle": Absent}).column("steps", "published_usd")
    assert published == pytest.approx([2_000.0] * len(published))


def test_a_function_may_choose_who_plays_a_slot(scenario: Scenario) -> None:
    """Half of the liquidators stay away: the others alone have bought."""

    def make(model: mesa.Model, slot: int, parameters: Any, desk: BidDesk) -> mesa.Agent:  # noqa: ANN401
        kind = Liquidator if slot % 2 else Absent
        return kind(model, slot, parameters, desk)

    model = OptionsMarket(scenario, {"liquidator": make})
    before = model.world.liquidators.capital_usd
    for _ in range(scenario.clock.step_count):
        model.step()
    ledger, world = model.world.ledger, model.world
    moved = [
        slot
        for slot in range(len(before))
        if ledger.balance(world.holders.liquidator + slot, world.cash.token)
        != round(float(before[slot]) * 1_000_000)
    ]
    assert moved
    assert all(slot % 2 for slot in moved)


def test_every_wrong_role_is_named_at_once_with_the_nearest(scenario: Scenario) -> None:
    agents: dict[str, Any] = {"liquidater": Liquidator, "wizard": Liquidator, "oracle": 3}
    agents |= {"trader": str}
    with pytest.raises(ScenarioError) as raised:
        simulate(scenario, agents=agents)
    rule = "it must be a subclass of mesa.Agent, or a function that returns one"
    assert str(raised.value).splitlines() == [
        "agents: liquidater: unknown role; did you mean 'liquidator'?",
        f"agents: wizard: unknown role; known here: {', '.join(ROLES)}",
        f"agents: oracle is 3; {rule}",
        f"agents: trader is <class 'str'>; {rule}",
    ]


@pytest.mark.parametrize(("auction", "units"), [(10_000, 1), (-1, 1), (0, 0)])
def test_a_bid_for_what_is_not_on_sale_is_refused(
    scenario: Scenario, auction: int, units: int
) -> None:
    class Wild(Liquidator):
        def step(self) -> None:
            self.desk.queue_bid(Bid(self.slot, auction, units))

    with pytest.raises(ValueError, match="must be for at least 1 unit of an auction"):
        simulate(scenario, agents={"liquidator": Wild})


@pytest.mark.parametrize(
    ("account", "series", "lots"), [(50, 0, 1), (-1, 0, 1), (0, 99, 1), (0, -1, 1), (0, 0, 0)]
)
def test_an_order_that_no_trader_could_mean_is_refused(
    scenario: Scenario, account: int, series: int, lots: int
) -> None:
    class Wild(Trader):
        def step(self) -> None:
            self.desk.queue_order(market_order(account, series, Side.BUY, lots))

    with pytest.raises(ValueError, match="was queued; it must be of a trader, account 0 to 49"):
        simulate(scenario, agents={"trader": Wild})
