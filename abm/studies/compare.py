"""A scenario against itself with something left out or changed, over replicates of equal seeds."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from abm.analysis.risk import Estimate, PairedDifference, paired_difference
from abm.errors import Problem, ScenarioError
from abm.recording.schemas import SCHEMAS, Column
from abm.scenario import canonical_json, parse_scenario
from abm.scenario.loading import apply_override
from abm.scenario.shocks import Counterfactual
from abm.studies.replicates import BrokenReplicate, RunRow, run_all
from abm.units import format_duration, format_usd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from abm.scenario.model import Scenario

ALL_SHOCKS = "shocks"
"""Stands for every shock of the scenario."""

PARAMETERS = ("scenario", "seed", "shocks", "architecture", "traders", "hours")
"""Columns of the `runs` table that say what was run; the others are outcomes."""

BETTER_WHEN_MORE = ("worst_depth_lots", "median_depth_lots")
# More of them may be better or worse, as more is cured or more has to be.
NEITHER = (
    *("topped_up", "recovered", "liquidated"),
    *("messages_sent", "messages_delivered", "messages_in_flight", "events"),
)

SEEDS = 2**63


@dataclass(frozen=True)
class Pair:
    """Outcomes of the scenario and of the changed one with the same seed."""

    seed: int
    actual: RunRow
    changed: RunRow


@dataclass(frozen=True)
class OutcomeDifference:
    """One outcome in both runs, over the pairs in which both have it.

    Attributes
    ----------
    column : Column
        Of the `runs` table.
    difference : PairedDifference or None
        Scenario minus changed scenario; None where no pair has the outcome in both.
    share_worse : Estimate or None
        Share of the pairs in which the scenario is worse than the changed one; None also where
        neither more nor less of it is worse.
    """

    column: Column
    difference: PairedDifference | None
    share_worse: Estimate | None


@dataclass(frozen=True)
class Comparison:
    """A scenario and a changed one over replicates.

    Attributes
    ----------
    scenario : str
        Its name.
    change : str
        What was left out and changed, for a heading.
    outcomes : tuple of OutcomeDifference
        One for each outcome of a run.
    pairs : tuple of Pair
        What they were made of, by seed.
    broken, broken_changed : tuple of BrokenReplicate
        Runs of the scenario, and of the changed one, that broke an invariant. Their pairs are left
        out of all else; where none is left, every outcome is without a difference.
    confidence : float
        Of every interval.
    """

    scenario: str
    change: str
    outcomes: tuple[OutcomeDifference, ...]
    pairs: tuple[Pair, ...]
    broken: tuple[BrokenReplicate, ...]
    broken_changed: tuple[BrokenReplicate, ...]
    confidence: float


def changed_scenario(
    scenario: Scenario,
    *,
    without: Sequence[str] = (),
    overrides: Sequence[str] = (),
    source: str | None = None,
) -> Scenario:
    """Return a scenario with shocks left out and values changed.

    Until the first change takes effect, such as the start of a shock that is left out, runs of both
    are the same.

    Parameters
    ----------
    scenario : Scenario
        What to change.
    without : sequence of str
        Names of shocks; ``"shocks"`` stands for all of them.
    overrides : sequence of str
        Changes of the form ``key=value``, as `abm.load_scenario` takes them.
    source : str, optional
        What to call the scenario in errors; its name if not given.

    Raises
    ------
    ScenarioError
        If there is no such shock, a value is refused, the seed changes, or nothing does.
    """
    source = scenario.name if source is None else source
    # What the file left out stays out, so that an override means what it means for the file.
    data = scenario.model_dump(mode="json", exclude_unset=True)
    problems = list(_unknown_shocks(scenario, without))
    problems += [fault for text in overrides if (fault := apply_override(data, text)) is not None]
    if problems:
        raise ScenarioError(source, problems)
    if without:
        left_out = scenario.shocks if ALL_SHOCKS in without else without
        data["shocks"] = {
            name: shock for name, shock in data["shocks"].items() if name not in left_out
        }
        # It may name shocks that are no more, and a changed scenario has no counterfactual.
        data.pop("counterfactual", None)
    changed = parse_scenario(data, source)
    if changed.seed != scenario.seed:
        rule = "a run and what it is compared with have the same seed; set it for both"
        raise ScenarioError(source, [Problem("seed", str(changed.seed), rule)])
    if _content(changed) == _content(scenario):
        rule = "they leave the scenario as it is; leave out a shock or change a value"
        raise ScenarioError(source, [Problem("changes", "", rule)])
    return changed


def compare(
    scenario: Scenario,
    *,
    without: Sequence[str] = (),
    overrides: Sequence[str] = (),
    replicates: int = 8,
    workers: int = 1,
    confidence: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
    source: str | None = None,
) -> Comparison:
    """Run a scenario and a changed one with the same seeds and compare every outcome.

    Replicate ``n`` of either runs with the scenario's seed plus ``n``: both meet the same prices,
    arrivals and delays, so that a difference is made by the change alone.

    Parameters
    ----------
    scenario : Scenario
        What to run.
    without, overrides, source
        What to leave out and change, as for `changed_scenario`.
    replicates : int
        Pairs of runs, at least 1; a single one has no interval.
    workers : int
        Processes, at least 1; results do not depend on it. See `abm.studies.replicates.run_all`.
    confidence : float
        Of every interval, between 0 and 1.
    progress : callable, optional
        Called with the number of runs done and the number in all after every run.

    Returns
    -------
    Comparison

    Raises
    ------
    ScenarioError
        If the changes are refused; no run has started then.
    ValueError
        If a number is out of range.
    """
    changed = changed_scenario(scenario, without=without, overrides=overrides, source=source)
    most = SEEDS - scenario.seed
    if not 1 <= replicates <= most:
        raise ValueError(f"replicates is {replicates!r}; it must be at least 1 and at most {most}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence!r}; it must be above 0 and below 1")
    seeds = range(scenario.seed, scenario.seed + replicates)
    found = run_all(
        [part.model_copy(update={"seed": seed}) for seed in seeds for part in (scenario, changed)],
        workers=workers,
        progress=progress,
    )
    pairs = tuple(
        Pair(seed, actual, other)
        for seed, actual, other in zip(seeds, found[::2], found[1::2], strict=True)
        if not isinstance(actual, BrokenReplicate) and not isinstance(other, BrokenReplicate)
    )
    return Comparison(
        scenario.name,
        _describe(without, overrides),
        tuple(
            _difference(column, pairs, confidence)
            for column in SCHEMAS["runs"].columns
            if column.name not in PARAMETERS
        ),
        pairs,
        tuple(run for run in found[::2] if isinstance(run, BrokenReplicate)),
        tuple(run for run in found[1::2] if isinstance(run, BrokenReplicate)),
        confidence,
    )


def comparison_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the headings of the table of a comparison, and a row for each outcome, as text."""
    headings = (
        "outcome",
        "as it is",
        comparison.change,
        f"difference [{comparison.confidence:.0%}]",
        "share worse",
    )
    return [headings, *(_cells(outcome) for outcome in comparison.outcomes)]


def write_comparison(comparison: Comparison) -> str:
    """Return the table of a comparison as text, with the seeds of broken runs below."""
    rows = comparison_rows(comparison)
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        ).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, *broken_lines(comparison)]) + "\n"


def broken_lines(comparison: Comparison) -> list[str]:
    """Return a sentence for each run that broke, with the seed that replays it."""
    parts = (("as it is", comparison.broken), (comparison.change, comparison.broken_changed))
    return [
        f"seed {run.seed}, {part}, broke after the step at second {run.second} and is left out: "
        + "; ".join(run.breaches)
        for part, runs in parts
        for run in runs
    ]


def _unknown_shocks(scenario: Scenario, names: Sequence[str]) -> Iterator[Problem]:
    known = [*scenario.shocks, ALL_SHOCKS] if scenario.shocks else []
    rule = (
        f"it must be {ALL_SHOCKS!r} for all of them, or one of {', '.join(scenario.shocks)}"
        if scenario.shocks
        else "the scenario has no shocks"
    )
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else ""
            yield Problem("without", repr(name), rule, hint)


def _content(scenario: Scenario) -> str:
    """Return what a run depends on."""
    return canonical_json(scenario.model_copy(update={"counterfactual": Counterfactual()}))


def _describe(without: Sequence[str], overrides: Sequence[str]) -> str:
    """Return what was changed, for a heading: ``without far halt and gas, with clock.hours=3``."""
    names = (
        ["the shocks"] if ALL_SHOCKS in without else [name.replace("_", " ") for name in without]
    )
    parts = [f"without {' and '.join(names)}"] if names else []
    parts += [f"with {' and '.join(overrides)}"] if overrides else []
    return ", ".join(parts)


def _difference(column: Column, pairs: Sequence[Pair], confidence: float) -> OutcomeDifference:
    values = [(pair.actual[column.name], pair.changed[column.name]) for pair in pairs]
    both = [(one, other) for one, other in values if one is not None and other is not None]
    if not both:
        return OutcomeDifference(column, None, None)
    first, second = np.array(both, dtype=np.float64).T
    found = paired_difference(first, second, confidence=confidence)
    if column.name in NEITHER:
        return OutcomeDifference(column, found, None)
    worse = found.share_below if column.name in BETTER_WHEN_MORE else found.share_above
    return OutcomeDifference(column, found, worse)


def _cells(outcome: OutcomeDifference) -> tuple[str, ...]:
    name, unit, found = outcome.column.name, outcome.column.unit, outcome.difference
    if found is None:
        return name, *["none"] * 3, ""
    ends = [
        "unknown" if end is None else _write(end, unit)
        for end in (found.difference.low, found.difference.high)
    ]
    return (
        name,
        _write(found.first.value, unit),
        _write(found.second.value, unit),
        f"{_write(found.difference.value, unit)} [{', '.join(ends)}]",
        f"{outcome.share_worse.value:.0%}" if outcome.share_worse is not None else "",
    )


def _write(value: float, unit: str) -> str:
    if unit == "USD":
        return format_usd(value)
    if unit == "seconds":
        return ("-" if value < 0 else "") + format_duration(abs(value))
    return f"{value:,.1f}"
