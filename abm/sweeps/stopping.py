"""Decides, point by point, when its runs are enough: always of whole blocks of replicates.

What is looked at depends on the plan alone, never on which run ended first, so the decision is the
same with any number of workers, and after any number of kills.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.sweeps.batches import RUNS
from abm.sweeps.dataset import as_numbers
from abm.sweeps.store import open_parquet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from abm.sweeps.dataset import Held
    from abm.sweeps.goals import Stopping
    from abm.sweeps.plan import Plan, RunIds
    from abm.sweeps.store import Store


class Stops:
    """Which points go on, after each block of replicates.

    Parameters
    ----------
    plan : Plan
    store : Store
        Where runs of an earlier sweep may be gathered.
    held : Held
        The runs that are there.
    """

    def __init__(self, plan: Plan, store: Store, held: Held) -> None:
        self.plan = plan
        self.rule = plan.study.stopping
        self.going = np.ones(len(plan.points), dtype=bool)
        self.spared = 0
        if self.rule is not None:
            self.values = np.full(plan.ids.shape, np.nan)
            self.order = np.argsort(plan.ids, axis=None)
            self.seen: set[str] = set()
            self._fill(*_gathered_outcomes(store, held, self.rule))

    def blocks(self) -> Iterator[range]:
        """Yield the replicates to run next; all at once where nothing stops them."""
        last, rule = self.plan.study.replicates, self.rule
        if rule is None:
            yield range(last)
            return
        first, size = 0, rule.least_replicates
        while first < last and self.going.any():
            yield range(first, min(first + size, last))
            first, size = first + size, rule.replicates_at_once

    def going_on(self) -> NDArray[np.intp]:
        """Return the points that need more runs."""
        return np.flatnonzero(self.going)

    def look(self, held: Held, block: range) -> None:
        """Stop the points whose interval is narrow enough after a block."""
        if self.rule is None:
            return
        for shard in held.shards.values():
            if shard.batch not in self.seen:
                self.seen.add(shard.batch)
                outcomes = np.array(shard.outcomes, dtype=np.float64)
                self._fill(shard.finished, outcomes)
        for point in self.going_on():
            values = self.values[point, : block.stop]
            if half_width(values[np.isfinite(values)], self.rule) <= self.rule.half_width:
                self.going[point] = False
                self.spared += self.plan.study.replicates - block.stop

    def _fill(self, ids: RunIds, outcomes: NDArray[np.float64]) -> None:
        flat = self.plan.ids.ravel()[self.order]
        places = np.searchsorted(flat, ids)
        self.values.ravel()[self.order[places]] = outcomes


def half_width(values: NDArray[np.float64], rule: Stopping) -> float:
    """Return half the width of the interval that a rule looks at; infinite below two runs.

    Of the mean it is Student's, of a probability Wilson's. Runs that are all equal say nothing of
    what may happen, so their mean has no interval either.
    """
    from scipy import stats  # noqa: PLC0415 - large, and few studies stop early

    if values.size < 2:  # noqa: PLR2004 - a spread needs two
        return float("inf")
    if rule.above is not None:
        test = stats.binomtest(int((values > rule.above).sum()), values.size)
        found = test.proportion_ci(confidence_level=rule.confidence, method="wilson")
        return float(found.high - found.low) / 2
    spread = float(values.std(ddof=1))
    if spread == 0:
        return float("inf")
    quantile = float(stats.t.ppf((1 + rule.confidence) / 2, values.size - 1))
    return float(quantile * spread / values.size**0.5)


def _gathered_outcomes(
    store: Store, held: Held, rule: Stopping
) -> tuple[RunIds, NDArray[np.float64]]:
    if not held.gathered.size:
        return held.gathered, np.array([])
    with open_parquet(store, f"{RUNS}.parquet") as file:
        table = file.read(columns=["run_id", rule.outcome], use_threads=False)
    outcomes = table[rule.outcome].cast("float64").to_numpy(zero_copy_only=False)
    return as_numbers(table["run_id"].to_pylist()), outcomes
