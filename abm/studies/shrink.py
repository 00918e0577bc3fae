"""From a scenario that fails, the smallest one that still does."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tomli_w

from abm.errors import Problem, ScenarioError
from abm.scenario import parse_scenario
from abm.studies.losses import loss_of
from abm.studies.replicates import BrokenReplicate, run_outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from abm.scenario.model import Scenario

Data = dict[str, Any]

CONDITION = re.compile(r"^\s*(\w+)\s*(>=|<=|>|<)\s*([-+0-9._eE]+)\s*$")

# Tables whose entries can be left out one by one.
OPTIONAL = ("shocks", "traders", "channels", "protocols", "chains")
# Numbers that can be halved, by their path; a star stands for every name there.
SHRINKABLE = (
    "clock.hours",
    "traders.*.count",
    "market_makers.count",
    "relayers.count",
    "liquidators.count",
    "shocks.*.duration_hours",
)
# Hours are not halved below this.
SHORTEST_HOURS = 0.25


@dataclass(frozen=True)
class Shrunk:
    """A smaller scenario that still fails.

    Attributes
    ----------
    scenario : Scenario
    steps : tuple of str
        What was taken away, in order.
    runs : int
        How many runs it took.
    """

    scenario: Scenario
    steps: tuple[str, ...]
    runs: int


def failing(condition: str) -> Callable[[Scenario], bool]:
    """Return what asks of a scenario whether its run breaks, or its outcome meets a condition.

    Parameters
    ----------
    condition : str
        ``broken`` for a broken rule of the simulation, or an outcome, a comparison and a number:
        ``loss_usd > 100_000``; see `abm.studies.losses.loss_of`.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if condition.strip() == "broken":
        return lambda scenario: isinstance(run_outcome(scenario), BrokenReplicate)
    parsed = CONDITION.match(condition)
    if parsed is None:
        raise ValueError(
            f"condition is {condition!r}; it must be 'broken' or like 'loss_usd > 100_000'"
        )
    outcome, sign, limit = parsed[1], parsed[2], float(parsed[3])

    def fails(scenario: Scenario) -> bool:
        found = run_outcome(scenario)
        if isinstance(found, BrokenReplicate):
            return False
        value = loss_of(found, outcome)
        return {
            ">": value > limit,
            ">=": value >= limit,
            "<": value < limit,
            "<=": value <= limit,
        }[sign]

    return fails


def shrink(
    scenario: Scenario,
    fails: Callable[[Scenario], bool],
    *,
    most_runs: int = 500,
    progress: Callable[[int, int], None] | None = None,
) -> Shrunk:
    """Leave out and halve what can be, as long as the scenario still fails.

    Shocks, kinds of trader, channels, protocols and chains are left out one by one; the length of
    the run, of shocks, and populations are halved; until nothing more can be. What is left is
    smallest in this sense: each further step either makes it sound or is no scenario.

    Parameters
    ----------
    scenario : Scenario
        One that fails.
    fails : callable
        Whether a scenario does, such as `failing` returns.
    most_runs : int
        Give up shrinking after so many, at least 1, and return the smallest so far.
    progress : callable, optional
        Told of runs done and at most.

    Returns
    -------
    Shrunk

    Raises
    ------
    ScenarioError
        If the scenario does not fail.
    """
    runs = 0

    def still_fails(data: Data) -> bool:
        nonlocal runs
        try:
            candidate = parse_scenario(copy.deepcopy(data), scenario.name)
        except ScenarioError:
            return False
        runs += 1
        if progress is not None:
            progress(runs, most_runs)
        return fails(candidate)

    data = plain_data(scenario)
    if not still_fails(data):
        rule = "it does not fail as asked, so there is nothing to shrink"
        raise ScenarioError(scenario.name, [Problem("scenario", "", rule)])
    steps: list[str] = []
    again = True
    while again and runs < most_runs:
        again = False
        for step, change in _changes(data):
            if runs >= most_runs:
                break
            smaller = copy.deepcopy(data)
            change(smaller)
            if smaller != data and still_fails(smaller):
                data, again = smaller, True
                steps.append(step)
    return Shrunk(parse_scenario(copy.deepcopy(data), scenario.name), tuple(steps), runs)


def plain_data(scenario: Scenario) -> Data:
    """Return a scenario as its file would hold it, without its counterfactual."""
    data: Data = scenario.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    data.pop("counterfactual", None)
    return data


def scenario_text(scenario: Scenario) -> str:
    """Return a scenario as the text of a scenario file.

    Examples
    --------
    >>> from abm.scenario import load_scenario
    >>> scenario = load_scenario("scenarios/calm_week.toml")
    >>> scenario_text(scenario).splitlines()[1]
    'name = "calm_week"'
    """
    return f"# {scenario.question}\n{tomli_w.dumps(plain_data(scenario))}"


def _changes(data: Data) -> Iterator[tuple[str, Callable[[Data], None]]]:
    """Yield ways to make a scenario smaller, the boldest first; each may be no scenario."""
    for table in OPTIONAL:
        for name in list(data.get(table, {})):
            yield f"without {table}.{name}", _left_out(table, name)
    for pattern in SHRINKABLE:
        for path in _paths(data, pattern.split(".")):
            yield f"half of {'.'.join(path)}", _halved(path)


def _left_out(table: str, name: str) -> Callable[[Data], None]:
    def change(data: Data) -> None:
        data.get(table, {}).pop(name, None)

    return change


def _halved(path: list[str]) -> Callable[[Data], None]:
    def change(data: Data) -> None:
        *parents, last = path
        table: Data = data
        for part in parents:
            table = table.get(part, {})
        value = table.get(last)
        if isinstance(value, int) and value > 1:
            table[last] = value // 2
        elif isinstance(value, float) and value / 2 >= SHORTEST_HOURS:
            table[last] = value / 2

    return change


def _paths(data: Data, pattern: list[str]) -> Iterator[list[str]]:
    first, *rest = pattern
    names = list(data) if first == "*" else [first]
    for name in names:
        if name not in data:
            continue
        if not rest:
            yield [name]
        elif isinstance(data[name], dict):
            for path in _paths(data[name], rest):
                yield [name, *path]
