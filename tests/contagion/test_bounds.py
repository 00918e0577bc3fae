"""Bounds, thresholds and structure, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from abm.contagion import (
    amplification_bound,
    clearing_payments,
    contagion_reach,
    impact_fluidity,
    impact_susceptibility,
    loss_band,
    ring_thresholds,
    spectral_radius,
)
from abm.randomness import Streams


def test_the_amplification_bound_reproduces_the_example_of_the_paper() -> None:
    # Glasserman and Young: 0.01 / (1 - 0.43) is about 1.7 %, whatever the assets.
    assert amplification_bound([3, 4], 0.01, [0.43, 0.1]) == pytest.approx(1 + 0.01 / 0.57)


def test_the_amplification_bound_weighs_default_rates_by_external_assets() -> None:
    # (0.1 * 30 + 0 * 10) / ((1 - 0.5) * 40) = 0.15.
    assert amplification_bound([30, 10], [0.1, 0.0], 0.5) == pytest.approx(1.15)


def test_the_network_of_the_bound_cannot_lose_more_than_it_says() -> None:
    # Two nodes with assets 10 and equity 1 owe each other 5 and 9 outside. Each loses an
    # exponential amount (its failure rate does not fall), cut at 10.
    rng = Streams(8).get("shocks")
    owed = np.array([[0.0, 5.0], [5.0, 0.0]])
    with_network, without = 0.0, 0.0
    fails = np.zeros(2)
    for _ in range(300):
        loss = np.minimum(rng.exponential(1.0, size=2), 10.0)
        cleared = clearing_payments(owed, 10.0 - loss, [9.0, 9.0])
        # The paper counts all losses: the shock's and every payment that is missed.
        with_network += loss.sum() + cleared.shortfall.sum()
        # Without the network, node i is a lone firm with the same equity.
        without += loss.sum() + np.maximum(loss - 1.0, 0.0).sum()
        fails += loss > 1.0
    bound = amplification_bound([10, 10], fails / 300, 5 / 14)
    assert 1.0 < with_network / without <= bound


def test_reach_is_what_a_failure_can_pass_on() -> None:
    # Node 0 can lose 100 - 10 beyond its net worth, and half of that falls on the network.
    assert contagion_reach([100, 5], [10, 50], [0.5, 1.0]).tolist() == [45.0, 0.0]


def test_a_band_shows_the_three_rules_apart() -> None:
    # Debtor 0 has 10, owes 6 to node 1 and 2 outside; node 1 has nothing else; node 2 holds 3 of
    # node 1, which owes nothing more. Equities: 2, 3, 3. A loss of 1 leaves node 0 solvent: only
    # DebtRank spreads it: half of 6 to node 1, that is all of its 3, and all of node 2's claim.
    claims = [[0, 0, 0], [6, 0, 0], [0, 3, 0]]
    band = loss_band(claims, [10, 0, 0], [2, 0, 0], [1, 0, 0])
    for mild in (band.shock, band.clearing, band.cascade):
        assert mild.tolist() == [1.0, 0.0, 0.0]
    assert band.debtrank.tolist() == [1.0, 3.0, 3.0]
    # A loss of 4 leaves 6 of 8, so 4.5 of 6: node 1 loses 1.5, and in a cascade all.
    band = loss_band(claims, [10, 0, 0], [2, 0, 0], [4, 0, 0])
    np.testing.assert_allclose(band.clearing, [2.0, 1.5, 0.0])
    assert band.cascade.tolist() == [2.0, 3.0, 3.0]
    assert band.shock.tolist() == [2.0, 0.0, 0.0]


def test_a_band_needs_equity_before_the_shock() -> None:
    with pytest.raises(ValueError, match=r"equity before the shock\[0\] is -3.0"):
        loss_band([[0, 0], [3, 0]], [0, 0], [0, 0], [0, 0])


def test_ring_and_complete_network_change_places_at_the_threshold() -> None:
    # Acemoglu et al.: ten nodes with a surplus of 0.2 that owe 5 each. Below 2.0 a complete
    # network stops a loss at once, while a ring loses one more node for each 0.2.
    assert ring_thresholds(10, 0.2).shock == pytest.approx(2.0)
    assert ring_thresholds(10, 0.2).liabilities == pytest.approx(1.8)
    ring = 5 * np.roll(np.eye(10), 1, axis=1)
    complete = 5 / 9 * (np.ones((10, 10)) - np.eye(10))
    for loss, in_ring, in_complete in ((0.15, 0, 0), (0.95, 4, 1), (1.75, 8, 1), (2.05, 10, 10)):
        earned = np.full(10, 0.2)
        earned[0] -= loss
        assert clearing_payments(ring, earned).defaulted.sum() == in_ring
        assert clearing_payments(complete, earned).defaulted.sum() == in_complete


def test_susceptibility_counts_longer_paths_for_less() -> None:
    # A chain 0 -> 1 -> 2 -> 3 of ruinous claims: node 3 is reached by paths of length 1, 2 and 3,
    # which count 1, 1/2 and 1/6; its one direct claim counts 1.
    chain = np.diag([1.0, 1.0, 1.0], k=-1)
    found = impact_susceptibility(chain, [1, 1, 1, 1])
    np.testing.assert_allclose(found, [0.0, 1.0, 1.5, 1 + 1 / 2 + 1 / 6])
    assert impact_fluidity(chain, [1, 1, 1, 1]) == pytest.approx((0 + 1 + 3 / 2 + 5 / 3) / 4)
    assert impact_susceptibility(chain, [2, 2, 2, 2]).tolist() == [0.0] * 4


def test_the_radius_of_a_cycle_is_the_mean_of_its_factors_and_of_a_tree_nothing() -> None:
    # Around a cycle the product of its entries is the radius to the power of its length.
    cycle = np.roll(np.diag([8.0, 1.0, 1.0]), 1, axis=1)
    assert spectral_radius(cycle) == pytest.approx(2.0)
    assert spectral_radius(np.triu(np.ones((5, 5)), 1)) == 0.0
    assert spectral_radius(np.diag([0.5, 3.0])) == 3.0


def test_the_radius_of_a_large_network_is_that_of_its_largest_knot() -> None:
    # A complete network of 300 with entries 1/299 has radius 1; half as large entries beside it,
    # and a ring of 1,000 twos, all joined in one direction.
    complete = (np.ones((300, 300)) - np.eye(300)) / 299
    ring = sparse.coo_array(
        (np.full(1000, 0.9), (np.arange(1000), np.roll(np.arange(1000), 1))), shape=(1000, 1000)
    )
    both = sparse.block_diag([complete, complete / 2, ring]).tolil()
    both[0, 400] = 7.0
    both[310, 700] = 7.0
    assert spectral_radius(both) == pytest.approx(1.0, abs=1e-10)


def test_the_radius_of_a_long_uneven_ring_is_the_geometric_mean_of_its_links() -> None:
    # Its eigenvalues lie so close together on a circle that Krylov methods do not tell them apart.
    links = Streams(5).get("ring").uniform(0.1, 2.0, 2_000)
    place = np.arange(len(links))
    ring = sparse.coo_array((links, (place, np.roll(place, 1))), shape=(2_000, 2_000))
    mean = math.exp(np.log(links).mean())
    assert spectral_radius(ring) == pytest.approx(mean, rel=1e-10)


def test_no_nodes_have_no_fluidity() -> None:
    assert impact_fluidity(np.zeros((0, 0)), []) == 0.0


@given(st.lists(st.floats(0.0, 2.0), min_size=16, max_size=16))
@settings(deadline=None, max_examples=40)
def test_the_radius_lies_between_the_smallest_and_the_largest_row_sum(entries: list[float]) -> None:
    matrix = np.array(entries).reshape(4, 4)
    sums = matrix.sum(axis=1)
    assert sums.min() - 1e-9 <= spectral_radius(matrix) <= sums.max() + 1e-9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: amplification_bound([1], 0.1, 1.0), "connectivity is 1.0 somewhere"),
        (lambda: amplification_bound([0, 0], 0.1, 0.5), "external_assets sum to 0.0"),
        (lambda: amplification_bound([1], 1.1, 0.5), r"default_probability\[0\] is 1.1"),
        (lambda: ring_thresholds(1, 0.1), "nodes is 1; it must be at least 2"),
        (lambda: ring_thresholds(3, math.nan), "surplus is nan"),
        (
            lambda: impact_susceptibility([[0]], [0]),
            r"buffer\[0\] is 0.0; it must be finite and ab",
        ),
        (lambda: spectral_radius([[-1]]), r"matrix\[0, 0\] is -1.0"),
    ],
)
def test_a_wrong_input_is_named_with_its_value_and_its_rule(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=message):
        call()
