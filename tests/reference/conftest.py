"""Cases from outside, read where they are present."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Section = Callable[[str, str], Any]
Report = Callable[[str, float], None]


@pytest.fixture(scope="session")
def section(request: pytest.FixtureRequest) -> Section:
    """Return a reader of one section of one file; a test without its section is skipped."""
    default = request.config.rootpath.parent / "shared" / "reference"
    folder = Path(os.environ.get("ABM_REFERENCE", str(default)))

    def read(file: str, name: str) -> Any:  # noqa: ANN401 - whatever the file holds
        path = folder / f"{file}.json"
        if not path.is_file():
            pytest.skip(f"{path} is not there; set ABM_REFERENCE to the folder of outside cases")
        data = json.loads(path.read_text(encoding="utf-8"))
        if name not in data:
            pytest.skip(f"{path} has no section {name}")
        return data[name]

    return read


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Report:
    """Return a function that prints a section's largest error past pytest's capture."""

    def write(name: str, error: float) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {name}: largest error {error:.1e}")

    return write
