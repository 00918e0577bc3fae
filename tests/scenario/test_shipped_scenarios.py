from __future__ import annotations

import json
import tomllib
from copy import deepcopy
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from abm.errors import ScenarioError
from abm.scenario import load_scenario, parse_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

SHIPPED = sorted((Path(__file__).parents[2] / "scenarios").glob("*.toml"))
FLAGSHIP = tomllib.loads(
    next(path for path in SHIPPED if path.stem == "message_halt_march_2020").read_text("utf-8")
)

Place = tuple[str | int, ...]

# A value may be sound by itself and contradict another one, under whose key that is then said.
TOLD_ELSEWHERE = {
    "hours": "bars",
    "bar_seconds": "bars",
    "step_seconds": "clock",
    "chain": "home_chains",
    "source": "home_chains",
    "destination": "home_chains",
    "worth": "tokens",
}


def leaves(value: Any, place: Place = ()) -> Iterator[Place]:  # noqa: ANN401 - what TOML holds
    """Yield the place of every value that is neither a table nor an array."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*place, key))
    elif isinstance(value, list):
        # The first items stand for all: every bar is like the others.
        for number, item in enumerate(value[:2]):
            yield from leaves(item, (*place, number))
    else:
        yield place


PLACES = list(leaves(FLAGSHIP))

JUNK = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["ethereum", "to_base", "ccip", "USDC", "dollar", "replay", "silo"]),
    st.sampled_from([0, -1, -3.5, 1.2, 1e308, 5e-324, 2**63, 10**40]),
    st.datetimes(timezones=st.just(UTC)),
    st.lists(st.one_of(st.integers(), st.text(max_size=4)), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)


def test_scenarios_are_shipped() -> None:
    assert {path.stem for path in SHIPPED} >= {"message_halt_march_2020", "calm_week"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_scenario_is_sound_and_named_like_its_file(path: Path) -> None:
    assert load_scenario(path).name == path.stem


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_scenario_opens_with_its_question(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert first.endswith("?")
    assert load_scenario(path).question.endswith("?")


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(place=st.sampled_from(PLACES), junk=JUNK)
@example(place=("clock", "hours"), junk=1e308)
@example(place=("shocks", "gas", "kind"), junk=[])
@example(place=("tokens", "USDC", "worth"), junk="underlying")
@example(place=("venue", "chain"), junk="base")
@example(place=("market", "price", "bars", 1, 2), junk={})
def test_junk_in_one_place_is_refused_by_name_or_harmless(place: Place, junk: object) -> None:
    data = deepcopy(FLAGSHIP)
    table: Any = data
    for part in place[:-1]:
        table = table[part]
    table[place[-1]] = junk
    try:
        parse_scenario(data, "junk.toml")
    except ScenarioError as error:
        message = str(error)
        name = next(part for part in reversed(place) if isinstance(part, str))
        assert name in message or TOLD_ELSEWHERE.get(name, name) in message
        assert all(line.startswith("junk.toml: ") for line in message.splitlines())


def test_a_scenario_is_read_from_json_as_well() -> None:
    assert parse_scenario(json.loads(json.dumps(FLAGSHIP))) == parse_scenario(FLAGSHIP)
