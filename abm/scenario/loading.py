"""Reads scenario files; every fault is named with its file, key, value and rule, all at once."""

from __future__ import annotations

import copy
import json
import tomllib
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from abm.errors import Problem, ScenarioError
from abm.scenario.faults import JsonValue, problems_of
from abm.scenario.model import Scenario, cross_table_problems
from abm.scenario.populations import expand_population
from abm.scenario.profiles import chain_profiles, expand_profiles, protocol_profiles
from abm.scenario.replays import expand_files


def load_scenario(path: str | Path, overrides: tuple[str, ...] = ()) -> Scenario:
    """Read and check a scenario file.

    Parameters
    ----------
    path : str or Path
        A TOML file.
    overrides : tuple of str
        Changes of the form ``key=value`` with a dotted key, such as
        ``channels.to_base.finality_median_seconds=900``; values as in TOML, bare words are strings.

    Returns
    -------
    Scenario
        Frozen and consistent.

    Raises
    ------
    ScenarioError
        Names every fault of the file, or says why it cannot be read.
    """
    source = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioError(
            source, [Problem("file", "", error.strerror or "unreadable")]
        ) from error
    except UnicodeDecodeError as error:
        raise ScenarioError(source, [Problem("file", "", f"not UTF-8 text: {error}")]) from error
    try:
        data = tomllib.loads(text)
    except ValueError as error:  # not TOML, or an integer longer than Python reads
        raise ScenarioError(source, [Problem("file", "", f"not TOML: {error}")]) from error
    problems = [fault for text in overrides if (fault := apply_override(data, text)) is not None]
    if problems:
        raise ScenarioError(source, problems)
    return parse_scenario(data, source, Path(path).parent)


def parse_scenario(
    data: dict[str, JsonValue], source: str = "scenario", folder: str | Path = "."
) -> Scenario:
    """Check a scenario given as nested dictionaries.

    Parameters
    ----------
    data : dict
        What a scenario file holds.
    source : str
        Name to use in messages.
    folder : str or Path
        Where the names of price files start from.

    Returns
    -------
    Scenario

    Raises
    ------
    ScenarioError
        Names every fault.
    """
    data, unknown = expand_profiles(data)
    data, faults = expand_files(data, Path(folder))
    data, misfits = expand_population(data)
    unknown += faults + misfits
    try:
        scenario = _validate(data)
    except ValidationError as error:
        problems = [*unknown, *problems_of(error), *_further_problems(data, error)]
        raise ScenarioError(source, _without_echoes(problems, unknown)) from error
    if problems := [*unknown, *cross_table_problems(scenario)]:
        raise ScenarioError(source, _without_echoes(problems, unknown))
    # No result may depend on the order of a file's tables.
    return _validate(_sorted(data))


POPULATION_SCHEMA: dict[str, JsonValue] = {
    "description": "Traders of all kinds, instead of a count for each",
    "type": "object",
    "additionalProperties": False,
    "required": ["total", "shares"],
    "properties": {
        "total": {"type": "integer", "minimum": 1},
        "shares": {"type": "object", "additionalProperties": {"type": "number"}},
    },
}


def _without_echoes(problems: list[Problem], unknown: list[Problem]) -> list[Problem]:
    """Leave out keys that are missing only because the profile that has them is misspelt."""
    tables = {problem.key.removesuffix(".profile") for problem in unknown}
    protocols = any(table.startswith("protocols.") for table in tables)
    return [
        problem
        for problem in problems
        if not problem.rule.startswith("this key is required")
        or not (
            problem.key.rpartition(".")[0] in tables
            or (protocols and problem.key.startswith("channels."))
        )
    ]


def _validate(data: JsonValue) -> Scenario:
    """Check every value by itself; JSON mode takes arrays for tuples and is strict otherwise."""
    return Scenario.model_validate_json(json.dumps(data, default=_plain))


# Tables whose numbers matter to no other table: any sound one may stand in for a faulty one.
NUMBERS_OF_THEIR_OWN = (
    *("tokens", "chains", "protocols", "channels", "liquidation", "waterfall", "gas", "margin"),
    *("market_makers", "relayers", "oracles", "liquidators", "searchers", "collateral"),
)
STAND_INS = (1, 0.5)


def _further_problems(data: JsonValue, error: ValidationError) -> list[Problem]:
    """Return the faults between tables of what is left without the faulty values, if that stands.

    Unknown keys are left out, and so are whole populations and shocks with a fault in them; nothing
    else refers to those. For a faulty number a sound one stands in.
    """
    rest = copy.deepcopy(data)
    for stand_in in STAND_INS:
        for fault in error.errors(include_url=False):
            _mend(rest, fault["loc"], unknown=fault["type"] == "extra_forbidden", value=stand_in)
        try:
            return cross_table_problems(_validate(rest))
        except ValidationError as remaining:
            error = remaining
    return []


def _mend(data: JsonValue, location: tuple[str | int, ...], *, unknown: bool, value: float) -> None:
    """Take a faulty value out of a file's tables, or put another in its place."""
    populations = location[0] in ("traders", "shocks")
    path = location[:2] if populations and not unknown else location
    table: JsonValue = data
    for part in path[:-1]:
        # The paths of unions hold names that no table has.
        if not isinstance(table, dict | list):
            return
        table = _child(table, str(part), create=False)
    if not isinstance(table, dict):
        return
    if unknown or populations:
        table.pop(path[-1], None)
    elif location[0] in NUMBERS_OF_THEIR_OWN or location[:2] == ("market", "volatility"):
        table[str(path[-1])] = value


def _sorted(value: JsonValue) -> JsonValue:
    """Return tables with their keys sorted."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _plain(value: object) -> JsonValue:
    """Write TOML's moments as text; its dates and times alone are no value of any key."""
    return value.isoformat() if isinstance(value, datetime) else {"date or time": str(value)}


def scenario_schema() -> dict[str, JsonValue]:
    """Return the JSON Schema of a scenario file, for editors.

    Profiles are listed by name; keys that a profile or a price file may fill in are not required.
    """
    schema = Scenario.model_json_schema()
    tables = schema["$defs"]
    for name, profiles in (("Chain", chain_profiles()), ("Protocol", protocol_profiles())):
        choice = tables[name]["properties"]["profile"]["anyOf"][0]
        choice["enum"] = list(profiles)
    tables["Chain"].pop("required")
    tables["Channel"]["required"] = ["source", "destination", "protocol"]
    # The population fills this in, and is gone when a scenario is checked.
    tables["Traders"]["required"].remove("count")
    schema["properties"]["population"] = POPULATION_SCHEMA
    # A file fills these in.
    tables["ReplayPrice"]["required"] = ["kind", "source"]
    tables["VolatilityIndex"]["required"] = ["source"]
    return schema


def apply_override(data: dict[str, JsonValue], override: str) -> Problem | None:
    """Write one ``key=value`` into ``data``; return the fault if it cannot be done."""
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not all(key.split(".")):
        return Problem("--set", repr(override), "it must have the form key=value")
    try:
        parsed = tomllib.loads(f"value = {text}")
    except ValueError:
        parsed = {"value": text.strip()}
    if len(parsed) > 1:
        return Problem("--set", repr(override), "it must change one key; repeat --set for more")
    value = parsed["value"]
    table: JsonValue = data
    *parents, last = key.split(".")
    for depth, part in enumerate(parents):
        child = _child(table, part, create=True)
        if not isinstance(child, dict | list):
            path = ".".join(parents[: depth + 1])
            return Problem("--set", repr(override), f"{path} is not a table")
        table = child
    if isinstance(table, list):
        if not last.isdecimal() or int(last) >= len(table):
            rule = f"{'.'.join(parents)} has the items 0 to {len(table) - 1}"
            return Problem("--set", repr(override), rule)
        table[int(last)] = value
    else:
        table[last] = value
    return None


def _child(table: JsonValue, part: str, *, create: bool) -> JsonValue:
    if isinstance(table, list):
        return table[int(part)] if part.isdecimal() and int(part) < len(table) else None
    if create:
        return table.setdefault(part, {})
    return table.get(part)
