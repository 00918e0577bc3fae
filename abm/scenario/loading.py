"""Reads scenario files; every fault is named with its file, key, value and rule, all at once."""

from __future__ import annotations

import copy
import json
import tomllib
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from abm.errors import Problem, ScenarioError
from abm.scenario.model import Scenario, cross_table_problems

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

JsonValue = Any  # what TOML and JSON hold: tables, arrays, numbers, strings, booleans

# A value longer than this is cut in a message.
LONGEST_VALUE = 60

UNITS = {
    "seconds": "seconds",
    "hours": "hours",
    "usd": "dollars",
    "probability": "as a share of 1",
    "fraction": "as a share of 1",
}


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
    problems = [fault for text in overrides if (fault := _apply(data, text)) is not None]
    if problems:
        raise ScenarioError(source, problems)
    return parse_scenario(data, source)


def parse_scenario(data: dict[str, JsonValue], source: str = "scenario") -> Scenario:
    """Check a scenario given as nested dictionaries.

    Parameters
    ----------
    data : dict
        What a scenario file holds.
    source : str
        Name to use in messages.

    Returns
    -------
    Scenario

    Raises
    ------
    ScenarioError
        Names every fault.
    """
    try:
        scenario = _validate(data)
    except ValidationError as error:
        problems = [*_problems(error), *_further_problems(data, error)]
        raise ScenarioError(source, problems) from error
    if problems := cross_table_problems(scenario):
        raise ScenarioError(source, problems)
    # No result may depend on the order of a file's tables.
    return _validate(_sorted(data))


def _validate(data: JsonValue) -> Scenario:
    """Check every value by itself; JSON mode takes arrays for tuples and is strict otherwise."""
    return Scenario.model_validate_json(json.dumps(data, default=_plain))


# Tables whose numbers matter to no other table: any sound one may stand in for a faulty one.
NUMBERS_OF_THEIR_OWN = (
    *("tokens", "chains", "protocols", "channels", "liquidation", "waterfall", "gas", "margin"),
    *("market_makers", "relayers", "oracles", "liquidators", "collateral"),
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
    """Return the JSON Schema of a scenario file, for editors."""
    return Scenario.model_json_schema()


def _apply(data: dict[str, JsonValue], override: str) -> Problem | None:
    """Write one ``key=value`` into ``data``; return the fault if it cannot be done."""
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not key:
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


def _problems(error: ValidationError) -> list[Problem]:
    faults = error.errors(include_url=False)
    places = [fault["loc"] for fault in faults]
    # An array whose items are at fault is said to be short of them: that is no fault of its own.
    return [
        _problem(fault)
        for fault in faults
        if fault["type"] != "too_short"
        or not any(place[: len(fault["loc"])] == fault["loc"] != place for place in places)
    ]


def _problem(fault: Any) -> Problem:  # noqa: ANN401 - pydantic's own typed dictionary
    # A tagged union puts the tag into the path; no file has a key of that name there.
    location = _without_tags(fault["loc"])
    key = _dotted(location)
    kind, message = fault["type"], fault["msg"]
    if kind == "extra_forbidden":
        known = _known_keys(location[:-1])
        close = get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
        return Problem(key, "", "unknown key", hint)
    if kind == "missing":
        return Problem(key, "", "this key is required")
    if kind == "value_error":
        message = str(fault["ctx"]["error"])
        found = "" if isinstance(fault["input"], dict | list) else repr(fault["input"])
        return Problem(key, found, message)
    if kind == "union_tag_not_found":
        return Problem(key, "", f"the key {fault['ctx']['discriminator']} is required")
    if kind == "union_tag_invalid":
        given = fault["input"][fault["ctx"]["discriminator"].strip("'")]
        tags = fault["ctx"]["expected_tags"].replace("'", "").split(", ")
        close = get_close_matches(fault["ctx"]["tag"], tags, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}?" if close else ""
        return Problem(
            f"{key}.kind",
            _written(given) if not isinstance(given, str) else repr(given),
            f"it must be one of {', '.join(tags)}",
            hint,
        )
    unit = UNITS.get(str(key).rsplit("_", maxsplit=1)[-1], "")
    rule = message.replace("Input should", "it should").replace("an object", "a table")
    return Problem(key, _written(fault["input"]) + (f" {unit}" if unit else ""), rule)


def _written(value: JsonValue) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def _dotted(location: tuple[str | int, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "file"


def _without_tags(location: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Drop from a path the names that only pydantic's unions have there."""
    kept: list[str | int] = []
    for depth, part in enumerate(location):
        # The kind of a shock stands behind its name, that of the price behind its table.
        parents = location[:depth]
        tagged = (parents[:1] == ("shocks",) and len(parents) == len(("shocks", "name"))) or (
            parents == ("market", "price")
        )
        if not tagged:
            kept.append(part)
    # Dictionary keys that break their pattern are reported under "[key]".
    return tuple(part for part in kept if part != "[key]")


def _known_keys(location: tuple[str | int, ...]) -> list[str]:
    """Return the keys that the scenario's models know at a path."""
    models: list[type[BaseModel]] = [Scenario]
    for part in location:
        found: list[type[BaseModel]] = []
        for model in models:
            field = model.model_fields.get(str(part))
            if field is not None:
                found += _models_in(field)
        # A number or a name chosen by the user: the models inside stay the candidates.
        models = found or models
    return sorted({key for model in models for key in model.model_fields})


def _models_in(field: FieldInfo) -> list[type[BaseModel]]:
    pending: list[Any] = [field.annotation]
    models: list[type[BaseModel]] = []
    while pending:
        item = pending.pop()
        if isinstance(item, type) and issubclass(item, BaseModel):
            models.append(item)
        else:
            pending += list(getattr(item, "__args__", ()))
    return models
