"""Hedges: what they are worth, and that settling them makes no money."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.ledger import CashBook, TokenLedger
from abm.scenario.hedge_market import Hedging
from abm.units import MICRO
from abm.venue import HedgeBook

if TYPE_CHECKING:
    from numpy.typing import NDArray

DOLLARS = 10_000


def book_of(rule: Hedging, dollars: int = DOLLARS) -> tuple[HedgeBook, CashBook, TokenLedger]:
    """Return a book over two accounts with dollars in the vault, and a rich outside."""
    ledger = TokenLedger(("USDC",))
    vault, outside, wallet = ledger.open("vault"), ledger.open("outside"), ledger.open("wallet")
    cash = CashBook(ledger, vault, 0, 2)
    ledger.endow(outside, 0, 10**9 * MICRO)
    ledger.endow(wallet, 0, 2 * dollars * MICRO)
    for account in (0, 1):
        cash.pay_in(account, wallet, dollars * MICRO)
    return HedgeBook(rule, cash, outside), cash, ledger


def at(price: float) -> NDArray[np.float64]:
    return np.full(2, price)


def dollars(cash: CashBook) -> NDArray[np.float64]:
    return cash.balances / MICRO


def test_a_short_hedge_earns_what_the_price_falls_less_its_fee() -> None:
    book, cash, _ = book_of(Hedging(fee=0.001))
    book.trade(0, -10, 100.0)
    assert book.value_usd(100.0).tolist() == [-1.0, 0.0]  # the fee: 0.1 % of 1,000
    assert book.value_usd(90.0).tolist() == [99.0, 0.0]
    book.settle(at(90.0), 60)
    assert dollars(cash).tolist() == [DOLLARS + 99.0, DOLLARS]
    assert book.value_usd(90.0).tolist() == [0.0, 0.0]
    book.trade(0, 10, 90.0)
    book.settle(at(95.0), 60)
    assert dollars(cash)[0] == DOLLARS + 99.0 - 0.9
    assert (book.lots == 0).all()
    assert (book.cost == 0).all()


def test_longs_pay_the_funding_rate_to_shorts() -> None:
    book, cash, _ = book_of(Hedging(fee=0.0, funding_rate_per_day=0.01))
    book.trade(0, 10, 100.0)
    book.trade(1, -10, 100.0)
    book.settle(at(100.0), 86_400)
    assert dollars(cash).tolist() == [DOLLARS - 10.0, DOLLARS + 10.0]


def test_what_the_vault_has_not_stays_owed() -> None:
    book, cash, _ = book_of(Hedging(fee=0.0), dollars=100)
    book.trade(0, 10, 100.0)
    book.settle(at(70.0), 60)  # a loss of 300, of which the vault can pay 200
    assert cash.in_vault(0) == 0
    assert book.value_usd(70.0)[0] == pytest.approx(-100.0)
    assert not cash.breaches()


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 1), st.integers(-50, 50), st.floats(1.0, 500.0)), max_size=20
    ),
    fee=st.floats(0.0, 0.01),
    rate=st.floats(-0.1, 0.1),
)
def test_no_dollar_is_made_or_lost(
    steps: list[tuple[int, int, float]], fee: float, rate: float
) -> None:
    book, cash, ledger = book_of(Hedging(fee=fee, funding_rate_per_day=rate))
    for account, lots, price in steps:
        book.trade(account, lots, price)
        before = book.value_usd(price) + dollars(cash)
        book.settle(at(price), 0)
        assert book.value_usd(price) + dollars(cash) == pytest.approx(before, abs=1e-5)
        book.settle(at(price), 60)
        assert not ledger.breaches()
        assert not cash.breaches()
