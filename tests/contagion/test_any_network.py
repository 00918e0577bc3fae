"""What must hold on any network."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

from abm.contagion import (
    clearing_payments,
    contagion_reach,
    debtrank,
    default_cascade,
    loss_band,
    margin_shortfall,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.contagion import LossBand, Tie

    Array = NDArray[np.float64]

CLOSE = 1e-8


@dataclass(frozen=True)
class Balances:
    """A network before a shock: claims[i, j] is what j owes i."""

    claims: Array
    assets: Array
    debts: Array
    loss: Array

    @property
    def obligations(self) -> Array:
        owed: Array = self.claims.sum(axis=0) + self.debts
        return owed

    @property
    def equity(self) -> Array:
        worth: Array = self.assets + self.claims.sum(axis=1) - self.obligations
        return worth

    def band(self) -> LossBand:
        return loss_band(self.claims, self.assets, self.debts, self.loss)

    def reordered(self, order: list[int]) -> Balances:
        return Balances(
            self.claims[np.ix_(order, order)],
            self.assets[order],
            self.debts[order],
            self.loss[order],
        )


def numbers(count: int, most: int) -> st.SearchStrategy[Array]:
    return st.lists(st.integers(0, most), min_size=count, max_size=count).map(
        lambda values: np.array(values, dtype=np.float64)
    )


@st.composite
def any_network(draw: st.DrawFn) -> Balances:
    """Draw up to six nodes with whole dollars, dense or sparse, rich or poor."""
    nodes = draw(st.integers(2, 6))
    claims = draw(numbers(nodes * nodes, 20)).reshape(nodes, nodes)
    claims *= draw(numbers(nodes * nodes, 1)).reshape(nodes, nodes)
    np.fill_diagonal(claims, 0.0)
    assets = draw(numbers(nodes, 30))
    loss = np.minimum(draw(numbers(nodes, 30)), assets)
    return Balances(claims, assets, draw(numbers(nodes, 10)), loss)


@st.composite
def solvent_network(draw: st.DrawFn) -> Balances:
    """Draw a network in which everybody has equity before the shock."""
    network = draw(any_network())
    lacking = np.maximum(1.0 - network.equity, 0.0)
    return Balances(network.claims, network.assets + lacking, network.debts, network.loss)


SHARES = st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0])
many = settings(deadline=None, max_examples=80)
some = settings(deadline=None, max_examples=30)


# --- the order of the valuations


@given(solvent_network(), SHARES, SHARES, st.sampled_from(["survives", "defaults"]))
@many
def test_each_harsher_valuation_leaves_less_from_clearing_to_linear_debtrank(
    network: Balances, alpha: float, beta: float, tie: Tie
) -> None:
    after = network.equity - network.loss
    shocked = network.assets - network.loss
    owed = network.claims.T
    falling = (
        after,
        clearing_payments(owed, shocked, network.debts).equity,
        clearing_payments(owed, shocked, network.debts, alpha=alpha, beta=beta).equity,
        default_cascade(network.claims, after, tie="survives").equity,
        default_cascade(network.claims, after, tie=tie).equity,
        debtrank(network.claims, network.equity, network.loss, variant="linear").equity,
    )
    for more, less in pairwise(falling):
        assert (more >= less - CLOSE).all()


@given(solvent_network())
@some
def test_a_band_rises_from_the_shock_to_debtrank_and_stays_within_equity(
    network: Balances,
) -> None:
    band = network.band()
    rising = (0 * band.shock, *astuple(band), network.equity)
    for less, more in pairwise(rising):
        assert (less <= more + CLOSE).all()


@given(solvent_network())
@many
def test_stress_sent_once_never_exceeds_stress_sent_always(network: Balances) -> None:
    once = debtrank(network.claims, network.equity, network.loss, variant="single_hit")
    always = debtrank(network.claims, network.equity, network.loss, variant="linear")
    assert (once.stress <= always.stress + CLOSE).all()
    assert once.debtrank <= always.debtrank + CLOSE
    for found in (once, always):
        assert (found.stress >= found.initial_stress).all()
        assert (found.stress <= 1.0).all()
        assert found.convergence.converged


# --- clearing payments


@given(any_network(), SHARES, SHARES)
@many
def test_clearing_respects_limited_liability_and_absolute_priority(
    network: Balances, alpha: float, beta: float
) -> None:
    found = clearing_payments(
        network.claims.T, network.assets, network.debts, alpha=alpha, beta=beta
    )
    owed = network.obligations
    paid_share = found.payments / np.where(owed > 0, owed, 1.0)
    received = network.claims @ paid_share
    assert found.convergence.converged
    np.testing.assert_allclose(found.obligations, owed)
    assert (found.payments >= 0.0).all()
    assert (found.payments <= owed * (1 + 1e-12)).all()
    # Nobody pays more than its assets; whoever pays less than it owes pays all that it realises.
    assert (found.payments <= network.assets + received + CLOSE).all()
    short = owed - found.payments > CLOSE
    realised = np.minimum(alpha * network.assets + beta * received, owed)
    np.testing.assert_allclose(found.payments[short], realised[short], atol=CLOSE)
    assert (found.defaulted == (found.equity < -1e-9)).all()
    np.testing.assert_allclose(found.equity, network.assets + received - owed, atol=CLOSE)


@given(any_network(), SHARES, SHARES, st.data())
@some
def test_more_external_assets_never_mean_less_paid(
    network: Balances, alpha: float, beta: float, data: st.DataObject
) -> None:
    more = network.assets + data.draw(numbers(len(network.assets), 10))
    owed = network.claims.T
    poor = clearing_payments(owed, network.assets, network.debts, alpha=alpha, beta=beta)
    rich = clearing_payments(owed, more, network.debts, alpha=alpha, beta=beta)
    assert (rich.payments >= poor.payments - CLOSE).all()
    assert set(np.flatnonzero(rich.defaulted)) <= set(np.flatnonzero(poor.defaulted))


@given(any_network(), SHARES, SHARES)
@some
def test_costs_of_default_never_help_anybody(network: Balances, alpha: float, beta: float) -> None:
    owed = network.claims.T
    free = clearing_payments(owed, network.assets, network.debts)
    costly = clearing_payments(owed, network.assets, network.debts, alpha=alpha, beta=beta)
    assert (costly.payments <= free.payments + CLOSE).all()


@given(any_network())
@some
def test_clearing_without_costs_finds_the_optimum_of_the_linear_program(
    network: Balances,
) -> None:
    # Eisenberg and Noe 2001, Lemma 4: the clearing vector maximises any increasing function of
    # payments among those that nobody's assets forbid.
    owed = network.obligations
    share = network.claims / np.where(owed > 0, owed, 1.0)
    best = linprog(
        -np.ones(len(owed)),
        A_ub=np.eye(len(owed)) - share,
        b_ub=network.assets,
        bounds=[(0.0, most) for most in owed.tolist()],
    )
    found = clearing_payments(network.claims.T, network.assets, network.debts)
    assert best.fun is not None
    assert found.payments.sum() == pytest.approx(-best.fun, abs=1e-6)


@given(any_network(), SHARES, SHARES)
@some
def test_no_solution_lies_above_the_greatest_or_below_the_least(
    network: Balances, alpha: float, beta: float
) -> None:
    owed = network.claims.T
    pair = [
        clearing_payments(
            owed, network.assets, network.debts, alpha=alpha, beta=beta, solution=solution
        )
        for solution in ("greatest", "least")
    ]
    greatest, least = pair
    assert all(found.convergence.converged for found in pair)
    assert (least.payments <= greatest.payments + CLOSE).all()
    # Plain iteration of the definition, from above and from below, with no shortcuts.
    due = network.obligations
    share = network.claims / np.where(due > 0, due, 1.0)
    for start, found in ((due, greatest), (0 * due, least)):
        payments, last = start, start - 1.0
        for _ in range(2_000):
            if np.abs(payments - last).max() < 1e-13:
                break
            received = share @ payments
            solvent = network.assets + received >= due - 1e-11
            last = payments
            payments = np.where(solvent, due, alpha * network.assets + beta * received)
        else:
            assume(False)  # too slow to tell
        np.testing.assert_allclose(found.payments, payments, atol=CLOSE)


@given(any_network(), SHARES)
@some
def test_both_ways_of_counting_rounds_find_the_same_payments_and_defaults(
    network: Balances, share: float
) -> None:
    owed = network.claims.T
    waves = clearing_payments(owed, network.assets, network.debts, beta=share)
    steps = clearing_payments(owed, network.assets, network.debts, beta=share, counting="steps")
    np.testing.assert_allclose(waves.payments, steps.payments, atol=CLOSE)
    assert (waves.defaulted == steps.defaulted).all()
    # Nobody can fall in an earlier step than wave: a wave holds all steps that it causes.
    assert len(waves.defaults_by_round) <= len(steps.defaults_by_round)
    assert waves.defaults_by_round[:1] == steps.defaults_by_round[:1]


@given(any_network(), st.data())
@some
def test_debts_senior_to_the_network_are_paid_first(network: Balances, data: st.DataObject) -> None:
    # External assets net of senior debt may be below 0: such a node pays nothing until it
    # receives more than it lacks.
    senior = data.draw(numbers(len(network.assets), 30))
    net = network.assets - senior
    found = clearing_payments(network.claims.T, net, network.debts)
    owed = network.obligations
    received = network.claims @ (found.payments / np.where(owed > 0, owed, 1.0))
    assert found.convergence.converged
    expected = np.clip(net + received, 0.0, owed)
    np.testing.assert_allclose(found.payments, expected, atol=CLOSE)


# --- cascades and margin


@given(solvent_network(), SHARES)
@some
def test_a_cascade_is_its_own_fixed_point_and_the_smallest(
    network: Balances, recovery: float
) -> None:
    after = network.equity - network.loss
    found = default_cascade(network.claims, after, recovery=recovery)
    down = np.zeros(len(after), dtype=bool)
    for nodes in found.defaults_by_round:
        # A round holds those, and only those, whom all earlier defaults together ruin.
        fallen = after - (1 - recovery) * network.claims @ down < -1e-9
        assert np.flatnonzero(fallen & ~down).tolist() == list(nodes)
        down |= fallen
    np.testing.assert_allclose(found.equity, after - (1 - recovery) * network.claims @ down)
    assert (found.defaulted == (found.equity < -1e-9)).all()


@given(solvent_network(), SHARES)
@some
def test_nodes_without_equity_fail_first_where_ties_default(
    network: Balances, recovery: float
) -> None:
    after = network.equity - network.loss
    strict = default_cascade(network.claims, after, recovery=recovery, tie="defaults")
    mild = default_cascade(network.claims, after, recovery=recovery, tie="survives")
    assert set(np.flatnonzero(mild.defaulted)) <= set(np.flatnonzero(strict.defaulted))
    assert (strict.equity <= mild.equity + CLOSE).all()
    assert set(strict.defaults_by_round[0] if strict.defaults_by_round else ()) == set(
        np.flatnonzero(after <= 1e-9)
    )


@given(any_network(), st.data())
@some
def test_initial_margin_never_raises_stress_and_the_rule_holds_exactly(
    network: Balances, data: st.DataObject
) -> None:
    nodes = len(network.assets)
    owed = network.claims.T
    posted = data.draw(numbers(nodes * nodes, 8)).reshape(nodes, nodes)
    np.fill_diagonal(posted, 0.0)
    transmission = data.draw(SHARES)
    held = margin_shortfall(owed, posted, network.assets, transmission=transmission)
    bare = margin_shortfall(owed, 0 * posted, network.assets, transmission=transmission)
    assert (held.stress <= bare.stress + CLOSE).all()
    due = owed.sum(axis=1)
    for found, margin in ((held, posted), (bare, 0 * posted)):
        paid = owed * (found.payments / np.where(due > 0, due, 1.0))[:, np.newaxis]
        counted = np.minimum(paid + margin, owed).sum(axis=0)
        stress = np.maximum(due - counted - network.assets, 0.0)
        np.testing.assert_allclose(found.stress, stress, atol=CLOSE)
        np.testing.assert_allclose(found.payments, due - transmission * stress, atol=CLOSE)


@given(any_network())
@some
def test_margin_that_cannot_be_reached_clears_like_plain_debts(network: Balances) -> None:
    owed = network.claims.T
    plain = clearing_payments(owed, network.assets)
    margin = margin_shortfall(owed, 0 * owed, network.assets)
    np.testing.assert_allclose(margin.payments, plain.payments, atol=CLOSE)
    np.testing.assert_allclose(margin.stress, plain.shortfall, atol=CLOSE)


@given(solvent_network(), st.data())
@some
def test_one_failure_never_ruins_more_net_worth_than_its_reach(
    network: Balances, data: st.DataObject
) -> None:
    # Glasserman and Young 2015, proposition 1, for a shock to one node alone.
    node = data.draw(st.integers(0, len(network.assets) - 1))
    shocked = network.assets.copy()
    shocked[node] -= data.draw(st.integers(0, int(network.assets[node])))
    found = clearing_payments(network.claims.T, shocked, network.debts)
    owed = network.obligations
    inside = network.claims.sum(axis=0) / np.where(owed > 0, owed, 1.0)
    reach = contagion_reach(network.assets, network.equity, inside)[node]
    others = found.defaulted & (np.arange(len(owed)) != node)
    assert network.equity[others].sum() <= reach + CLOSE


# --- what must not matter


@given(solvent_network(), st.data())
@some
def test_the_numbering_of_nodes_does_not_matter(network: Balances, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(network.assets))))
    other = network.reordered(order)
    first, second = network.band(), other.band()
    for rule in ("clearing", "cascade", "debtrank"):
        mine, its = getattr(first, rule), getattr(second, rule)
        np.testing.assert_allclose(its, mine[order], atol=CLOSE)


@given(solvent_network(), st.sampled_from([1e-6, 3.0, 1e9]))
@some
def test_the_unit_of_money_does_not_matter(network: Balances, unit: float) -> None:
    plain = network.band()
    scaled = Balances(*(unit * amounts for amounts in astuple(network))).band()
    for rule in ("clearing", "cascade", "debtrank"):
        mine, its = getattr(plain, rule), getattr(scaled, rule)
        np.testing.assert_allclose(its / unit, mine, atol=CLOSE)


@given(any_network())
@some
def test_dense_and_sparse_networks_clear_to_the_last_bit_alike(network: Balances) -> None:
    dense = clearing_payments(network.claims.T, network.assets, network.debts)
    for form in (sparse.csr_array, sparse.coo_array, sparse.csc_matrix):
        found = clearing_payments(form(network.claims.T), network.assets, network.debts)
        assert found.payments.tolist() == dense.payments.tolist()


@given(any_network())
@some
def test_inputs_are_never_changed(network: Balances) -> None:
    claims = sparse.csr_array(network.claims)
    before = claims.toarray(), network.assets.copy(), network.debts.copy()
    clearing_payments(claims, network.assets, network.debts)
    default_cascade(claims, network.assets)
    for kept, now in zip(before, (claims.toarray(), network.assets, network.debts), strict=True):
        assert (kept == now).all()
