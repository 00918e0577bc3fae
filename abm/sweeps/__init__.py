"""Many runs: studies, designs, execution on local workers, and the dataset they leave."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from abm.sweeps.dataset import StudyStatus, plan_of, read_failures, read_runs, study_status
    from abm.sweeps.design import design_points
    from abm.sweeps.execution import run_study
    from abm.sweeps.plan import Plan, plan_study
    from abm.sweeps.study import Study, load_study

# Names are imported when first used: a worker needs few of them, and starts sooner.
_HOMES = {
    "Plan": "plan",
    "Study": "study",
    "StudyStatus": "dataset",
    "design_points": "design",
    "load_study": "study",
    "plan_of": "dataset",
    "plan_study": "plan",
    "read_failures": "dataset",
    "read_runs": "dataset",
    "run_study": "execution",
    "study_status": "dataset",
}

__all__ = [
    "Plan",
    "Study",
    "StudyStatus",
    "design_points",
    "load_study",
    "plan_of",
    "plan_study",
    "read_failures",
    "read_runs",
    "run_study",
    "study_status",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Import a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module 'abm.sweeps' has no attribute {name!r}")
    return getattr(import_module(f"abm.sweeps.{_HOMES[name]}"), name)
