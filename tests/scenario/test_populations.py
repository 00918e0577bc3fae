"""Populations as a total and shares."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.errors import ScenarioError
from abm.scenario import parse_scenario
from abm.scenario.populations import apportion

SMALL = Path(__file__).parent / "small_crash.toml"


def data_with(population: Any) -> dict[str, Any]:  # noqa: ANN401 - may be anything at all
    data = tomllib.loads(SMALL.read_text(encoding="utf-8"))
    for kind in data["traders"].values():
        del kind["count"]
    return {**data, "population": population}


def faults_of(data: dict[str, Any]) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(data)
    return [str(problem) for problem in caught.value.problems]


def test_a_total_and_shares_stand_for_counts() -> None:
    plain = parse_scenario(tomllib.loads(SMALL.read_text(encoding="utf-8")))
    shared = {"total": 50, "shares": {"sellers": 0.6, "buyers": 0.4}}
    assert parse_scenario(data_with(shared)) == plain


@given(st.integers(1, 5_000), st.lists(st.integers(1, 50), min_size=1, max_size=6))
def test_whole_numbers_sum_to_the_total_and_miss_no_share_by_a_whole(
    total: int, weights: list[int]
) -> None:
    shares = {str(place): weight / sum(weights) for place, weight in enumerate(weights)}
    counts = apportion(total, shares)
    assert sum(counts.values()) == total
    assert all(abs(counts[kind] - total * share) < 1 for kind, share in shares.items())


def test_shares_that_do_not_sum_up_are_told_with_their_sum() -> None:
    assert faults_of(data_with({"total": 50, "shares": {"sellers": 0.6, "buyers": 0.3}})) == [
        "population.shares is 0.9 in sum; they must sum to 1"
    ]


def test_every_fault_is_told_at_once() -> None:
    data = data_with({"total": 0, "shares": {"seller": 0.6, "buyers": -1}})
    data["traders"]["buyers"]["count"] = 3
    found = "\n".join(faults_of(data))
    for part in (
        "population.total is 0; it must be a whole number, 1 or more",
        "shares.seller: it must be one of the traders: sellers, buyers; did you mean 'sellers'?",
        "population.shares.buyers is -1; it must be a number above 0, at most 1",
        "traders.sellers: the population has a share for every kind of trader",
        "traders.buyers.count is 3; give a count or a share of the population, not both",
    ):
        assert part in found


@pytest.mark.parametrize("junk", [3, {}, {"total": 5}, {"total": 5, "shares": 1}])
def test_junk_is_told(junk: object) -> None:
    assert any(fault.startswith("population") for fault in faults_of(data_with(junk)))


def test_a_kind_of_nobody_is_told() -> None:
    found = faults_of(data_with({"total": 3, "shares": {"sellers": 0.999, "buyers": 0.001}}))
    assert found == ["population.total is 3; every kind must come to at least one trader"]


def test_an_unknown_strategy_is_told_with_the_nearest_name() -> None:
    data = tomllib.loads(SMALL.read_text(encoding="utf-8"))
    data["traders"]["buyers"]["strategy"] = "buy_lotery"
    (fault,) = faults_of(data)
    assert fault.startswith('traders.buyers.strategy is "buy_lotery"; it must be one of ')
    assert fault.endswith("did you mean 'buy_lottery'?")
