"""How prices reach chains: one feed each or one round for all, on time or stale."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from abm.recording.schemas import SCHEMAS
from abm.scenario import parse_scenario
from abm.simulation.model import OptionsMarket
from abm.simulation.run import simulate

if TYPE_CHECKING:
    from abm.recording.recorder import Recorder

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"


def market(oracles: dict[str, Any], shocks: dict[str, Any] | None = None) -> OptionsMarket:
    """Build the small crash with its oracles changed, and at most one shock."""
    data = tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8"))
    data["clock"]["hours"] = 1.5
    data["oracles"] = oracles
    data["shocks"] = shocks or {}
    return OptionsMarket(parse_scenario(data))


def rounds(model: OptionsMarket, steps: int) -> list[dict[str, tuple[float, int]]]:
    """Return what stands on every chain after each step."""
    found = []
    for _ in range(steps):
        model.step()
        board = model.world.board
        found.append(
            {
                chain: (board[chain].price_usd, board[chain].observed_second)
                for chain in model.world.scenario.chains
            }
        )
    return found


def run(oracles: dict[str, Any], shocks: dict[str, Any] | None = None) -> Recorder:
    return simulate(market(oracles, shocks).world.scenario)


def column(recorder: Recorder, table: str, name: str) -> list[Any]:
    place = SCHEMAS[table].names.index(name)
    return [row[place] for row in recorder.rows[table]]


ONE_ROUND = {"publication": "one_round", "deviation": 0.001, "delay_seconds": 0}


def test_one_round_stands_on_every_chain_after_its_way() -> None:
    model = market({**ONE_ROUND, "travel_median_seconds": 90, "travel_ln_sigma": 0.0})
    found = rounds(model, 80)
    # 90 seconds: published at a step, it is there at the second step after it.
    pairs = zip(found[2:], found, strict=False)
    for later, step in pairs:
        for chain in ("far", "near"):
            assert later[chain][1] <= later["venue"][1]
            assert later[chain] == step["venue"]
    assert len({step["venue"] for step in found}) > 5


def test_an_older_round_never_replaces_a_newer_one() -> None:
    model = market({**ONE_ROUND, "travel_median_seconds": 300, "travel_ln_sigma": 1.5})
    observed = [step["far"][1] for step in rounds(model, 80)]
    assert observed == sorted(observed)
    assert len(set(observed)) > 3


def test_feeds_of_their_own_disagree_and_one_round_does_not() -> None:
    def disagreement(publication: str) -> int:
        model = market(
            {
                "publication": publication,
                "error_ln_sigma": 0.004,
                "delay_seconds": 0,
                "travel_median_seconds": 1,
            }
        )
        found = rounds(model, 60)
        known = {step["venue"] for step in found}
        return sum(step["far"] not in known for step in found)

    assert disagreement("one_round") == 0
    assert disagreement("per_chain") > 30


def test_dear_gas_holds_a_round_back_until_the_heartbeat() -> None:
    spike = {
        "kind": "gas_spike",
        "chains": ["far"],
        "at_hours": 0.5,
        "duration_hours": 1,
        "factor": 50,
    }
    oracles = {**ONE_ROUND, "heartbeat_seconds": 900, "gas_tolerance": 10}
    found = rounds(market(oracles, {"gas": spike}), 89)
    far = [step["far"][1] for step in found]
    ages = [(number + 1) * 60 - observed for number, observed in enumerate(far)]
    # In the spike, from 1,800 on, nothing is published there before the last is 900 seconds old.
    assert max(ages[:29]) <= 600
    assert 840 <= max(ages[30:]) <= 1_020


def test_a_halted_chain_gets_the_newest_round_when_it_works_again() -> None:
    halt = {"kind": "chain_halt", "chains": ["far"], "at_hours": 0.5, "duration_hours": 0.5}
    found = rounds(market(ONE_ROUND, {"halt": halt}), 62)
    during = {step["far"] for step in found[30:59]}
    assert len(during) == 1
    assert found[61]["far"][1] > 3_300


def test_what_is_tampered_with_on_arrival_is_wrong_there_alone() -> None:
    shock = {
        "kind": "oracle_deviation",
        "chains": ["far"],
        "at_hours": 0.5,
        "duration_hours": 0.5,
        "factor": 0.5,
    }
    found = rounds(market({**ONE_ROUND, "travel_ln_sigma": 0.0}, {"it": shock}), 55)
    assert found[54]["far"][0] == pytest.approx(found[53]["venue"][0] / 2, rel=0.02)
    assert found[54]["near"][0] == pytest.approx(found[53]["venue"][0], rel=0.02)


def test_age_and_error_are_recorded_by_chain() -> None:
    freeze = {"kind": "oracle_freeze", "chains": ["far"], "at_hours": 0.5, "duration_hours": 2}
    recorder = run({"stale_after_seconds": 1_200}, {"it": freeze})
    names = SCHEMAS["oracles"].names
    last: dict[str, dict[str, Any]] = {}
    for row in recorder.rows["oracles"]:
        told: dict[str, Any] = dict(zip(names, row, strict=True))
        last[told["chain"]] = told
    assert last["far"]["age_seconds"] >= 3_600
    assert last["near"]["age_seconds"] < 1_200
    for told in last.values():
        assert told["error"] == pytest.approx(told["published_usd"] / told["price_usd"] - 1)
    # The price has fallen by about a quarter since the freeze.
    assert last["far"]["error"] > 0.1 > abs(last["near"]["error"])
    assert (last["far"]["stale"], last["near"]["stale"]) == (True, False)
    assert last["near"]["publications"] > last["far"]["publications"] > 0


@pytest.mark.parametrize(
    ("rule", "trades", "calls"),
    [("use", True, True), ("stop_trading", False, True), ("stop_all", False, False)],
)
def test_a_venue_without_a_fresh_price_does_what_its_rule_says(
    rule: str, *, trades: bool, calls: bool
) -> None:
    freeze = {"kind": "oracle_freeze", "chains": ["venue"], "at_hours": 0.9, "duration_hours": 2}
    # Requirements double at 3,780, so that there is somebody to call.
    vote = {
        "kind": "parameter_change",
        "parameter": "margin.price_scan_range",
        "value": 0.4,
        "at_hours": 1.05,
        "duration_hours": 1,
        "timelock_hours": 0,
    }
    shocks = {"freeze": freeze, "vote": vote}
    recorder = run({"stale_after_seconds": 300, "stale_rule": rule}, shocks)
    # Stale from 300 seconds after the last round, which came before 3,240.
    orders = [
        at
        for at, kind in zip(
            column(recorder, "trades", "second"), column(recorder, "trades", "kind"), strict=True
        )
        if kind == "order" and at > 3_540
    ]
    breaches = [at for at in column(recorder, "liquidations", "breach_second") if at > 3_540]
    assert (bool(orders), bool(breaches)) == (trades, calls)


def test_by_default_nothing_is_stale() -> None:
    recorder = run({})
    assert not any(column(recorder, "oracles", "stale"))
