"""The short table of a run: what a risk officer reads first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from abm.recording.schemas import outcome_of
from abm.scenario.waterfall import LAYERS
from abm.units import format_duration, format_usd

if TYPE_CHECKING:
    from collections.abc import Callable

    from abm.recording.results import RunResults

Outcome = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """One line of the table: with the shocks, and without them where that was run."""

    label: str
    actual: str
    without: str | None
    indent: bool = False


def _usd(key: str) -> Callable[[Outcome], str]:
    return lambda outcome: format_usd(outcome[key])


def _count(*keys: str) -> Callable[[Outcome], str]:
    return lambda outcome: " / ".join(f"{outcome[key]:,}" for key in keys)


def _times(outcome: Outcome) -> str:
    if outcome["liquidation_seconds_p50"] is None:
        return "none"
    p50, p95 = outcome["liquidation_seconds_p50"], outcome["liquidation_seconds_p95"]
    return f"{format_duration(p50)} / {format_duration(p95)}"


def _depth(outcome: Outcome) -> str:
    worst, median = outcome["worst_depth_lots"], outcome["median_depth_lots"]
    share = f" ({worst / median:.0%})" if median else ""
    return f"{worst:,.0f} lots{share}"


def _closed_at_once(outcome: Outcome) -> str:
    loss = outcome["static_clearing_usd"]
    return "none" if loss is None else format_usd(loss)


COMMON_LAYERS = {"fund": "paid by the insurance fund", "socialised": "socialised"}

# Every layer of the waterfall by its line, in the order in which they pay if nothing else is said.
PAID = {
    COMMON_LAYERS.get(layer, f"paid by {who}"): outcome_of(layer) for layer, who in LAYERS.items()
}

# Those that have a line only where they paid something.
RARE_LAYERS = {label: key for label, key in PAID.items() if label not in COMMON_LAYERS.values()}

LINES: tuple[tuple[str, Callable[[Outcome], str], bool], ...] = (
    ("Bad debt", _usd("bad_debt_usd"), False),
    *((label, _usd(key), True) for label, key in PAID.items()),
    ("paid by nobody", _usd("uncovered_usd"), True),
    ("if all were closed at once", _closed_at_once, True),
    ("Largest true shortfall", _usd("worst_shortfall_usd"), False),
    ("Unresolved at the end", _usd("unresolved_usd"), False),
    ("Cost of liquidation to owners", _usd("liquidation_cost_usd"), False),
    ("Breaches", _count("breaches"), False),
    ("topped up / recovered", _count("topped_up", "recovered"), True),
    ("liquidated / failed / late", _count("liquidated", "failed", "late"), True),
    ("Time to liquidation p50 / p95", _times, False),
    ("Auctions that did not sell out", _count("failed_auctions"), False),
    ("Messages sent / delivered", _count("messages_sent", "messages_delivered"), False),
    (
        "Messages late / lost / expired",
        _count("messages_late", "messages_lost", "messages_expired"),
        False,
    ),
    ("Worst depth (of median)", _depth, False),
)


def summarise(results: RunResults) -> list[Line]:
    """Return the lines of the table for a run and, where there is one, its counterfactual."""
    actual = results.outcome
    pair = results.counterfactual
    without = pair.outcome if pair is not None else None
    return [
        Line(
            label,
            _written(write, actual),
            _written(write, without) if without is not None else None,
            indent,
        )
        for label, write, indent in LINES
        if label not in RARE_LAYERS
        or any(outcome.get(RARE_LAYERS[label]) for outcome in (actual, without or {}))
    ]


def _written(write: Callable[[Outcome], str], outcome: Outcome) -> str:
    """Write a line; a run of an older version may not have recorded what it says."""
    try:
        return write(outcome)
    except KeyError:
        return "not recorded"


def headline(results: RunResults) -> str:
    """Return one sentence: the loss, and how much of it the shocks caused."""
    loss = results.outcome["bad_debt_usd"]
    pair = results.counterfactual
    if pair is None:
        shocks = results.outcome.get("shocks", 1)
        why = "it was not run without its shocks" if shocks else "the scenario has no shocks"
        return f"Bad debt of {format_usd(loss)}; {why}."
    caused = loss - pair.outcome["bad_debt_usd"]
    left_out = what_was_left_out(results)
    if loss == caused == 0:
        return f"No bad debt, neither with {left_out} nor without."
    if caused < 0:
        return (
            f"Bad debt of {format_usd(loss)}, {format_usd(-caused)} less than without {left_out}."
        )
    return (
        f"Bad debt of {format_usd(loss)}, of which {format_usd(caused)} "
        f"would not have happened without {left_out}."
    )


def what_was_left_out(results: RunResults) -> str:
    """Return the shocks that the counterfactual left out, for a sentence."""
    names = results.left_out_shocks
    if len(names) == len(results.manifest.scenario.get("shocks", ())):
        return "the shocks"
    return " and ".join(name.replace("_", " ") for name in names)
