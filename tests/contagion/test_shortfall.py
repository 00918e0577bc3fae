"""Variation margin that does not arrive, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from abm.contagion import margin_shortfall

OWED = np.array([[0.0, 10.0, 0.0], [0.0, 0.0, 8.0], [0.0, 0.0, 0.0]])
POSTED = np.array([[0.0, 3.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


def test_a_lost_message_to_collateral_turns_one_shortfall_into_two() -> None:
    # 0 lacks 6 of 10. With 3 seized, 1 has 4 + 3 + 1 for its 8; without, it lacks 3.
    reached = margin_shortfall(OWED, POSTED, [4, 1, 0])
    assert reached.payments.tolist() == [4.0, 8.0, 0.0]
    assert reached.stress.tolist() == [6.0, 0.0, 0.0]
    assert reached.defaults_by_round == ((0,),)
    lost = margin_shortfall(OWED, np.zeros((3, 3)), [4, 1, 0])
    np.testing.assert_allclose(lost.payments, [4.0, 5.0, 0.0])
    np.testing.assert_allclose(lost.stress, [6.0, 3.0, 0.0])
    assert lost.defaults_by_round == ((0,), (1,))


def test_initial_margin_counts_up_to_what_is_owed() -> None:
    # 50 are posted for a debt of 10: node 1 counts 10 and its buffer of 1, no more.
    found = margin_shortfall(OWED + 5 * np.eye(3, k=1), 50 * np.eye(3, k=1), [4, 1, 0])
    assert found.stress.tolist() == [11.0, 0.0, 0.0]
    short = margin_shortfall(2 * OWED, 50 * np.eye(3, k=1), [4, 0, 0])
    assert short.stress.tolist() == [16.0, 0.0, 0.0]


def test_a_node_that_absorbs_half_of_its_stress_passes_on_the_other_half() -> None:
    # 0 pays 10 - 6/2 = 7; node 1 has 7 + 1 = 8.
    found = margin_shortfall(OWED, np.zeros((3, 3)), [4, 1, 0], transmission=0.5)
    assert found.payments.tolist() == [7.0, 8.0, 0.0]
    assert found.stress.tolist() == [6.0, 0.0, 0.0]


def test_stress_goes_round_a_cycle_and_is_solved_exactly() -> None:
    # 0 and 1 owe each other 10 and node 1 owes 10 to node 2; only 5 are there, with node 0. Node 1
    # pays p, half of it to 0: 0 pays min(10, 5 + p/2), and p = that. So 5 + p/2 = p, p = 10.
    owed = [[0, 10, 0], [10, 0, 10], [0, 0, 0]]
    found = margin_shortfall(owed, np.zeros((3, 3)), [5, 0, 0])
    np.testing.assert_allclose(found.payments, [10.0, 10.0, 0.0])
    np.testing.assert_allclose(found.stress, [0.0, 10.0, 0.0], atol=1e-12)


def test_a_negative_buffer_is_refused() -> None:
    with pytest.raises(ValueError, match=r"buffers\[0\] is -1.0; it must be finite and at least 0"):
        margin_shortfall(OWED, POSTED, [-1, 0, 0])
