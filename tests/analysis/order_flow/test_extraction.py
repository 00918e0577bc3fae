"""What searchers take, worked by hand and over a run; the table by rule."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from typer.testing import CliRunner

from abm.analysis.order_flow.extraction import (
    extraction_rows,
    marked,
    measure,
    rule_of,
    runs_of_study,
)
from abm.cli import app
from abm.errors import ResultsError
from abm.recording.files import write_run
from abm.recording.results import read_results
from abm.recording.study import read_study
from abm.scenario import load_scenario
from abm.simulation.run import simulate
from abm.sweeps import load_study, plan_study, run_study

if TYPE_CHECKING:
    from abm.recording.results import RunResults

ORDER_FLOW = Path(__file__).parents[3] / "scenarios" / "order_flow.toml"


def run(folder: Path, rule: str, *more: str, hours: float = 0.5) -> RunResults:
    """Run a while of the shipped scenario under a rule."""
    changes = (f"clock.hours={hours}", f"venue.ordering.rule={rule}", *more)
    scenario = load_scenario(ORDER_FLOW, changes)
    folder.mkdir()
    write_run(simulate(scenario), scenario, folder)
    return read_results(folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunResults]:
    """Return half an hour under two rules."""
    folder = tmp_path_factory.mktemp("extraction")
    hidden = "venue.ordering.decryption_delay_seconds=60"
    return {
        "first_come": run(folder / "first_come", "first_come"),
        "encrypted": run(folder / "encrypted", "encrypted", hidden),
    }


def test_a_trade_is_marked_at_the_next_sample_as_if_it_had_been_hedged() -> None:
    trades = pl.DataFrame(
        {
            "second": [130, 10, 610],
            "series": ["A", "A", "A"],
            "signed_lots": [-2, 3, 1],
            "premium_usd": [21.0, 18.0, 20.0],
        }
    )
    quotes = pl.DataFrame(
        {
            "second": [0, 600],
            "series": ["A", "A"],
            "mark_usd": [20.0, 26.0],
            "delta": [0.4, 0.5],
            "published_usd": [100.0, 110.0],
        }
    )
    steps = pl.DataFrame({"second": [0, 120, 180], "published_usd": [100.0, 104.0, 110.0]})
    # 130: two sold at 21; at 600 they are worth 26 - 0.5 * (110 - 104) = 23: lost 4.
    # 10: three bought at 18; 26 - 0.5 * 10 = 21: gained 9. 610 is never sampled again.
    assert marked(trades, quotes, steps).to_list() == [-4.0, 9.0, 0.0]


def test_a_run_is_measured_from_its_orders_alone(runs: dict[str, RunResults]) -> None:
    results = runs["first_come"]
    found = measure(results)
    orders = results.table("orders").with_columns(pl.col(pl.Categorical).cast(pl.String))
    traded = orders.filter(pl.col("traded_lots") > 0)
    own = traded.filter(pl.col("purpose") == "trade")
    sign = own["side"].replace_strict({"buy": 1, "sell": -1})
    beyond = (own["premium_usd"] - own["mark_asked_usd"]) * sign
    lots = own["traded_lots"]
    spent, count = float((beyond * lots).sum()), int(lots.sum())
    assert found.slippage_usd == pytest.approx(spent / count)
    assert spent > 0
    squares = float(((beyond - spent / count) ** 2 * lots).sum()) / count
    assert found.slippage_deviation_usd == pytest.approx(squares**0.5)
    ahead = int(traded.filter(pl.col("purpose") == "front_run")["traded_lots"].sum())
    assert found.front_run_share == pytest.approx(ahead / count)
    assert ahead > 0
    assert found.delay_seconds is not None
    assert found.delay_seconds > 8


def test_what_close_outs_bring_searchers_and_cost_owners_is_worked_from_trades(
    tmp_path: Path,
) -> None:
    falling = ("market.price.annual_drift=-600", "searchers.snipe_liquidations=true")
    results = run(tmp_path / "falling", "first_come", *falling, hours=1.5)
    found = measure(results)
    tables = {
        name: results.table(name).with_columns(pl.col(pl.Categorical).cast(pl.String))
        for name in ("trades", "orders", "accounts", "liquidations")
    }
    closed = tables["trades"].filter(pl.col("kind").is_in(["close_out", "take_over"]))
    cost = float(tables["liquidations"]["closing_cost_usd"].sum())
    assert found.close_out_cost_usd == pytest.approx(cost / int(closed["lots"].sum()))
    searchers = tables["accounts"].filter(pl.col("kind") == "searcher")["account"].unique()
    # To sell to who is closed brings more than the quotes taken ahead cost, and much of their take.
    sold = closed.filter(
        pl.col("buyer").is_in(searchers.implode()) | pl.col("seller").is_in(searchers.implode())
    )
    ahead = tables["orders"].filter(
        (pl.col("purpose") == "close_out") & (pl.col("traded_lots") > 0)
    )
    assert sold.height > 0
    assert ahead.height > 0
    assert 0 < found.close_outs_usd < found.take_usd


def test_what_buyers_and_sellers_gain_by_their_trades_sums_to_nothing(
    runs: dict[str, RunResults],
) -> None:
    results = runs["first_come"]
    trades = results.table("trades").filter(pl.col("kind").cast(pl.String) == "order")
    frames = [
        trades.select("second", "series", "premium_usd", signed_lots=sign * pl.col("lots"))
        for sign in (1, -1)
    ]
    gains = [marked(frame, results.table("quotes"), results.table("steps")) for frame in frames]
    assert gains[0].abs().sum() > 0
    assert (gains[0] + gains[1]).abs().sum() == pytest.approx(0)


def test_rules_stand_side_by_side_and_seeds_are_compared_as_pairs(
    runs: dict[str, RunResults],
) -> None:
    plain, hidden = extraction_rows((results, "") for results in runs.values())
    assert (plain.rule, plain.decryption_delay_seconds) == ("first_come", None)
    assert (hidden.rule, hidden.decryption_delay_seconds) == ("encrypted", 60.0)
    assert plain.slippage_change is None
    change = hidden.slippage_change
    slippage = [row.means["slippage_usd"] for row in (plain, hidden)]
    assert change is not None
    assert slippage[0] is not None
    assert slippage[1] is not None
    assert change.value == pytest.approx(slippage[1].value - slippage[0].value)
    ahead = hidden.means["front_run_share"]
    assert ahead is not None
    assert ahead.value == 0


def test_another_seed_is_no_pair(runs: dict[str, RunResults], tmp_path: Path) -> None:
    other = run(tmp_path / "other", "priority_fee", "seed=2")
    rows = extraction_rows([(runs["first_come"], ""), (other, "")])
    assert rows[1].slippage_change is None


def test_a_run_without_orders_on_their_way_is_refused(crash: RunResults) -> None:
    for ask in (measure, rule_of):
        with pytest.raises(ResultsError, match=r"the scenario needs \[venue\.ordering\]"):
            ask(crash)
    found = CliRunner().invoke(app, ["extraction", str(crash.folder)])
    assert found.exit_code != 0


def test_the_command_prints_a_line_for_each_rule(runs: dict[str, RunResults]) -> None:
    found = CliRunner().invoke(app, ["extraction", *(str(r.folder) for r in runs.values())])
    assert found.exit_code == 0, found.output
    lines = found.output.splitlines()
    assert lines[0].split()[:3] == ["Rule", "Decrypted", "Take"]
    assert lines[1].split()[:2] == ["first_come", "-"]
    assert lines[2].split()[:3] == ["encrypted", "60", "s"]
    assert lines[4].split()[:3] == ["Rule", "Decrypted", "Slippage"]
    assert [line.split()[0] for line in lines[5:7]] == ["first_come", "encrypted"]
    assert lines[-1] == "One run each."


def sweep(folder: Path, more: str) -> Path:
    """Run a study of a few minutes and one searcher; return where its results stand."""
    text = f"""
        name = "rules"
        question = "Which rule?"
        scenario = "{ORDER_FLOW}"
        changes = ["clock.hours=0.2"]
        {more}
        [factors."searchers.count"]
        values = [1]
        """
    (folder / "study.toml").write_text(text, encoding="utf-8")
    run_study(plan_study(load_study(folder / "study.toml")), folder / "out")
    return folder / "out"


def test_a_study_is_read_with_its_further_factors(tmp_path: Path) -> None:
    out = sweep(
        tmp_path,
        """
        replicates = 2
        tables = ["orders", "trades", "quotes", "accounts", "steps"]
        [factors."venue.ordering.rule"]
        values = ["first_come", "batch_auction"]
        """,
    )
    rows = extraction_rows(runs_of_study(read_study(out)))
    assert [(row.rule, row.also) for row in rows] == [
        ("first_come", "searchers.count = 1"),
        ("batch_auction", "searchers.count = 1"),
    ]
    slippage = rows[1].means["slippage_usd"]
    assert slippage is not None
    assert slippage.count == 2


def test_a_study_of_which_nothing_is_gathered_is_refused(tmp_path: Path) -> None:
    out = sweep(tmp_path, "replicates = 1")
    # As a sweep leaves it that was killed after its first batch.
    (out / "shards").mkdir(exist_ok=True)
    rows = pl.read_parquet(out / "runs.parquet").select("run_id", "seed")
    rows.write_parquet(out / "shards" / "0123456789abcdef.runs.parquet")
    (out / "runs.parquet").unlink()
    found = CliRunner().invoke(app, ["extraction", str(out)])
    assert isinstance(found.exception, ResultsError)
    assert "no run is gathered yet; run the study to its end" in str(found.exception)
