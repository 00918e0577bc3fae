from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from abm.analysis.risk import paired_difference
from abm.errors import InvariantError, ScenarioError
from abm.recording.recorder import Recorder
from abm.recording.schemas import SCHEMAS
from abm.scenario import Scenario, canonical_json, load_scenario
from abm.simulation.run import BrokenRunError, simulate
from abm.studies import replicates
from abm.studies.compare import (
    BETTER_WHEN_MORE,
    NEITHER,
    PARAMETERS,
    Comparison,
    OutcomeDifference,
    changed_scenario,
    compare,
    comparison_rows,
    write_comparison,
)
from abm.studies.replicates import run_all, run_outcome
from abm.units import format_usd

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
SMALL_CRASH = ROOT / "tests" / "scenario" / "small_crash.toml"

# The place of the second in the rows of tables that are written as time goes by.
TIMED = {"steps": 0, "chains": 0, "channels": 0, "trades": 0, "events": 1}


@pytest.fixture(scope="module")
def crash() -> Scenario:
    """Return a sound scenario with two shocks, at 2,700 seconds both."""
    return load_scenario(SMALL_CRASH)


@pytest.fixture(scope="module")
def comparison(crash: Scenario) -> Comparison:
    """Compare it with the same without shocks, over four seeds."""
    return compare(crash, without=("shocks",), replicates=4)


@pytest.fixture
def broken_seed(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let runs with a seed and with shocks break an invariant."""

    def break_at(seed: int) -> None:
        def broken(scenario: Scenario, **more: Any) -> Recorder:  # noqa: ANN401 - of `simulate`
            if scenario.seed == seed and scenario.shocks:
                raise BrokenRunError(InvariantError(60, ["broken on purpose"]), Recorder())
            return simulate(scenario, **more)

        monkeypatch.setattr(replicates, "simulate", broken)

    return break_at


def seconds_of(row: tuple[Any, ...], place: int) -> int:
    return int(row[place])


def outcome(comparison: Comparison, name: str) -> OutcomeDifference:
    return next(one for one in comparison.outcomes if one.column.name == name)


# --- what is changed


def test_all_shocks_are_left_out_by_one_word(crash: Scenario) -> None:
    changed = changed_scenario(crash, without=("shocks",))
    assert changed == crash.without_shocks()


def test_a_named_shock_alone_is_left_out(crash: Scenario) -> None:
    changed = changed_scenario(crash, without=("far_halt",))
    assert changed.shocks == {"gas": crash.shocks["gas"]}


@pytest.mark.parametrize(
    "overrides",
    [
        ("liquidation.grace_seconds=60",),
        ("collateral.architecture=silo", "waterfall.insurance_fund_usd=5_000"),
        ('shocks.gas.chains=["far", "near"]', "market.expiries.0.after_hours=100"),
        ('market.price={kind="diffusion", start_usd=2_000, annual_volatility=0}',),
    ],
)
def test_an_override_means_what_it_means_for_the_file(
    crash: Scenario, overrides: tuple[str, ...]
) -> None:
    changed = changed_scenario(crash, overrides=overrides)
    assert canonical_json(changed) == canonical_json(load_scenario(SMALL_CRASH, overrides))


def test_a_refused_override_has_the_problems_that_it_has_for_the_file(crash: Scenario) -> None:
    """None about keys that the file leaves to their defaults."""
    overrides = ("market.price.kind=diffusion", "market.price.start_usd=-1")
    with pytest.raises(ScenarioError) as expected:
        load_scenario(SMALL_CRASH, overrides)
    with pytest.raises(ScenarioError) as found:
        changed_scenario(crash, overrides=overrides)
    assert found.value.problems == expected.value.problems


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.toml")), ids=lambda p: p.stem)
def test_shipped_scenarios_take_an_override(path: Path) -> None:
    overrides = ("waterfall.insurance_fund_usd=12_345",)
    changed = changed_scenario(load_scenario(path), overrides=overrides)
    assert changed == load_scenario(path, overrides)


def test_a_change_to_a_shock_and_another_left_out_go_together(crash: Scenario) -> None:
    changed = changed_scenario(crash, without=("gas",), overrides=("shocks.far_halt.at_hours=1",))
    assert list(changed.shocks) == ["far_halt"]
    assert changed.shocks["far_halt"].at_hours == 1


def test_a_shock_that_the_counterfactual_names_can_be_left_out() -> None:
    scenario = load_scenario(SMALL_CRASH, ('counterfactual.without_shocks=["gas"]',))
    assert list(changed_scenario(scenario, without=("gas",)).shocks) == ["far_halt"]


SHOCK_RULE = "it must be 'shocks' for all of them, or one of far_halt, gas"
SEED_RULE = "a run and what it is compared with have the same seed; set it for both"
CHANGE_RULE = "they leave the scenario as it is; leave out a shock or change a value"


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        (
            {"without": ("far_hlt",)},
            [f"without is 'far_hlt'; {SHOCK_RULE}; did you mean 'far_halt'?"],
        ),
        (
            {"without": ("far_halt", "gaz"), "overrides": ("what",)},
            [
                f"without is 'gaz'; {SHOCK_RULE}; did you mean 'gas'?",
                "--set is 'what'; it must have the form key=value",
            ],
        ),
        (
            {"overrides": ("liquidation.grace_secnds=3",)},
            ["liquidation.grace_secnds: unknown key; did you mean 'grace_seconds'?"],
        ),
        ({"overrides": ("seed=14",)}, [f"seed is 14; {SEED_RULE}"]),
        ({"overrides": ("liquidation.grace_seconds=300",)}, [f"changes: {CHANGE_RULE}"]),
        ({}, [f"changes: {CHANGE_RULE}"]),
    ],
)
def test_changes_that_are_refused_are_named_before_any_run(
    crash: Scenario, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], problems: list[str]
) -> None:
    monkeypatch.setattr(replicates, "simulate", lambda _: pytest.fail("a run has started"))
    with pytest.raises(ScenarioError) as caught:
        compare(crash, **changes, source="crash.toml")
    assert str(caught.value).splitlines() == [f"crash.toml: {problem}" for problem in problems]


def test_a_scenario_without_shocks_has_none_to_leave_out(crash: Scenario) -> None:
    with pytest.raises(ScenarioError, match="without is 'shocks'; the scenario has no shocks"):
        changed_scenario(crash.without_shocks(), without=("shocks",))


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"replicates": 0}, "replicates is 0; it must be at least 1 and at most"),
        ({"workers": 0}, "workers is 0; it must be at least 1"),
        ({"confidence": 95}, "confidence is 95; it must be above 0 and below 1"),
    ],
)
def test_numbers_out_of_range_are_named_before_any_run(
    crash: Scenario, monkeypatch: pytest.MonkeyPatch, numbers: dict[str, Any], message: str
) -> None:
    monkeypatch.setattr(replicates, "simulate", lambda _: pytest.fail("a run has started"))
    with pytest.raises(ValueError, match=message):
        compare(crash, without=("gas",), **numbers)


# --- what is compared


def test_until_the_first_shock_that_is_left_out_both_runs_are_identical() -> None:
    """The gas spike comes later than the halt, which both have."""
    scenario = load_scenario(SMALL_CRASH, ("shocks.gas.at_hours=1.25",))
    actual = simulate(scenario)
    changed = simulate(changed_scenario(scenario, without=("gas",)))
    begins = scenario.shocks["gas"].start_second
    for table, place in TIMED.items():
        rows, others = (
            [row for row in run.rows[table] if seconds_of(row, place) < begins]
            for run in (actual, changed)
        )
        assert rows, table
        assert rows == others, table
    # Of what comes before, the halt is a part: the two are not equal for being quiet.
    assert scenario.shocks["far_halt"].start_second < begins
    assert actual.rows["events"] != changed.rows["events"]


def test_replicates_are_runs_of_the_seeds_that_follow(
    crash: Scenario, comparison: Comparison
) -> None:
    assert [pair.seed for pair in comparison.pairs] == [13, 14, 15, 16]
    third = crash.model_copy(update={"seed": 15})
    assert comparison.pairs[2].actual == run_outcome(third)
    assert comparison.pairs[2].changed == run_outcome(third.without_shocks())


def test_every_outcome_is_compared_pair_by_pair(comparison: Comparison) -> None:
    names = [one.column.name for one in comparison.outcomes]
    assert names == [name for name in SCHEMAS["runs"].names if name not in PARAMETERS]
    for name in ("bad_debt_usd", "late", "worst_shortfall_usd"):
        actual = np.array([pair.actual[name] for pair in comparison.pairs], dtype=float)
        changed = np.array([pair.changed[name] for pair in comparison.pairs], dtype=float)
        found = outcome(comparison, name)
        assert found.difference == paired_difference(actual, changed)
        assert found.share_worse is not None
        assert found.share_worse.value == np.mean(actual > changed)


def test_intervals_have_the_confidence_that_was_asked_for(
    crash: Scenario, comparison: Comparison
) -> None:
    found = compare(crash, without=("shocks",), replicates=2, confidence=0.5)
    assert comparison_rows(found)[0][3] == "difference [50%]"
    debt = outcome(found, "bad_debt_usd")
    pairs = comparison.pairs[:2]
    assert debt.difference == paired_difference(
        np.array([pair.actual["bad_debt_usd"] for pair in pairs], dtype=float),
        np.array([pair.changed["bad_debt_usd"] for pair in pairs], dtype=float),
        confidence=0.5,
    )


def test_the_halt_makes_liquidations_late(comparison: Comparison) -> None:
    found = outcome(comparison, "late").difference
    assert found is not None
    assert found.difference.low is not None
    assert found.difference.low > 0


def test_less_depth_is_worse_and_more_messages_are_neither(comparison: Comparison) -> None:
    depth = outcome(comparison, "median_depth_lots")
    assert depth.difference is not None
    assert depth.share_worse == depth.difference.share_below
    assert outcome(comparison, "messages_sent").share_worse is None


def test_columns_that_are_named_here_are_columns_of_the_table() -> None:
    names = SCHEMAS["runs"].names
    assert names[: len(PARAMETERS)] == PARAMETERS
    assert {*BETTER_WHEN_MORE, *NEITHER} < set(names)


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_workers(
    crash: Scenario, comparison: Comparison
) -> None:
    seen: list[tuple[int, int]] = []
    parallel = compare(
        crash,
        without=("shocks",),
        replicates=4,
        workers=2,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert parallel == comparison
    assert seen == [(done, 8) for done in range(1, 9)]


def test_every_run_is_told_of() -> None:
    seen: list[tuple[int, int]] = []
    short = load_scenario(SMALL_CRASH, ("clock.hours=0.1", "shocks={}"))
    run_all([short, short], progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
    assert run_all([]) == []


# --- what is missing


def test_a_run_that_broke_is_reported_by_its_seed_and_left_out(
    crash: Scenario, comparison: Comparison, broken_seed: Callable[[int], None]
) -> None:
    broken_seed(14)
    found = compare(crash, without=("shocks",), replicates=3)
    assert [(run.seed, run.second) for run in found.broken] == [(14, 60)]
    assert found.broken_changed == ()
    assert found.pairs == (comparison.pairs[0], comparison.pairs[2])
    assert write_comparison(found).splitlines()[-1] == (
        "seed 14, as it is, broke after the step at second 60 and is left out: broken on purpose"
    )


def test_a_comparison_of_which_every_pair_broke_has_no_differences(
    crash: Scenario, broken_seed: Callable[[int], None]
) -> None:
    broken_seed(13)
    found = compare(crash, without=("shocks",), replicates=1)
    assert found.pairs == ()
    assert all(one.difference is None and one.share_worse is None for one in found.outcomes)
    assert comparison_rows(found)[1] == ("bad_debt_usd", "none", "none", "none", "")


def test_a_broken_run_can_be_sent_between_processes(
    crash: Scenario, broken_seed: Callable[[int], None]
) -> None:
    broken_seed(13)
    found = run_outcome(crash)
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301 - made here


def test_an_outcome_that_no_run_has_is_none() -> None:
    flat = 'market.price={kind="diffusion", start_usd=2_000, annual_volatility=0}'
    found = compare(load_scenario(SMALL_CRASH, (flat,)), without=("gas",), replicates=2)
    assert outcome(found, "liquidation_seconds_p50").difference is None
    assert ("liquidation_seconds_p50", "none", "none", "none", "") in comparison_rows(found)


def test_one_replicate_has_differences_without_intervals(
    crash: Scenario, comparison: Comparison
) -> None:
    found = compare(crash, without=("shocks",), replicates=1)
    debt = outcome(found, "bad_debt_usd").difference
    pair = comparison.pairs[0]
    assert debt is not None
    assert debt.first.value == pair.actual["bad_debt_usd"]
    assert debt.second.value == pair.changed["bad_debt_usd"]
    assert (debt.difference.low, debt.difference.high) == (None, None)
    assert comparison_rows(found)[1][3].endswith("USD [unknown, unknown]")


# --- how it is written


def test_the_table_has_a_row_for_each_outcome_in_its_unit(comparison: Comparison) -> None:
    headings, *rows = comparison_rows(comparison)
    assert headings == (
        *("outcome", "as it is", "without the shocks"),
        *("difference [95%]", "share worse"),
    )
    cells = {row[0]: row[1:] for row in rows}
    debt = outcome(comparison, "bad_debt_usd").difference
    assert debt is not None
    low, high = debt.difference.low, debt.difference.high
    assert low is not None
    assert high is not None
    assert cells["bad_debt_usd"][:3] == (
        format_usd(debt.first.value),
        format_usd(debt.second.value),
        f"{format_usd(debt.difference.value)} [{format_usd(low)}, {format_usd(high)}]",
    )
    assert cells["liquidation_seconds_p50"][0].endswith(" min")
    assert cells["uncovered_usd"] == ("0 USD", "0 USD", "0 USD [0 USD, 0 USD]", "0%")
    assert cells["messages_sent"][-1] == ""
    text = write_comparison(comparison)
    assert len(text.splitlines()) == len(rows) + 1


def test_the_heading_names_what_was_changed(crash: Scenario) -> None:
    found = compare(
        crash, without=("far_halt",), overrides=("liquidation.grace_seconds=60",), replicates=1
    )
    assert found.change == "without far halt, with liquidation.grace_seconds=60"
