"""The probability of an event too rare for plain runs, under laws of named drivers of the risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy.special import ndtr

from abm.analysis.rare import RareEstimate, splitting_probability
from abm.errors import Problem, ScenarioError
from abm.sweeps import plan_study, read_runs, run_study
from abm.sweeps.design import spread
from abm.sweeps.study import Design, Factor

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from abm.sweeps.study import Study
    from abm.sweeps.table import Value


def rare_event(
    study: Study,
    place: str,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> RareEstimate:
    """Estimate how probable a study's rare event is, by multilevel splitting over its factors.

    Each factor has a law: lognormal (``median``, ``ln_sigma``, perhaps cut at ``low`` and ``high``)
    or even over ``low`` to ``high``. Every run has a seed of its own, from its factors' values, so
    that what the drivers do not decide is drawn anew at each step of a chain.

    Parameters
    ----------
    study : Study
        With a table ``rare``.
    place : str
        Folder or URL. Each step of the splitting has a dataset of its own there, so that a killed
        estimate goes on where it stood.
    workers, scheduler
        As for `abm.sweeps.run_study`.
    progress : callable, optional
        Told the name of each step, ``repeat.level.step``, once its runs ended.

    Raises
    ------
    ScenarioError
        If the study has no table ``rare``, a value drawn is refused, or a run failed.
    ResultsError
        If the place holds something else.
    """
    goal = study.rare
    if goal is None:
        rule = "abm rare needs this table: outcome, above"
        raise ScenarioError(study.name, [Problem("rare", "", rule)])

    def evaluate(drivers: NDArray[np.float64], step: str) -> NDArray[np.float64]:
        folder = f"{place}/{step}"
        plan = plan_study(step_study(study, drivers))
        run_study(plan, folder, workers=workers, scheduler=scheduler)
        runs = read_runs(folder).sort("point")
        if runs.height < len(plan.points):
            lost = len(plan.points) - runs.height
            rule = f"{lost} of its runs failed; see failures.parquet in {folder}"
            raise ScenarioError(study.name, [Problem("step", step, rule)])
        if progress is not None:
            progress(step)
        # Rounded drivers may repeat a point, which was run once.
        outcomes = runs[goal.outcome].cast(pl.Float64).fill_null(0.0).to_numpy()
        return np.asarray(outcomes[plan.place_of_row], dtype=np.float64)

    return splitting_probability(
        evaluate,
        len(study.factors),
        goal.above,
        samples=goal.samples,
        kept=goal.kept,
        most_levels=goal.most_levels,
        repeats=goal.repeats,
        seed=goal.seed,
    )


def step_study(study: Study, drivers: NDArray[np.float64]) -> Study:
    """Return the study of one step: a table of points, one run each, with a seed of its own.

    Parameters
    ----------
    study : Study
        Whose factors have laws.
    drivers : ndarray, shape (samples, factors)
        Standard normal; each is the normal score of its factor's share.
    """
    columns: dict[str, list[Value]] = {}
    for place, (name, factor) in enumerate(study.factors.items()):
        numbers, _ = spread(factor, ndtr(drivers[:, place]))
        columns[name] = numbers.tolist()
    rows = tuple(zip(*columns.values(), strict=True))
    changes = {
        "replicates": 1,
        "streams": "independent",
        "stopping": None,
        "rare": None,
        "design": Design(kind="table", points=rows),
        "factors": {
            name: Factor(values=tuple(dict.fromkeys(values))) for name, values in columns.items()
        },
    }
    return study.model_copy(update=changes)
