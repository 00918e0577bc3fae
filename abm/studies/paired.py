"""A run and the same run without its shocks, on the same random streams."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from abm.analysis.report import render_report
from abm.recording.files import (
    COUNTERFACTUAL,
    REPORT,
    check_target,
    new_folder,
    write_run,
    write_text,
)
from abm.recording.results import RunResults, read_results
from abm.simulation.run import simulate

if TYPE_CHECKING:
    from abm.scenario.model import Scenario

PairProgress = Callable[[str, int], None]
"""Called with the name of the part, ``shocks`` or ``without_shocks``, and its simulated second."""


def run_pair(
    scenario: Scenario, folder: str | Path, progress: PairProgress | None = None
) -> RunResults:
    """Run a scenario and, if it has shocks, its counterfactual; write tables and report.

    Parameters
    ----------
    scenario : Scenario
        What to run.
    folder : str or Path
        Where results go; it appears when all is written.
    progress : callable, optional
        Told of every step of either part.

    Returns
    -------
    RunResults
        Read back from the folder.

    Raises
    ------
    ResultsError
        If the folder holds something else.
    """
    folder = Path(folder)
    check_target(folder, scenario)

    def tell(part: str) -> Callable[[int], None] | None:
        return None if progress is None else lambda second: progress(part, second)

    with new_folder(folder) as fresh:
        write_run(simulate(scenario, tell("shocks")), scenario, fresh)
        if scenario.left_out_shocks:
            calm = scenario.without_shocks()
            (fresh / COUNTERFACTUAL).mkdir()
            write_run(simulate(calm, tell(COUNTERFACTUAL)), calm, fresh / COUNTERFACTUAL)
        write_report(fresh)
    return read_results(folder)


def write_report(folder: str | Path) -> Path:
    """Write the HTML report of a run's folder from its tables and return its path."""
    path = Path(folder) / REPORT
    write_text(path, render_report(read_results(folder)))
    return path
