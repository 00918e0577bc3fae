"""What the scenario tests share: a small sound scenario, and what is wrong with a changed one."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from abm.errors import Problem, ScenarioError
from abm.scenario import parse_scenario

SMALL_CRASH = Path(__file__).with_name("small_crash.toml")

Edits = Mapping[str, object]


def put(data: Any, key: str, value: object) -> None:  # noqa: ANN401 - what TOML holds
    """Set the value at a dotted key; ``...`` takes it out."""
    *parents, last = key.split(".")
    for part in parents:
        data = data[int(part)] if isinstance(data, list) else data[part]
    if value is ...:
        del data[last]
    else:
        data[int(last) if isinstance(data, list) else last] = value


@pytest.fixture(scope="session")
def small_crash() -> Path:
    """Return the file of a sound scenario with two shocks and fifty traders."""
    return SMALL_CRASH


@pytest.fixture(scope="session")
def edited() -> Callable[[Edits], dict[str, Any]]:
    """Give the small scenario as dictionaries, with some values changed."""
    sound = tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8"))

    def edit(edits: Edits) -> dict[str, Any]:
        data = deepcopy(sound)
        for key, value in edits.items():
            put(data, key, value)
        return data

    return edit


@pytest.fixture(scope="session")
def problems_of(
    edited: Callable[[Edits], dict[str, Any]],
) -> Callable[[Edits], tuple[Problem, ...]]:
    """Give what is said to be wrong with the small scenario after some changes."""

    def find(edits: Edits) -> tuple[Problem, ...]:
        with pytest.raises(ScenarioError) as caught:
            parse_scenario(edited(edits), "crash.toml")
        lines = str(caught.value).splitlines()
        assert lines == [f"crash.toml: {problem}" for problem in caught.value.problems]
        return caught.value.problems

    return find
