"""One scenario under every collateral architecture: the same people, orders, prices and shocks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from abm.collateral import ARCHITECTURES
from abm.scenario import load_scenario
from abm.sweeps import Study, plan_study
from abm.sweeps.study import Factor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.sweeps import Plan


def plan_architectures(
    path: str | Path, *, changes: Sequence[str] = (), replicates: int = 1
) -> Plan:
    """Return the study that runs a scenario under all architectures, over the same seeds.

    Parameters
    ----------
    path : str or Path
        The scenario file.
    changes : sequence of str
        Changes of the form ``key=value``.
    replicates : int
        Runs of each architecture, at least 1.

    Raises
    ------
    ScenarioError
        If the file is faulty, or an architecture lacks a channel that it needs.
    """
    scenario = load_scenario(path, tuple(changes))
    study = Study(
        name=f"{scenario.name}_by_architecture",
        question=f"Under which collateral architecture? {scenario.question}",
        scenario=str(Path(path).resolve()),
        changes=tuple(changes),
        replicates=replicates,
        factors={"collateral.architecture": Factor(values=tuple(ARCHITECTURES))},
    )
    return plan_study(study)
