from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import polars as pl
import pytest

from abm.analysis.why import Story, story
from abm.recording.results import RunResults, read_results
from abm.units import format_duration, format_usd

if TYPE_CHECKING:
    from pathlib import Path

ResultsOf = Callable[[str], RunResults]
Figures = list[tuple[int, float]]

RUNS = ["crash", "no_shocks", "silo_crash", "chain_halt", "no_grace"]

each_run = pytest.mark.parametrize("name", RUNS)

TRAVELLING = ["margin_call", "seizure", "proceeds"]


@cache
def stories_in(folder: Path) -> list[Story]:
    results = read_results(folder)
    accounts = results.table("liquidations")["account"].unique().sort()
    return [story(results, account) for account in accounts]


def stories(results: RunResults) -> list[Story]:
    """Return the story of every account that was liquidated."""
    return stories_in(results.folder)


def told(results: RunResults, *kinds: str) -> Figures:
    """Return second and dollars of all moments of some kinds."""
    return sorted(
        (moment.second, moment.usd if moment.usd is not None else 0.0)
        for each in stories(results)
        for moment in each.moments
        if moment.kind in kinds
    )


def figures(frame: pl.DataFrame, second: str, usd: str) -> Figures:
    return sorted(frame.select(second, usd).fill_null(0.0).rows())


def unreached(results: RunResults, kind: str) -> pl.DataFrame:
    """Return the messages that expired, one copy of each, without a copy that arrived."""
    alone = ~pl.col("applied").any().over("channel", "nonce")
    expired = results.table("messages").filter(alone, kind=kind, fate="expired")
    return expired.unique(["channel", "nonce"])


@each_run
def test_every_breach_and_every_end_is_told(results_of: ResultsOf, name: str) -> None:
    results = results_of(name)
    rows = results.table("liquidations")
    assert told(results, "breach") == figures(rows, "breach_second", "shortfall_usd")
    horizon = round(results.outcome["hours"] * 3_600)
    ends = rows.with_columns(pl.col("ended_second").fill_null(horizon))
    for outcome in ("topped_up", "recovered", "closed", "open", "bad_debt"):
        expected = figures(ends.filter(outcome=outcome), "ended_second", "bad_debt_usd")
        assert told(results, outcome) == expected


@each_run
def test_seizures_and_deposits_are_those_of_the_log(results_of: ResultsOf, name: str) -> None:
    results = results_of(name)
    events = results.table("events")
    deposits = figures(events.filter(kind="top_up"), "second", "value_usd")
    assert told(results, "top_up") == deposits
    ordered = told(results, "seizure_sent", "seizure_at_once")
    seizures = events.filter(kind="seizure")
    # What expires is sent again, which the log does not note.
    again = unreached(results, "seizure")
    assert len(ordered) == len(seizures) + len(again)
    assert set(ordered) >= set(figures(seizures, "second", "value_usd"))


@each_run
@pytest.mark.parametrize("kind", TRAVELLING)
def test_arrivals_are_those_of_the_messages(results_of: ResultsOf, name: str, kind: str) -> None:
    results = results_of(name)
    arrived = results.table("messages").filter("applied", kind=kind)
    assert told(results, f"{kind}_arrives") == figures(arrived, "end_second", "value_usd")


@pytest.mark.parametrize("name", ["crash", "chain_halt", "no_grace"])
def test_what_a_halt_held_up_is_what_the_messages_say(results_of: ResultsOf, name: str) -> None:
    results = results_of(name)
    moments = [
        moment
        for each in stories(results)
        for moment in each.moments
        if moment.kind.endswith(("_arrives", "_expires"))
        and not moment.kind.startswith("balance_report")
    ]
    arrived = results.table("messages").filter("applied", pl.col("kind").is_in(TRAVELLING))
    messages = pl.concat([arrived, *(unreached(results, kind) for kind in TRAVELLING)])
    expected = sorted(messages.select("end_second", "halted_seconds").rows())
    assert sorted((moment.second, moment.held_seconds) for moment in moments) == expected
    halt = "near_stall" if name == "chain_halt" else "far_halt"
    for moment in moments:
        assert moment.shock == (halt if moment.held_seconds else None)
        wait = f"{format_duration(moment.held_seconds)} of it in the halt of "
        assert (wait in moment.text) == (moment.held_seconds > 0)
        assert (f"({halt})" in moment.text) == (moment.held_seconds > 0)


@each_run
def test_auctions_are_those_of_their_table(results_of: ResultsOf, name: str) -> None:
    results = results_of(name)
    auctions = results.table("auctions")
    opened = auctions.with_columns(usd=pl.lit(0.0))
    assert told(results, "auction_opens") == figures(opened, "opened_second", "usd")
    horizon = round(results.outcome["hours"] * 3_600)
    ended = auctions.with_columns(pl.col("ended_second").fill_null(horizon))
    assert told(results, "auction_ends") == figures(ended, "ended_second", "proceeds_usd")
    texts = [
        moment.text
        for each in stories(results)
        for moment in each.moments
        if moment.kind == "auction_ends"
    ]
    failed = sum("without selling out" in text for text in texts)
    assert failed == results.outcome["failed_auctions"]
    shares = auctions.filter(pl.col("bids") > 0).select(
        pl.col("proceeds_usd") / pl.col("published_value_usd")
    )
    for share in shares.to_series():
        assert any(f"{share:.0%} of the published price" in text for text in texts)


@each_run
def test_proceeds_that_are_home_are_those_of_the_liquidations(
    results_of: ResultsOf, name: str
) -> None:
    results = results_of(name)
    for row in results.table("liquidations").iter_rows(named=True):
        home = sum(
            moment.usd or 0.0
            for moment in story(results, row["account"]).moments
            if moment.kind in ("proceeds_arrives", "proceeds_at_once")
            and moment.liquidation == row["liquidation"]
        )
        # A message that arrives in the last seconds of a run is counted by no further step.
        assert home == pytest.approx(row["proceeds_usd"], abs=1e-6)


@each_run
def test_what_was_closed_is_what_was_traded(results_of: ResultsOf, name: str) -> None:
    results = results_of(name)
    for kind in ("close_out", "take_over"):
        trades = results.table("trades").filter(kind=kind)
        paid = (trades["lots"] * trades["premium_usd"]).sum()
        assert sum(usd for _, usd in told(results, kind)) == pytest.approx(paid)
        for account, part in trades.filter(aggressor="buy").group_by("buyer"):
            worst = max(part["premium_usd"].to_list())
            assert f"at up to {format_usd(worst)} each" in texts_of(results, account[0], kind)
        for account, part in trades.filter(aggressor="sell").group_by("seller"):
            worst = min(part["premium_usd"].to_list())
            assert f"at down to {format_usd(worst)} each" in texts_of(results, account[0], kind)


def texts_of(results: RunResults, account: object, kind: str) -> str:
    assert isinstance(account, int)
    return " ".join(
        moment.text for moment in story(results, account).moments if moment.kind == kind
    )


def test_closing_costs_are_those_of_the_liquidations(crash: RunResults) -> None:
    rows = crash.table("liquidations").filter(pl.col("closing_cost_usd") != 0)
    costs = [usd for _, usd in told(crash, "closing")]
    assert sorted(costs) == sorted(rows["closing_cost_usd"])


@each_run
def test_who_paid_is_what_the_waterfall_says(results_of: ResultsOf, name: str) -> None:
    results = results_of(name)
    losses = results.table("waterfall")
    for each in stories(results):
        own = losses.filter(account=each.account)
        for layer, amount in each.paid_usd.items():
            assert amount == pytest.approx(own[layer].sum(), abs=1e-7)
        paid = sum(each.paid_usd.values())
        assert each.bad_debt_usd == pytest.approx(paid, abs=1e-7)
    total = sum(each.bad_debt_usd for each in stories(results))
    assert total == pytest.approx(results.outcome["bad_debt_usd"], abs=1e-6)


@each_run
def test_a_moment_writes_its_dollars_and_ends_as_a_sentence(
    results_of: ResultsOf, name: str
) -> None:
    silent = {"margin_call_sent", "margin_call_at_once", "auction_opens"}
    for each in stories(results_of(name)):
        seconds = [moment.second for moment in each.moments]
        assert seconds == sorted(seconds)
        for moment in each.moments:
            assert moment.text.endswith(".")
            assert "\n" not in moment.text
            travels = moment.kind.endswith(("_arrives", "_repeated", "_expires", "_in_flight"))
            if moment.usd and not travels and moment.kind not in silent:
                assert format_usd(abs(moment.usd)) in moment.text


def test_what_is_sold_is_sold_before_its_proceeds_leave(crash: RunResults) -> None:
    for each in stories(crash):
        kinds = [moment.kind for moment in each.moments]
        if "auction_ends" in kinds and "proceeds_sent" in kinds:
            assert kinds.index("auction_opens") < kinds.index("auction_ends")
            assert kinds.index("auction_ends") < kinds.index("proceeds_sent")


def test_a_lost_message_is_told_once_for_each_repetition(crash: RunResults) -> None:
    told_of = [moment for each in stories(crash) for moment in each.moments]
    repeated = [moment for moment in told_of if moment.kind == "margin_call_repeated"]
    calls = crash.table("messages").filter(kind="margin_call")
    key = ("channel", "nonce")
    arrived = calls.filter("applied").select(*key, "sent_second")
    first = calls.group_by(key).agg(first=pl.col("sent_second").min())
    again = arrived.join(first, on=key).filter(pl.col("sent_second") > pl.col("first"))
    assert sorted(moment.second for moment in repeated) == sorted(again["sent_second"])
    assert len(repeated) > 3
