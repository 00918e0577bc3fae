"""Who pays the loss that an account leaves."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.venue import Waterfall, WaterfallUse
from abm.venue.sharing import share_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.venue.conftest import Floor

USDC = 0


def shares(amount: int, weights: list[int]) -> list[int]:
    found: list[int] = share_out(amount, np.array(weights, dtype=np.int64)).tolist()
    return found


# --- whole units in proportion


@pytest.mark.parametrize(
    ("amount", "weights", "expected"),
    [
        # 10 * (1, 2, 7) / 10 is whole already.
        (10, [1, 2, 7], [1, 2, 7]),
        # 5 * (30, 10, 20) / 60 = 2.5, 0.83, 1.67: two units left for 0.83 and 0.67.
        (5, [30, 10, 20], [2, 1, 2]),
        # Equal remainders: the first ones.
        (2, [5, 5, 5], [1, 1, 0]),
        (0, [3, 4], [0, 0]),
        (7, [3, 4], [3, 4]),
        (3, [0, 9, 0], [0, 3, 0]),
        (0, [0, 0], [0, 0]),
        # In floats 13 / 17 of it is the next whole number: 94_117_647_058_823 and 9 / 17 twice and
        # 611_764_705_882_352 and 16 / 17, of which the largest remainder and the first get a unit.
        (
            800_000_000_000_000,
            [2, 2, 13],
            [94_117_647_058_824, 94_117_647_058_823, 611_764_705_882_353],
        ),
    ],
)
def test_units_are_shared_by_weight_and_the_rest_by_largest_remainder(
    amount: int, weights: list[int], expected: list[int]
) -> None:
    assert shares(amount, weights) == expected


@given(weights=st.lists(st.integers(0, 10**16), min_size=1, max_size=12), data=st.data())
@settings(deadline=None, max_examples=150)
def test_shares_are_exact_proportional_and_never_above_their_weight(
    weights: list[int], data: st.DataObject
) -> None:
    total = sum(weights)
    amount = data.draw(st.one_of(st.integers(0, total), st.integers(max(total - 5, 0), total)))
    found = shares(amount, weights)
    assert sum(found) == amount
    for share, weight in zip(found, weights, strict=True):
        assert 0 <= share <= weight
        exact = Fraction(weight * amount, total) if total else Fraction(0)
        assert abs(share - exact) < 1


@given(weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=12), data=st.data())
@settings(deadline=None, max_examples=100)
def test_whoever_is_rounded_up_has_no_smaller_remainder_than_whoever_is_not(
    weights: list[int], data: st.DataObject
) -> None:
    total = sum(weights)
    amount = data.draw(st.integers(0, total))
    found = shares(amount, weights)
    remainders = [weight * amount % total if total else 0 for weight in weights]
    up = [
        remainder
        for share, weight, remainder in zip(found, weights, remainders, strict=True)
        if total and share > weight * amount // total
    ]
    down = [
        remainder
        for share, weight, remainder in zip(found, weights, remainders, strict=True)
        if total and share == weight * amount // total
    ]
    assert min(up, default=total) >= max(down, default=0)


# Whole numbers that a float64 holds, whose products overflow 64 bits, and some beyond.
AMOUNTS = st.integers(2**40, 2**53 - 1) | st.integers(0, 9) | st.integers(2**53, 2**62)


@given(AMOUNTS, st.lists(st.integers(0, 2**50) | st.integers(0, 9), min_size=1, max_size=6))
def test_every_share_is_the_exact_quotient_or_one_unit_more(
    amount: int, weights: list[int]
) -> None:
    total = sum(weights)
    found = shares(amount, weights)
    if not total:
        assert found == [0] * len(weights)
        return
    exact = [amount * weight // total for weight in weights]
    assert all(share - least in {0, 1} for share, least in zip(found, exact, strict=True))
    assert sum(found) == amount
    assert all(share == 0 for share, weight in zip(found, weights, strict=True) if not weight)


# --- the layers


@pytest.fixture
def waterfall(floor: Floor) -> Waterfall:
    """Return the layers of a venue whose fund holds 100; accounts 1 and 2 have 300 and 100."""
    floor.ledger.endow(floor.holders.fund, USDC, 100)
    floor.deposit(1, 300)
    floor.deposit(2, 100)
    return Waterfall(floor.ledger, floor.cash, floor.holders)


def use(fund: int, socialised: int, uncovered: int = 0) -> WaterfallUse:
    """Return what a fund and all with cash paid."""
    return WaterfallUse({"fund": fund, "socialised": socialised}, uncovered)


def owe(floor: Floor, debt: int) -> None:
    """Let account 0 owe, and account 1 and 2 have what they had: the maker 3 gets the money."""
    floor.cash.move(0, 3, debt)


def test_the_fund_pays_first_and_alone_as_far_as_it_goes(
    waterfall: Waterfall, floor: Floor
) -> None:
    owe(floor, 80)
    assert waterfall.pay(0) == use(80, 0, 0)
    assert floor.cash.balances[:4].tolist() == [0, 300, 100, 80]
    assert waterfall.fund() == 20


def test_beyond_the_fund_every_positive_balance_is_cut_in_proportion(
    waterfall: Waterfall, floor: Floor
) -> None:
    owe(floor, 200)
    # 100 from the fund; the other 100 from balances of 300, 100 and 200, a sixth of each.
    assert waterfall.pay(0) == use(100, 100, 0)
    assert floor.cash.balances[:4].tolist() == [0, 250, 83, 167]
    assert waterfall.fund() == 0


def test_others_that_owe_are_not_cut(waterfall: Waterfall, floor: Floor) -> None:
    owe(floor, 200)
    floor.cash.move(2, 1, 150)
    # Balances are -200, 450, -50 and 200: 100 from 450 and 200 in proportion, 69 and 31.
    waterfall.pay(0)
    assert floor.cash.balances[:4].tolist() == [0, 381, -50, 169]


def test_what_not_even_all_have_stays_owed(waterfall: Waterfall, floor: Floor) -> None:
    # Broken on purpose: in a sound book what is owed is owed to somebody, so that the positive
    # balances always suffice. Here 700 are owed to nobody.
    floor.cash._cash[0] = -700
    assert waterfall.pay(0) == use(100, 400, 200)
    assert floor.cash.balances[:3].tolist() == [-200, 0, 0]


def test_an_account_without_debt_costs_nobody_anything(waterfall: Waterfall, floor: Floor) -> None:
    assert waterfall.pay(1) == use(0, 0)
    assert waterfall.pay(0) == use(0, 0)
    assert floor.cash.balances[:3].tolist() == [0, 300, 100]
    assert waterfall.fund() == 100


def test_what_was_paid_adds_up(waterfall: Waterfall, floor: Floor) -> None:
    owe(floor, 80)
    waterfall.pay(0)
    owe(floor, 50)
    waterfall.pay(0)
    # 80 and 20 from the fund, 30 from the others.
    assert waterfall.paid == use(100, 30, 0)
    assert waterfall.paid.total == 130


@given(
    fund=st.integers(0, 500),
    deposits=st.lists(st.integers(0, 300), min_size=6, max_size=6),
    moves=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 400)), max_size=8
    ),
    account=st.integers(0, 5),
)
@settings(deadline=None, max_examples=100)
def test_every_loss_is_paid_by_its_layers_in_order_and_money_is_conserved(
    make_floor: Callable[[], Floor],
    fund: int,
    deposits: list[int],
    moves: list[tuple[int, int, int]],
    account: int,
) -> None:
    floor = make_floor()
    floor.ledger.endow(floor.holders.fund, USDC, fund)
    for number, amount in enumerate(deposits):
        floor.deposit(number, amount)
    for source, destination, amount in moves:
        floor.cash.move(source, destination, amount)
    before = floor.cash.balances.copy()
    debt = max(-int(before[account]), 0)
    positive = int(np.maximum(before, 0).sum())
    found = Waterfall(floor.ledger, floor.cash, floor.holders).pay(account)
    from_fund = found.of("fund")
    assert from_fund == min(debt, fund)
    assert found.of("socialised") == min(debt - from_fund, positive)
    assert found.uncovered == debt - from_fund - found.of("socialised")
    after = floor.cash.balances
    assert int(after[account]) == (-found.uncovered if debt else int(before[account]))
    others = np.arange(6) != account
    assert (after[others & (before > 0)] >= 0).all()
    assert (after[others] <= before[others]).all()
    assert (after[others & (before <= 0)] == before[others & (before <= 0)]).all()
    assert int(after.sum()) == int(before.sum()) + from_fund
    assert floor.cash.breaches() == []
    assert floor.ledger.breaches() == []
