from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from abm.analysis.summary import PAID, RARE_LAYERS, headline, summarise
from abm.recording.events import THEFTS
from abm.recording.results import RunResults, read_results
from abm.recording.schemas import outcome_of
from abm.scenario import load_scenario, parse_scenario, run_id
from abm.scenario.waterfall import FUNDED, LAYERS
from abm.studies.paired import run_pair
from abm.units import format_duration, format_usd

ResultsOf = Callable[[str], RunResults]

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"

LABELS = [
    "Bad debt",
    "paid by the insurance fund",
    "socialised",
    "paid by nobody",
    "if all were closed at once",
    "Largest true shortfall",
    "Unresolved at the end",
    "Cost of liquidation to owners",
    "Breaches",
    "topped up / recovered",
    "liquidated / failed / late",
    "Time to liquidation p50 / p95",
    "Auctions that did not sell out",
    "Messages sent / delivered",
    "Messages late / lost / expired",
    "Worst depth (of median)",
]

RUNS = ["crash", "no_shocks", "no_losses", "no_messages"]

each_run = pytest.mark.parametrize("name", RUNS)


def expected(results: RunResults) -> dict[str, Any]:
    """Count a run's outcomes again from its tables of things that happened."""
    scenario = results.manifest.scenario
    messages, steps = results.table("messages"), results.table("steps")
    liquidations, losses = results.table("liquidations"), results.table("waterfall")
    delivered = messages.filter(fate="delivered").select(
        taken=pl.col("end_second") - pl.col("sent_second"),
        usual=pl.col("expected_second") - pl.col("sent_second"),
    )
    horizon = int(scenario["clock"]["hours"] * 3_600)
    uncured = liquidations.filter(~pl.col("outcome").is_in(["topped_up", "recovered"]))
    auctions = results.table("auctions")
    costs = [
        *(auctions["published_value_usd"] - auctions["proceeds_usd"]).to_list(),
        *liquidations["closing_cost_usd"].to_list(),
    ]
    lengths = uncured.select(pl.col("ended_second").fill_null(horizon) - pl.col("breach_second"))
    ended = uncured.drop_nulls("ended_second").select(
        seconds=pl.col("ended_second") - pl.col("breach_second")
    )["seconds"]
    # The first hour of the books is left out: depth is still building up.
    depth = steps.filter(pl.col("second") >= 3_600)["depth_lots"]
    counts = liquidations["outcome"].cast(pl.String).to_list()
    end = results.table("accounts").filter(pl.col("kind") != "house", moment="end")
    written_off = losses.filter(pl.col("uncovered_usd") > 0)["account"].to_list()
    owed = end.filter(~pl.col("account").is_in(written_off))["equity_usd"].clip(upper_bound=0.0)
    return {
        "scenario": scenario["name"],
        "seed": scenario["seed"],
        "shocks": len(scenario["shocks"]),
        "architecture": scenario["collateral"]["architecture"],
        "traders": sum(kind["count"] for kind in scenario["traders"].values()),
        "hours": scenario["clock"]["hours"],
        "bad_debt_usd": liquidations["bad_debt_usd"].sum(),
        **{outcome_of(layer): losses[f"{layer}_usd"].sum() for layer in LAYERS},
        "uncovered_usd": losses["uncovered_usd"].sum(),
        **{f"{layer}_exhausted_second": exhausted(results, layer) for layer in LAYERS},
        "venues_beyond_funds": losses.filter(
            pl.sum_horizontal("socialised_usd", "deleveraged_usd", "uncovered_usd") > 0
        )["venue"].n_unique(),
        "unresolved_usd": -owed.sum(),
        "liquidation_cost_usd": sum(costs),
        "breaches": len(liquidations),
        "topped_up": counts.count("topped_up"),
        "recovered": counts.count("recovered"),
        "liquidated": counts.count("closed"),
        "failed": counts.count("bad_debt") + counts.count("open"),
        "late": (lengths.to_series() > scenario["liquidation"]["late_seconds"]).sum(),
        "failed_auctions": results.table("auctions")
        .filter(pl.col("ended_second").is_not_null(), pl.col("units_sold") < pl.col("units"))
        .height,
        "messages_sent": len(messages),
        "messages_delivered": len(delivered),
        "messages_late": delivered.filter(pl.col("taken") > 2 * pl.col("usual")).height,
        "messages_lost": messages.filter(fate="lost").height,
        "messages_expired": messages.filter(fate="expired").height,
        "messages_void": messages.filter(fate="void").height,
        "messages_in_flight": messages.filter(fate="in_flight").height,
        "liquidation_seconds_p50": ended.quantile(0.50, "linear"),
        "liquidation_seconds_p95": ended.quantile(0.95, "linear"),
        "worst_depth_lots": depth.min(),
        "median_depth_lots": depth.median(),
        "worst_shortfall_usd": steps["shortfall_usd"].max(),
        "worst_belief_gap_usd": steps["belief_gap_usd"].abs().max(),
        # Of balance sheets that no table holds; held to sums in tests/simulation.
        "static_clearing_usd": results.outcome["static_clearing_usd"],
        "static_debtrank_usd": results.outcome["static_debtrank_usd"],
        **expected_capital(results),
        "events": len(results.table("events")),
    }


def exhausted(results: RunResults, layer: str) -> int | None:
    """Return when a funded layer was empty, or one that takes from others fell short, if it did."""
    steps, losses = results.table("steps"), results.table("waterfall")
    if layer == "fund":
        empty = steps.filter((pl.col("fund_usd") <= 0) & (steps["fund_usd"][0] > 0))["second"]
        return None if empty.is_empty() else int(empty[0])
    if layer in FUNDED:
        second = results.outcome[f"{layer}_exhausted_second"]
        return None if second is None else int(str(second))
    short = losses.filter(pl.col("uncovered_usd") > 0)["second"]
    return None if short.is_empty() else int(short[0])


def expected_capital(results: RunResults) -> dict[str, Any]:
    """Compute what capital did from the steps and the moves of a run."""
    steps, moves, events = (results.table(name) for name in ("steps", "moves", "events"))
    idle = (1 - pl.col("required_usd") / pl.col("counted_usd")).clip(0, 1)
    per_locked = steps.select(
        (pl.col("open_interest_lots") * pl.col("price_usd")).mean() / pl.col("locked_usd").mean()
    )
    withdrawals = moves.filter(pl.col("kind").cast(pl.String) == "withdrawal")
    thefts = events.filter(pl.col("kind").cast(pl.String).is_in(THEFTS))
    return {
        "locked_usd_mean": steps["locked_usd"].mean(),
        "required_usd_mean": steps["required_usd"].mean(),
        "idle_share_mean": steps.select(idle).to_series().mean(),
        "in_transit_usd_mean": steps["in_transit_usd"].mean(),
        "open_interest_per_locked_mean": per_locked.item(),
        "moving_cost_usd": (moves["gas_usd"] + moves["fee_usd"]).sum(),
        "withdrawn_usd": withdrawals["value_usd"].sum(),
        # Nothing is wrapped in any of these runs, so that nothing can stand for less than its face.
        "backing_end": 1.0,
        "stolen_usd": thefts["value_usd"].sum(),
    }


@pytest.mark.parametrize("name", [*RUNS, "silo_crash", "no_grace"])
def test_the_outcomes_are_those_of_the_tables(results_of: ResultsOf, name: str) -> None:
    results = results_of(name)
    assert results.outcome == pytest.approx(expected(results), abs=1e-6)


def test_the_outcomes_of_the_counterfactual_are_those_of_its_tables(crash: RunResults) -> None:
    assert crash.counterfactual is not None
    outcome = crash.counterfactual.outcome
    assert outcome == pytest.approx(expected(crash.counterfactual), abs=1e-6)


def test_the_crash_exercises_every_counter(crash: RunResults) -> None:
    # Otherwise the comparisons above would compare zeros.
    empty = {key for key, value in crash.outcome.items() if value in (0, None)}
    # No chain of the crash reorganises, nobody forges or steals, and no trader takes money out; it
    # has one funded layer, and socialises what that leaves without ever falling short.
    layers = {outcome_of(layer) for layer in LAYERS} - {"paid_by_fund_usd", "socialised_usd"}
    last = {f"{layer}_exhausted_second" for layer in LAYERS if layer != "fund"}
    unused = {"uncovered_usd", "messages_void", "withdrawn_usd", "stolen_usd"}
    assert empty == unused | layers | last


@each_run
def test_every_message_has_one_fate(results_of: ResultsOf, name: str) -> None:
    outcome = results_of(name).outcome
    fates = ("delivered", "lost", "expired", "void", "in_flight")
    assert outcome["messages_sent"] == sum(outcome[f"messages_{fate}"] for fate in fates)


@each_run
def test_every_breach_has_one_outcome(results_of: ResultsOf, name: str) -> None:
    outcome = results_of(name).outcome
    ends = ("topped_up", "recovered", "liquidated", "failed")
    assert outcome["breaches"] == sum(outcome[end] for end in ends)


@each_run
def test_bad_debt_is_the_same_number_in_every_table(results_of: ResultsOf, name: str) -> None:
    results = results_of(name)
    outcome, steps = results.outcome, results.table("steps")
    paid = results.table("waterfall").select("fund_usd", "socialised_usd", "uncovered_usd")
    events = results.table("events").filter(kind="bad_debt")["value_usd"].sum()
    bad_debt = pytest.approx(outcome["bad_debt_usd"], abs=1e-6)
    assert sum(paid.sum().row(0)) == bad_debt
    assert events == bad_debt
    assert steps["bad_debt_usd"][-1] == bad_debt
    layers = ("paid_by_fund_usd", "socialised_usd", "uncovered_usd")
    assert sum(outcome[layer] for layer in layers) == bad_debt


@each_run
def test_the_loss_of_a_step_is_bad_debt_and_shortfall(results_of: ResultsOf, name: str) -> None:
    steps = results_of(name).table("steps")
    assert steps["loss_usd"].to_list() == pytest.approx(
        (steps["bad_debt_usd"] + steps["shortfall_usd"]).to_list()
    )
    assert (steps["shortfall_usd"] >= 0).all()
    assert steps["bad_debt_usd"].is_sorted()


@each_run
def test_the_fund_pays_no_more_than_it_has(results_of: ResultsOf, name: str) -> None:
    results = results_of(name)
    fund = results.table("steps")["fund_usd"]
    assert fund[0] == results.manifest.scenario["waterfall"]["insurance_fund_usd"]
    assert fund[0] - fund[-1] == pytest.approx(results.outcome["paid_by_fund_usd"])
    assert (fund >= 0).all()


@each_run
def test_every_token_that_was_issued_is_held(results_of: ResultsOf, name: str) -> None:
    tokens = results_of(name).table("tokens")
    assert tokens["issued"].to_list() == tokens["held"].to_list()
    assert (tokens["issued"] > 0).all()


def test_the_summary_writes_the_outcomes_of_both_runs(crash: RunResults) -> None:
    assert crash.counterfactual is not None
    lines = summarise(crash)
    assert [line.label for line in lines] == LABELS
    assert [line.actual for line in lines] == written(crash)
    assert [line.without for line in lines] == written(crash.counterfactual)
    assert [line.label for line in lines if line.indent] == LABELS[1:5] + LABELS[9:11]


def written(results: RunResults) -> list[str]:
    """Write the outcomes counted from the tables, in the order of the labels."""
    out = expected(results)
    share = out["worst_depth_lots"] / out["median_depth_lots"]
    p50, p95 = out["liquidation_seconds_p50"], out["liquidation_seconds_p95"]
    return [
        format_usd(out["bad_debt_usd"]),
        format_usd(out["paid_by_fund_usd"]),
        format_usd(out["socialised_usd"]),
        format_usd(out["uncovered_usd"]),
        format_usd(out["static_clearing_usd"]),
        format_usd(out["worst_shortfall_usd"]),
        format_usd(out["unresolved_usd"]),
        format_usd(out["liquidation_cost_usd"]),
        f"{out['breaches']}",
        f"{out['topped_up']} / {out['recovered']}",
        f"{out['liquidated']} / {out['failed']} / {out['late']}",
        f"{format_duration(p50)} / {format_duration(p95)}",
        f"{out['failed_auctions']}",
        f"{out['messages_sent']} / {out['messages_delivered']}",
        f"{out['messages_late']} / {out['messages_lost']} / {out['messages_expired']}",
        f"{out['worst_depth_lots']} lots ({share:.0%})",
    ]


def test_a_run_without_shocks_has_no_second_column(results_of: ResultsOf) -> None:
    lines = summarise(results_of("no_shocks"))
    assert [line.label for line in lines] == LABELS
    assert {line.without for line in lines} == {None}


def test_a_run_without_liquidations_has_no_times(results_of: ResultsOf) -> None:
    lines = {line.label: line for line in summarise(results_of("no_losses"))}
    assert lines["Time to liquidation p50 / p95"].actual == "none"
    assert lines["Bad debt"].actual == lines["Bad debt"].without == "0 USD"


def test_the_headline_says_the_loss_and_what_the_shocks_added(crash: RunResults) -> None:
    assert crash.counterfactual is not None
    loss = crash.outcome["bad_debt_usd"]
    caused = loss - crash.counterfactual.outcome["bad_debt_usd"]
    assert 0 < caused < loss
    assert headline(crash) == (
        f"Bad debt of {format_usd(loss)}, of which {format_usd(caused)} "
        "would not have happened without the shocks."
    )


def test_the_headline_says_that_nothing_was_lost(results_of: ResultsOf) -> None:
    assert headline(results_of("no_losses")) == (
        "No bad debt, neither with the shocks nor without."
    )


def test_a_counterfactual_may_leave_out_some_shocks_alone(tmp_path: Path) -> None:
    scenario = load_scenario(SMALL_CRASH, ('counterfactual.without_shocks=["gas"]',))
    assert scenario.left_out_shocks == ("gas",)
    assert scenario.first_shock_second == scenario.shocks["gas"].start_second
    results = run_pair(scenario, tmp_path / "run")
    assert results.counterfactual is not None
    assert list(results.counterfactual.manifest.scenario["shocks"]) == ["far_halt"]
    assert results.left_out_shocks == ("gas",)
    assert "would not have happened without gas." in headline(results) or (
        "less than without gas." in headline(results)
    )
    # It is the very run of a file that never had this shock.
    alone = load_scenario(SMALL_CRASH).model_dump(mode="json")
    del alone["shocks"]["gas"]
    assert run_id(parse_scenario(alone)) == results.counterfactual.manifest.run_id


def test_the_headline_of_a_run_without_shocks_says_so(results_of: ResultsOf) -> None:
    results = results_of("no_shocks")
    loss = format_usd(results.outcome["bad_debt_usd"])
    assert headline(results) == f"Bad debt of {loss}; the scenario has no shocks."


def test_the_headline_of_a_run_that_lost_its_counterfactual_does_not_deny_the_shocks(
    crash: RunResults, tmp_path: Path
) -> None:
    folder = shutil.copytree(crash.folder, tmp_path / "copy")
    shutil.rmtree(folder / "without_shocks")
    sentence = headline(read_results(folder))
    assert format_usd(crash.outcome["bad_debt_usd"]) in sentence
    assert "no shocks" not in sentence


def test_the_headline_of_a_run_that_is_better_with_its_shocks_has_no_negative_loss(
    better_with_shocks: RunResults,
) -> None:
    assert "-" not in headline(better_with_shocks)


def test_another_layer_has_a_line_where_it_paid(
    results_of: ResultsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = results_of("no_shocks")
    paid = {**found.outcome, "paid_by_backstop_usd": 5.0}
    monkeypatch.setattr(RunResults, "outcome", property(lambda _: paid))
    lines = summarise(found)
    (line,) = [line for line in lines if line.label not in LABELS]
    assert (line.label, line.actual, line.indent) == ("paid by the backstop", "5.00 USD", True)


def test_the_summary_lists_layers_in_the_order_in_which_they_pay() -> None:
    assert list(PAID.values()) == [outcome_of(layer) for layer in LAYERS]
    assert set(PAID.values()) - set(RARE_LAYERS.values()) == {"paid_by_fund_usd", "socialised_usd"}
