"""Fills in how many traders there are of each kind, from a total and the kinds' shares."""

from __future__ import annotations

import copy
import math
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeGuard

from abm.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

Tables = dict[str, Any]  # what a file holds: not checked yet, so anything may stand anywhere

SUM_TOLERANCE = 1e-9


def expand_population(data: Tables) -> tuple[Tables, list[Problem]]:
    """Return a scenario's tables with a count for each kind of trader, and what is wrong.

    ``[population]`` with ``total`` and ``shares`` stands for the ``count`` of every kind; it is
    gone from the tables that are returned. Whole numbers are made by largest remainders, so that
    they sum up to the total.

    Parameters
    ----------
    data : dict
        What a scenario file holds.
    """
    if "population" not in data:
        return data, []
    data = copy.deepcopy(data)
    population = data.pop("population")
    kinds = data.get("traders")
    tables = {k: v for k, v in kinds.items() if isinstance(v, dict)} if _is_table(kinds) else {}
    problems = _problems(population, tables)
    if problems:
        # One of each stands in, so that the other faults of the file are found.
        for table in tables.values():
            table.setdefault("count", 1)
        return data, problems
    for kind, count in apportion(population["total"], population["shares"]).items():
        tables[kind]["count"] = count
    return data, []


def apportion(total: int, shares: dict[str, float]) -> dict[str, int]:
    """Return whole numbers that sum to a total, by largest remainders; the first wins a tie.

    >>> apportion(10, {"few": 0.25, "more": 0.35, "most": 0.4})
    {'few': 3, 'more': 3, 'most': 4}
    """
    exact = {kind: total * share for kind, share in shares.items()}
    counts = {kind: math.floor(number + SUM_TOLERANCE) for kind, number in exact.items()}
    by_remainder = sorted(exact, key=lambda kind: counts[kind] - exact[kind])
    for kind in by_remainder[: total - sum(counts.values())]:
        counts[kind] += 1
    return counts


def _problems(population: object, kinds: dict[str, Tables]) -> list[Problem]:
    if not _is_table(population) or set(population) != {"total", "shares"}:
        return [Problem("population", "", "it must have the keys total and shares, and no others")]
    total, shares = population["total"], population["shares"]
    problems = []
    if not isinstance(total, int) or isinstance(total, bool) or total < 1:
        rule = "it must be a whole number, 1 or more"
        problems.append(Problem("population.total", repr(total), rule))
    if not _is_table(shares):
        return [*problems, Problem("population.shares", repr(shares), "it must be a table")]
    problems += [*_share_problems(shares, kinds), *_kind_problems(shares, kinds)]
    if not problems and min(apportion(total, shares).values()) < 1:
        rule = "every kind must come to at least one trader"
        problems.append(Problem("population.total", repr(total), rule))
    return problems


def _share_problems(shares: Tables, kinds: dict[str, Tables]) -> Iterator[Problem]:
    """Check each share by itself, and their sum."""
    for kind, share in shares.items():
        key = f"population.shares.{kind}"
        if kind not in kinds:
            close = get_close_matches(kind, list(kinds), n=1)
            hint = f"did you mean {close[0]!r}?" if close else ""
            rule = f"it must be one of the traders: {', '.join(kinds)}"
            yield Problem(key, "", rule, hint)
        if not _is_number(share) or not 0 < share <= 1:
            yield Problem(key, repr(share), "it must be a number above 0, at most 1")
    if all(_is_number(share) for share in shares.values()):
        summed = math.fsum(shares.values())
        if abs(summed - 1.0) > SUM_TOLERANCE:
            yield Problem("population.shares", f"{summed:.6g} in sum", "they must sum to 1")


def _kind_problems(shares: Tables, kinds: dict[str, Tables]) -> Iterator[Problem]:
    """Check that every kind of trader has a share and no count."""
    for kind, table in kinds.items():
        if kind not in shares:
            rule = "the population has a share for every kind of trader; this one has none"
            yield Problem(f"traders.{kind}", "", rule)
        elif "count" in table:
            rule = "give a count or a share of the population, not both"
            yield Problem(f"traders.{kind}.count", repr(table["count"]), rule)


def _is_table(value: object) -> TypeGuard[Tables]:
    return isinstance(value, dict)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
