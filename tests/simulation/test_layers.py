"""The layers of a run: filled, used in order, and what fills one of them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from abm.errors import ScenarioError
from abm.scenario import parse_scenario
from abm.simulation.layers import standing
from abm.simulation.model import OptionsMarket
from abm.simulation.run import simulate

if TYPE_CHECKING:
    from abm.recording.recorder import Recorder

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"

MUTUAL = {"own_usd": 5_000, "others": {"other": {"contribution_usd": 7_000}}}
ALL = {
    "insurance_fund_usd": 10_000,
    "mutual_fund": MUTUAL,
    "insurance": {"cover_usd": 8_000, "premium_per_year": 0.1},
    "backstop": {"size_usd": 9_000},
}


def scenario_data(waterfall: dict[str, Any]) -> dict[str, Any]:
    return {**tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8")), "waterfall": waterfall}


def run(waterfall: dict[str, Any]) -> Recorder:
    return simulate(parse_scenario(scenario_data(waterfall)))


def outcome(recorder: Recorder, name: str) -> Any:  # noqa: ANN401 - a value of any type
    return recorder.column("runs", name)[0]


def total(recorder: Recorder, name: str) -> float:
    return sum(float(value or 0) for value in recorder.column("waterfall", name))


def test_every_funded_layer_pays_in_order_and_the_rest_is_socialised() -> None:
    found = run(ALL)
    # A year's premium of a tenth of 8,000 for two and a half hours: 0.228311 USD.
    assert outcome(found, "paid_by_fund_usd") == pytest.approx(10_000 - 0.228311, abs=1e-6)
    assert outcome(found, "paid_by_mutual_fund_usd") == 12_000
    assert outcome(found, "paid_by_insurance_usd") == 8_000
    assert outcome(found, "paid_by_backstop_usd") == 9_000
    assert outcome(found, "socialised_usd") > 0
    seconds = [
        outcome(found, f"{layer}_exhausted_second")
        for layer in ("fund", "mutual_fund", "insurance", "backstop")
    ]
    assert None not in seconds
    assert seconds == sorted(seconds)
    assert outcome(found, "socialised_exhausted_second") is None
    layers = ("fund", "mutual_fund", "insurance", "backstop", "socialised", "uncovered")
    paid = sum(total(found, f"{layer}_usd") for layer in layers)
    assert paid == pytest.approx(outcome(found, "bad_debt_usd"), abs=1e-6)
    assert total(found, "socialised_usd") == pytest.approx(
        sum(float(value or 0) for value in found.column("cuts", "cut_usd")), abs=1e-6
    )


def test_the_order_is_the_scenarios() -> None:
    small = {**ALL, "order": ["backstop", "insurance", "mutual_fund", "fund"]}
    found = run({**small, "backstop": {"size_usd": 1e6}})
    assert outcome(found, "paid_by_backstop_usd") == outcome(found, "bad_debt_usd") > 0


def test_deleveraging_takes_profits_of_few_instead_of_cash_of_all() -> None:
    found = run({"insurance_fund_usd": 10_000, "last": "deleverage"})
    assert outcome(found, "socialised_usd") == 0
    assert outcome(found, "deleveraged_usd") > 0
    paid = ("paid_by_fund_usd", "deleveraged_usd", "uncovered_usd")
    assert sum(outcome(found, name) for name in paid) == pytest.approx(
        outcome(found, "bad_debt_usd"), abs=1e-6
    )
    assert set(found.column("cuts", "layer")) == {"deleveraged"}


def test_parametric_insurance_pays_once_after_its_time() -> None:
    # to_far stands still from 0.75 h on for 1.25 h.
    rule = {"payout_usd": 30_000, "channels": ["to_far"], "after_hours": 0.5}
    found = run({"insurance_fund_usd": 0, "parametric": rule})
    kinds = found.column("events", "kind")
    payouts = [place for place, kind in enumerate(kinds) if kind == "parametric_payout"]
    assert len(payouts) == 1
    assert found.rows["events"][payouts[0]][1] == 75 * 60
    assert outcome(found, "paid_by_fund_usd") == 30_000


def test_parametric_insurance_pays_nothing_for_a_shorter_halt() -> None:
    rule = {"payout_usd": 30_000, "channels": ["to_far"], "after_hours": 1.5}
    found = run({"insurance_fund_usd": 0, "parametric": rule})
    assert outcome(found, "paid_by_fund_usd") == 0
    assert "parametric_payout" not in found.column("events", "kind")


def test_what_is_set_aside_is_recorded_step_by_step() -> None:
    found = run(ALL)
    for layer, size in (("mutual_fund", 12_000), ("insurance", 8_000), ("backstop", 9_000)):
        left = found.column("steps", f"{layer}_usd")
        assert left[0] == size
        assert left[-1] == 0


def test_profits_are_those_of_trading_alone() -> None:
    world = OptionsMarket(
        parse_scenario(scenario_data({"insurance_fund_usd": 0, "last": "deleverage"}))
    ).world
    # Everything was opened at the mark: nobody has gained more than ticks round to.
    assert float(standing(world).profit.sum()) / 1e6 < 100


@pytest.mark.parametrize(
    ("waterfall", "message"),
    [
        ({"order": ["fund"]}, "order must name each of fund, mutual_fund, insurance, backstop"),
        (
            {"parametric": {"payout_usd": 1, "channels": ["to_fra"], "after_hours": 1}},
            r"waterfall\.parametric\.channels is 'to_fra'; .*did you mean 'to_far'",
        ),
        ({"parametric": {"payout_usd": 1, "after_hours": 1}}, "it must name channels or chains"),
        (
            {"insurance": {"cover_usd": 1e9, "premium_per_year": 1}},
            "it must cover the premiums of the run",
        ),
        (
            {"mutual_fund": {**MUTUAL, "sharing": "volume"}},
            "volume_usd is required with 'volume'",
        ),
    ],
)
def test_a_wrong_waterfall_is_refused(waterfall: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        parse_scenario(scenario_data({"insurance_fund_usd": 10, **waterfall}))
