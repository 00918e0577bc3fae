"""The fixed point itself, with valuation functions of the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from abm.contagion import LinearValuation, solve_valuation
from abm.randomness import Streams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

MUTUAL = np.array([[0.0, 10.0], [10.0, 0.0]])


class Hidden:
    """A linear valuation that does not show its lines, so that nothing but iteration is left."""

    def __init__(self, line: LinearValuation) -> None:
        self.line = line

    def __call__(self, equity: Array, defaulted: Mask) -> Array:
        return self.line(equity, defaulted)


def square(equity: Array, defaulted: Mask) -> Array:
    """Return a worth that is no straight line: the square of the equity, in tens."""
    del defaulted
    return np.clip(equity / 10.0, 0.0, 1.0) ** 2


def test_any_falling_function_can_value_claims() -> None:
    # Node 0 has equity 5 for good: worth 0.25. Node 1 loses 7.5 of its 10, so 2.5 is left.
    one_way = [[0, 0], [10, 0]]
    found = solve_valuation(one_way, [5, 10], square)
    assert found.equity.tolist() == [5.0, 2.5]
    assert found.worth.tolist() == [0.25, 0.0625]
    assert found.defaults_by_round == ()
    assert found.convergence.converged


def test_iteration_from_face_value_finds_the_greatest_and_from_nothing_the_least() -> None:
    # x = 10 - 10 * (1 - (x/10)^2) has the solutions 0 and 10.
    top = solve_valuation(MUTUAL, [10, 10], square)
    bottom = solve_valuation(MUTUAL, [10, 10], square, start="nothing")
    assert top.equity.tolist() == [10.0, 10.0]
    assert bottom.equity.tolist() == [0.0, 0.0]


def test_the_exact_finish_finds_what_plain_iteration_finds() -> None:
    rng = Streams(6).get("finish")
    claims = rng.lognormal(size=(30, 30)) * (rng.random((30, 30)) < 0.2)
    np.fill_diagonal(claims, 0.0)
    equity = rng.normal(0.0, 4.0, size=30)
    exact = LinearValuation(np.full(30, 0.9), np.full(30, 0.04))
    collateral = rng.random((30, 30)) * (rng.random((30, 30)) < 0.3)
    np.fill_diagonal(collateral, 0.0)
    for held in (None, collateral):
        finished = solve_valuation(claims, equity, exact, collateral=held)
        plain = solve_valuation(claims, equity, Hidden(exact), collateral=held)
        np.testing.assert_allclose(finished.equity, plain.equity, rtol=1e-11, atol=1e-11)
        assert finished.defaults_by_round == plain.defaults_by_round
        assert finished.convergence.iterations <= plain.convergence.iterations
        assert len(finished.defaults_by_round) > 1


def test_a_search_that_gives_up_says_so() -> None:
    # Losses fall to 0.99 of the last each time; 10 steps are not enough.
    slowly = LinearValuation(np.zeros(2), np.full(2, 0.099), in_default_only=False)
    found = solve_valuation(MUTUAL, [10, 9], Hidden(slowly), max_iterations=10)
    assert not found.convergence.converged
    assert found.convergence.iterations == 10
    assert found.convergence.residual > 0.01
    assert solve_valuation(MUTUAL, [10, 9], slowly).convergence.converged


def test_collateral_is_lost_last_and_counts_against_its_own_debtor_only() -> None:
    # Node 0 lost everything; node 1 holds 4 of it against a claim of 10, and 100 of node 2 against
    # nothing.
    claims = [[0, 0, 0], [10, 0, 0], [0, 0, 0]]
    held = [[0, 0, 0], [4, 0, 100], [0, 0, 0]]
    worthless = LinearValuation(np.zeros(3), np.zeros(3))
    found = solve_valuation(claims, [-1, 20, 0], worthless, collateral=held)
    assert found.equity.tolist() == [-1.0, 14.0, 0.0]
    ample = [[0, 0, 0], [11, 0, 0], [0, 0, 0]]
    found = solve_valuation(claims, [-1, 20, 0], worthless, collateral=ample)
    assert found.equity.tolist() == [-1.0, 20.0, 0.0]


def test_a_scale_widens_what_counts_as_a_tie() -> None:
    half = LinearValuation(np.full(2, 0.5), np.zeros(2))
    tiny = [-1e-9, 1.0]
    assert solve_valuation(MUTUAL, tiny, half).defaults_by_round == ((0,), (1,))
    assert solve_valuation(MUTUAL, tiny, half, scale=[1e6, 1e6]).defaults_by_round == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tie": "defults"}, "nearest: defaults"),
        ({"start": "faces"}, "nearest: face"),
        ({"counting": ""}, "counting is ''; it must be one of waves, steps"),
        ({"equity": [[1, 2]]}, r"equity has shape \(1, 2\)"),
        ({"collateral": [[0, -1], [0, 0]]}, r"collateral\[0, 1\] is -1.0"),
        ({"collateral": [[0]]}, r"collateral has shape \(1, 1\); it must be \(2, 2\)"),
        ({"scale": [1, -1]}, r"scale\[1\] is -1.0"),
        ({"max_iterations": 0}, "max_iterations is 0; it must be at least 1"),
        (
            {"valuation": LinearValuation(np.zeros(3), np.zeros(3))},
            r"valuation.intercept has shape \(3,\); it must be \(2,\)",
        ),
        (
            {"valuation": LinearValuation(np.zeros(2), np.array([1.0, -1.0]))},
            r"valuation.rate\[1\] is -1.0; it must be finite and at least 0",
        ),
    ],
)
def test_a_wrong_input_is_named_with_its_value_and_its_rule(
    change: dict[str, Any], message: str
) -> None:
    right: dict[str, Any] = {"claims": MUTUAL, "equity": [1, 2], "valuation": square}
    with pytest.raises(ValueError, match=message):
        solve_valuation(**{**right, **change})
