"""Says in a file's own words what pydantic found wrong with it."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from abm.errors import Problem
from abm.scenario.model import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import ValidationError
    from pydantic.fields import FieldInfo

JsonValue = Any  # what TOML and JSON hold: tables, arrays, numbers, strings, booleans
Fault = Any  # pydantic's own typed dictionary
Location = tuple[str | int, ...]

# A value longer than this is cut in a message.
LONGEST_VALUE = 60

UNITS = {
    "seconds": "seconds",
    "hours": "hours",
    "usd": "dollars",
}

# What the file must hold where pydantic speaks of its own types.
RULES = {
    "string_pattern_mismatch": "it must be lower-case letters, digits and underscores, and start "
    "with a letter",
    "string_type": "it must be text in quotes",
    "int_type": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "float_type": "it must be a number",
    "bool_type": "it must be true or false",
    "dict_type": "it must be a table",
    "model_type": "it must be a table",
    "tuple_type": "it must be an array",
    "finite_number": "it must be a finite number",
}


def problems_of(error: ValidationError, root: type[BaseModel] = Scenario) -> list[Problem]:
    """Return every fault of a file that a model describes, each once."""
    faults: list[Fault] = [{**fault, "root": root} for fault in error.errors(include_url=False)]
    places = [fault["loc"] for fault in faults]
    # An array whose items are at fault is said to be short of them: that is no fault of its own.
    return [
        _problem(fault)
        for fault in faults
        if fault["type"] != "too_short"
        or not any(place[: len(fault["loc"])] == fault["loc"] != place for place in places)
    ]


def _problem(fault: Fault) -> Problem:
    # A tagged union puts the tag into the path; no file has a key of that name there.
    location = _without_tags(fault["loc"])
    key, kind = _dotted(location), fault["type"]
    if kind in TOLD:
        return TOLD[kind](key, location, fault)
    unit = UNITS.get(str(key).rsplit("_", maxsplit=1)[-1], "")
    rule = RULES.get(kind) or fault["msg"].replace("Input should", "it must")
    return Problem(key, _written(fault["input"]) + (f" {unit}" if unit else ""), rule)


def _unknown_key(key: str, location: Location, fault: Fault) -> Problem:
    known = _known_keys(fault["loc"][:-1], fault["root"])
    hint = _nearest(str(location[-1]), known) or f"known here: {', '.join(known)}"
    return Problem(key, "", "unknown key", hint)


def _missing(key: str, location: Location, fault: Fault) -> Problem:  # noqa: ARG001
    what = "item" if isinstance(location[-1], int) else "key"
    return Problem(key, "", f"this {what} is required")


def _own_rule(key: str, location: Location, fault: Fault) -> Problem:  # noqa: ARG001
    found = "" if isinstance(fault["input"], dict | list) else repr(fault["input"])
    return Problem(key, found, str(fault["ctx"]["error"]))


def _no_tag(key: str, location: Location, fault: Fault) -> Problem:  # noqa: ARG001
    return Problem(key, "", f"the key {fault['ctx']['discriminator']} is required")


def _wrong_tag(key: str, location: Location, fault: Fault) -> Problem:  # noqa: ARG001
    given = fault["input"][fault["ctx"]["discriminator"].strip("'")]
    tags = fault["ctx"]["expected_tags"].replace("'", "").split(", ")
    return Problem(
        f"{key}.kind",
        _written(given) if not isinstance(given, str) else repr(given),
        f"it must be one of {', '.join(tags)}",
        _nearest(fault["ctx"]["tag"], tags),
    )


def _too_short(key: str, location: Location, fault: Fault) -> Problem:  # noqa: ARG001
    least = fault["ctx"]["min_length"]
    return Problem(key, _written(fault["input"]), f"it must have at least {least} of them")


def _no_choice(key: str, location: Location, fault: Fault) -> Problem:  # noqa: ARG001
    # Pydantic lists them as "'a', 'b' or 'c'".
    known = re.findall(r"'([^']*)'", fault["ctx"]["expected"])
    rule = f"it must be one of {', '.join(known)}"
    return Problem(key, _written(fault["input"]), rule, _nearest(str(fault["input"]), known))


TOLD: dict[str, Callable[[str, Location, Fault], Problem]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "value_error": _own_rule,
    "union_tag_not_found": _no_tag,
    "union_tag_invalid": _wrong_tag,
    "too_short": _too_short,
    "literal_error": _no_choice,
}
"""How faults are told that are more than one value against one rule, by pydantic's names."""


def _nearest(found: str, known: list[str]) -> str:
    close = get_close_matches(found, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else ""


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
        tagged = (
            (parents[:1] == ("shocks",) and len(parents) == len(("shocks", "name")))
            or parents == ("market", "price")
            or (parents[:2] == ("market", "others") and parents[3:] == ("price",))
        )
        if not tagged:
            kept.append(part)
    # Dictionary keys that break their pattern are reported under "[key]".
    return tuple(part for part in kept if part != "[key]")


def _known_keys(location: Location, root: type[BaseModel]) -> list[str]:
    """Return the keys that a model and those inside it know at a path."""
    models = [root]
    for part in location:
        found = [model for model in models if part in _kinds(model)]
        for model in models:
            field = model.model_fields.get(str(part))
            if field is not None:
                found += _models_in(field)
        # A number or a name chosen by the user: the models inside stay the candidates.
        models = found or models
    return sorted({key for model in models for key in model.model_fields})


def _kinds(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the tags by which a union knows a model."""
    field = model.model_fields.get("kind")
    return () if field is None else getattr(field.annotation, "__args__", ())


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
