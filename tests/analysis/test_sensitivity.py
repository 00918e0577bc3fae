"""Sensitivity measures against closed forms, with failed runs, replicates, groups and text."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from abm.analysis.sensitivity import feature_scores, level_of, morris_effects, sobol_indices
from abm.analysis.study_tables import (
    convergence_table,
    heat_map_table,
    risk_table,
    tornado_table,
)
from abm.randomness import Streams
from abm.sweeps.design import design_shares, salib_problem
from abm.sweeps.study import Design, Factor, Study

pytest.importorskip("SALib", reason="the extra `sensitivity` is not installed")


def study_of(kind: str, samples: int, **factors: Factor) -> Study:
    design = Design(kind=kind, samples=samples)  # type: ignore[arg-type]
    return Study(name="s", question="?", scenario="s", replicates=1, design=design, factors=factors)


UNIT = Factor(low=0, high=1)


# y = 4 a + 2 b + 0 c with even laws on [0, 1]: variances 16 / 12 and 4 / 12, so shares 0.8, 0.2, 0.
def test_sobol_indices_of_a_sum_are_the_shares_of_its_variance() -> None:
    study = study_of("saltelli", 512, a=UNIT, b=UNIT, c=UNIT)
    shares = design_shares(study)
    outcome = 4 * shares[:, 0] + 2 * shares[:, 1]
    found = sobol_indices(salib_problem(study), outcome[:, np.newaxis])
    assert found.table["factor"].to_list() == ["a", "b", "c"]
    for column in ("first_order", "total"):
        assert found.table[column].to_list() == pytest.approx([0.8, 0.2, 0.0], abs=0.02)
    assert (found.used, found.left_out) == (512, 0)
    assert np.isnan(found.noise_share)


# y = a b around one half: V = (1/9 - 1/16) = 7/144; of a alone: var(a / 2) = 1/48, so 3/7; in total
# 1 - 3/7 = 4/7.
def test_what_acts_together_counts_in_total_alone() -> None:
    study = study_of("saltelli", 1024, a=UNIT, b=UNIT)
    shares = design_shares(study)
    found = sobol_indices(salib_problem(study), (shares[:, :1] * shares[:, 1:]))
    assert found.table["first_order"].to_list() == pytest.approx([3 / 7] * 2, abs=0.02)
    assert found.table["total"].to_list() == pytest.approx([4 / 7] * 2, abs=0.02)


def test_a_failed_run_takes_its_block_and_no_other() -> None:
    study = study_of("saltelli", 512, a=UNIT, b=UNIT)
    outcome = design_shares(study) @ np.array([[2.0], [1.0]])
    outcome[[5, 400, 401]] = np.nan
    found = sobol_indices(salib_problem(study), outcome)
    # Rows 5 is in block 1 of four rows, 400 and 401 in block 100.
    assert (found.used, found.left_out) == (510, 2)
    assert found.table["total"].to_list() == pytest.approx([0.8, 0.2], abs=0.03)


def test_replicates_are_averaged_and_their_noise_is_told() -> None:
    study = study_of("saltelli", 1024, a=UNIT)
    signal = design_shares(study)
    # Variance 1/12 of the signal and 1 of each replicate: of the mean of 20, 1/20 against 1/12.
    noise = Streams(1).get("noise").standard_normal((len(signal), 20))
    found = sobol_indices(salib_problem(study), signal + noise)
    assert found.noise_share == pytest.approx((1 / 20) / (1 / 12 + 1 / 20), abs=0.03)


def test_an_outcome_that_never_moves_has_indices_of_zero() -> None:
    study = study_of("saltelli", 8, a=UNIT, b=UNIT)
    found = sobol_indices(salib_problem(study), np.ones((32, 1)))
    assert found.table["total"].to_list() == [0.0, 0.0]


def test_groups_are_ranked_as_one() -> None:
    group = UNIT.model_copy(update={"group": "g"})
    study = study_of("saltelli", 512, a=group, b=UNIT, c=group)
    shares = design_shares(study)
    outcome = shares @ np.array([[1.0], [1.0], [1.0]])
    found = sobol_indices(salib_problem(study), outcome)
    assert found.table["factor"].to_list() == ["g", "b"]
    assert found.table["total"].to_list() == pytest.approx([2 / 3, 1 / 3], abs=0.02)


def test_outcomes_of_another_design_are_refused() -> None:
    study = study_of("saltelli", 8, a=UNIT, b=UNIT)
    with pytest.raises(ValueError, match="in blocks of 4 rows"):
        sobol_indices(salib_problem(study), np.ones((30, 1)))
    with pytest.raises(ValueError, match="0 of 8 blocks have all their runs; 2 are needed"):
        sobol_indices(salib_problem(study), np.full((32, 1), np.nan))


# Of a linear outcome each elementary effect is its slope.
def test_morris_effects_of_a_line_are_its_slopes() -> None:
    study = study_of("morris", 20, a=UNIT, b=UNIT, c=UNIT)
    shares = design_shares(study)
    outcome = shares @ np.array([[3.0], [-5.0], [0.0]])
    outcome[0] = np.nan
    problem = salib_problem(study)
    found = morris_effects(problem, shares, outcome, levels=4)
    assert found.table["factor"].to_list() == ["b", "a", "c"]
    assert found.table["mean_effect"].to_list() == pytest.approx([-5, 3, 0], abs=1e-9)
    assert found.table["mean_absolute_effect"].to_list() == pytest.approx([5, 3, 0], abs=1e-9)
    assert (found.used, found.left_out) == (19, 1)


# Factor a is worth 10 at "y", b moves nothing: eta squared of a, with within-level noise of
# deviation 1 about means 0 and 10, is about 25 / 26.
def test_feature_scores_take_text_and_numbers_of_any_design() -> None:
    rng = Streams(2).get("runs")
    text = rng.integers(2, size=400)
    runs = pl.DataFrame(
        {
            "factor a": np.where(text == 1, "y", "x"),
            "factor b": rng.random(400),
            "loss": 10.0 * text + rng.standard_normal(400),
        }
    )
    found = feature_scores(runs, "loss")
    assert found["factor"].to_list() == ["a", "b"]
    assert found["score"][0] == pytest.approx(25 / 26, abs=0.01)
    assert found["score"][1] == pytest.approx(0.0, abs=0.03)
    assert found["rank_correlation"][0] is None
    assert found["p_value"][0] < 1e-6 < found["p_value"][1]


def test_many_values_of_a_range_are_ten_bins_and_few_are_themselves() -> None:
    assert sorted(set(level_of(pl.Series(range(100))).tolist())) == list(range(10))
    assert level_of(pl.Series([5, 1, 5])).tolist() == [1, 0, 1]


RUNS = pl.DataFrame(
    {
        "factor a": [1, 1, 2, 2],
        "factor b": ["x", "y", "x", "y"],
        "loss": [0.0, 4.0, 10.0, 20.0],
    }
)


def test_a_tornado_has_the_widest_factor_first() -> None:
    found = tornado_table(RUNS, "loss")
    # a: means 2 and 15; b: means 5 (x) and 12 (y).
    assert found.select("factor", "low_end", "high_end", "swing").rows() == [
        ("a", "1", "2", 13.0),
        ("b", "x", "y", 7.0),
    ]


def test_a_heat_map_has_a_cell_for_each_pair_of_levels() -> None:
    found = heat_map_table(RUNS, "loss", "b", "a")
    assert found.select("across", "down", "mean", "runs").rows() == [
        ("x", "1", 0.0, 1),
        ("x", "2", 10.0, 1),
        ("y", "1", 4.0, 1),
        ("y", "2", 20.0, 1),
    ]


def test_risk_is_told_by_the_factors_asked_for() -> None:
    found = risk_table(RUNS, "loss", above=5.0, by=("a",))
    assert found.select("factor a", "runs", "mean", "event_probability").rows() == [
        (1, 2, 2.0, 0.0),
        (2, 2, 15.0, 1.0),
    ]
    assert found["conditional_extent"].to_list() == [None, 15.0]
    # Wilson with none of two, z = 1.96: 3.8416 / (2 + 3.8416).
    assert found["event_probability_high"][0] == pytest.approx(0.6576, abs=1e-4)
    assert risk_table(RUNS, "loss", by=()).height == 1


def test_convergence_ends_with_all_runs() -> None:
    found = convergence_table(RUNS, "loss", steps=2)
    assert found.select("runs", "mean").rows() == [(2, 2.0), (4, 8.5)]
    with pytest.raises(ValueError, match="measure is 'median'; it must be one of mean"):
        convergence_table(RUNS, "loss", "median")
