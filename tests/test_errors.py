from __future__ import annotations

import inspect
import pickle

import pytest

from abm import errors
from abm.errors import (
    AbmError,
    InvariantError,
    LedgerError,
    Problem,
    ResultsError,
    ScenarioError,
)
from abm.recording.recorder import Recorder
from abm.simulation.run import BrokenRunError


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    assert errors.__doc__ is not None
    classes = {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, Exception)
    }
    drawn = {
        line.split("── ")[1].split()[0]: line.split("(")[1].split(")")[0]
        for line in errors.__doc__.splitlines()
        if "── " in line
    }
    assert drawn == {
        name: ", ".join(base.__name__ for base in kind.__bases__ if base is not AbmError)
        for name, kind in classes.items()
        if kind is not AbmError
    }


@pytest.mark.parametrize("kind", [ScenarioError, ResultsError, LedgerError, InvariantError])
def test_every_error_can_be_caught_at_the_root(kind: type[Exception]) -> None:
    assert issubclass(kind, AbmError)


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (
            Problem("clock.hours", "-3 hours", "it must be above 0"),
            "clock.hours is -3 hours; it must be above 0",
        ),
        (Problem("clock", "", "this key is required"), "clock: this key is required"),
        (
            Problem("clock.hour", "", "unknown key", "did you mean 'hours'?"),
            "clock.hour: unknown key; did you mean 'hours'?",
        ),
        (
            Problem("venue.chain", "'bas'", "it must name a chain", "did you mean 'base'?"),
            "venue.chain is 'bas'; it must name a chain; did you mean 'base'?",
        ),
    ],
)
def test_a_problem_reads_as_one_sentence(problem: Problem, sentence: str) -> None:
    assert str(problem) == sentence


def test_a_scenario_error_has_a_line_for_every_problem_with_the_file_in_front() -> None:
    problems = [Problem("a", "1", "it must be 2"), Problem("b", "", "unknown key")]
    error = ScenarioError("halt.toml", problems)
    assert str(error) == "halt.toml: a is 1; it must be 2\nhalt.toml: b: unknown key"
    assert error.source == "halt.toml"
    assert error.problems == tuple(problems)


def test_a_results_error_names_the_folder() -> None:
    error = ResultsError("results/x", "there is no such folder")
    assert str(error) == "results/x: there is no such folder"
    assert (error.folder, error.reason) == ("results/x", "there is no such folder")


def test_an_invariant_error_names_the_second_and_every_broken_rule() -> None:
    error = InvariantError(120, ["USDC is short", "a message has two fates"])
    assert str(error) == "after the step at second 120: USDC is short; a message has two fates"
    assert error.second == 120
    assert error.breaches == ("USDC is short", "a message has two fates")


@pytest.mark.parametrize(
    "error",
    [
        ScenarioError("a.toml", [Problem("clock.hours", "-3 hours", "it must be above 0")]),
        ResultsError("results", "there is no such folder"),
        LedgerError("overdrawn"),
        InvariantError(60, ["one", "two"]),
        BrokenRunError(InvariantError(60, ["one"]), Recorder()),
    ],
)
def test_an_error_travels_between_processes_with_all_it_holds(error: AbmError) -> None:
    there = pickle.loads(pickle.dumps(error))  # noqa: S301 - of our own making
    assert type(there) is type(error)
    assert str(there) == str(error)
    assert vars(there).keys() == vars(error).keys()
