"""Runs a scenario from its first step to its last."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from abm.errors import InvariantError, LedgerError
from abm.simulation.closing import record_end
from abm.simulation.model import OptionsMarket

if TYPE_CHECKING:
    from abm.recording.recorder import Recorder
    from abm.scenario.model import Scenario

Progress = Callable[[int], None]


class BrokenRunError(InvariantError):
    """An invariant broke; carries what was recorded until then.

    Attributes
    ----------
    recorder : Recorder
        Rows up to the step before the breach.
    """

    def __init__(self, error: InvariantError, recorder: Recorder) -> None:
        super().__init__(error.second, list(error.breaches))
        self.recorder = recorder


def simulate(scenario: Scenario, progress: Progress | None = None) -> Recorder:
    """Run a scenario and return the rows of its tables.

    Parameters
    ----------
    scenario : Scenario
        What to run. The same scenario and versions give the same rows, in any process.
    progress : callable, optional
        Called with the simulated second after every step.

    Returns
    -------
    Recorder

    Raises
    ------
    BrokenRunError
        If an invariant broke: a defect of this package, not of the scenario.
    """
    model = OptionsMarket(scenario)
    world = model.world
    try:
        for _ in range(scenario.clock.step_count):
            model.step()
            if progress is not None:
                progress(world.now)
        record_end(world)
    except InvariantError as error:
        raise BrokenRunError(error, world.recorder) from error
    except LedgerError as error:
        # What a ledger must refuse, no phase may ask for.
        raise BrokenRunError(InvariantError(world.now, [str(error)]), world.recorder) from error
    finally:
        model.release()
    return world.recorder
