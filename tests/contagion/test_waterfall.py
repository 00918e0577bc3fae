"""The layers of a waterfall, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.contagion import use_layers

AMOUNTS = st.floats(0.0, 1e9)


def test_a_layer_pays_only_when_those_above_are_empty() -> None:
    found = use_layers(47, [40, 10, 5])
    assert found.used.tolist() == [40.0, 7.0, 0.0]
    assert found.uncovered == 0.0


def test_what_no_layer_covers_is_left() -> None:
    found = use_layers(60, [40, 0, 5])
    assert found.used.tolist() == [40.0, 0.0, 5.0]
    assert found.uncovered == 15.0
    assert use_layers(3, []).uncovered == 3.0


@given(AMOUNTS, st.lists(AMOUNTS, max_size=6))
def test_the_layers_and_the_rest_sum_to_the_loss(loss: float, capacities: list[float]) -> None:
    found = use_layers(loss, capacities)
    assert found.used.sum() + found.uncovered == pytest.approx(loss, abs=1e-6)
    assert (found.used <= np.array(capacities)).all()
    # Whoever pays something stands below empty layers alone.
    paying = np.flatnonzero(found.used)
    for layer in paying[-1:].tolist():
        np.testing.assert_allclose(found.used[:layer], capacities[:layer], atol=1e-6)


def test_a_negative_loss_is_refused() -> None:
    with pytest.raises(ValueError, match=r"loss is -1.0; it must be finite and at least 0"):
        use_layers(-1, [1])
