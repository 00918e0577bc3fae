"""The answer of a run or a study in three numbers, each with how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from abm.analysis.estimates import Estimate, event_probability, mean_estimate
from abm.analysis.summary import what_was_left_out
from abm.recording.study import PAIR
from abm.units import format_duration, format_usd, format_value

if TYPE_CHECKING:
    from abm.recording.results import RunResults
    from abm.recording.study import StudyResults

ONE_RUN = "one run: sweep replicates for an interval"
LOSS = "bad_debt_usd"
# Paid by no layer that has money set aside.
BEYOND_FUNDS = ("socialised_usd", "deleveraged_usd", "uncovered_usd")


@dataclass(frozen=True)
class Answer:
    """One number: what it is, its value and how sure it is, as they are written."""

    label: str
    value: str
    certainty: str


def answers_of_run(results: RunResults) -> list[Answer]:
    """Return the loss, how much of it the shocks caused, and how late liquidations were."""
    outcome, pair = results.outcome, results.counterfactual
    found = [Answer("Bad debt", format_usd(outcome[LOSS]), ONE_RUN)]
    if pair is None:
        found.append(Answer("Caused by the shocks", "unknown", "there is no paired run"))
    else:
        left_out = what_was_left_out(results)
        found.append(
            Answer(
                f"Caused by {left_out}",
                format_usd(outcome[LOSS] - pair.outcome[LOSS]),
                f"exact for this seed: {format_usd(pair.outcome[LOSS])} without {left_out}",
            )
        )
    slow = outcome.get("liquidation_seconds_p95")
    half = outcome.get("liquidation_seconds_p50")
    found.append(
        Answer(
            "Liquidations done within, 95 %",
            "none went to the end" if slow is None else format_duration(slow),
            ONE_RUN if half is None else f"half of them within {format_duration(half)}",
        )
    )
    return found


def answers_of_study(study: StudyResults) -> list[Answer]:
    """Return the mean loss, how much the shocks caused, and how often anyone but the fund paid."""
    runs = study.frame(LOSS, PAIR + LOSS, *BEYOND_FUNDS)
    found = [_mean("Mean bad debt", runs[LOSS])]
    if PAIR + LOSS in runs.columns:
        found.append(_mean("Caused by the shocks, mean", runs[LOSS] - runs[PAIR + LOSS]))
    beyond = [name for name in BEYOND_FUNDS if name in runs.columns]
    if beyond:
        hit = runs.select(pl.any_horizontal(pl.col(beyond) > 0)).to_series().drop_nulls()
        share = event_probability(hit.to_numpy())
        found.append(
            Answer("Runs whose loss passed the funds", f"{share.value:.0%}", _interval(share, "%"))
        )
    return found


def _mean(label: str, values: pl.Series) -> Answer:
    numbers = values.drop_nulls()
    if numbers.is_empty():
        return Answer(label, "unknown", "no run has it")
    estimate = mean_estimate(numbers.to_numpy())
    return Answer(label, format_usd(estimate.value), _interval(estimate, "USD"))


def _interval(found: Estimate, unit: str) -> str:
    """Write the interval of an estimate and what it stands on."""
    runs = f"{found.count:,} runs" if found.count > 1 else "one run"
    if found.low is None or found.high is None:
        return f"no interval, {runs}"
    if unit == "%":
        low, high = f"{found.low:.0%}", f"{found.high:.0%}"
    else:
        low, high = format_value(found.low, unit), format_value(found.high, unit)
    return f"{found.confidence:.0%} interval {low} to {high}, {runs}"
