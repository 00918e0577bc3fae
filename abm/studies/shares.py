"""How much of a loss each channel of contagion carries: one at a time, and by Shapley value."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING

import numpy as np

from abm.analysis.estimates import Estimate, mean_estimate
from abm.errors import Problem, ScenarioError
from abm.scenario.contagion import open_switches
from abm.studies.losses import LOSS, loss_of, run_whole, seeded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from abm.scenario.model import Scenario

MOST_SWITCHES = 10
"""Beyond, exact shares take more than a thousand runs for each replicate."""


@dataclass(frozen=True)
class SwitchShare:
    """What one channel of contagion carries of the loss.

    Attributes
    ----------
    switch : str
        Its name in the scenario's table ``contagion``.
    shapley : Estimate
        Mean over all orders of opening the channels of what opening this one adds.
    alone_off : Estimate
        What closing it alone takes away.
    alone_on : Estimate
        What opening it alone adds to the loss without any.
    """

    switch: str
    shapley: Estimate
    alone_off: Estimate
    alone_on: Estimate


@dataclass(frozen=True)
class Shares:
    """A loss divided among the channels of contagion.

    Attributes
    ----------
    scenario, outcome : str
        What was run, and the number that is divided.
    total, without_any : Estimate
        With all channels open, and with all of them closed; they differ by the sum of the shares.
    switches : tuple of SwitchShare
        The largest Shapley value first.
    seeds : tuple of int
    runs : int
        How many it took.
    """

    scenario: str
    outcome: str
    total: Estimate
    without_any: Estimate
    switches: tuple[SwitchShare, ...]
    seeds: tuple[int, ...]
    runs: int


def shapley_values(names: Sequence[str], worth: Mapping[frozenset[str], float]) -> dict[str, float]:
    """Return each player's Shapley value in a game, exactly.

    Parameters
    ----------
    names : sequence of str
        The players.
    worth : mapping of frozenset of str to float
        What every coalition is worth, the empty one included.

    Returns
    -------
    dict of str to float
        They sum to what all are worth less what none are.

    References
    ----------
    Shapley 1953, "A value for n-person games", doi:10.1515/9781400881970-018.

    Examples
    --------
    Neither does anything without the other, so they share alike.

    >>> none, a, b, both = (frozenset(names) for names in ("", "a", "b", "ab"))
    >>> shapley_values("ab", {none: 1.0, a: 1.0, b: 1.0, both: 5.0})
    {'a': 2.0, 'b': 2.0}
    """
    count = len(names)
    found = {}
    for name in names:
        others = [other for other in names if other != name]
        value = 0.0
        for size in range(count):
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            for members in combinations(others, size):
                coalition = frozenset(members)
                value += weight * (worth[coalition | {name}] - worth[coalition])
        found[name] = value
    return found


def contagion_shares(
    scenario: Scenario,
    *,
    switches: Sequence[str] = (),
    outcome: str = LOSS,
    replicates: int = 4,
    workers: int = 1,
    confidence: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
) -> Shares:
    """Divide a loss among the channels of contagion: every set of them open, on the same streams.

    Parameters
    ----------
    scenario : Scenario
        What to run.
    switches : sequence of str
        Channels to divide among; all that are open and can matter if not given. The others stay as
        the scenario has them.
    outcome : str
        What is divided; see `abm.studies.losses.loss_of`.
    replicates : int
        Seeds, from the scenario's on; each takes two to the power of the number of switches runs.
    workers : int
        Processes; the result does not depend on it.
    confidence : float
        Of every interval.
    progress : callable, optional
        Told of runs done and in all.

    Returns
    -------
    Shares

    Raises
    ------
    ScenarioError
        If a channel is unknown or closed, there is none or there are too many, or a run breaks.
    ValueError
        If a number or the outcome is out of range.
    """
    names = _chosen(scenario, switches)
    coalitions = [
        frozenset(members)
        for size in range(len(names) + 1)
        for members in combinations(names, size)
    ]
    bases = seeded(scenario, replicates)
    rows = run_whole(
        [_opened(base, names, opened) for base in bases for opened in coalitions],
        workers=workers,
        progress=progress,
    )
    losses = np.array([loss_of(row, outcome) for row in rows]).reshape(len(bases), len(coalitions))
    worths = [dict(zip(coalitions, seed.tolist(), strict=True)) for seed in losses]
    everything, nothing = frozenset(names), frozenset[str]()

    def mean(values: Sequence[float] | NDArray[np.float64]) -> Estimate:
        return mean_estimate(values, confidence=confidence)

    values = [shapley_values(names, worth) for worth in worths]
    shares = [
        SwitchShare(
            name,
            mean([value[name] for value in values]),
            mean([worth[everything] - worth[everything - {name}] for worth in worths]),
            mean([worth[frozenset({name})] - worth[nothing] for worth in worths]),
        )
        for name in names
    ]
    return Shares(
        scenario.name,
        outcome,
        mean([worth[everything] for worth in worths]),
        mean([worth[nothing] for worth in worths]),
        tuple(sorted(shares, key=lambda share: (-share.shapley.value, share.switch))),
        tuple(base.seed for base in bases),
        len(rows),
    )


def _chosen(scenario: Scenario, switches: Sequence[str]) -> tuple[str, ...]:
    open_ = open_switches(scenario)
    known = ", ".join(open_) or "there are none"
    problems = [
        Problem("switch", repr(name), f"it must be a channel of contagion that is open: {known}")
        for name in switches
        if name not in open_
    ]
    names = tuple(name for name in open_ if not switches or name in switches)
    if not names and not problems:
        problems.append(Problem("contagion", "", "no channel of contagion is open and can matter"))
    if len(names) > MOST_SWITCHES:
        rule = f"exact shares are for at most {MOST_SWITCHES}; choose some of {known}"
        problems.append(Problem("switch", f"{len(names)} channels", rule))
    if problems:
        raise ScenarioError(scenario.name, problems)
    return names


def _opened(scenario: Scenario, names: Sequence[str], opened: frozenset[str]) -> Scenario:
    """Return a scenario with these channels of contagion open or closed, others as they are."""
    contagion = scenario.contagion.model_copy(update={name: name in opened for name in names})
    return scenario.model_copy(update={"contagion": contagion})
