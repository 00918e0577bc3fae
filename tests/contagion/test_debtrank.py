"""DebtRank, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from abm.contagion import debtrank, debtrank_importance

MUTUAL = [[0, 50], [50, 0]]


def test_one_network_has_two_debtranks() -> None:
    # Battiston: 0 sends 0.5 * 0.5 to 1, and 1 sends 0.25 * 0.5 back: 0.125 and 0.25 are new, and
    # their mean is 0.1875. Bardoscia: h = (I - W)^-1 (0.5, 0) = (2/3, 1/3), of which 1/6 and 1/3.
    once = debtrank(MUTUAL, [100, 100], [50, 0], variant="single_hit")
    always = debtrank(MUTUAL, [100, 100], [50, 0], variant="linear")
    assert once.debtrank == pytest.approx(0.1875, abs=1e-15)
    assert always.debtrank == pytest.approx(0.25, abs=1e-14)
    np.testing.assert_allclose(always.equity, [100 / 3, 200 / 3])
    np.testing.assert_allclose(once.equity, [37.5, 75.0])


def test_a_node_passes_on_no_more_than_all_of_its_equity() -> None:
    # Node 0 loses three times its equity: node 1 loses its claim of 40, no more.
    for variant in ("single_hit", "linear"):
        found = debtrank([[0, 0], [40, 0]], [100, 100], [300, 0], variant=variant)
        assert found.initial_stress.tolist() == [1.0, 0.0]
        np.testing.assert_allclose(found.stress, [1.0, 0.4])
        np.testing.assert_allclose(found.equity, [-200.0, 60.0])


def test_a_single_claim_impacts_its_holder_by_at_most_all_in_the_single_hit_variant() -> None:
    # A claim of five times the equity: W is cut at 1, so 0.4 becomes 0.4; without a cut, 1.
    once = debtrank([[0, 0], [500, 0]], [100, 100], [40, 0], variant="single_hit")
    always = debtrank([[0, 0], [500, 0]], [100, 100], [40, 0], variant="linear")
    np.testing.assert_allclose(once.stress, [0.4, 0.4])
    np.testing.assert_allclose(always.stress, [0.4, 1.0])


def test_stress_that_grows_around_a_cycle_ends_in_default() -> None:
    # Each holds twice its equity in the other: any loss doubles until both are gone.
    found = debtrank([[0, 20], [20, 0]], [10, 10], [1e-3, 0], variant="linear")
    assert found.stress.tolist() == [1.0, 1.0]
    assert found.convergence.converged


def test_weights_say_whose_stress_matters() -> None:
    # By default a node weighs as much as its equity: a quarter of 300 is stressed by one half.
    claims = [[0, 0], [50, 0]]
    assert debtrank(claims, [300, 100], [300, 0], variant="linear").debtrank == 0.125
    weighed = debtrank(claims, [300, 100], [300, 0], variant="linear", weights=[0, 1])
    assert weighed.debtrank == 0.5


def test_rounding_never_leaves_less_stress_than_the_shock() -> None:
    # 1 - 48 * (1/49) is less than 1/49 in float64; nobody has claims here.
    equity, loss = np.repeat(np.arange(1.0, 60.0), 60), np.tile(np.arange(60.0), 59)
    alone = sparse.csr_array((len(equity), len(equity)))
    found = debtrank(alone, equity, loss, variant="linear")
    assert found.stress.tolist() == found.initial_stress.tolist()
    assert found.debtrank == 0.0


def test_importance_fails_every_node_in_turn() -> None:
    # A chain 0 <- 1 <- 2, each claim half of its holder's equity of 10: 0 costs 1/2 + 1/4 of 30,
    # 1 costs 1/2, and 2 nothing.
    chain = [[0, 0, 0], [5, 0, 0], [0, 5, 0]]
    found = debtrank_importance(chain, [10, 10, 10], variant="linear")
    np.testing.assert_allclose(found.impact, [0.25, 1 / 6, 0.0])
    np.testing.assert_allclose(found.vulnerability, [0.0, 0.25, 0.375])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variant": "singlehit"}, "nearest: single_hit"),
        ({"equity": [1, 0]}, r"equity\[1\] is 0.0; it must be finite and above 0"),
        ({"loss": [-1, 0]}, r"loss\[0\] is -1.0; it must be finite and at least 0"),
        ({"weights": [1, -1]}, r"weights\[1\] is -1.0"),
    ],
)
def test_a_wrong_input_is_named_with_its_value_and_its_rule(
    change: dict[str, Any], message: str
) -> None:
    right: dict[str, Any] = {
        "exposures": MUTUAL,
        "equity": [1, 1],
        "loss": [1, 0],
        "variant": "linear",
    }
    with pytest.raises(ValueError, match=message):
        debtrank(**{**right, **change})
