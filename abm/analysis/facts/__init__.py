"""Stylised facts of a run beside their targets, from its tables alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.analysis.facts.fact import Fact
from abm.analysis.facts.quotes import book_facts, calm_quotes, interest_facts, spread_facts
from abm.analysis.facts.returns import return_facts
from abm.analysis.facts.stress import stress_facts

if TYPE_CHECKING:
    from abm.recording.results import RunResults

__all__ = ["Fact", "stylised_facts"]


def stylised_facts(results: RunResults) -> list[Fact]:
    """Return every fact of a run; of a calm one, quotes against the calibration table.

    A run that falls by more than 8 % within six hours counts as stressed: its quotes are measured
    against its own calm, not against chains of quiet days.
    """
    steps = results.table("steps")
    seconds = steps["second"]
    quotes = calm_quotes(results.table("quotes"))
    stressed = stress_facts(steps, quotes)
    quoted = [] if stressed else [*spread_facts(quotes), *book_facts(quotes)]
    return [
        *return_facts(steps["price_usd"].to_numpy(), int(seconds[1] - seconds[0])),
        *quoted,
        *interest_facts(quotes),
        *stressed,
    ]
