"""One small pair of runs, shared by the tests that only read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from abm.recording.schemas import SCHEMAS
from abm.simulation.run import simulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from abm.recording.recorder import Recorder, Value
    from abm.scenario import Scenario


@dataclass(frozen=True)
class Pair:
    """A scenario with its rows, and the rows of its counterfactual."""

    scenario: Scenario
    actual: Recorder
    without: Recorder


@pytest.fixture(scope="session")
def pair(small_flagship: Callable[..., Scenario]) -> Pair:
    """Run the small flagship with and without its shocks."""
    scenario = small_flagship()
    return Pair(scenario, simulate(scenario), simulate(scenario.without_shocks()))


@pytest.fixture(scope="session")
def column() -> Callable[[Recorder, str, str], list[Value]]:
    """Pick one column of a recorded table."""

    def pick(recorder: Recorder, table: str, name: str) -> list[Value]:
        place = SCHEMAS[table].names.index(name)
        return [row[place] for row in recorder.rows[table]]

    return pick
