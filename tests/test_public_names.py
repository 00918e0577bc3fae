from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import abm
from abm.recording.files import write_run
from abm.recording.results import read_results
from abm.scenario import Scenario, load_scenario
from abm.simulation.run import simulate
from abm.studies.paired import run_pair

README = Path(__file__).parents[1] / "README.md"


def test_the_public_names_are_these() -> None:
    assert sorted(abm.__all__) == [
        *("Scenario", "__version__", "load_scenario", "read_results", "run_pair", "simulate"),
        "write_run",
    ]


def test_every_public_name_is_the_thing_itself() -> None:
    assert abm.Scenario is Scenario
    assert abm.load_scenario is load_scenario
    assert abm.read_results is read_results
    assert abm.run_pair is run_pair
    assert abm.simulate is simulate
    assert abm.write_run is write_run


def test_every_public_name_can_be_imported_with_a_star() -> None:
    names: dict[str, object] = {}
    exec("from abm import *", names)  # noqa: S102 - a star cannot stand inside a function
    assert set(abm.__all__) <= set(names)


def test_every_public_name_says_what_it_is() -> None:
    for name in abm.__all__:
        if name != "__version__":
            assert getattr(abm, name).__doc__, name


def test_every_name_in_the_docstring_exists() -> None:
    assert abm.__doc__ is not None
    mentioned = set(re.findall(r"\babm\.(\w+)\(", abm.__doc__))
    assert mentioned
    assert mentioned <= set(abm.__all__)


def test_the_readme_shows_every_function_and_no_other() -> None:
    mentioned = set(re.findall(r"\babm\.(\w+)\(", README.read_text(encoding="utf-8")))
    assert mentioned == {"load_scenario", "read_results", "run_pair", "simulate", "write_run"}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'abm' has no attribute 'simulat'"):
        _ = abm.simulat


def test_the_version_is_the_installed_one() -> None:
    assert abm.__version__ == version("abm")


def test_importing_the_package_imports_no_library() -> None:
    program = "import sys, abm; print(*(name.partition('.')[0] for name in sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    heavy = {"mesa", "numpy", "polars", "pyarrow", "pydantic", "plotly", "scipy", "typer", "rich"}
    assert not heavy & set(ended.stdout.split())
