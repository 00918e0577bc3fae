from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from abm.analysis.why import clock, ending, largest_loser, story, write_story
from abm.errors import ResultsError
from abm.recording.results import RunResults, read_results
from abm.units import format_duration, format_usd

if TYPE_CHECKING:
    from abm.analysis.moments import Moment

ResultsOf = Callable[[str], RunResults]


TABLES = [
    "accounts",
    "auctions",
    "events",
    "liquidations",
    "messages",
    "steps",
    "trades",
    "waterfall",
]


def changed(results: RunResults, table: str, frame: pl.DataFrame) -> RunResults:
    """Return the same results with another table, and without the counterfactual."""
    other = RunResults(Path("elsewhere"), results.manifest)
    other._frames = {**{name: results.table(name) for name in TABLES}, table: frame}
    return other


def test_the_first_moment_is_what_the_account_started_with(crash: RunResults) -> None:
    start = crash.table("accounts").filter(moment="start", account=21).row(0, named=True)
    first = story(crash, 21).moments[0]
    assert (first.second, first.usd) == (0, start["equity_usd"])
    for key in ("vault_usd", "cash_usd", "wallet_usd", "equity_usd", "maintenance_usd"):
        assert format_usd(abs(start[key])) in first.text
    assert f"of {start['token']} in its vault on {start['chain']}" in first.text


def test_a_silo_keeps_the_vault_at_the_venue(results_of: ResultsOf) -> None:
    assert "in its vault on venue" in story(results_of("silo_crash"), 21).moments[0].text


def test_the_contracts_at_a_breach_are_those_that_were_traded(crash: RunResults) -> None:
    breach = next(moment for moment in story(crash, 21).moments if moment.kind == "breach")
    sold = crash.table("trades").filter(pl.col("second") <= breach.second, seller=21)
    bought = crash.table("trades").filter(pl.col("second") <= breach.second, buyer=21)
    assert len(bought) == 0
    assert sold["series"].unique().to_list() == ["ETH-200h-2000-P"]
    assert f"short {sold['lots'].sum()} ETH-200h-2000-P." in breach.text


def test_contracts_that_have_expired_are_not_held(crash: RunResults) -> None:
    trades = crash.table("trades").with_columns(
        series=pl.col("series").cast(pl.String).str.replace("200h", "0.5h")
    )
    results = changed(crash, "trades", trades)
    breach = next(moment for moment in story(results, 21).moments if moment.kind == "breach")
    assert breach.text.endswith("the account is without contracts.")


def test_the_largest_loser_left_the_largest_debt(crash: RunResults) -> None:
    debts = (
        crash.table("waterfall")
        .group_by("account")
        .agg(usd=pl.col("fund_usd") + pl.col("socialised_usd") + pl.col("uncovered_usd"))
    )
    worst = debts.with_columns(pl.col("usd").list.sum()).sort("usd", descending=True)
    assert largest_loser(crash) == worst["account"][0]


def test_where_nothing_was_lost_there_is_no_largest_loser(results_of: ResultsOf) -> None:
    assert largest_loser(results_of("silo_crash")) is None
    assert largest_loser(results_of("no_losses")) is None


def test_equal_losers_are_told_apart_by_their_numbers(crash: RunResults) -> None:
    equal = crash.table("liquidations").with_columns(
        bad_debt_usd=pl.when(pl.col("account").is_in([30, 22])).then(5.0).otherwise(0.0)
    )
    # Each counts all its liquidations; keep one of each.
    equal = equal.unique("account", keep="first")
    assert largest_loser(changed(crash, "liquidations", equal)) == 22


def test_an_account_that_was_never_liquidated_says_so(crash: RunResults) -> None:
    spared = set(range(30)) - set(crash.table("liquidations")["account"])
    told_of = story(crash, min(spared))
    assert [moment.kind for moment in told_of.moments] == ["start"]
    assert told_of.liquidations == 0
    assert f"Account {min(spared)} was never liquidated." in write_story(told_of)


@pytest.mark.parametrize(
    ("account", "found"),
    [
        (-1, "-1"),
        (53, "53"),
        (10**11, "100000000000"),
        (10**30, "of over 12 digits"),
        (-(10**5_000), "of over 12 digits"),
    ],
    ids=["below", "above", "far", "further", "huge"],
)
def test_an_account_that_does_not_exist_is_named_with_the_rule(
    crash: RunResults, account: int, found: str
) -> None:
    # Thirty sellers, twenty buyers, two market makers and the house.
    assert len(crash.table("accounts").filter(moment="start")) == 53
    with pytest.raises(ResultsError) as error:
        story(crash, account)
    assert error.value.reason == (
        f"there is no account {found}; an account is a whole number from 0 to 52"
    )


def test_a_story_is_one_line_for_each_moment_and_two_around_them(crash: RunResults) -> None:
    worst = largest_loser(crash)
    assert worst is not None
    told_of = story(crash, worst)
    lines = write_story(told_of).split("\n")
    assert lines[0] == f"Account {worst} (sellers), times in UTC"
    assert lines[-1] == ending(told_of)
    assert lines[1:-1] == [
        f"{clock(told_of, moment.second)}  {moment.text}" for moment in told_of.moments
    ]
    # The scenario starts with the year 2024.
    assert clock(told_of, 3_661) == "2024-01-01 01:01:01"


def test_the_last_line_says_the_loss_who_paid_and_what_held_it_up(results_of: ResultsOf) -> None:
    results = results_of("no_grace")
    assert results.counterfactual is not None
    # Some account whose loss emptied the fund and was left to others in part.
    paid = results.table("waterfall").filter(pl.col("fund_usd") > 0, pl.col("socialised_usd") > 0)
    account = paid["account"][0]
    told_of = story(results, account)
    assert told_of.without_usd == 0
    halted = next(item for item in told_of.held_up if item.shock == "far_halt")
    assert told_of.paid_usd["fund_usd"] > 0 < told_of.paid_usd["socialised_usd"]
    assert ending(told_of) == (
        f"Account {account} left a loss of {format_usd(told_of.bad_debt_usd)}, paid by the "
        "insurance fund "
        f"({format_usd(told_of.paid_usd['fund_usd'])}) and by all with cash at the venue "
        f"({format_usd(told_of.paid_usd['socialised_usd'])}); it was held up by far_halt for "
        f"{format_duration(halted.seconds)}. Without the shocks it left no loss."
    )


def test_the_last_line_compares_with_the_run_without_the_shocks(crash: RunResults) -> None:
    assert crash.counterfactual is not None
    rows = crash.counterfactual.table("liquidations")
    other = sum(row["bad_debt_usd"] for row in rows.filter(account=37).iter_rows(named=True))
    assert other > 0
    line = ending(story(crash, 37))
    assert line.endswith(
        f"; no shock held it up. Without the shocks it left a loss of {format_usd(other)}."
    )


def test_the_last_line_of_a_run_without_counterfactual_compares_with_nothing(
    crash: RunResults, tmp_path: Path
) -> None:
    folder = shutil.copytree(crash.folder, tmp_path / "copy")
    shutil.rmtree(folder / "without_shocks")
    assert ending(story(read_results(folder), 37)).endswith("; no shock held it up.")


def test_the_last_line_says_that_nothing_was_lost(results_of: ResultsOf) -> None:
    told_of = story(results_of("silo_crash"), 22)
    assert told_of.liquidations > 1
    assert ending(told_of) == (
        f"Account 22 fell below its requirement {told_of.liquidations} times and left no loss "
        "to others; no shock held it up."
    )


def test_a_loss_that_nobody_paid_is_told(crash: RunResults) -> None:
    losses = crash.table("waterfall").with_columns(
        uncovered_usd=pl.col("socialised_usd"), socialised_usd=pl.lit(0.0)
    )
    told_of = story(changed(crash, "waterfall", losses), 37)
    assert told_of.paid_usd["uncovered_usd"] == pytest.approx(told_of.bad_debt_usd)
    owing = next(moment for moment in told_of.moments if moment.kind == "bad_debt")
    assert f"by nobody ({format_usd(told_of.paid_usd['uncovered_usd'])})." in owing.text


# The second margin call of account 37 in the crash: sent at 4,380, it usually takes 22 s; its
# liquidation ended at 4,620.
CALL = {"kind": "margin_call", "subject": "account 37", "sent_second": 4_380}


def with_call(results: RunResults, **changes: Any) -> list[Moment]:  # noqa: ANN401
    """Return what became of that call if it had gone another way."""
    messages = results.table("messages")
    (number,) = messages.filter(**CALL)["message"]
    other = messages.with_columns(
        pl.when(pl.col("message") == number).then(pl.lit(value)).otherwise(pl.col(key)).alias(key)
        for key, value in changes.items()
    )
    liquidation = results.table("liquidations").filter(account=37)["liquidation"][1]
    return [
        moment
        for moment in story(changed(results, "messages", other), 37).moments
        if moment.kind.startswith("margin_call") and moment.liquidation == liquidation
    ]


def test_a_late_message_that_no_shock_held_is_late_for_its_lane(crash: RunResults) -> None:
    _, late = with_call(crash, end_second=4_600)
    assert late.text == (
        "The margin call reaches its owner on near after 3.7 min, late for to_near, which usually "
        "takes 22 s."
    )
    assert (late.shock, late.held_seconds) == (None, 0)


def test_a_message_that_comes_after_the_end_says_so(crash: RunResults) -> None:
    _, just = with_call(crash, end_second=4_620)
    _, late = with_call(crash, end_second=4_621)
    assert not just.text.endswith("; the liquidation is over by then.")
    assert late.text.endswith("; the liquidation is over by then.")


def test_a_message_that_is_never_delivered_is_told(crash: RunResults) -> None:
    _, expired = with_call(crash, applied=False, fate="expired", end_second=4_600)
    assert (expired.kind, expired.text) == (
        "margin_call_expires",
        "The margin call expires after 3.7 min without reaching its owner on near.",
    )
    # The run ends at 9,000.
    _, kept = with_call(crash, applied=False, fate="in_flight", end_second=None)
    assert (kept.kind, kept.second) == ("margin_call_in_flight", 9_000)
    assert kept.text == (
        "The margin call is still on its way to its owner on near when the run ends, 77.0 min "
        "after it left; the liquidation is over by then."
    )


def test_a_copy_that_another_made_needless_is_not_told(crash: RunResults) -> None:
    # Of account 37's first call the original was lost, its duplicate came, and then its repetition.
    copies = crash.table("messages").filter(kind="margin_call", subject="account 37", nonce=1)
    assert copies["fate"].to_list() == ["lost", "delivered", "delivered"]
    calls = [m for m in story(crash, 37).moments if m.kind.startswith("margin_call")][:3]
    assert [moment.second for moment in calls] == [2_760, 2_782, 4_380]
