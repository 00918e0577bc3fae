"""A run and the same run without its shocks, on the same random streams."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from abm.analysis.report import render_pair_report, render_report, render_study_report
from abm.recording.files import (
    COMPARISON,
    COUNTERFACTUAL,
    REPORT,
    check_target,
    new_folder,
    write_run,
    write_text,
)
from abm.recording.results import RunResults, read_results
from abm.recording.study import STUDY, read_study
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


def write_report(folder: str | Path, other: str | Path | None = None) -> Path:
    """Write the HTML report of a folder from its tables and return its path.

    Parameters
    ----------
    folder : str or Path
        Of a run, or of a study.
    other : str or Path, optional
        Of a run to set beside the first; the page then compares the two.

    Raises
    ------
    ResultsError
        If a folder holds neither, or two runs are asked of what is a study.
    """
    place = Path(folder)
    name = REPORT
    if other is not None:
        text = render_pair_report(read_results(place), read_results(other))
        name = COMPARISON
    elif (place / STUDY).is_file():
        text = render_study_report(read_study(place))
    else:
        text = render_report(read_results(place))
    write_text(place / name, text)
    return place / name
