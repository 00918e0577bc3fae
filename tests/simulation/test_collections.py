"""How often Python looks for unreachable cycles during a run."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from abm.simulation.run import NEW_OBJECTS, few_collections

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _thresholds() -> Iterator[None]:
    usual = gc.get_threshold()
    yield
    gc.set_threshold(*usual)


def fail_within(found: list[tuple[int, int, int]]) -> None:
    with few_collections():
        found.append(gc.get_threshold())
        raise ZeroDivisionError


def test_python_looks_for_cycles_seldom_and_as_usual_after_an_error() -> None:
    gc.set_threshold(700, 10, 10)
    found: list[tuple[int, int, int]] = []
    with pytest.raises(ZeroDivisionError):
        fail_within(found)
    assert found == [(NEW_OBJECTS, 10, 10)]
    assert gc.get_threshold() == (700, 10, 10)


def test_who_lets_python_look_never_or_even_more_seldom_keeps_that() -> None:
    for usual in (0, 2 * NEW_OBJECTS):
        gc.set_threshold(usual, 10, 10)
        with few_collections():
            assert gc.get_threshold()[0] == usual
