"""What the tests of sweeps share: a small study, written to a file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"

HEAD = f"""
name = "halts"
question = "What does each hour of a halt cost?"
scenario = "{SMALL_CRASH}"
changes = ["clock.hours=1", "shocks.gas.at_hours=0.5", "shocks.far_halt.at_hours=0.25"]
replicates = 2
"""
FACTORS = """
[factors."shocks.far_halt.duration_hours"]
values = [0.25, 0.5]

[factors."liquidation.grace_seconds"]
values = [0, 300]
"""


@pytest.fixture(scope="session")
def write_into() -> Callable[..., Path]:
    """Return what writes a study file into a folder from its head and its factors."""

    def write(folder: Path, more: str = "", factors: str = FACTORS) -> Path:
        path = folder / "study.toml"
        path.write_text(HEAD + more + factors, encoding="utf-8")
        return path

    return write


@pytest.fixture
def write_study(tmp_path: Path, write_into: Callable[..., Path]) -> Callable[..., Path]:
    """Return what writes a study file into the test's folder."""
    return partial(write_into, tmp_path)
