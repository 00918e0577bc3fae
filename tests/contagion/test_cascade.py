"""Cascades of defaults, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from abm.contagion import default_cascade

# Node 1 has a claim of 5 on node 0, and node 2 one of 2 on node 1.
CHAIN = [[0, 0, 0], [5, 0, 0], [0, 2, 0]]


def test_everybody_falls_in_the_reference_example_of_systemicrisk() -> None:
    complete = 0.5 * (np.ones((3, 3)) - np.eye(3))
    found = default_cascade(complete, [-1.0, 0.125, 0.25])
    assert found.defaults_by_round == ((0,), (1, 2))
    assert found.equity.tolist() == [-2.0, -0.875, -0.75]
    assert found.defaulted.all()
    assert found.defaults == 3


def test_a_buffer_that_equals_its_loss_survives_or_not_by_the_named_rule() -> None:
    assert default_cascade(CHAIN, [-1, 5, 2]).defaults_by_round == ((0,),)
    strict = default_cascade(CHAIN, [-1, 5, 2], tie="defaults")
    assert strict.defaults_by_round == ((0,), (1,), (2,))
    assert strict.equity.tolist() == [-1.0, 0.0, 0.0]


def test_the_tie_rule_sees_through_rounding() -> None:
    # Five claims of 0.04 against a buffer of 0.04, as in Gai and Kapadia: 0.2 / 5 is not 0.04.
    claims = np.zeros((6, 6))
    claims[0, 1:] = 0.2 / 5
    equity = np.array([1.1 - 1.06, -1.0, 1.0, 1.0, 1.0, 1.0])
    assert default_cascade(claims, equity).defaults_by_round == ((1,),)
    assert default_cascade(claims, equity, tie="defaults").defaults_by_round == ((1,), (0,))


def test_what_is_recovered_is_not_lost() -> None:
    # 60 % of 5 from node 0 and 0 % from node 1.
    found = default_cascade(CHAIN, [-1, 1.5, 3], recovery=[0.6, 0.0, 0.0])
    np.testing.assert_allclose(found.equity, [-1.0, -0.5, 1.0])


def test_collateral_held_against_a_debtor_saves_its_creditor() -> None:
    held = [[0, 0, 0], [2, 0, 0], [0, 0, 0]]
    assert default_cascade(CHAIN, [-1, 4, 1]).defaults == 3
    assert default_cascade(CHAIN, [-1, 4, 1], collateral=held).defaults_by_round == ((0,),)


def test_nothing_happens_where_nobody_fails_first() -> None:
    found = default_cascade(CHAIN, [0, 0, 0])
    assert found.defaults_by_round == ()
    assert found.equity.tolist() == [0.0, 0.0, 0.0]


def test_a_recovery_above_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"recovery\[1\] is 1.2; it must be at least 0 and at mo"):
        default_cascade(CHAIN, [1, 1, 1], recovery=[0, 1.2, 0])


def test_rounding_of_a_large_balance_sheet_ruins_nobody() -> None:
    # 0.3 - 0.1 - 0.2 is -2.8e-17 in float64: node 0 has lost its equity, and nothing more.
    after = [0.3 - 0.1 - 0.2, 3.0]
    assert after[0] < 0.0
    assert default_cascade([[0, 0], [1, 0]], after).defaults == 0
    # Without debts here, only its own size says what is rounding.
    assert default_cascade([[0, 0], [0, 0]], after).defaults == 1
    assert default_cascade([[0, 0], [0, 0]], after, scale=[0.3, 3.0]).defaults == 0
