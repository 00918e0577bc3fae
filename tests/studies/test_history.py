from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from abm.analysis.cause_tree import loss_by_root_and_way
from abm.analysis.causes import loss_by_cause
from abm.analysis.why import story, write_story
from abm.errors import ScenarioError
from abm.recording.schemas import SCHEMAS
from abm.scenario import parse_scenario
from abm.scenario.contagion import BRIDGED
from abm.scenario.history import HistoricRange
from abm.simulation.run import simulate
from abm.studies.history import Comparison, compare_with_history
from abm.studies.paired import run_pair

if TYPE_CHECKING:
    from abm.recording.recorder import Recorder
    from abm.scenario import Scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def small(name: str, **changes: Any) -> Scenario:  # noqa: ANN401 - what TOML holds
    """Return a shipped theft with a tenth of its people, an hour before it and two after."""
    data = tomllib.loads((SCENARIOS / f"{name}.toml").read_text(encoding="utf-8"))
    data["clock"]["hours"] = 3
    for rule in data["traders"].values():
        rule["count"] = max(rule["count"] // 10, 1)
    (shock,) = data["shocks"].values()
    shock |= {"at_hours": 0.5, "duration_hours": 2}
    if "target_usd" in shock:
        shock["target_usd"] /= 10
    for key, value in changes.items():
        table, _, last = key.rpartition("__")
        data[table][last] = value
    return parse_scenario(data)


def outcome(recorder: Recorder, name: str) -> Any:  # noqa: ANN401 - what a table holds
    return recorder.rows["runs"][0][SCHEMAS["runs"].names.index(name)]


def kinds(recorder: Recorder) -> list[Any]:
    place = SCHEMAS["events"].names.index("kind")
    return [row[place] for row in recorder.rows["events"]]


def loss(recorder: Recorder) -> float:
    return float(outcome(recorder, "bad_debt_usd") + outcome(recorder, "unresolved_usd"))


def test_a_thief_borrows_against_what_it_forged_and_others_bear_what_is_not_backed() -> None:
    recorder = simulate(small("forged_collateral_april_2026"))
    stolen = outcome(recorder, "stolen_usd")
    assert stolen == pytest.approx(240_000, rel=1e-3)
    # It posts 0.77 of it and borrows 0.93 of that; what it posted is worth its backing. The price
    # of ETH moves little in two hours.
    worth = 0.93 - outcome(recorder, "backing_end")
    assert loss(recorder) == pytest.approx(0.77 * worth * stolen, rel=0.15)


def test_without_loans_nothing_is_lost_to_forged_collateral() -> None:
    recorder = simulate(small("forged_collateral_april_2026", venue__lends_cash=False))
    assert outcome(recorder, "stolen_usd") > 0
    assert loss(recorder) < 0.02 * outcome(recorder, "stolen_usd")


def test_a_venue_that_looks_at_the_backing_lends_less() -> None:
    blind = simulate(small("forged_collateral_april_2026"))
    looking = simulate(
        small("forged_collateral_april_2026", collateral__wrapped_value="redeemable")
    )
    assert loss(looking) < 0.5 * loss(blind)


def test_owners_run_when_what_stands_behind_their_tokens_is_gone() -> None:
    recorder = simulate(small("wrapped_tokens_july_2023"))
    assert outcome(recorder, "backing_end") == pytest.approx(0.22, abs=0.01)
    assert "run" in kinds(recorder)
    calm = simulate(small("wrapped_tokens_july_2023").without_shocks())
    assert "run" not in kinds(calm)
    assert outcome(calm, "backing_end") == 1.0
    assert outcome(calm, "stolen_usd") == 0.0


def reported(low: float, high: float, per: str | None = None) -> HistoricRange:
    return HistoricRange(outcome="loss_usd", per=per, low=low, high=high, source="invented")


@pytest.mark.parametrize(
    ("values", "inside", "verdict"),
    [((1.0, 2.0, 3.0), 2 / 3, "inside"), ((0.5, 1.0), 0.5, "below"), ((4.0, 5.0), 0.0, "above")],
)
def test_a_comparison_says_where_the_median_run_stands(
    values: tuple[float, ...], inside: float, verdict: str
) -> None:
    found = Comparison("loss", reported(1.0, 2.0), values)
    assert found.inside == inside
    assert found.verdict == verdict


def test_a_measure_is_a_ratio_of_two_outcomes_and_has_no_value_where_nothing_was_stolen() -> None:
    scenario = small("forged_collateral_april_2026")
    (found,) = compare_with_history(scenario, replicates=1)
    row = simulate(scenario)
    assert found.values == (loss(row) / outcome(row, "stolen_usd"),)
    (nothing,) = compare_with_history(scenario.without_shocks(), replicates=1)
    assert nothing.values == ()
    assert nothing.verdict is None
    assert nothing.inside is None


def test_a_scenario_that_reports_nothing_cannot_be_compared() -> None:
    scenario = small("forged_collateral_april_2026").model_copy(update={"history": {}})
    with pytest.raises(ScenarioError, match=r"history.*\[history.NAME\]"):
        compare_with_history(scenario, replicates=1)


def test_a_measure_that_no_run_has_is_refused_before_any_run() -> None:
    wrong = HistoricRange(outcome="los_usd", per="stolen", low=0.0, high=1.0, source="invented")
    scenario = small("forged_collateral_april_2026").model_copy(update={"history": {"it": wrong}})
    with pytest.raises(ScenarioError) as told:
        compare_with_history(scenario, replicates=10**6)
    assert "history.it.outcome" in str(told.value)
    assert "did you mean 'loss_usd'" in str(told.value)
    assert "did you mean 'stolen_usd'" in str(told.value)


@pytest.mark.parametrize("architecture", BRIDGED)
def test_thieves_post_under_every_architecture_that_mints_to_them(architecture: str) -> None:
    recorder = simulate(
        small("forged_collateral_april_2026", collateral__architecture=architecture)
    )
    assert loss(recorder) > 0.3 * outcome(recorder, "stolen_usd")


def test_a_run_on_a_token_names_its_theft_and_a_run_on_the_fund_its_loss() -> None:
    recorder = simulate(small("wrapped_tokens_july_2023"))
    names = SCHEMAS["events"].names
    events = {row[0]: dict(zip(names, row, strict=True)) for row in recorder.rows["events"]}
    causes = {events[event["cause"]]["kind"] for event in events.values() if event["kind"] == "run"}
    assert causes == {"stolen"}


@pytest.mark.parametrize("architecture", ["silo", "message_passing", "unified_pool"])
def test_nothing_is_posted_where_nothing_is_minted_to_an_account(architecture: str) -> None:
    with pytest.raises(ScenarioError, match=rf"posted_by.*asset_bridge or .*not {architecture}"):
        small("forged_collateral_april_2026", collateral__architecture=architecture)


def test_thieves_must_live_where_they_post() -> None:
    data = tomllib.loads((SCENARIOS / "forged_collateral_april_2026.toml").read_text("utf-8"))
    data["shocks"]["forged_message"]["posted_by"] = "theives"
    with pytest.raises(ScenarioError, match="thieves"):
        parse_scenario(data)
    data["shocks"]["forged_message"]["posted_by"] = "holders"
    with pytest.raises(ScenarioError, match=r"home_chains must be \{ venue = 1 \}"):
        parse_scenario(data)


def test_what_is_lost_to_forged_tokens_is_put_down_to_their_theft(tmp_path: Path) -> None:
    results = run_pair(small("forged_collateral_april_2026"), tmp_path / "run")
    (root,) = loss_by_root_and_way(results).rows(named=True)
    assert root["root"] == "forged_message"
    # Of 0.93 lent on each dollar of it, what does not stand behind it is lost; sold at a discount,
    # a little more is.
    assert root["backing"] > 0.8 * root["total"]
    causes = loss_by_cause(results)
    assert dict(causes.select("cause", "bad_debt_usd").iter_rows()) == {
        "forged_message": root["total"],
        "market": 0.0,
    }
    thief = int(results.table("waterfall")["account"][0])
    told = write_story(story(results, thief))
    assert "ETH.arbitrum are sold" in told
    assert "of it are tokens sold that stood for nothing." in told
