"""From a study file to the scenarios of its points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from abm.errors import ScenarioError
from abm.sweeps import Plan, design_points, load_study, plan_study
from abm.sweeps.study import Design, Factor, Study

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def planned(path: Path) -> Plan:
    return plan_study(load_study(path))


def test_a_factorial_design_is_every_combination_the_last_factor_fastest(
    write_study: Callable[..., Path],
) -> None:
    plan = planned(write_study())
    assert [tuple(point.values()) for point in plan.points] == [
        (0.25, 0),
        (0.25, 300),
        (0.5, 0),
        (0.5, 300),
    ]
    assert plan.run_count == 8
    last = plan.scenarios[-1]
    assert last.liquidation.grace_seconds == 300
    assert last.shocks["far_halt"].duration_hours == 0.5
    # What no factor names is the base scenario's, with its changes.
    assert last.clock.hours == 1


def test_with_common_streams_a_replicate_has_one_seed_at_every_point(
    write_study: Callable[..., Path],
) -> None:
    plan = planned(write_study())
    seeds = {(run.point, run.replicate): run.scenario.seed for run in plan.runs()}
    assert {seeds[point, 0] for point in range(4)} == {plan.base.seed}
    assert {seeds[point, 1] for point in range(4)} == {plan.base.seed + 1}


def test_with_independent_streams_every_run_has_a_seed_of_its_own(
    write_study: Callable[..., Path],
) -> None:
    plan = planned(write_study('streams = "independent"\n'))
    assert len({run.scenario.seed for run in plan.runs()}) == 8


def test_runs_are_named_by_their_scenario_so_that_a_new_level_keeps_the_old_runs(
    write_study: Callable[..., Path],
) -> None:
    old = {run.run_id for run in planned(write_study()).runs()}
    more = write_study(
        factors='[factors."shocks.far_halt.duration_hours"]\nvalues = [0.25, 0.5, 0.7]\n'
        '[factors."liquidation.grace_seconds"]\nvalues = [0, 300]\n'
    )
    new = {run.run_id for run in planned(more).runs()}
    assert old < new
    assert len(new) == 12


def test_a_wildcard_changes_every_key_that_it_matches(write_study: Callable[..., Path]) -> None:
    plan = planned(write_study(factors='[factors."traders.*.count"]\nvalues = [7]\n'))
    (scenario,) = plan.scenarios
    assert {kind.count for kind in scenario.traders.values()} == {7}


def test_a_key_that_does_not_exist_is_told_the_nearest_one(
    write_study: Callable[..., Path],
) -> None:
    path = write_study(factors='[factors."liquidation.grace_second"]\nvalues = [7]\n')
    with pytest.raises(ScenarioError, match=r"no such key; did you mean 'liquidation.grace_sec"):
        planned(path)


def test_a_point_that_is_repeated_is_run_once(write_study: Callable[..., Path]) -> None:
    plan = planned(
        write_study(factors='[factors."liquidation.grace_seconds"]\nvalues = [0, 300, 300, 0.0]\n')
    )
    assert [point["liquidation.grace_seconds"] for point in plan.points] == [0, 300]
    assert plan.run_count == 4


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ("[factors.seed]\nvalues = [5, 6]\n", "factors.seed: a replicate has a seed of its own"),
        (
            (
                '[factors."traders.*.count"]\nvalues = [5]\n'
                '[factors."traders.sellers.count"]\nvalues = [6]\n'
            ),
            r"factors.traders.sellers.count: factors.traders.\*.count changes the same key",
        ),
        (
            (
                "[factors.liquidation]\nvalues = [5]\n"
                '[factors."liquidation.grace_seconds"]\nvalues = [6]\n'
            ),
            "factors.liquidation.grace_seconds: factors.liquidation changes the same key",
        ),
    ],
)
def test_factors_that_undo_each_other_are_refused(
    write_study: Callable[..., Path], factors: str, message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        planned(write_study(factors=factors))


def test_a_value_that_the_scenario_refuses_is_named_with_its_point(
    write_study: Callable[..., Path],
) -> None:
    path = write_study(factors='[factors."liquidation.grace_seconds"]\nvalues = [5, -1]\n')
    with pytest.raises(ScenarioError, match=r"point 1 \(liquidation.grace_seconds = -1\).*-1"):
        planned(path)


@pytest.mark.parametrize(
    ("more", "factors", "message"),
    [
        ("", "", "factors: this key is required"),
        ("", "[factors]\n", "factors is {}; it must have at least 1"),
        ("", "[factors.seed]\nlow = 1\n", "low = 1.0 must be below high = None"),
        ("", "[factors.seed]\nvalues = [1]\nlow = 1\n", "either values, or low and high"),
        ("", "[factors.seed]\nlow = 1\nhigh = 2\n", "a factorial design needs its values"),
        ("replicate = 2\n", "[factors.seed]\nvalues = [1]\n", "did you mean 'replicates'"),
        ('tables = ["trade"]\n', "[factors.seed]\nvalues = [1]\n", "tables holds 'trade'"),
    ],
)
def test_a_fault_of_the_study_is_named(
    write_study: Callable[..., Path], more: str, factors: str, message: str
) -> None:
    with pytest.raises(ScenarioError, match=message.replace("{", r"\{")):
        load_study(write_study(more, factors))


def test_a_study_that_is_no_file_or_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="No such file"):
        load_study(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = ", encoding="utf-8")
    with pytest.raises(ScenarioError, match="not TOML"):
        load_study(tmp_path / "bad.toml")


@pytest.mark.parametrize("kind", ["latin_hypercube", "sobol"])
def test_a_spread_design_fills_its_ranges_evenly(kind: str) -> None:
    study = Study(
        name="s",
        question="?",
        scenario="s.toml",
        replicates=1,
        design=Design(kind=kind, samples=100, seed=3),  # type: ignore[arg-type]
        factors={
            "a": Factor(low=2.0, high=4.0),
            "b": Factor(low=1.0, high=100.0, logarithmic=True),
            "c": Factor(low=0, high=10, whole=True),
            "d": Factor(values=("x", "y")),
        },
    )
    points = design_points(study)
    assert list(points) == list(design_points(study))
    assert len(points) == 100
    numbers = np.array([[float(point[name]) for name in "abc"] for point in points])
    assert (numbers >= [2.0, 1.0, 0]).all()
    assert (numbers <= [4.0, 100.0, 10]).all()
    # Even in the range, or in its logarithm, to within a tenth of it.
    assert numbers[:, 0].mean() == pytest.approx(3.0, abs=0.2)
    assert np.log10(numbers[:, 1]).mean() == pytest.approx(1.0, abs=0.2)
    assert all(isinstance(point["c"], int) for point in points)
    assert 40 <= sum(point["d"] == "x" for point in points) <= 60
