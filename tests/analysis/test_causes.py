from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from abm.analysis.causes import loss_by_cause
from abm.analysis.delays import CRITICAL, HeldUp, held_up
from abm.recording.manifest import Manifest
from abm.recording.results import RunResults

ResultsOf = Callable[[str], RunResults]

RUNS = ["crash", "no_shocks", "no_losses", "silo_crash", "chain_halt", "no_grace"]

each_run = pytest.mark.parametrize("name", RUNS)

LIQUIDATION = {
    "liquidation": 0,
    "account": 7,
    "cause": 1,
    "ended_second": 9_000,
    "bad_debt_usd": 0.0,
}

MESSAGE: dict[str, Any] = {
    "channel": "to_far",
    "kind": "seizure",
    "nonce": 0,
    "cause": 1,
    "sent_second": 0,
    "ready_second": 0,
    "picked_second": 0,
    "end_second": 0,
    "applied": True,
    "halted_seconds": 0,
}

AUCTION = {
    "liquidation": 0,
    "chain": "far",
    "units": 1,
    "units_sold": 0,
    "opened_second": 0,
    "ended_second": 0,
    "published_value_usd": 0.0,
    "backed_value_usd": 0.0,
}


def made(
    liquidations: list[dict[str, Any]],
    messages: list[dict[str, Any]],
    auctions: list[dict[str, Any]] | None = None,
    seizures: dict[int, int] | None = None,
) -> RunResults:
    """Return results made by hand: a halt of an hour from 3,600 on, another from 7,200 on."""
    shocks = {
        "first": {"kind": "channel_halt", "channels": ["to_far"], "at_hours": 1},
        "second": {"kind": "channel_halt", "channels": ["to_far"], "at_hours": 2},
        "buyers": {"kind": "liquidator_exit", "fraction": 1, "at_hours": 1},
    }
    scenario = {
        "clock": {"hours": 4, "step_seconds": 60},
        "channels": {"to_far": {"source": "venue", "destination": "far"}},
        "shocks": {name: {**rule, "duration_hours": 1} for name, rule in shocks.items()},
    }
    results = RunResults(Path("made"), Manifest("made", "made", scenario, {}, "", {}))
    seizures = seizures or {}
    results._frames = {
        "liquidations": pl.DataFrame([{**LIQUIDATION, **row} for row in liquidations]),
        "messages": pl.DataFrame([{**MESSAGE, **row} for row in messages], schema=list(MESSAGE)),
        "auctions": pl.DataFrame([{**AUCTION, **row} for row in auctions or []], list(AUCTION)),
        "events": pl.DataFrame(
            {
                "event": list(seizures),
                "kind": ["seizure"] * len(seizures),
                "cause": list(seizures.values()),
                "second": [0] * len(seizures),
                "place": [None] * len(seizures),
                "account": [None] * len(seizures),
                "value_usd": [0.0] * len(seizures),
            },
            schema={
                "event": pl.Int64,
                "kind": pl.String,
                "cause": pl.Int64,
                "second": pl.Int64,
                "place": pl.String,
                "account": pl.Int64,
                "value_usd": pl.Float64,
            },
        ),
    }
    return results


def micro(amount_usd: float) -> int:
    return round(amount_usd * 1_000_000)


@each_run
def test_the_causes_sum_to_the_loss_to_the_micro_dollar(results_of: ResultsOf, name: str) -> None:
    results = results_of(name)
    causes = loss_by_cause(results)
    assert micro(sum(causes["bad_debt_usd"].to_list())) == micro(results.outcome["bad_debt_usd"])
    assert sum(map(micro, causes["bad_debt_usd"])) == micro(results.outcome["bad_debt_usd"])
    assert causes["liquidations"].sum() == results.outcome["breaches"]
    losses = results.table("liquidations").filter(pl.col("bad_debt_usd") > 0)
    assert causes["with_bad_debt"].sum() == len(losses)


@each_run
def test_every_shock_and_the_market_have_a_row(results_of: ResultsOf, name: str) -> None:
    results = results_of(name)
    causes = loss_by_cause(results)
    shocks = list(results.manifest.scenario["shocks"])
    assert sorted(causes["cause"]) == sorted([*shocks, "market"])
    assert causes["bad_debt_usd"].is_sorted(descending=True)


@pytest.mark.parametrize("name", ["crash", "no_grace"])
def test_the_halt_pays_for_what_it_delayed(results_of: ResultsOf, name: str) -> None:
    # In these runs relayers never wait for the gas: a liquidation is the halt's if, and only if, a
    # message that it needed was sent before its end and was halted.
    results = results_of(name)
    liquidations = results.table("liquidations").with_columns(pl.col("ended_second").fill_null(9e9))
    seizures = results.table("events").filter(kind="seizure").select("event", breach="cause")
    needed = (
        results.table("messages")
        .filter(pl.col("kind").is_in(CRITICAL), pl.col("halted_seconds") > 0)
        .filter(pl.col("applied") | ~pl.col("applied").any().over("channel", "nonce"))
        .join(seizures, left_on="cause", right_on="event", how="left")
        .with_columns(pl.col("breach").fill_null(pl.col("cause")))
        .join(liquidations, left_on="breach", right_on="cause")
        .filter(pl.col("sent_second") < pl.col("ended_second"))
    )
    held = liquidations.filter(pl.col("liquidation").is_in(needed["liquidation"].to_list()))
    row = loss_by_cause(results).row(by_predicate=pl.col("cause") == "far_halt", named=True)
    assert len(held) > 5
    assert row["liquidations"] == len(held)
    assert micro(row["bad_debt_usd"]) == micro(sum(held["bad_debt_usd"].to_list())) > 0


def test_without_shocks_all_loss_is_the_markets(results_of: ResultsOf) -> None:
    results = results_of("no_shocks")
    assert loss_by_cause(results)["cause"].to_list() == ["market"]
    assert results.outcome["bad_debt_usd"] > 0


def test_nothing_holds_up_what_does_not_travel(results_of: ResultsOf) -> None:
    results = results_of("silo_crash")
    causes = loss_by_cause(results).filter(pl.col("liquidations") > 0)
    assert causes["cause"].to_list() == ["market"]


def test_a_stall_of_a_chain_is_a_cause(results_of: ResultsOf) -> None:
    causes = loss_by_cause(results_of("chain_halt"))
    assert set(causes.filter(pl.col("bad_debt_usd") > 0)["cause"]) == {"near_stall", "market"}


def test_the_whole_loss_goes_to_the_shock_that_delayed_longest() -> None:
    # 600 s of the first halt, and 700 s of the second.
    results = made(
        [{"bad_debt_usd": 0.1}],
        [
            {"sent_second": 6_600, "end_second": 7_200, "halted_seconds": 600},
            {"nonce": 1, "sent_second": 7_200, "end_second": 7_900, "halted_seconds": 700},
        ],
    )
    assert held_up(results) == {0: (HeldUp("second", 700), HeldUp("first", 600))}
    assert loss_by_cause(results).rows() == [
        ("second", 0.1, 1, 1),
        ("buyers", 0.0, 0, 0),
        ("first", 0.0, 0, 0),
        ("market", 0.0, 0, 0),
    ]


def test_messages_that_wait_side_by_side_count_once() -> None:
    waiting = {"sent_second": 6_600, "end_second": 7_200, "halted_seconds": 600}
    call = {**waiting, "kind": "margin_call", "nonce": 1, "sent_second": 6_500}
    results = made([{}], [waiting, {**call, "halted_seconds": 700}])
    assert held_up(results) == {0: (HeldUp("first", 700),)}


def test_a_wait_after_the_end_delayed_nothing() -> None:
    late = {"sent_second": 6_600, "end_second": 7_200, "halted_seconds": 600}
    assert held_up(made([{"ended_second": 6_700}], [late])) == {0: (HeldUp("first", 100),)}
    assert held_up(made([{"ended_second": 6_600}], [late])) == {0: ()}


def test_a_seizure_belongs_to_the_breach_that_led_to_it() -> None:
    results = made(
        [{}, {"liquidation": 1, "cause": 2}],
        [{"cause": 5, "sent_second": 6_600, "end_second": 7_200, "halted_seconds": 600}],
        seizures={5: 2},
    )
    assert held_up(results) == {0: (), 1: (HeldUp("first", 600),)}


def test_reports_of_balances_hold_no_liquidation_up() -> None:
    report = {"kind": "balance_report", "end_second": 7_200, "halted_seconds": 3_600}
    assert held_up(made([{}], [report])) == {0: ()}


def test_an_auction_without_buyers_delays_a_liquidation() -> None:
    unsold = {"opened_second": 5_000, "ended_second": 7_000}
    results = made([{"bad_debt_usd": 5.0}], [], [unsold])
    assert loss_by_cause(results).row(0) == ("buyers", 5.0, 1, 1)


def test_equal_delays_go_to_the_first_name() -> None:
    both = [
        {"nonce": n, "sent_second": 3_600 * n - 600, "end_second": 3_600 * n, "halted_seconds": 600}
        for n in (3, 2)
    ]
    assert held_up(made([{"ended_second": None}], both)) == {
        0: (HeldUp("first", 600), HeldUp("second", 600))
    }


def test_what_thieves_took_out_of_a_vault_is_the_thefts_loss() -> None:
    results = made(
        [{"bad_debt_usd": 100.0}, {"liquidation": 1, "account": 8, "bad_debt_usd": 9.0}], []
    )
    results._frames["events"] = pl.DataFrame(
        {
            "event": [1, 2, 3, 4],
            "kind": ["shock_verifier_compromise", "forged", "vault_robbed", "vault_robbed"],
            "cause": [0, 1, 2, 2],
            "second": [10, 20, 30, 9_500],
            "place": ["first", "to_far", "far", "far"],
            "account": [None, None, 7, 8],
            "value_usd": [0.0, 60.0, 60.0, 60.0],
        }
    )
    # Of account 7 the theft took more than half of what it left; of 8 only after its end.
    found = dict(loss_by_cause(results).select("cause", "bad_debt_usd").iter_rows())
    assert (found["first"], found["market"]) == (100.0, 9.0)


def test_amounts_that_floats_cannot_hold_still_sum_exactly() -> None:
    rows = [{"liquidation": n, "cause": n, "bad_debt_usd": 0.1} for n in range(1, 31)]
    assert loss_by_cause(made(rows, [])).row(0) == ("market", 3.0, 30, 30)
