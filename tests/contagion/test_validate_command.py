"""The shipped validation run."""

from __future__ import annotations

from typer.testing import CliRunner

from abm.cli import app
from abm.contagion import contagion_window
from abm.contagion.gai_kapadia import REFERENCE_SHAPE
from abm.errors import ScenarioError
from abm.randomness import Streams


def test_it_prints_frequencies_beside_the_reference() -> None:
    told = CliRunner().invoke(app, ["validate", "gai-kapadia", "--draws", "2"])
    assert told.exit_code == 0
    assert "mean degree" in told.output
    assert "0.80" in told.output
    assert "between mean degrees 1.02 and 5.76" in told.output


def test_the_window_has_the_reference_shape() -> None:
    # 50 networks of 1,000 banks: the standard error of a frequency is 0.07 at most.
    for degree in (1.0, 3.0, 8.0):
        rng = Streams(1).get("gai-kapadia", f"{degree:g}")
        found = contagion_window(degree, 50, rng)
        assert abs(found.frequency - REFERENCE_SHAPE[degree]) < 0.21


def test_another_name_is_refused() -> None:
    told = CliRunner().invoke(app, ["validate", "eisenberg"])
    assert isinstance(told.exception, ScenarioError)
