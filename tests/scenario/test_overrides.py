from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.errors import Problem, ScenarioError
from abm.scenario import load_scenario

if TYPE_CHECKING:
    from pathlib import Path


def problems_with(path: Path, *overrides: str) -> tuple[Problem, ...]:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, overrides)
    return caught.value.problems


def test_a_number_is_changed(small_crash: Path) -> None:
    scenario = load_scenario(small_crash, ("liquidation.grace_seconds=60",))
    assert scenario.liquidation.grace_seconds == 60.0


def test_numbers_are_written_as_in_toml(small_crash: Path) -> None:
    overrides = ("waterfall.insurance_fund_usd=1_500.5", "gas.treasury_usd=2e6")
    scenario = load_scenario(small_crash, overrides)
    assert scenario.waterfall.insurance_fund_usd == 1_500.5
    assert scenario.gas.treasury_usd == 2_000_000.0


def test_a_bare_word_is_text(small_crash: Path) -> None:
    scenario = load_scenario(small_crash, ("collateral.architecture=silo", "name=other"))
    assert scenario.collateral.architecture == "silo"
    assert scenario.name == "other"


def test_text_may_stand_in_quotes(small_crash: Path) -> None:
    scenario = load_scenario(small_crash, ('question="Who = who?"',))
    assert scenario.question == "Who = who?"


def test_bare_text_may_hold_spaces_and_equal_signs(small_crash: Path) -> None:
    assert load_scenario(small_crash, ("question=Who = who?",)).question == "Who = who?"


def test_spaces_around_the_equal_sign_do_not_matter(small_crash: Path) -> None:
    assert load_scenario(small_crash, ("seed = 12",)).seed == 12


def test_an_array_is_changed(small_crash: Path) -> None:
    scenario = load_scenario(small_crash, ('shocks.gas.chains=["far", "near"]',))
    shock = scenario.shocks["gas"]
    assert shock.model_dump()["chains"] == ("far", "near")


def test_an_item_of_an_array_is_changed_by_its_number(small_crash: Path) -> None:
    overrides = ("market.expiries.0.after_hours=100", "market.price.bars.1.3=1850")
    scenario = load_scenario(small_crash, overrides)
    assert scenario.market.expiries[0].after_hours == 100.0
    price = scenario.market.price.model_dump()
    assert price["bars"][1] == (2_000.0, 2_000.0, 1_800.0, 1_850.0)
    assert price["bars"][0] == (2_000.0, 2_010.0, 1_990.0, 2_000.0)


def test_a_value_that_the_file_leaves_out_is_set(small_crash: Path) -> None:
    # The file has no [oracles] table: it is made.
    scenario = load_scenario(small_crash, ("oracles.deviation=0.01",))
    assert scenario.oracles.deviation == 0.01


def test_a_whole_table_is_added(small_crash: Path) -> None:
    shock = '{kind="chain_halt", chains=["near"], at_hours=1, duration_hours=1}'
    scenario = load_scenario(small_crash, (f"shocks.near_stall={shock}",))
    assert scenario.shocks["near_stall"].start_second == 3_600


def test_the_last_change_of_a_key_counts(small_crash: Path) -> None:
    assert load_scenario(small_crash, ("seed=1", "seed=2")).seed == 2


def test_the_file_itself_stays_as_it_is(small_crash: Path) -> None:
    before = small_crash.read_bytes()
    load_scenario(small_crash, ("seed=99",))
    assert small_crash.read_bytes() == before
    assert load_scenario(small_crash).seed == 13


def test_an_unknown_key_is_told_the_nearest_one(small_crash: Path) -> None:
    (problem,) = problems_with(small_crash, "liquidation.grace_second=60")
    assert str(problem) == ("liquidation.grace_second: unknown key; did you mean 'grace_seconds'?")


def test_an_unknown_table_is_told_the_nearest_one(small_crash: Path) -> None:
    (problem,) = problems_with(small_crash, "chanels.to_far.protocol=relay")
    assert str(problem) == "chanels: unknown key; did you mean 'channels'?"


def test_a_value_of_the_wrong_kind_is_named_with_its_key(small_crash: Path) -> None:
    (problem,) = problems_with(small_crash, "clock.hours=long")
    assert (problem.key, problem.found) == ("clock.hours", '"long"')


@pytest.mark.parametrize("override", ["clock.hours", "=3", " = 3", ""])
def test_a_change_must_have_the_form_key_equals_value(small_crash: Path, override: str) -> None:
    (problem,) = problems_with(small_crash, override)
    assert str(problem) == f"--set is {override!r}; it must have the form key=value"


@pytest.mark.parametrize(
    ("override", "rule"),
    [
        ("clock.hours.x=1", "clock.hours is not a table"),
        ("clock.hours.x.y=1", "clock.hours is not a table"),
        ("market.price.bars.0.9=1", "market.price.bars.0 has the items 0 to 3"),
        ("market.price.bars.0.first=1", "market.price.bars.0 has the items 0 to 3"),
        ("market.expiries.-1.after_hours=1", "market.expiries.-1 is not a table"),
        ("market.expiries.9.after_hours=1", "market.expiries.9 is not a table"),
    ],
)
def test_a_change_of_something_that_is_not_there_names_the_change(
    small_crash: Path, override: str, rule: str
) -> None:
    (problem,) = problems_with(small_crash, override)
    assert str(problem) == f"--set is {override!r}; {rule}"


def test_a_digit_of_another_script_is_no_item_number(small_crash: Path) -> None:
    (problem,) = problems_with(small_crash, "market.expiries.\N{SUPERSCRIPT TWO}.after_hours=1")
    assert "--set" in str(problem)


def test_one_change_cannot_smuggle_in_a_second_line(small_crash: Path) -> None:
    problems_with(small_crash, "clock.hours=2\nseed = 3")


def test_all_bad_changes_are_said_at_once(small_crash: Path) -> None:
    problems = problems_with(small_crash, "nothing", "clock.hours.x=1", "seed=3")
    assert [problem.found for problem in problems] == ["'nothing'", "'clock.hours.x=1'"]


PARTS = st.one_of(
    st.sampled_from(["market", "price", "bars", "expiries", "clock", "hours", "shocks", "gas"]),
    st.sampled_from(["0", "3", "9", "-1", "", " ", "kind", "strikes_usd", "channels", "to_far"]),
    st.text(max_size=3),
)
VALUES = st.one_of(
    st.sampled_from(["", "1", "-1", "nan", "1e999", "[]", "{}", "[[1]]", "{a=1}", "2024-01-01"]),
    st.sampled_from(["'", '"""', "#", "= 1", "1\n[clock]", "07:30:00", "0x10", "true", "relay"]),
    st.text(max_size=6),
)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(parts=st.lists(PARTS, min_size=1, max_size=5), value=VALUES)
def test_any_change_is_made_or_refused(small_crash: Path, parts: list[str], value: str) -> None:
    problems: tuple[Problem, ...] | None = None
    try:
        load_scenario(small_crash, (f"{'.'.join(parts)}={value}",))
    except ScenarioError as error:
        problems = error.problems
    assert problems is None or (problems and all(map(str, problems)))
