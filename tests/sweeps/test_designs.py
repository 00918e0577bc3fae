"""Designs for sensitivity, points from a file, optional stopping, merging."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from abm.cli import app
from abm.errors import ResultsError, ScenarioError
from abm.scenario import run_id
from abm.sweeps import (
    Plan,
    design_points,
    load_study,
    plan_of,
    plan_study,
    read_runs,
    run_study,
    study_status,
)
from abm.sweeps.design import design_shares
from abm.sweeps.goals import Stopping
from abm.sweeps.merging import merge_studies
from abm.sweeps.stopping import half_width
from abm.sweeps.study import Design, Factor, Study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def planned(path: Path) -> Plan:
    return plan_study(load_study(path))


def study_of(kind: str, **factors: Factor) -> Study:
    design = Design(kind=kind, samples=8, seed=3)  # type: ignore[arg-type]
    return Study(
        name="s", question="?", scenario="s.toml", replicates=1, design=design, factors=factors
    )


def test_a_run_is_named_as_its_scenario_is(write_study: Callable[..., Path]) -> None:
    for run in planned(write_study()).runs():
        assert run.run_id == run_id(run.scenario)


def test_saltelli_has_a_block_of_two_points_more_than_factors() -> None:
    study = study_of("saltelli", a=Factor(low=0, high=1), b=Factor(values=("x", "y")))
    points = design_points(study)
    assert len(points) == 8 * (2 + 2)
    # Within a block, row i + 1 is the first with factor i of the last: one factor moves.
    first, moved_a, moved_b, last = (points[row] for row in range(4))
    assert (moved_a["b"], moved_b["a"]) == (first["b"], first["a"])
    assert (moved_a["a"], moved_b["b"]) == (last["a"], last["b"])
    assert list(points) == list(design_points(study))


def test_morris_moves_one_factor_at_a_time_and_a_group_at_once() -> None:
    a, b, c = (Factor(low=0, high=1, group=group) for group in ("g", None, "g"))
    study = study_of("morris", a=a, b=b, c=c)
    shares = design_shares(study).reshape(8, 3, 3)
    for trajectory in shares:
        moved = [set(np.flatnonzero(step).tolist()) for step in np.diff(trajectory, axis=0)]
        assert sorted(moved, key=len) == [{1}, {0, 2}]
    assert (design_shares(study) == design_shares(study)).all()


def test_a_lognormal_law_has_its_median_and_stays_between_its_ends() -> None:
    factor = Factor(median=2.0, ln_sigma=1.0, low=1.0, high=8.0)
    design = Design(kind="latin_hypercube", samples=999)
    study = study_of("latin_hypercube", a=factor).model_copy(update={"design": design})
    values = np.array([point["a"] for point in design_points(study)], dtype=float)
    assert values.min() >= 1.0
    assert values.max() <= 8.0
    # ln 1 and ln 8 are -0.693 and 1.386 deviations from ln 2: shares 0.2441 and 0.9171. Half of
    # what is between, 0.5806, is 0.2035 deviations: 2 exp(0.2035) = 2.4514.
    assert np.median(values) == pytest.approx(2.4514, rel=0.01)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_points_come_from_a_table(
    write_study: Callable[..., Path], tmp_path: Path, suffix: str
) -> None:
    table = pl.DataFrame(
        {
            "liquidation.grace_seconds": [300, 0, 300],
            "liquidation.close_out": ["at_once", "on_proceeds", "on_proceeds"],
        }
    )
    table.write_csv(tmp_path / "p.csv")
    table.write_parquet(tmp_path / "p.parquet")
    design = f'[design]\nkind = "table"\nfile = "p.{suffix}"\n'
    plan = planned(write_study(factors=design))
    assert list(plan.points) == table.to_dicts()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("liquidation.grace_seconds\n", "it holds no points"),
        ("liquidation.grace_seconds,b\n1,\n", "row 0, b: a value is missing"),
        ("liquidation.grace_second\n1\n", "did you mean 'liquidation.grace_seconds'"),
    ],
)
def test_a_table_that_makes_no_points_is_named(
    write_study: Callable[..., Path], tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "p.csv").write_text(text, encoding="utf-8")
    path = write_study(factors='[design]\nkind = "table"\nfile = "p.csv"\n')
    with pytest.raises(ScenarioError, match=message):
        planned(path)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('[design]\nkind = "saltelli"\nsamples = 6\n', "samples is 6; saltelli needs a power of 2"),
        ('[design]\nkind = "morris"\nlevels = 3\n', "levels is 3; morris needs an even number"),
        ('[design]\nkind = "table"\n', "given by kind = 'table' and its file"),
        (
            '[design]\nkind = "table"\nfile = "none.csv"\n[factors.a]\nvalues = [1]\n',
            "brings its own factors",
        ),
        ("[stopping]\noutcome = 'bad'\nhalf_width = 1\n", "outcome is 'bad'.*it must be one of"),
        (
            "[stopping]\noutcome = 'bad_debt_usd'\nhalf_width = 1\n",
            "least_replicates is 8; replicates, 2, are fewer",
        ),
        ("[factors.a]\nvalues = [1, 2]\ngroup = 'g'\n", "only the designs saltelli and morris"),
        ("[factors.a]\nmedian = 2\n", "has both median and ln_sigma"),
    ],
)
def test_a_fault_of_a_design_is_named(
    write_study: Callable[..., Path], more: str, message: str
) -> None:
    factors = "" if "[factors" in more else "[factors.a]\nvalues = [1, 2]\n"
    with pytest.raises(ScenarioError, match=message):
        load_study(write_study(factors=more + factors))


def test_every_refused_point_is_named_at_once(write_study: Callable[..., Path]) -> None:
    path = write_study(factors='[factors."liquidation.grace_seconds"]\nvalues = [-2, 5, -1]\n')
    with pytest.raises(ScenarioError, match=r"(?s)point 0 .*is -2.*point 2 .*is -1"):
        planned(path)


def test_independent_seeds_stay_when_a_level_is_added(write_study: Callable[..., Path]) -> None:
    more = 'streams = "independent"\n'
    few = '[factors."liquidation.grace_seconds"]\nvalues = [300]\n'
    many = '[factors."liquidation.grace_seconds"]\nvalues = [0, 300]\n'
    old = {run.run_id for run in planned(write_study(more, few)).runs()}
    assert old < {run.run_id for run in planned(write_study(more, many)).runs()}


# The interval of a mean: 2, 4, 6, 8 have deviation 2.582; Student's 97.5 % with 3 degrees is 3.182.
# Half of it: 3.182 * 2.582 / 2 = 4.108. Wilson's, with 1 of 4 and z = 1.96: centre and half are
# (0.25 + 0.4802) / 1.9604 and 1.96 / 1.9604 * sqrt(0.25 * 0.75 / 4 + 0.24010 / 4) = 0.3270.
def test_half_widths_are_those_of_student_and_wilson() -> None:
    rule = Stopping(outcome="bad_debt_usd", half_width=1.0)
    values = np.array([2.0, 4.0, 6.0, 8.0])
    assert half_width(values, rule) == pytest.approx(4.108, abs=0.001)
    wilson = rule.model_copy(update={"above": 7.0})
    assert half_width(values, wilson) == pytest.approx(0.3270, abs=0.001)


def test_equal_runs_are_no_reason_to_stop() -> None:
    rule = Stopping(outcome="bad_debt_usd", half_width=1.0)
    assert half_width(np.zeros(50), rule) == float("inf")


STOPPING = """
[stopping]
outcome = "messages_sent"
half_width = {width}
least_replicates = 3
replicates_at_once = 2
"""
TWO_POINTS = '[factors."liquidation.grace_seconds"]\nvalues = [0, 300]\n'


def stopping_study(write_study: Callable[..., Path], width: float) -> Plan:
    path = write_study(STOPPING.format(width=width), TWO_POINTS)
    text = path.read_text(encoding="utf-8").replace("replicates = 2\n", "replicates = 7\n", 1)
    path.write_text(text, encoding="utf-8")
    return planned(path)


def test_a_point_stops_once_its_interval_is_narrow_whatever_came_before(
    write_study: Callable[..., Path], tmp_path: Path
) -> None:
    status = run_study(stopping_study(write_study, 1e9), tmp_path / "wide")
    assert (status.finished, status.spared, status.left) == (6, 8, 0)
    assert study_status(tmp_path / "wide").spared == 8
    runs = read_runs(tmp_path / "wide")
    # Half the interval of each point after three runs; between them, one of the two goes on.
    widths = sorted(
        half_width(
            part["messages_sent"].to_numpy().astype(float),
            Stopping(outcome="messages_sent", half_width=1.0),
        )
        for _, part in runs.group_by("point")
    )
    assert widths[0] < widths[1]
    between = stopping_study(write_study, sum(widths) / 2)

    def stop(finished: int, *_: int) -> None:
        if finished >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(between, tmp_path / "killed", progress=stop)
    run_study(between, tmp_path / "killed")
    run_study(between, tmp_path / "whole")
    found = read_runs(tmp_path / "whole").group_by("point").len().sort("len")["len"].to_list()
    assert found[0] == 3
    assert found[1] > 3
    bytes_of = [(tmp_path / part / "runs.parquet").read_bytes() for part in ("killed", "whole")]
    assert bytes_of[0] == bytes_of[1]


def test_parts_of_a_study_are_merged_into_the_bytes_of_the_whole(
    write_study: Callable[..., Path], tmp_path: Path
) -> None:
    keep = 'tables = ["liquidations"]\n'
    whole = planned(write_study(keep))
    run_study(whole, tmp_path / "whole")
    text = write_study(keep).read_text(encoding="utf-8")
    (tmp_path / "study.toml").write_text(text.replace("replicates = 2", "replicates = 1", 1))
    run_study(planned(tmp_path / "study.toml"), tmp_path / "first")

    def stop(finished: int, *_: int) -> None:
        if finished >= 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(whole, tmp_path / "second", progress=stop)
    places = [str(tmp_path / "first"), str(tmp_path / "second")]
    told = CliRunner().invoke(app, ["merge", str(tmp_path / "out"), *places])
    assert told.exit_code == 0
    run_study(whole, tmp_path / "out")
    for name in ("runs.parquet", "liquidations/00000.parquet"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert plan_of(tmp_path / "out").identity == whole.identity
    run_study(planned(write_study()), tmp_path / "other")
    with pytest.raises(ResultsError, match="another study or base scenario"):
        merge_studies([str(tmp_path / "whole"), str(tmp_path / "other")], str(tmp_path / "x"))


def test_parts_that_hold_every_run_are_merged_in_the_order_of_the_factors(
    write_study: Callable[..., Path], tmp_path: Path
) -> None:
    """Nothing is left to run, so that the merged files are those that stay."""
    path = write_study('tables = ["liquidations"]\n')
    # The order of the alphabet would be another one.
    factors = list(load_study(path).factors)
    assert factors != sorted(factors)
    for name in ("whole", "again"):
        run_study(planned(path), tmp_path / name)
    merge_studies([str(tmp_path / "again")], str(tmp_path / "out"))
    assert list(plan_of(tmp_path / "out").study.factors) == factors
    for name in ("runs.parquet", "liquidations/00000.parquet", "study.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_regular_tables_are_kept_at_the_seconds_asked_for(
    write_study: Callable[..., Path], tmp_path: Path
) -> None:
    keep = 'tables = ["steps", "trades"]\ntable_seconds = 1800\n'
    run_study(planned(write_study(keep, TWO_POINTS)), tmp_path / "out")
    steps = pl.read_parquet(tmp_path / "out" / "steps" / "*.parquet")
    assert steps["second"].unique().sort().to_list() == [0, 1800, 3600]
    assert len(steps) == 3 * 4
    trades = pl.read_parquet(tmp_path / "out" / "trades" / "*.parquet")
    assert (trades["second"] % 1800 != 0).any()


def test_progress_and_status_are_told_as_json(
    write_study: Callable[..., Path], tmp_path: Path
) -> None:
    command = [
        "sweep",
        str(write_study(factors=TWO_POINTS)),
        "--out",
        str(tmp_path / "o"),
        "--json",
    ]
    swept = CliRunner().invoke(app, command)
    assert swept.exit_code == 0
    *progress, end = [json.loads(line) for line in swept.output.splitlines()]
    assert progress[-1]["finished"] == 4
    assert {"failed", "runs", "runs_per_second", "seconds_left"} <= set(progress[-1])
    assert (end["finished"], end["left"]) == (4, 0)
    told = CliRunner().invoke(app, ["status", str(tmp_path / "o"), "--json"])
    assert json.loads(told.output)["planned"] == 4
