"""Random networks and the contagion window."""

from __future__ import annotations

import numpy as np
import pytest

from abm.contagion import contagion_window, random_exposures, single_link_window
from abm.randomness import Streams


def test_a_random_network_divides_the_claims_of_each_bank_evenly() -> None:
    exposures = random_exposures(400, 3.0, 0.2, Streams(1).get("network"))
    matrix = exposures.toarray()
    links = (matrix > 0).sum(axis=1)
    np.testing.assert_allclose(matrix.sum(axis=1), np.where(links > 0, 0.2, 0.0))
    for row, count in zip(matrix, links, strict=True):
        np.testing.assert_allclose(row[row > 0], 0.2 / max(count, 1))
    assert not matrix.diagonal().any()
    # A Poisson mean of 3 over 400 banks has a standard error of 0.087.
    assert links.mean() == pytest.approx(3.0, abs=0.35)
    assert links.var() == pytest.approx(3.0, abs=0.9)


def test_every_pair_of_banks_is_equally_likely() -> None:
    rng = Streams(2).get("pairs")
    seen = sum(random_exposures(4, 1.5, 1.0, rng).toarray() > 0 for _ in range(2_000))
    # Twelve pairs, each with probability one half: 1,000 with a deviation of 22.
    np.testing.assert_allclose(seen, 1_000 * (1 - np.eye(4)), atol=90)


def test_the_extremes_of_a_random_network_are_no_links_and_all() -> None:
    rng = Streams(3).get("extremes")
    assert random_exposures(5, 0.0, 1.0, rng).nnz == 0
    complete = random_exposures(5, 4.0, 1.0, rng).toarray()
    np.testing.assert_allclose(complete, (np.ones((5, 5)) - np.eye(5)) / 4)


def test_complete_networks_fail_as_a_whole_or_not_at_all() -> None:
    # 41 banks hold 0.2 / 40 = 0.005 of each other.
    for buffer, systemic in ((0.0049, 5), (0.0051, 0)):
        rng = Streams(4).get("complete")
        found = contagion_window(40.0, 5, rng, nodes=41, capital_buffer=buffer)
        assert found.systemic == systemic
        assert found.extent == (1.0 if systemic else None)
        assert found.frequency == systemic / 5


def test_the_tie_rule_decides_where_a_loss_equals_the_buffer() -> None:
    # 6 banks with 5 debtors each: 0.2 / 5 = 0.04.
    strict = contagion_window(5.0, 3, Streams(5).get("tie"), nodes=6, tie="defaults")
    mild = contagion_window(5.0, 3, Streams(5).get("tie"), nodes=6, tie="survives")
    assert strict.extent == 1.0
    assert mild.systemic == 3  # the first failure alone is more than 5 % of six
    assert mild.extent == pytest.approx(1 / 6)


def test_a_falling_price_ruins_banks_that_hold_no_claims() -> None:
    # 10 banks without links: one sells a tenth of all, so the price falls by 10 %, and each of the
    # others loses 8 % of its assets; at 5 % of them they bear it.
    impact = -np.log(0.9) / 0.1
    rng = Streams(6).get("price")
    for buffer, extent in ((0.079, 1.0), (0.081, 0.1)):
        found = contagion_window(
            0.0, 2, rng, nodes=10, capital_buffer=buffer, price_impact=float(impact)
        )
        assert found.extent == pytest.approx(extent)


def test_the_same_stream_gives_the_same_window() -> None:
    first, again = (contagion_window(3.0, 5, Streams(7).get("again"), nodes=200) for _ in range(2))
    assert first == again


def test_contagion_is_a_hump_that_becomes_rare_before_it_stops_being_total() -> None:
    found = {
        degree: contagion_window(degree, 40, Streams(8).get(str(degree)))
        for degree in (0.5, 3.0, 6.0, 9.0)
    }
    assert found[0.5].frequency < 0.1
    assert found[3.0].frequency > 0.6
    assert found[6.0].frequency < 0.45
    assert found[9.0].frequency == 0.0
    for degree in (3.0, 6.0):
        extent = found[degree].extent
        assert extent is not None
        assert extent > 0.9
    # The bank with most creditors spreads its failure more often.
    hub = contagion_window(6.0, 40, Streams(8).get("hub"), first_failure="most_connected")
    assert hub.frequency > found[6.0].frequency


def test_the_window_of_single_links_narrows_with_the_buffer() -> None:
    # Gai and Kapadia's condition at both ends: z * P(Poisson(z) <= m - 1) = 1 with m = 4.
    window = single_link_window(0.2, 0.04)
    assert window is not None
    for z in window:
        four = np.exp(-z) * (1 + z + z**2 / 2 + z**3 / 6)
        assert z * four == pytest.approx(1.0, abs=1e-9)
    wider, narrower = single_link_window(0.2, 0.03), single_link_window(0.2, 0.05)
    assert wider is not None
    assert narrower is not None
    assert wider[0] < window[0] < narrower[0] < narrower[1] < window[1] < wider[1]
    tied = single_link_window(0.2, 0.04, tie="defaults")
    assert tied is not None
    assert tied[1] > window[1]


def test_buffers_that_bear_a_failure_close_the_window() -> None:
    # m = 2: z * exp(-z) * (1 + z) is 0.84 at most.
    assert single_link_window(0.2, 0.07) is None
    assert single_link_window(0.2, 0.3) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"draws": 0}, "draws is 0; it must be at least 1"),
        ({"mean_degree": 20.0}, "mean_degree is 20.0; it must be at least 0 and at most 9"),
        ({"nodes": 1}, "nodes is 1; it must be at least 2"),
        ({"capital_buffer": 1.5}, "capital_buffer is 1.5"),
        ({"first_failure": "randm"}, "nearest: random"),
        ({"price_impact": -1.0}, "price_impact is -1.0"),
    ],
)
def test_a_wrong_input_is_named_with_its_value_and_its_rule(
    arguments: dict[str, object], message: str
) -> None:
    right = {"mean_degree": 2.0, "draws": 1, "rng": Streams(9).get("wrong"), "nodes": 10}
    with pytest.raises(ValueError, match=message):
        contagion_window(**{**right, **arguments})  # type: ignore[arg-type]
