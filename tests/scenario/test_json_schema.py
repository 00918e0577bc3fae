from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from abm.scenario import scenario_schema
from abm.scenario.profiles import chain_profiles, protocol_profiles

SHIPPED = sorted((Path(__file__).parents[2] / "scenarios").glob("*.toml"))

Edited = Callable[[Mapping[str, object]], dict[str, Any]]
Json = Any  # what JSON holds


def resolve(node: Json, root: Json) -> Json:
    """Follow references inside the schema."""
    while "$ref" in node:
        target = root
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def unknown_keys(value: Json, node: Json, root: Json, key: str = "") -> list[str]:
    """Return the dotted keys of a scenario for which the schema has no place."""
    node = resolve(node, root)
    branches = node.get("oneOf", node.get("anyOf"))
    if branches is not None:
        return min((unknown_keys(value, part, root, key) for part in branches), key=len)
    if isinstance(value, dict):
        return [
            fault
            for name, item in value.items()
            for fault in _unknown_in(name, item, node, root, f"{key}.{name}")
        ]
    if isinstance(value, list):
        places = node.get("prefixItems", [node.get("items", {})] * len(value))
        return [
            fault
            for item, place in zip(value, places, strict=True)
            for fault in unknown_keys(item, place, root, f"{key}[]")
        ]
    return []


def _unknown_in(name: str, item: Json, node: Json, root: Json, key: str) -> list[str]:
    if name in node.get("properties", {}):
        return unknown_keys(item, node["properties"][name], root, key)
    for pattern, place in node.get("patternProperties", {}).items():
        if re.search(pattern, name):
            return unknown_keys(item, place, root, key)
    extra = node.get("additionalProperties", False)
    return unknown_keys(item, extra, root, key) if isinstance(extra, dict) else [key]


def tables_in(schema: Json) -> Iterator[tuple[str, Json]]:
    """Yield every table of the schema that names its keys."""
    yield "scenario", schema
    yield from schema["$defs"].items()


def test_the_schema_is_json() -> None:
    assert json.loads(json.dumps(scenario_schema())) == scenario_schema()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_key_of_a_shipped_scenario_has_a_place(path: Path) -> None:
    data = json.loads(json.dumps(tomllib.loads(path.read_text(encoding="utf-8")), default=str))
    schema = scenario_schema()
    assert unknown_keys(data, schema, schema) == []


@pytest.mark.parametrize(
    "key", ["hour", "clock.hour", "chains.far.gas", "shocks.gas.facto", "market.price.bar"]
)
def test_a_key_that_no_scenario_has_has_no_place(edited: Edited, key: str) -> None:
    schema = scenario_schema()
    assert unknown_keys(edited({key: 1}), schema, schema) == [f".{key}"]


def test_no_table_admits_other_keys() -> None:
    assert [
        name
        for name, table in tables_in(scenario_schema())
        if "properties" in table and table.get("additionalProperties") is not False
    ] == []


def test_every_table_says_what_it_is() -> None:
    assert [name for name, table in tables_in(scenario_schema()) if not table["description"]] == []


def test_the_schema_names_every_profile_and_asks_for_no_key_that_one_may_fill_in() -> None:
    tables = scenario_schema()["$defs"]
    for table, names in (("Chain", chain_profiles()), ("Protocol", protocol_profiles())):
        (choice, _) = tables[table]["properties"]["profile"]["anyOf"]
        assert choice["enum"] == list(names)
    assert "required" not in tables["Chain"]
    assert tables["Channel"]["required"] == ["source", "destination", "protocol"]
