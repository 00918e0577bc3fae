"""Unknown exposures, by hand and for any totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from abm.contagion import maximum_entropy, minimum_density

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Anand, Craig and von Peter 2015, page 628.
CLAIMS = [7, 5, 3, 1, 3, 0, 1]
DEBTS = [4, 5, 5, 0, 0, 2, 4]


def test_even_exposures_match_the_first_row_that_was_published() -> None:
    found = maximum_entropy(CLAIMS, DEBTS)
    np.testing.assert_allclose(found[0], [0, 2.53, 2.18, 0, 0, 0.74, 1.55], atol=0.005)
    assert np.count_nonzero(found) == 26  # 6 * 5 pairs, less those of four nodes with themselves


def test_even_exposures_keep_the_ratios_of_a_matrix_without_diagonal() -> None:
    # Off the diagonal the matrix is a product: x[0,2] * x[1,3] = x[0,3] * x[1,2].
    found = maximum_entropy([5, 4, 3, 2], [2, 3, 4, 5])
    assert found[0, 2] * found[1, 3] == pytest.approx(found[0, 3] * found[1, 2], rel=1e-12)


def test_few_links_are_fewer_than_those_published() -> None:
    # The published matrix has nine; two groups of nodes that owe each other alone make it seven.
    for node_limit in (0, 1_000):
        found = minimum_density(CLAIMS, DEBTS, node_limit=node_limit)
        assert np.count_nonzero(found) == 7
        np.testing.assert_allclose(found.sum(axis=1), CLAIMS)
        np.testing.assert_allclose(found.sum(axis=0), DEBTS)


def test_the_integer_program_finds_links_that_a_first_guess_misses() -> None:
    # 5 = 3 + 2 and 4 = 2 + 2: four links do, if 5 does not meet the first 2 and 4 the 3.
    claims, debts = [0, 0, 0, 0, 6, 5], [4, 3, 2, 2, 0, 0]
    guess = minimum_density(claims, debts)
    fewest = minimum_density(claims, debts, node_limit=1_000)
    assert np.count_nonzero(fewest) == 4
    assert np.count_nonzero(guess) >= 4
    np.testing.assert_allclose(fewest.sum(axis=1), claims)
    np.testing.assert_allclose(fewest.sum(axis=0), debts)


def test_a_node_in_every_claim_leaves_only_one_answer() -> None:
    # Node 0 has 4 and owes 2, of 6 in all: nobody else can deal with anybody else.
    star = [[0, 3, 1], [1, 0, 0], [1, 0, 0]]
    for method in (maximum_entropy, minimum_density):
        assert method([4, 1, 1], [2, 3, 1]).tolist() == star


@st.composite
def totals(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw totals of some exposures, so that there are such."""
    nodes = draw(st.integers(2, 7))
    cells = st.lists(st.integers(0, 9), min_size=nodes**2, max_size=nodes**2)
    matrix = np.array(draw(cells), dtype=np.float64).reshape(nodes, nodes)
    np.fill_diagonal(matrix, 0.0)
    return matrix.sum(axis=1), matrix.sum(axis=0)


@given(totals())
@settings(deadline=None, max_examples=80)
def test_few_links_meet_any_totals_with_at_most_one_link_for_each(
    sums: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    claims, debts = sums
    found = minimum_density(claims, debts)
    np.testing.assert_allclose(found.sum(axis=1), claims, atol=1e-9)
    np.testing.assert_allclose(found.sum(axis=0), debts, atol=1e-9)
    assert (found >= 0.0).all()
    assert not found.diagonal().any()
    assert np.count_nonzero(found) <= np.count_nonzero(claims) + np.count_nonzero(debts)


@given(totals())
@settings(deadline=None, max_examples=80)
def test_even_exposures_meet_any_totals_and_leave_no_pair_out(
    sums: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    claims, debts = sums
    # Where one node is nearly in every claim the fit takes very long; where it is in all, it is
    # known.
    room = claims.sum() - claims - debts
    assume(((room == 0) | (room > 0.05 * claims.sum())).all())
    found = maximum_entropy(claims, debts)
    np.testing.assert_allclose(found.sum(axis=1), claims, atol=1e-9)
    np.testing.assert_allclose(found.sum(axis=0), debts, atol=1e-9)
    pairs = np.outer(claims, debts) > 0
    np.fill_diagonal(pairs, val=False)
    if (room > 0).all():
        assert ((found > 0) == pairs).all()


def test_totals_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"debts sum to 2.0; they must sum to those of claims, 3"):
        maximum_entropy([3, 0], [0, 2])


def test_totals_that_force_a_node_to_owe_itself_are_refused() -> None:
    message = r"claims\[0\] and debts\[0\] sum to 7.0; they must not exceed the total 5.0"
    with pytest.raises(ValueError, match=message):
        minimum_density([4, 1], [3, 2])


def test_a_fit_that_gives_up_says_so() -> None:
    with pytest.raises(RuntimeError, match="not met after max_iterations = 3 fits"):
        maximum_entropy([5, 4, 3, 2], [2, 3, 4, 5], max_iterations=3)
