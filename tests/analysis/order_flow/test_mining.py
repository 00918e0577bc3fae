"""The predictor finds what is there, nothing where there is nothing, and never looks ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from abm.analysis.order_flow.mining import FEWEST_STEPS, MEMORY_STEPS, flow_features, walk_forward
from abm.randomness import Streams

if TYPE_CHECKING:
    from tests.analysis.order_flow.conftest import FlowMaker

pytest.importorskip("sklearn")


def test_a_planted_signal_is_found_and_noise_is_not() -> None:
    rng = Streams(1).get("test")
    features = rng.standard_normal((6_000, 3))
    noise = rng.standard_normal(6_000)
    planted = walk_forward(features, features[:, 1] + noise, gap=1)
    empty = walk_forward(features, noise, gap=1)
    assert planted is not None
    assert empty is not None
    # Signal and noise of equal size: the sign is right with chance 1/2 + atan(1) / pi = 3/4.
    assert planted[0] == pytest.approx(0.75, abs=0.03)
    _, _, area, error, _ = empty
    assert abs(area - 0.5) < 4 * error


def test_features_of_a_step_do_not_depend_on_later_trades(make_flow: FlowMaker) -> None:
    early = [(60, 3, 1, True), (120, -2, 2, False)]
    first = flow_features(make_flow(*early))
    second = flow_features(make_flow(*early, (300, 9, 3, False)))
    np.testing.assert_array_equal(first[:4], second[:4])
    assert (first[4:] != second[4:]).any()


def test_a_feature_is_the_mean_over_its_memory(make_flow: FlowMaker) -> None:
    # Imbalance +1 in the first step, -1 in the third: over five steps back (1 + 0 - 1) / 3 there.
    found = flow_features(make_flow((60, 3, 1, True), (180, -2, 2, False)))
    assert MEMORY_STEPS[:2] == (1, 5)
    assert found[:3, 0].tolist() == [1.0, 0.0, -1.0]
    assert found[:3, 1].tolist() == [1.0, 0.5, 0.0]


def test_too_few_moves_are_not_scored() -> None:
    moves = np.ones(FEWEST_STEPS - 1)
    assert walk_forward(np.zeros((len(moves), 1)), moves, gap=1) is None
