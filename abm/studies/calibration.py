"""The smallest value of a parameter that holds a target, found on common random numbers.

Every value tried meets the same seeds, so that what tells two of them apart is the parameter. A
value holds if the upper end of the measure's interval is at most the target, and fails if the lower
end is above it; until one of them is so it gets more runs. Values spread over the range come first,
which gives the curve; then the gap between the largest value that does not hold and the smallest
that does is halved until it is as narrow as asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import ceil, log2
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
from scipy import stats

from abm.analysis.risk import Estimate, expected_shortfall, mean_estimate, value_at_risk
from abm.errors import Problem, ScenarioError
from abm.sweeps import plan_study, read_runs, run_study
from abm.sweeps.dataset import planned_runs
from abm.sweeps.design import settled_value
from abm.sweeps.goals import LEAST_BEYOND, Calibration
from abm.sweeps.merging import merge_studies
from abm.sweeps.study import Factor

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from abm.sweeps.study import Study

Verdict = Literal["holds", "fails", "undecided"]


@dataclass(frozen=True)
class CurvePoint:
    """A value of the parameter and what was found there.

    Attributes
    ----------
    value : float
    measure : Estimate
        With the interval that the verdict stands on, its error split over all looks and values.
    verdict : {"holds", "fails", "undecided"}
    """

    value: float
    measure: Estimate
    verdict: Verdict


@dataclass(frozen=True)
class Calibrated:
    """What a calibration found.

    Attributes
    ----------
    key : str
        The parameter.
    value : float or None
        The smallest value tried that holds, with no value above it that fails; None if the largest
        of the range does not hold.
    fails_at : float or None
        The largest value below it that does not hold; None if the smallest of the range holds.
    curve : tuple of CurvePoint
        By value.
    goal : Calibration
    """

    key: str
    value: float | None
    fails_at: float | None
    curve: tuple[CurvePoint, ...]
    goal: Calibration

    def table(self) -> pl.DataFrame:
        """Return the curve: the value, the measure with its ends, runs, verdict."""
        return pl.DataFrame(
            {
                "value": [point.value for point in self.curve],
                self.goal.measure: [point.measure.value for point in self.curve],
                "low": [point.measure.low for point in self.curve],
                "high": [point.measure.high for point in self.curve],
                "runs": [point.measure.count for point in self.curve],
                "verdict": [point.verdict for point in self.curve],
            },
            schema_overrides={"low": pl.Float64, "high": pl.Float64},
        )


def calibrate(
    study: Study,
    place: str,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Callable[[CurvePoint], None] | None = None,
) -> Calibrated:
    """Find the smallest value of a study's one factor that holds the study's target.

    Parameters
    ----------
    study : Study
        With a table ``calibration`` and one factor with ``low`` and ``high``. Its ``replicates``
        are the most runs of a value.
    place : str
        Folder or URL. Each value has a dataset of its own below ``values``, so that a killed
        calibration goes on where it stood; in the end all runs are gathered below ``runs``.
    workers, scheduler
        As for `abm.sweeps.run_study`.
    progress : callable, optional
        Told of every value once its verdict stands.

    Raises
    ------
    ScenarioError
        If the study is not one to calibrate, or its replicates cannot show what is asked for.
    ResultsError
        If the place holds something else.
    """
    goal, (key, factor) = _checked(study), next(iter(study.factors.items()))
    low, high = float(factor.low or 0.0), float(factor.high or 0.0)
    confidence = look_confidence(goal, study.replicates, low, high)
    found: dict[float, CurvePoint] = {}
    folders: list[str] = []

    def look_at(value: float) -> Verdict:
        value = float(settled_value(factor, value))
        if value not in found:
            folder = f"{place}/values/{value!r}"
            point = partial(_point, study, key, value, folder, workers, scheduler)
            found[value] = _judge(goal, value, confidence, study.replicates, point)
            folders.append(folder)
            if progress is not None:
                progress(found[value])
        return found[value].verdict

    for value in np.linspace(low, high, goal.curve_points).tolist():
        look_at(value)
    while gap := _gap(found, goal.tolerance):
        middle = float(settled_value(factor, sum(gap) / 2))
        if middle in found:
            break
        look_at(middle)
    merge_studies(folders, f"{place}/runs", study=_all_values(study, key, list(found)))
    curve = tuple(found[value] for value in sorted(found))
    holding = _holding(curve)
    below = [p.value for p in curve if holding is None or p.value < holding]
    fails_at = None if not below else max(below)
    return Calibrated(key, holding, fails_at, curve, goal)


def look_confidence(goal: Calibration, replicates: int, low: float, high: float) -> float:
    """Return the confidence of one look's one-sided bound, so that all looks together keep theirs.

    The chance of being wrong is split evenly over all looks at all values that the search may try
    (Bonferroni), whatever the shape of the curve.
    """
    looks = len(look_counts(goal, replicates))
    halvings = ceil(max(log2((high - low) / (goal.curve_points - 1) / goal.tolerance), 0))
    return 1 - (1 - goal.confidence) / looks / (goal.curve_points + halvings)


def look_counts(goal: Calibration, replicates: int) -> list[int]:
    """Return after how many runs of a value is looked: twice as many each time, and at the last.

    >>> goal = Calibration(outcome="late", measure="mean", target=1.0, tolerance=1.0)
    >>> look_counts(goal, 100)
    [20, 40, 80, 100]
    """
    counts = [min(goal.first_replicates, replicates)]
    while counts[-1] < replicates:
        counts.append(min(2 * counts[-1], replicates))
    return counts


def measured(values: NDArray[np.float64], goal: Calibration, confidence: float) -> Estimate:
    """Return a goal's measure of a sample; each end alone holds with the given confidence.

    A probability has the exact interval of Clopper and Pearson, a value at risk that of binomial
    ranks, a mean Student's, an expected shortfall the studentised bootstrap's.
    """
    both = 2 * confidence - 1
    if goal.measure == "probability":
        happened = int((values > goal.above).sum())
        interval = stats.binomtest(happened, values.size).proportion_ci(both, method="exact")
        share = happened / values.size
        return Estimate(share, float(interval.low), float(interval.high), both, values.size)
    if goal.measure == "mean":
        return mean_estimate(values, confidence=both)
    if goal.measure == "value_at_risk":
        return value_at_risk(values, goal.level, interval="exact", confidence=both)
    return expected_shortfall(values, goal.level, interval="studentised", confidence=both)


def _checked(study: Study) -> Calibration:
    goal = study.calibration
    if goal is None:
        rule = "abm calibrate needs this table: outcome, measure, target, tolerance"
        raise ScenarioError(study.name, [Problem("calibration", "", rule)])
    if goal.measure in ("value_at_risk", "expected_shortfall"):
        least = ceil(LEAST_BEYOND / (1 - goal.level))
        if study.replicates < least:
            rule = f"{goal.measure} at {goal.level:g} needs at least {least}"
            raise ScenarioError(study.name, [Problem("replicates", str(study.replicates), rule)])
    if goal.measure == "probability":
        factor = next(iter(study.factors.values()))
        low, high = float(factor.low or 0.0), float(factor.high or 0.0)
        confidence = look_confidence(goal, study.replicates, low, high)
        # Without any event, the upper bound of n runs is 1 - error ** (1 / n).
        least = ceil(np.log(1 - confidence) / np.log(1 - goal.target))
        if study.replicates < least:
            rule = f"even without any event, {least} are needed to show {goal.target:g}"
            raise ScenarioError(study.name, [Problem("replicates", str(study.replicates), rule)])
    return goal


def _judge(
    goal: Calibration,
    value: float,
    confidence: float,
    replicates: int,
    outcomes: Callable[[int], NDArray[np.float64]],
) -> CurvePoint:
    """Run a value until its verdict stands, or its runs are spent."""
    verdict: Verdict = "undecided"
    for count in look_counts(goal, replicates):
        found = measured(outcomes(count), goal, confidence)
        if found.high is not None and found.high <= goal.target and _has_spread(found):
            verdict = "holds"
        elif found.low is not None and found.low > goal.target and _has_spread(found):
            verdict = "fails"
        if verdict != "undecided":
            break
    return CurvePoint(value, found, verdict)


def _has_spread(found: Estimate) -> bool:
    """Tell whether an interval has a width: equal runs say nothing of what may happen."""
    return found.low != found.high


def _point(
    study: Study,
    key: str,
    value: float,
    folder: str,
    workers: int,
    scheduler: str | None,
    replicates: int,
) -> NDArray[np.float64]:
    """Return the outcomes of a value's first runs; a run that failed is a defect, not left out."""
    goal = study.calibration
    assert goal is not None  # noqa: S101 - `_checked` saw it
    # An earlier calibration may have run more of them: they stay, and the first ones are looked at.
    planned = max(replicates, planned_runs(folder))
    plan = plan_study(_one_value(study, key, value, planned))
    run_study(plan, folder, workers=workers, scheduler=scheduler)
    runs = read_runs(folder).filter(pl.col("replicate") < replicates)
    if runs.height < replicates:
        lost = replicates - runs.height
        rule = f"{lost} of {replicates} runs failed; see failures.parquet in {folder}"
        raise ScenarioError(study.name, [Problem(f"factors.{key}", repr(value), rule)])
    # A missing outcome, such as a time to liquidate where nobody was, is no number above anything.
    return runs[goal.outcome].cast(pl.Float64).fill_null(0.0).to_numpy()


def _one_value(study: Study, key: str, value: float, replicates: int) -> Study:
    return _all_values(study, key, [value]).model_copy(update={"replicates": replicates})


def _all_values(study: Study, key: str, values: list[float]) -> Study:
    factor = study.factors[key]
    levels: tuple[Any, ...] = tuple(
        round(value) if factor.whole else value for value in sorted(values)
    )
    changes = {"factors": {key: Factor(values=levels)}, "calibration": None, "stopping": None}
    return study.model_copy(update=changes)


def _holding(curve: tuple[CurvePoint, ...]) -> float | None:
    """Return the smallest value from which on every value tried holds."""
    smallest = None
    for point in reversed(curve):
        if point.verdict != "holds":
            break
        smallest = point.value
    return smallest


def _gap(found: dict[float, CurvePoint], tolerance: float) -> tuple[float, float] | None:
    """Return the gap to halve: below the holding values; None where it is narrow enough."""
    curve = tuple(found[value] for value in sorted(found))
    holding = _holding(curve)
    below = [point.value for point in curve if holding is not None and point.value < holding]
    if holding is None or not below or holding - max(below) <= tolerance:
        return None
    return max(below), holding
