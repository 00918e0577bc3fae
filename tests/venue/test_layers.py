"""The layers of a waterfall, one by one and all together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.venue import Waterfall
from abm.venue.layers import (
    Deleveraging,
    InsurancePolicy,
    Layer,
    Purse,
    SharedFund,
    Socialisation,
    Standing,
)
from abm.venue.sharing import draw_in_order, draw_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.venue.conftest import Floor

USDC = 0
Sharing = Literal["tranche", "requirement", "volume"]


def standing(
    profit: list[int] | None = None,
    rank: list[float] | None = None,
    *,
    requirement: int = 0,
    volume: int = 0,
) -> Standing:
    return Standing(
        np.array(profit or [0] * 6, dtype=np.int64),
        np.array(rank or [0.0] * 6),
        (requirement,),
        (volume,),
    )


def owe(floor: Floor, debt: int) -> None:
    """Let account 0 owe to the maker 3."""
    floor.cash.move(0, 3, debt)


# --- sharing


def test_what_one_lacks_the_others_pay_in_proportion() -> None:
    # 100 by 1:1:2 is 25, 25, 50; the third has 10 only, so 40 more by 1:1.
    held, weights = np.array([100, 100, 10]), np.array([1, 1, 2])
    assert draw_on(100, held, weights).tolist() == [45, 45, 10]


def test_those_without_weight_pay_when_the_others_are_empty() -> None:
    assert draw_on(30, np.array([10, 40]), np.array([5, 0])).tolist() == [10, 20]


@given(
    held=st.lists(st.integers(0, 10**15), min_size=1, max_size=8),
    data=st.data(),
    amount=st.integers(0, 10**16),
)
def test_drawing_is_exact_and_takes_from_none_more_than_it_has(
    held: list[int], data: st.DataObject, amount: int
) -> None:
    size = len(held)
    weights = data.draw(st.lists(st.integers(0, 10**15), min_size=size, max_size=size))
    score = data.draw(st.lists(st.floats(0, 1e6), min_size=size, max_size=size))
    has = np.array(held, dtype=np.int64)
    for paid in (
        draw_on(amount, has, np.array(weights, dtype=np.int64)),
        draw_in_order(amount, has, np.array(score)),
    ):
        assert int(paid.sum()) == min(amount, sum(held))
        assert (paid >= 0).all()
        assert (paid <= has).all()


@given(
    held=st.lists(st.integers(0, 1_000), min_size=2, max_size=8),
    amount=st.integers(0, 8_000),
    data=st.data(),
)
def test_nobody_is_drawn_on_before_a_higher_score_is_empty(
    held: list[int], amount: int, data: st.DataObject
) -> None:
    scores = data.draw(st.lists(st.floats(0, 10), min_size=len(held), max_size=len(held)))
    has, score = np.array(held), np.array(scores)
    paid = draw_in_order(amount, has, score)
    for place in np.flatnonzero(paid).tolist():
        above = score > score[place]
        assert (paid[above] == has[above]).all()


# --- one layer


def test_a_policy_leaves_its_deductible_and_stops_at_its_cover(floor: Floor) -> None:
    floor.ledger.endow(floor.holders.insurer, USDC, 100)
    policy = InsurancePolicy(
        "insurance", floor.ledger, floor.cash, floor.holders.insurer, deductible=20
    )
    owe(floor, 500)
    assert policy.pay(0, 15) == 0
    assert policy.pay(0, 50) == 30
    assert policy.pay(0, 500) == 70
    assert policy.left() == 0


def shared(floor: Floor, sharing: Sharing, others: list[int]) -> SharedFund:
    """Return a fund of the venue (holder insurer: 60) and two others (backstop 90, relayer 30)."""
    members = (floor.holders.insurer, floor.holders.backstop, floor.holders.relayer)
    for member, amount in zip(members, (60, 90, 30), strict=True):
        floor.ledger.endow(member, USDC, amount)
    return SharedFund(floor.ledger, floor.cash, members, sharing, np.array(others, dtype=np.int64))


@pytest.mark.parametrize(
    ("sharing", "others", "debt", "left"),
    [
        # Own 60 first; the other 40 from 90 and 30 in proportion.
        ("tranche", [], 100, [0, 60, 20]),
        ("tranche", [], 50, [10, 90, 30]),
        # By requirement 100 of 400: 10 of 40; the others' 200 and 100: 20 and 10.
        ("requirement", [200, 100], 40, [50, 70, 20]),
        # By volume all is the second's, which has 90; of the other 10 the rest pay by what they
        # have, 60 and 30: 6.67 and 3.33, rounded to 7 and 3.
        ("volume", [300, 0], 100, [53, 0, 27]),
        ("requirement", [200, 100], 500, [0, 0, 0]),
    ],
)
def test_members_pay_by_their_rule(
    floor: Floor, sharing: Sharing, others: list[int], debt: int, left: list[int]
) -> None:
    fund = shared(floor, sharing, others)
    owe(floor, 500)
    paid = fund.pay(0, debt, standing(requirement=100, volume=0))
    assert paid == min(debt, 180)
    assert fund.left() == 180 - paid
    assert fund.held().tolist() == left


def test_profits_are_taken_by_rank_and_never_twice(floor: Floor) -> None:
    layer = Deleveraging(floor.cash)
    owe(floor, 500)
    # Rank: account 2 (3.0), then 1 (2.0); 0 is the debtor, and its profit is not taken.
    now = standing([40, 50, 30, 0, 0, 0], [9.0, 2.0, 3.0, 0.0, 0.0, 0.0])
    assert layer.pay(0, 45, now) == 45
    assert layer.cut.tolist() == [0, 15, 30, 0, 0, 0]
    assert layer.pay(0, 100, now) == 35
    assert layer.cut.tolist() == [0, 50, 30, 0, 0, 0]
    # Out of cash that may go below zero: the profit stands in positions.
    assert floor.cash.balances.tolist()[:3] == [-420, -50, -30]
    assert floor.cash.breaches() == []


def test_nobody_is_deleveraged_where_profits_are_unknown(floor: Floor) -> None:
    owe(floor, 10)
    assert Deleveraging(floor.cash).pay(0, 10) == 0


def test_a_cut_for_all_is_noted_by_account(floor: Floor) -> None:
    floor.deposit(1, 300)
    floor.deposit(2, 100)
    layer = Socialisation(floor.cash)
    floor.cash.move(0, 1, 100)
    # 400 and 100 have cash: 80 and 20.
    assert layer.pay(0, 100) == 100
    assert layer.cut.tolist() == [0, 80, 20, 0, 0, 0]


def test_only_members_of_the_venue_are_cut(floor: Floor) -> None:
    floor.deposit(1, 300)
    floor.deposit(2, 300)
    members = np.array([True, True, False, True, True, True])
    layer = Socialisation(floor.cash, members)
    floor.cash.move(0, 3, 100)
    # 300 of account 1 and 100 of the maker 3; account 2 is another venue's.
    assert layer.pay(0, 80) == 80
    assert layer.cut.tolist() == [0, 60, 0, 20, 0, 0]


def test_only_profits_of_the_venue_are_taken(floor: Floor) -> None:
    members = np.array([True, True, False, True, True, True])
    layer = Deleveraging(floor.cash, members)
    stood = standing([0, 50, 500, 0, 0, 0], [0.0, 1.0, 9.0, 0.0, 0.0, 0.0])
    assert layer.pay(0, 100, stood) == 50
    assert layer.cut.tolist() == [0, 50, 0, 0, 0, 0]


def test_a_shared_fund_weighs_simulated_venues_by_their_own_requirements(floor: Floor) -> None:
    first = floor.ledger.open("members", 2)
    floor.ledger.endow(first, USDC, 1_000)
    floor.ledger.endow(first + 1, USDC, 1_000)
    nobody = np.zeros(0, dtype=np.int64)
    layer = SharedFund(
        floor.ledger, floor.cash, [first + 1, first], "requirement", nobody, venues=(1, 0)
    )
    stood = Standing(np.zeros(6, dtype=np.int64), np.zeros(6), (300, 100), (0, 0))
    owe(floor, 400)
    assert layer.pay(0, 400, stood) == 400
    # The second venue draws: 100 of 400 from itself, 300 from the first.
    assert layer.held().tolist() == [900, 700]
    assert layer.own() == 900


# --- all together


def all_layers(floor: Floor, order: list[str], last: str) -> list[Layer]:
    made: dict[str, Layer] = {
        "fund": Purse("fund", floor.ledger, floor.cash, floor.holders.fund),
        "mutual_fund": SharedFund(
            floor.ledger,
            floor.cash,
            [floor.holders.mutual_fund],
            "tranche",
            np.array([], dtype=np.int64),
        ),
        "insurance": Purse("insurance", floor.ledger, floor.cash, floor.holders.insurer),
        "backstop": Purse("backstop", floor.ledger, floor.cash, floor.holders.backstop),
    }
    ends: dict[str, Layer] = {
        "socialised": Socialisation(floor.cash),
        "deleveraged": Deleveraging(floor.cash),
    }
    return [*(made[name] for name in order), ends[last]]


@given(
    order=st.permutations(["fund", "mutual_fund", "insurance", "backstop"]),
    last=st.sampled_from(["socialised", "deleveraged"]),
    sizes=st.lists(st.integers(0, 300), min_size=4, max_size=4),
    deposits=st.lists(st.integers(0, 300), min_size=5, max_size=5),
    profits=st.lists(st.integers(0, 200), min_size=6, max_size=6),
    debts=st.lists(st.integers(0, 500), min_size=1, max_size=4),
)
@settings(deadline=None, max_examples=150)
def test_layers_pay_in_their_order_and_no_dollar_is_made_or_lost(
    make_floor: Callable[[], Floor],
    order: list[str],
    last: str,
    sizes: list[int],
    deposits: list[int],
    profits: list[int],
    debts: list[int],
) -> None:
    floor = make_floor()
    holders = floor.holders
    purses = dict(
        zip(
            ("fund", "mutual_fund", "insurance", "backstop"),
            (holders.fund, holders.mutual_fund, holders.insurer, holders.backstop),
            strict=True,
        )
    )
    for holder, size in zip(purses.values(), sizes, strict=True):
        floor.ledger.endow(holder, USDC, size)
    for number, amount in enumerate(deposits, start=1):
        floor.deposit(number, amount)
    layers = all_layers(floor, order, last)
    waterfall = Waterfall(floor.ledger, floor.cash, holders, layers)
    waterfall.standing = standing(profits, [float(profit) for profit in profits])
    for second, debt in enumerate(debts):
        floor.cash.move(0, 3, debt)
        before = [layer.left() for layer in layers]
        owed = max(-int(floor.cash.balances[0]), 0)
        use = waterfall.pay(0, second)
        assert use.total == owed
        rest = owed
        for layer, left in list(zip(layers, before, strict=True))[:-1]:
            assert use.of(layer.name) == min(rest, left)
            rest -= use.of(layer.name)
            if rest:
                assert waterfall.exhausted[layer.name] <= second
        if owed:
            assert int(floor.cash.balances[0]) == -use.uncovered
        assert floor.cash.breaches() == []
        assert floor.ledger.breaches() == []
    taken = sum(int(layer.cut.sum()) for layer in waterfall.cutting)
    assert taken == waterfall.paid.of(last)


def test_a_layer_is_exhausted_when_it_is_empty_and_asked_for_more(floor: Floor) -> None:
    floor.ledger.endow(floor.holders.fund, USDC, 50)
    floor.deposit(1, 1_000)
    waterfall = Waterfall(floor.ledger, floor.cash, floor.holders)
    owe(floor, 50)
    waterfall.pay(0, 10)
    assert waterfall.exhausted == {}
    owe(floor, 5)
    waterfall.pay(0, 20)
    owe(floor, 5)
    waterfall.pay(0, 30)
    assert waterfall.exhausted == {"fund": 20}


def test_a_deductible_does_not_exhaust_a_policy(floor: Floor) -> None:
    floor.ledger.endow(floor.holders.insurer, USDC, 100)
    floor.deposit(1, 1_000)
    policy = InsurancePolicy(
        "insurance", floor.ledger, floor.cash, floor.holders.insurer, deductible=20
    )
    layers: list[Layer] = [policy, Socialisation(floor.cash)]
    waterfall = Waterfall(floor.ledger, floor.cash, floor.holders, layers)
    owe(floor, 30)
    assert dict(waterfall.pay(0).paid) == {"insurance": 10, "socialised": 20}
    assert waterfall.exhausted == {}
