"""Keys of a scenario by dotted path, with wildcards: found, written, and the nearest right one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from abm.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Path = list[str]
Tables = Any  # nested dictionaries and lists of a scenario


def key_faults(data: Tables, names: Iterable[str]) -> list[Problem]:
    """Return what is wrong with the keys that factors name: unknown, the seed, or given twice."""
    paths = {name: matches(data, name) for name in names}
    faults = [
        Problem(f"factors.{name}", "", "the scenario has no such key", _nearest(data, name))
        for name, found in paths.items()
        if not found
    ]
    faults += [
        Problem(f"factors.{name}", "", "a replicate has a seed of its own; vary replicates")
        for name, found in paths.items()
        if ["seed"] in found
    ]
    return [*faults, *_nested(paths)]


def matches(data: Tables, name: str) -> list[Path]:
    """Return the paths that a dotted name with wildcards stands for."""
    found: list[tuple[Path, Tables]] = [([], data)]
    for part in name.split("."):
        further: list[tuple[Path, Tables]] = []
        for path, table in found:
            keys = list(_children(table))
            chosen = keys if part == "*" else [key for key in keys if key == part]
            further += [([*path, key], _children(table)[key]) for key in chosen]
        found = further
    return [path for path, _ in found]


def changed(data: Tables, paths: dict[str, list[Path]], point: dict[str, Any]) -> Tables:
    """Return a scenario's tables with a point's values in the places of its factors.

    >>> changed({"a": {"b": 1, "c": 2}}, {"a.b": [["a", "b"]]}, {"a.b": 7})
    {'a': {'b': 7, 'c': 2}}
    """
    for name, value in point.items():
        for path in paths[name]:
            data = _written(data, path, value)
    return data


def value_at(data: Tables, path: Path) -> Tables:
    """Return what stands at a path.

    >>> value_at({"a": [{"b": 1}]}, ["a", "0", "b"])
    1
    """
    for part in path:
        data = _children(data)[part]
    return data


def _written(data: Tables, path: Path, value: object) -> Tables:
    """Copy only what lies on the way to the value: the rest is shared."""
    if not path:
        return value
    key: Any = int(path[0]) if isinstance(data, list) else path[0]
    copy = list(data) if isinstance(data, list) else dict(data)
    copy[key] = _written(data[key], path[1:], value)
    return copy


def _nested(paths: dict[str, list[Path]]) -> Iterator[Problem]:
    """Name the factors that change what another one changes, too."""
    changes: dict[tuple[str, ...], str] = {}
    for name, found in paths.items():
        for path in found:
            for length in range(1, len(path) + 1):
                other = changes.get(tuple(path[:length]))
                if other is not None and other != name:
                    yield Problem(f"factors.{name}", "", f"factors.{other} changes the same key")
            changes[tuple(path)] = name


def _children(table: Tables) -> dict[str, Tables]:
    if isinstance(table, dict):
        return table
    if isinstance(table, list):
        return {str(place): item for place, item in enumerate(table)}
    return {}


def _nearest(data: Tables, name: str) -> str:
    known: list[str] = []
    pending = [("", data)]
    while pending:
        path, table = pending.pop()
        for key, child in _children(table).items():
            inner = f"{path}.{key}" if path else key
            known.append(inner)
            pending.append((inner, child))
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else ""
