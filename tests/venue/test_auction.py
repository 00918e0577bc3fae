"""The Dutch auction of seized collateral."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.collateral import Seized
from abm.scenario.collateral import Auction as AuctionRule
from abm.venue import AuctionHouse
from abm.venue.auction import price_factor

RULE = AuctionRule(start_factor=0.95, cutoff_factor=0.7, fast_seconds=900.0, slow_seconds=7_200.0)


@st.composite
def rules(draw: st.DrawFn) -> AuctionRule:
    """Draw the factors and phases of an auction."""
    start = draw(st.floats(0.1, 1.0))
    return AuctionRule(
        start_factor=start,
        cutoff_factor=start * draw(st.floats(0.1, 1.0)),
        fast_seconds=draw(st.floats(1.0, 5_000.0)),
        slow_seconds=draw(st.floats(1.0, 50_000.0)),
    )


def never_halted(chain: str, start: int, end: int) -> int:  # noqa: ARG001
    return 0


def seizure(chain: str = "far", units: tuple[int, ...] = (50, 400), liquidation: int = 0) -> Seized:
    return Seized(1, liquidation, chain, units, second=10, cause=0)


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [
        (0, 0.95),
        # A third of the fast phase: a third of the way from 0.95 to 0.70 is 0.25 / 3.
        (300, 0.95 - 0.25 / 3),
        (900, 0.70),
        # A quarter and three quarters of the slow phase.
        (900 + 1_800, 0.70 * 0.75),
        (900 + 5_400, 0.70 * 0.25),
        (8_100, 0.0),
        (100_000, 0.0),
    ],
)
def test_the_price_falls_to_the_cutoff_and_then_slowly_to_nothing(
    elapsed: int, expected: float
) -> None:
    assert price_factor(elapsed, RULE) == pytest.approx(expected)


@given(rules(), st.lists(st.integers(0, 60_000), min_size=2, max_size=10))
@settings(deadline=None, max_examples=80)
def test_the_price_never_rises_and_stays_between_nothing_and_the_start(
    rule: AuctionRule, seconds: list[int]
) -> None:
    factors = [price_factor(second, rule) for second in sorted(seconds)]
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(factors))
    assert 0 <= factors[-1] <= factors[0] <= rule.start_factor + 1e-12


@given(rules(), st.integers(0, 60_000))
@settings(deadline=None, max_examples=80)
def test_above_the_cutoff_is_the_fast_phase_and_below_it_the_slow_one(
    rule: AuctionRule, elapsed: int
) -> None:
    factor = price_factor(elapsed, rule)
    if elapsed <= rule.fast_seconds:
        assert factor >= rule.cutoff_factor - 1e-12
    else:
        assert factor <= rule.cutoff_factor


def test_an_auction_sells_one_token_of_a_seizure() -> None:
    house = AuctionHouse(RULE, never_halted)
    auction = house.open(seizure(), token=1, now=100)
    assert (auction.units, auction.units_left, auction.token) == (400, 400, 1)
    assert (auction.opened_second, auction.proceeds, auction.bids) == (100, 0, 0)
    assert house.factor(auction, 100) == 0.95
    assert house.factor(auction, 1_000) == pytest.approx(0.7)


def test_a_sale_takes_units_and_notes_what_they_brought() -> None:
    house = AuctionHouse(RULE, never_halted)
    auction = house.open(seizure(), token=1, now=0)
    house.take(auction, 150, 70, now=0)
    house.take(auction, 50, 20, now=900)
    assert (auction.units_left, auction.proceeds, auction.bids) == (200, 90, 2)
    assert auction.last_factor == pytest.approx(0.7)


def test_open_auctions_are_found_by_chain_oldest_first() -> None:
    house = AuctionHouse(RULE, never_halted)
    first, second, third = (
        house.open(seizure(chain), token=1, now=now)
        for now, chain in enumerate(("far", "home", "far"))
    )
    assert house.open_on("far") == [first, third]
    assert house.open_on("home") == [second]
    assert house.open_on("side") == []
    assert house.chains_with_auctions() == ["far", "home"]
    house.take(first, 400, 1, now=5)
    house.close_finished(5)
    assert house.open_on("far") == [third]
    assert house.chains_with_auctions() == ["home", "far"]


def test_an_auction_ends_when_it_is_sold_out() -> None:
    house = AuctionHouse(RULE, never_halted)
    auction = house.open(seizure(), token=1, now=0)
    house.take(auction, 399, 1, now=10)
    assert house.close_finished(10) == []
    house.take(auction, 1, 1, now=20)
    assert house.close_finished(30) == [auction]
    assert auction.ended_second == 30
    assert house.close_finished(40) == []


def test_an_auction_ends_when_its_phases_are_over() -> None:
    # Open at 100, for 900 and 7,200 seconds.
    house = AuctionHouse(RULE, never_halted)
    auction = house.open(seizure(), token=1, now=100)
    assert house.close_finished(8_199) == []
    assert house.close_finished(8_200) == [auction]
    assert (auction.ended_second, auction.units_left) == (8_200, 400)


def test_every_auction_is_numbered_and_kept() -> None:
    house = AuctionHouse(RULE, never_halted)
    opened = [house.open(seizure(liquidation=number), token=0, now=0) for number in range(3)]
    house.close_finished(100_000)
    assert house.auctions == opened
    assert [auction.id for auction in opened] == [0, 1, 2]


def test_the_clock_of_an_auction_stops_with_its_chain() -> None:
    # Both open at 100; `far` stands still from 400 to 10,000.
    def halted(chain: str, start: int, end: int) -> int:
        return max(min(end, 10_000) - max(start, 400), 0) if chain == "far" else 0

    house = AuctionHouse(RULE, halted)
    far = house.open(seizure("far"), token=1, now=100)
    home = house.open(seizure("home"), token=1, now=100)
    assert house.factor(far, 9_000) == house.factor(far, 400) == price_factor(300, RULE)
    assert house.factor(home, 9_000) == 0
    assert house.close_finished(9_000) == [home]
    # 300 s before the halt, and 7,800 s after it.
    assert house.close_finished(17_799) == []
    assert house.close_finished(17_800) == [far]


def test_an_auction_that_is_sold_out_ends_when_its_chain_makes_blocks() -> None:
    house = AuctionHouse(RULE, lambda _chain, start, end: max(min(end, 500) - max(start, 100), 0))
    auction = house.open(seizure(), token=1, now=0)
    house.take(auction, 400, 1, now=90)
    assert house.close_finished(120) == []
    assert house.close_finished(500) == [auction]
