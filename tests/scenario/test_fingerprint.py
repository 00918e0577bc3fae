from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from abm.errors import ScenarioError
from abm.recording.tables import arrow_tables, digest
from abm.scenario import (
    Scenario,
    canonical_json,
    fingerprint,
    load_scenario,
    parse_scenario,
    run_id,
)
from abm.simulation.run import simulate

if TYPE_CHECKING:
    from pathlib import Path

Edits = Mapping[str, object]
Edited = Callable[[Edits], dict[str, Any]]


def backwards(value: Any) -> Any:  # noqa: ANN401 - what TOML holds
    """Return the same tables with their keys in the opposite order."""
    if isinstance(value, dict):
        return {key: backwards(item) for key, item in reversed(value.items())}
    return value


def numbers_in(value: Any, key: str = "") -> Iterator[tuple[str, float]]:  # noqa: ANN401
    """Yield the dotted key and the value of every number outside arrays."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from numbers_in(item, f"{key}.{name}" if key else name)
    elif isinstance(value, int | float):
        yield key, value


@pytest.fixture
def scenario(small_crash: Path) -> Scenario:
    return load_scenario(small_crash)


def test_the_order_of_keys_in_the_file_does_not_matter(edited: Edited) -> None:
    data = edited({})
    assert list(backwards(data)) != list(data)
    assert fingerprint(parse_scenario(backwards(data))) == fingerprint(parse_scenario(data))


def test_scenarios_of_one_fingerprint_run_alike(edited: Edited) -> None:
    # Results are named by the fingerprint, so what it leaves out must not change them.
    data = edited({"clock.hours": 0.5, "shocks": {}})
    first, second = parse_scenario(data), parse_scenario(backwards(data))
    assert fingerprint(first) == fingerprint(second)
    tables, others = arrow_tables(simulate(first)), arrow_tables(simulate(second))
    assert {name: digest(table) for name, table in tables.items()} == {
        name: digest(table) for name, table in others.items()
    }


def test_a_default_that_is_written_out_changes_nothing(edited: Edited) -> None:
    # 0.002 is the default of liquidators.resale_cost.
    written = parse_scenario(edited({"liquidators.resale_cost": 0.002}))
    assert fingerprint(written) == fingerprint(parse_scenario(edited({})))


def test_an_integer_where_a_number_is_meant_changes_nothing(edited: Edited) -> None:
    whole = parse_scenario(edited({"chains.far.gas_usd": 1}))
    assert fingerprint(whole) == fingerprint(parse_scenario(edited({"chains.far.gas_usd": 1.0})))


def test_the_canonical_text_holds_the_whole_scenario(scenario: Scenario) -> None:
    assert parse_scenario(json.loads(canonical_json(scenario))) == scenario


def test_the_canonical_text_has_one_form(scenario: Scenario) -> None:
    text = canonical_json(scenario)
    again = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert text == again


def parse_or_none(data: dict[str, Any], key: str, value: float) -> Scenario | None:
    """Return the scenario with one number changed, or None if no scenario may hold it."""
    data = json.loads(json.dumps(data))
    table = data
    *parents, last = key.split(".")
    for part in parents:
        table = table[part]
    table[last] = value
    try:
        return parse_scenario(data)
    except ScenarioError:
        return None


def test_every_number_of_a_scenario_counts(scenario: Scenario) -> None:
    whole = json.loads(canonical_json(scenario))
    unchanged, held = [], []
    others: tuple[float, ...]
    for key, number in numbers_in(whole):
        # A bound lies on one side only, so one of these is allowed for nearly every number.
        if isinstance(number, bool):
            others = (not number,)
        elif isinstance(number, int):
            others = (number + 1, number - 1)
        else:
            others = (number / 2, number * 0.99, number + 1, 0.5)
        changes = (parse_or_none(whole, key, other) for other in others if other != number)
        changed = next((change for change in changes if change is not None), None)
        if changed is None:
            held.append(key)
        elif fingerprint(changed) == fingerprint(scenario):
            unchanged.append(key)
    assert unchanged == []
    # A step of 61 or 59 s does not divide 9,000 s, and the dollar is always in micro-dollars.
    assert held == ["clock.step_seconds", "tokens.USDC.base_units"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("question", "Another?"),
        ("clock.start_utc", "2024-01-02T00:00:00Z"),
        ("market.price.bars.4.3", 1_510),
        ("market.expiries.0.strikes_usd.0", 1_401),
        ("collateral.architecture", "silo"),
        ("traders.sellers.strategy", "sell_options"),
        ("liquidation.close_out", "at_once"),
        ("shocks.far_halt.channels", ["from_far"]),
    ],
)
def test_every_other_kind_of_value_counts(edited: Edited, key: str, value: object) -> None:
    changed = parse_scenario(edited({key: value}))
    assert fingerprint(changed) != fingerprint(parse_scenario(edited({})))


def test_the_seed_counts(small_crash: Path) -> None:
    runs = {run_id(load_scenario(small_crash, (f"seed={seed}",))) for seed in range(5)}
    assert len(runs) == 5


def test_a_run_is_named_by_the_first_digits_of_the_fingerprint(scenario: Scenario) -> None:
    assert len(fingerprint(scenario)) == 64
    assert run_id(scenario) == fingerprint(scenario)[:16]
