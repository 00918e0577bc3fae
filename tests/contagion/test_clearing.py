"""Clearing payments, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from abm.contagion import clearing_payments
from abm.randomness import Streams


def ring(nodes: int, owed: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Each node owes the next."""
    return owed * np.roll(np.eye(nodes), 1, axis=1)


def test_a_loss_runs_down_a_chain_until_a_buffer_holds_it() -> None:
    # 0 lacks 30 of 50; 1 gets 20 of 50, has 10 and owes 40, so it pays 30; 2 gets 30 of 40, has 15
    # and owes 45: it just pays.
    owed = [[0, 50, 0, 0], [0, 0, 40, 0], [0, 0, 0, 45], [0, 0, 0, 0]]
    found = clearing_payments(owed, [20, 10, 15, 0])
    assert found.payments.tolist() == [20.0, 30.0, 45.0, 0.0]
    assert found.defaults_by_round == ((0,), (1,))
    assert found.equity.tolist() == [-30.0, -10.0, 0.0, 45.0]
    assert found.shortfall.tolist() == [30.0, 10.0, 0.0, 0.0]
    assert found.defaulted.tolist() == [True, True, False, False]
    assert found.convergence.converged


def test_external_creditors_share_a_loss_equally() -> None:
    # 60 of 80: three quarters for everybody, so node 1 gets 30 of 40.
    found = clearing_payments([[0, 40], [0, 0]], [60, 0], [40, 0])
    assert found.payments.tolist() == [60.0, 0.0]
    assert found.equity.tolist() == [-20.0, 30.0]


def test_a_ring_of_claims_pays_out_whole_from_little_cash() -> None:
    # Everybody owes 100 and has no cash: each pays with what it gets.
    found = clearing_payments(ring(5, 100.0), np.zeros(5))
    assert found.payments.tolist() == [100.0] * 5
    assert found.defaults_by_round == ()
    least = clearing_payments(ring(5, 100.0), np.zeros(5), solution="least")
    assert least.payments.tolist() == [0.0] * 5
    assert least.defaults_by_round == ((0, 1, 2, 3, 4),)


def test_one_dollar_in_a_ring_leaves_only_one_way_to_clear() -> None:
    # Cash goes round until everybody has paid.
    cash = [1.0, 0.0, 0.0, 0.0, 0.0]
    greatest = clearing_payments(ring(5, 100.0), cash)
    least = clearing_payments(ring(5, 100.0), cash, solution="least")
    for found in (greatest, least):
        np.testing.assert_allclose(found.payments, 100.0)
        assert found.defaults_by_round == ()


def test_costs_of_default_can_turn_one_shortfall_into_a_collapse() -> None:
    # Rogers and Veraart 2013: each has 1 and owes the other 2.2. Paid in full, each has 3.2.
    # If neither pays: 0.5 * 1 + 0.5 * p = p, so 1.
    owed = ring(2, 2.2)
    greatest = clearing_payments(owed, [1, 1], alpha=0.5, beta=0.5)
    least = clearing_payments(owed, [1, 1], alpha=0.5, beta=0.5, solution="least")
    assert greatest.payments.tolist() == [2.2, 2.2]
    np.testing.assert_allclose(least.payments, [1.0, 1.0])


def test_a_cost_applies_to_assets_and_another_to_what_is_received() -> None:
    # 0 has 10 outside and receives 20 from 1; it owes 100. 0.5 * 10 + 0.25 * 20.
    owed = [[0, 0, 100], [20, 0, 0], [0, 0, 0]]
    found = clearing_payments(owed, [10, 20, 0], alpha=0.5, beta=0.25)
    assert found.payments.tolist() == [10.0, 20.0, 0.0]


def test_senior_debt_that_exceeds_assets_is_not_cut_by_a_cost_of_sale() -> None:
    # Net assets of -5, and 20 received: 15 for others, not 17.5.
    owed = [[0, 0, 100], [20, 0, 0], [0, 0, 0]]
    found = clearing_payments(owed, [-5, 20, 0], alpha=0.5)
    assert found.payments.tolist() == [15.0, 20.0, 0.0]


def test_an_insolvent_node_without_debts_inside_defaults_and_owes_nobody_here() -> None:
    found = clearing_payments([[0, 0], [5, 0]], [-10, 5])
    assert found.payments.tolist() == [0.0, 5.0]
    assert found.equity.tolist() == [-5.0, 0.0]
    assert found.defaults_by_round == ((0,),)


def test_a_wave_holds_all_that_earlier_defaults_ruin_and_a_step_only_the_next() -> None:
    # 0 owes 8 to 1, 1 to 2 and 1 to 3; 1 owes 8 to 0. Nobody has cash; 2 owes 0.6 outside and 3
    # owes 0.25. 0 gets 8 of 10, then 1 gets 6.4 of 8. From then on each pays the other 0.8 times
    # what it got: 6.4, 5.12, 4.096, ... to 0. At a tenth of that, 2 fails below 6 and 3 below 2.5:
    # in different steps, but in one wave.
    owed = np.zeros((4, 4))
    owed[0, 1:] = [8, 1, 1]
    owed[1, 0] = 8
    debts = [0, 0, 0.6, 0.25]
    waves = clearing_payments(owed, np.zeros(4), debts, counting="waves")
    steps = clearing_payments(owed, np.zeros(4), debts, counting="steps")
    assert waves.defaults_by_round == ((0,), (1,), (2, 3))
    assert steps.defaults_by_round == ((0,), (1,), (2,), (3,))
    for found in (waves, steps):
        np.testing.assert_allclose(found.payments, 0.0, atol=1e-12)
        assert found.convergence.converged


def test_rounding_makes_nobody_default() -> None:
    # 0.1 + 0.2 is not 0.3 in binary.
    owed = np.array([[0.0, 0.1, 0.0], [0.0, 0.0, 0.3], [0.0, 0.0, 0.0]])
    found = clearing_payments(owed, [0.1, 0.2, 0.0])
    assert found.defaults_by_round == ()
    owed = np.array([[0.0, 0.0, 0.3], [0.1, 0.0, 0.0], [0.0, 0.0, 0.0]])
    costly = clearing_payments(owed, [0.2, 0.1, 0.0], alpha=0.1)
    assert costly.defaults_by_round == ()


@pytest.mark.parametrize("gap", [1e-1, 1e-3, 1e-6])
def test_payments_that_run_dry_in_a_closed_ring_are_found_however_slowly_they_would(
    gap: float,
) -> None:
    # Acemoglu et al. 2015: ten nodes earn 0.2 each and owe 5; beyond a loss of 10 * 0.2 by one of
    # them nobody can pay. Then node 0 pays nothing, and node k all that was earned before it.
    earned = np.full(10, 0.2)
    earned[0] -= 2.0 + gap
    found = clearing_payments(ring(10, 5.0), earned)
    np.testing.assert_allclose(found.payments, 0.2 * np.arange(10), atol=1e-9)
    assert found.defaulted.all()
    assert found.convergence.converged
    # Without that gap the last node pays its debt in full, and node 0 gets it.
    earned[0] += gap
    found = clearing_payments(ring(10, 5.0), earned)
    np.testing.assert_allclose(found.payments, 3.2 + 0.2 * np.arange(10), atol=1e-9)
    assert not found.defaulted[9]


def test_a_long_ring_of_nearly_closed_claims_is_solved_exactly() -> None:
    # Each of 500 nodes owes 1 to the next and a thousandth outside, and has nothing but node 0's
    # 0.3: p[0] = 0.3 + share * p[-1], p[k] = share * p[k-1].
    nodes, share = 500, 1 / 1.001
    cash = np.zeros(nodes)
    cash[0] = 0.3
    found = clearing_payments(ring(nodes, 1.0), cash, np.full(nodes, 0.001))
    first = 0.3 / (1 - share**nodes)
    np.testing.assert_allclose(found.payments, first * share ** np.arange(nodes), rtol=1e-10)


def test_a_network_of_ten_thousand_nodes_clears_in_few_steps() -> None:
    rng = Streams(4).get("large network")
    nodes, edges = 10_000, 100_000
    pairs = rng.choice(nodes * (nodes - 1), size=edges, replace=False)
    debtor, creditor = np.divmod(pairs, nodes - 1)
    creditor += creditor >= debtor
    amounts = rng.lognormal(size=edges)
    owed = sparse.csr_array((amounts, (debtor, creditor)), shape=(nodes, nodes))
    obligations = np.bincount(debtor, amounts, minlength=nodes)
    due = np.bincount(creditor, amounts, minlength=nodes)
    assets = 0.6 * np.maximum(obligations - due, 0.0)
    found = clearing_payments(owed, assets)
    assert found.convergence.converged
    assert found.convergence.iterations < 200
    assert 0.5 < found.defaulted.mean() < 1.0
    # The definition, once more.
    share = found.payments / np.where(obligations > 0, obligations, 1.0)
    again = np.minimum(obligations, assets + owed.T @ share)
    np.testing.assert_allclose(found.payments, again, rtol=1e-11, atol=1e-11)


def test_a_network_without_debts_pays_nothing() -> None:
    found = clearing_payments(np.zeros((3, 3)), [1, 2, 3])
    assert found.payments.tolist() == [0.0, 0.0, 0.0]
    assert found.equity.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"liabilities": [[0, -1], [0, 0]]},
            r"liabilities\[0, 1\] is -1.0; it must be finite and at least 0",
        ),
        ({"liabilities": [[0, np.nan], [0, 0]]}, r"liabilities\[0, 1\] is nan"),
        ({"liabilities": [[0, 1, 2]]}, r"liabilities has shape \(1, 3\); it must be square"),
        (
            {"liabilities": [[3, 1], [0, 0]]},
            r"liabilities\[0, 0\] is 3.0; it must be 0: nobody has claims on itself",
        ),
        ({"external_assets": [1]}, r"external_assets has shape \(1,\); it must be \(2,\)"),
        ({"external_assets": [1, np.inf]}, r"external_assets\[1\] is inf; it must be finite"),
        ({"external_liabilities": [0, -2]}, r"external_liabilities\[1\] is -2.0"),
        ({"alpha": 1.5}, r"alpha is 1.5; it must be at least 0 and at most 1"),
        ({"beta": -0.1}, r"beta is -0.1"),
        ({"beta": float("nan")}, r"beta is nan"),
        ({"beta": [0.5, 0.5]}, r"beta is \[0.5, 0.5\]; it must be one number"),
        (
            {"liabilities": [[0, 1], [0]]},
            r"liabilities is \[\[0, 1\], \[0\]\]; it must hold real numbers alone, in rows of one",
        ),
        ({"liabilities": sparse.csr_array(1j * np.eye(2))}, "liabilities holds complex numbers"),
        ({"external_assets": ["much", 1]}, r"external_assets is \['much', 1\]; it must hold real"),
        (
            {"solution": "gratest"},
            r"solution is 'gratest'; it must be one of greatest, least; nearest: greatest",
        ),
        ({"counting": "wave"}, r"counting is 'wave'.*nearest: waves"),
    ],
)
def test_a_wrong_input_is_named_with_its_value_and_its_rule(
    change: dict[str, Any], message: str
) -> None:
    right: dict[str, Any] = {"liabilities": [[0, 1], [0, 0]], "external_assets": [1, 1]}
    with pytest.raises(ValueError, match=message):
        clearing_payments(**{**right, **change})
