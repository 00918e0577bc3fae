"""Figures of many runs, against numbers worked out by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

from abm.analysis.answers import answers_of_run, answers_of_study
from abm.analysis.figures.architectures import (
    ONE_IS_NOT_ENOUGH,
    efficiency_against_shortfall,
    side_by_side,
)
from abm.analysis.figures.study_runs import (
    CAUSED,
    in_order,
    level_order,
    level_text,
    levels_of,
    narrowed,
    outcomes_of,
    runs_by_level,
)
from abm.analysis.figures.sweep import (
    converged,
    heat_map,
    layers_used,
    loss_distribution,
    swings,
    tornado,
)
from abm.analysis.report import render_pair_report, render_study_report
from abm.recording.study import read_study

if TYPE_CHECKING:
    from pathlib import Path

    from abm.recording.results import RunResults
    from abm.recording.study import StudyResults

HOURS, CLOSING = "factor hours", "factor closing"

# Two factors of two levels, one run each; the loss is 100 with long halts and 10 with short ones,
# and 1 more if closed late.
RUNS = pl.DataFrame(
    {
        "run_id": ["00", "01", "02", "03"],
        "point": [0, 1, 2, 3],
        "replicate": [0, 0, 0, 0],
        HOURS: [1, 1, 12, 12],
        CLOSING: ["late", "at_once", "late", "at_once"],
        "architecture": ["silo", "silo", "unified_pool", "unified_pool"],
        "bad_debt_usd": [11.0, 10.0, 101.0, 100.0],
        "without_shocks.bad_debt_usd": [1.0, 1.0, 1.0, 1.0],
        "paid_by_fund_usd": [11.0, 10.0, 50.0, 50.0],
        "socialised_usd": [0.0, 0.0, 51.0, 50.0],
        "uncovered_usd": [0.0, 0.0, 0.0, 0.0],
        "open_interest_per_locked_mean": [0.5, 0.5, 0.8, 0.8],
    }
)


@pytest.fixture
def study(tmp_path: Path) -> StudyResults:
    note = {"name": "by_hand", "question": "What <b>costs</b> most?", "runs": ["00"] * 4}
    (tmp_path / "study.json").write_text(json.dumps(note), encoding="utf-8")
    RUNS.write_parquet(tmp_path / "runs.parquet")
    return read_study(tmp_path)


def test_a_heat_map_holds_the_mean_of_every_cell(study: StudyResults) -> None:
    figure = heat_map(study, "bad_debt_usd", HOURS, CLOSING)
    heat = figure.plot.data[0]
    assert list(heat.x) == ["1", "12"]
    assert list(heat.y) == ["at_once", "late"]
    assert [list(row) for row in heat.z] == [[10.0, 100.0], [11.0, 101.0]]
    assert (figure.unit, figure.runs) == ("USD", 4)


def test_a_heat_map_over_one_factor_averages_the_other(study: StudyResults) -> None:
    heat = heat_map(study, "bad_debt_usd", HOURS).plot.data[0]
    assert [list(row) for row in heat.z] == [[10.5, 100.5]]


def test_parts_of_a_factor_keep_their_ends_while_another_factor_is_narrowed(tmp_path: Path) -> None:
    # Of runs with an even first factor the second one is half as often below its first edge.
    count = 800
    first = [place % 40 for place in range(count)]
    second = [place * (1 + place % 2) for place in range(count)]
    runs = pl.DataFrame({"factor a": first, "factor b": second, "bad_debt_usd": [1.0] * count})
    runs = runs.with_columns(run_id=pl.col("factor b").cast(pl.String), point=0, replicate=0)
    note = {"name": "by_hand", "question": "?", "runs": []}
    (tmp_path / "study.json").write_text(json.dumps(note), encoding="utf-8")
    runs.write_parquet(tmp_path / "runs.parquet")
    by_level = runs_by_level(read_study(tmp_path), "bad_debt_usd")
    a, b = (level_order(by_level, f"factor {name}")[0] for name in "ab")
    alone = set(narrowed(by_level, {"factor b": b})["factor b"])
    both = narrowed(by_level, {"factor a": a, "factor b": b})
    assert 0 < len(both) < len(alone)
    assert set(both["factor b"]) <= alone


def test_levels_stand_in_the_order_of_their_values_with_those_of_no_value_first() -> None:
    runs = pl.DataFrame({HOURS: [12, 2, None, 1], CLOSING: ["b", None, "a", "b"]})
    assert level_order(runs, HOURS) == ["none", "1", "2", "12"]
    assert level_order(runs, CLOSING) == ["none", "a", "b"]
    many = pl.DataFrame({HOURS: [None, *(place / 2 for place in range(80))]})
    assert level_order(many, HOURS)[:2] == ["none", f"least to {level_text(5.0)}"]


def test_runs_come_replicate_by_replicate_however_they_were_gathered() -> None:
    runs = pl.DataFrame(
        {"point": [0, 0, 1, 1], "replicate": [0, 1, 0, 1], "loss": [1.0, 3.0, 2.0, 4.0]}
    )
    assert in_order(runs, "loss").to_list() == [1.0, 2.0, 3.0, 4.0]
    assert in_order(runs.reverse(), "loss").to_list() == [1.0, 2.0, 3.0, 4.0]


def test_a_heat_map_of_chosen_levels_leaves_the_others_out(study: StudyResults) -> None:
    heat = heat_map(study, "bad_debt_usd", HOURS, CLOSING, {CLOSING: "late"}).plot.data[0]
    assert [list(row) for row in heat.z] == [[11.0, 101.0]]


def test_what_the_shocks_caused_is_the_difference_from_the_pair(study: StudyResults) -> None:
    key = f"{CAUSED}bad_debt_usd"
    assert key in {item.key for item in outcomes_of(study)}
    heat = heat_map(study, key, HOURS, CLOSING).plot.data[0]
    assert [list(row) for row in heat.z] == [[9.0, 99.0], [10.0, 100.0]]


def test_the_widest_swing_stands_last_so_that_it_is_drawn_on_top() -> None:
    # Hours move the mean from 10.5 to 100.5, closing from 55 to 56.
    assert swings(RUNS, "bad_debt_usd", [HOURS, CLOSING]) == [
        (CLOSING, ("at_once", 55.0), ("late", 56.0)),
        (HOURS, ("1", 10.5), ("12", 100.5)),
    ]


def test_a_tornado_stands_on_the_mean_of_all_runs(study: StudyResults) -> None:
    low, high = tornado(study).plot.data
    assert low.base == high.base == 55.5
    assert list(low.x) == [-0.5, -45.0]
    assert list(high.x) == [0.5, 45.0]


def test_a_tornado_of_one_level_says_that_there_is_nothing_to_move(study: StudyResults) -> None:
    figure = tornado(study, chosen={HOURS: "1", CLOSING: "late"})
    assert "No factor has two levels" in figure.empty


def test_convergence_ends_at_the_mean_of_all(study: StudyResults) -> None:
    assert converged(study).plot.data[1].y[-1] == 55.5


def test_a_distribution_counts_every_run_once(study: StudyResults) -> None:
    figure = loss_distribution(study)
    assert sum(figure.plot.data[0].y) == 4
    assert "mean, 55.50 USD" in {trace.name for trace in figure.plot.data}


def test_layers_are_shares_of_all_runs(study: StudyResults) -> None:
    bars = layers_used(study).plot.data[0]
    assert dict(zip(bars.x, bars.y, strict=True)) == {
        "insurance fund": 1.0,
        "socialised": 0.5,
        "nobody": 0.0,
    }


def test_a_layer_that_comes_later_is_drawn_without_change(tmp_path: Path) -> None:
    note = {"name": "by_hand", "question": "?", "runs": []}
    (tmp_path / "study.json").write_text(json.dumps(note), encoding="utf-8")
    RUNS.with_columns(paid_by_mutual_fund_usd=pl.lit(1.0)).write_parquet(tmp_path / "runs.parquet")
    assert "mutual fund" in layers_used(read_study(tmp_path)).plot.data[0].x


def test_many_values_of_a_factor_are_cut_into_parts() -> None:
    runs = pl.DataFrame({HOURS: [float(hour) for hour in range(80)]})
    assert levels_of(runs, HOURS).n_unique() == 8


def test_architectures_are_marked_by_their_means(study: StudyResults) -> None:
    figure = efficiency_against_shortfall(study.runs)
    means = {
        trace.name: (trace.x[0], trace.y[0]) for trace in figure.plot.data if trace.name is not None
    }
    assert means["silo, 2 runs"] == (0.5, 10.5)
    assert means["unified pool, 2 runs"] == (pytest.approx(0.8), 100.5)


def test_a_single_architecture_is_told_what_it_lacks(study: StudyResults) -> None:
    (figure,) = side_by_side(study.runs.filter(architecture="silo"))
    assert figure.empty == ONE_IS_NOT_ENOUGH


def test_the_answer_of_a_study_has_its_intervals(study: StudyResults) -> None:
    loss, caused, passed = answers_of_study(study)
    assert loss.value == "55.50 USD"
    # The t interval: the standard deviation 51.97 over two, times 3.182.
    assert loss.certainty == "95% interval -27.19 USD to 138.19 USD, 4 runs"
    assert caused.value == "54.50 USD"
    assert passed.value == "50%"


def test_the_answer_of_a_run_says_what_one_run_cannot_know(crash: RunResults) -> None:
    loss, caused, _ = answers_of_run(crash)
    assert "one run" in loss.certainty
    assert "exact for this seed" in caused.certainty


def test_the_report_of_a_study_is_one_page_that_escapes_what_it_is_given(
    study: StudyResults,
) -> None:
    page = render_study_report(study)
    assert "What &lt;b&gt;costs&lt;/b&gt; most?" in page
    assert "<b>costs" not in page
    for title in ("Bad debt over two factors", "What matters most", "Efficiency against shortfall"):
        assert title in page


def test_the_report_of_a_pair_has_every_outcome_of_both(crash: RunResults) -> None:
    assert crash.counterfactual is not None
    page = render_pair_report(crash, crash.counterfactual)
    assert "A less B" in page
    for table in (crash, crash.counterfactual):
        assert table.manifest.run_id in page
