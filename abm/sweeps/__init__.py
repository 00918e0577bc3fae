"""Many runs: studies, designs, execution on local workers, and the dataset they leave."""

from abm.sweeps.dataset import StudyStatus, plan_of, read_failures, read_runs, study_status
from abm.sweeps.design import design_points
from abm.sweeps.execution import run_study
from abm.sweeps.plan import Plan, plan_study
from abm.sweeps.study import Study, load_study

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
