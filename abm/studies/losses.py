"""The loss that studies of contagion divide, attribute and search for, and runs by seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.errors import Problem, ScenarioError
from abm.studies.replicates import BrokenReplicate, run_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from abm.scenario.model import Scenario
    from abm.studies.replicates import RunRow

LOSS = "loss_usd"
"""Stands for bad debt and what is unresolved at the end: a late liquidation hides no loss."""


def loss_of(row: RunRow, outcome: str = LOSS) -> float:
    """Return one outcome of a run as a number.

    Parameters
    ----------
    row : dict
        Of the `runs` table.
    outcome : str
        ``"loss_usd"``, or a column with numbers.

    Raises
    ------
    ValueError
        If there is no such number.

    Examples
    --------
    >>> loss_of({"bad_debt_usd": 5.0, "unresolved_usd": 2.0})
    7.0
    """
    if outcome == LOSS:
        return loss_of(row, "bad_debt_usd") + loss_of(row, "unresolved_usd")
    numbers = {name: float(value) for name, value in row.items() if isinstance(value, int | float)}
    if outcome not in numbers:
        raise ValueError(f"outcome is {outcome!r}; it must be one of {', '.join([LOSS, *numbers])}")
    return numbers[outcome]


def seeded(scenario: Scenario, replicates: int, *, first: int = 0) -> list[Scenario]:
    """Return a scenario with its seed and those after it, beginning ``first`` seeds later.

    Raises
    ------
    ValueError
        If there is no replicate, or no such seed.
    """
    if replicates < 1 or first < 0 or scenario.seed + first + replicates > 2**63:
        raise ValueError(
            f"replicates is {replicates!r}; it must be at least 1, with seeds in range"
        )
    start = scenario.seed + first
    return [scenario.model_copy(update={"seed": seed}) for seed in range(start, start + replicates)]


def run_whole(
    scenarios: Sequence[Scenario],
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[RunRow]:
    """Run scenarios and return their outcomes, all of them.

    Raises
    ------
    ScenarioError
        If a run broke a rule of the simulation: what is divided among causes must be whole.
    """
    rows: list[RunRow] = []
    for found in run_all(scenarios, workers=workers, progress=progress):
        if isinstance(found, BrokenReplicate):
            rule = f"the run broke at second {found.second}: {'; '.join(found.breaches)}"
            raise ScenarioError(scenarios[0].name, [Problem("seed", str(found.seed), rule)])
        rows.append(found)
    return rows
