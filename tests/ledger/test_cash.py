"""The venue's cash book."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.errors import LedgerError
from abm.ledger import CashBook, TokenLedger

if TYPE_CHECKING:
    from collections.abc import Callable

VAULT, WALLET = 0, 1


@pytest.fixture
def ledger() -> TokenLedger:
    """Return an empty vault and a wallet with 1,000 micro-dollars and 50 ETH units."""
    made = TokenLedger(("ETH", "USDC"))
    made.open("vault")
    made.open("wallet")
    made.endow(WALLET, 1, 1_000)
    made.endow(WALLET, 0, 50)
    return made


@pytest.fixture
def book(ledger: TokenLedger) -> CashBook:
    """Return a book of three accounts, of which account 0 paid 600 in."""
    made = CashBook(ledger, VAULT, 1, 3)
    made.pay_in(0, WALLET, 600)
    return made


def test_paying_in_credits_the_account_and_fills_the_vault(
    book: CashBook, ledger: TokenLedger
) -> None:
    assert book.balances.tolist() == [600, 0, 0]
    assert [ledger.balance(VAULT, 1), ledger.balance(WALLET, 1)] == [600, 400]


def test_paying_out_debits_the_account_and_empties_the_vault(
    book: CashBook, ledger: TokenLedger
) -> None:
    book.pay_out(0, WALLET, 250)
    assert book.balances.tolist() == [350, 0, 0]
    assert [ledger.balance(VAULT, 1), ledger.balance(WALLET, 1)] == [350, 650]


@pytest.mark.parametrize("amount", [-1, 401])
def test_a_payment_in_that_the_ledger_refuses_changes_nothing(
    book: CashBook, ledger: TokenLedger, amount: int
) -> None:
    with pytest.raises(LedgerError):
        book.pay_in(1, WALLET, amount)
    assert book.balances.tolist() == [600, 0, 0]
    assert ledger.balance(VAULT, 1) == 600


@pytest.mark.parametrize("amount", [-1, 601])
def test_a_payment_out_that_the_ledger_refuses_changes_nothing(
    book: CashBook, ledger: TokenLedger, amount: int
) -> None:
    with pytest.raises(LedgerError):
        book.pay_out(0, WALLET, amount)
    assert book.balances.tolist() == [600, 0, 0]
    assert ledger.balance(VAULT, 1) == 600


def test_an_account_may_owe_the_venue(book: CashBook, ledger: TokenLedger) -> None:
    book.move(1, 2, 75)
    assert book.balances.tolist() == [600, -75, 75]
    assert ledger.balance(VAULT, 1) == 600
    assert book.breaches() == []


def test_a_move_of_nothing_is_a_move(book: CashBook) -> None:
    book.move(0, 1, 0)
    assert book.balances.tolist() == [600, 0, 0]


def test_a_negative_move_is_refused(book: CashBook) -> None:
    with pytest.raises(LedgerError, match="-5 micro-dollars"):
        book.move(0, 1, -5)
    assert book.balances.tolist() == [600, 0, 0]


def test_an_account_pays_several_and_collects_from_several(book: CashBook) -> None:
    book.pay(0, [(1, 70), (2, 30), (1, 5)])
    assert book.balances.tolist() == [495, 75, 30]
    book.collect(2, [(0, 5), (1, 80)])
    assert book.balances.tolist() == [490, -5, 115]
    assert book.breaches() == []


@pytest.mark.parametrize("way", [CashBook.pay, CashBook.collect])
def test_one_negative_amount_among_several_moves_nothing(
    book: CashBook, way: Callable[[CashBook, int, list[tuple[int, int]]], None]
) -> None:
    with pytest.raises(LedgerError, match="-5 micro-dollars"):
        way(book, 0, [(1, 7), (2, -5)])
    assert book.balances.tolist() == [600, 0, 0]


def test_a_settlement_changes_all_accounts_at_once(book: CashBook) -> None:
    book.settle(np.array([-100, 30, 70]))
    assert book.balances.tolist() == [500, 30, 70]


@pytest.mark.parametrize("gap", [1, -1])
def test_a_settlement_that_makes_or_loses_money_is_refused(book: CashBook, gap: int) -> None:
    with pytest.raises(LedgerError, match=f"settlement sums to {gap} "):
        book.settle(np.array([-100, 30, 70 + gap]))
    assert book.balances.tolist() == [600, 0, 0]


def test_balances_cannot_be_written_through(book: CashBook) -> None:
    with pytest.raises(ValueError, match="read-only"):
        book.balances[0] = 1


def test_a_book_that_parted_from_its_vault_is_found(book: CashBook, ledger: TokenLedger) -> None:
    ledger.transfer(VAULT, WALLET, 1, 10)
    assert book.breaches() == ["cash book says 600 micro-dollars, the vault holds 590"]


def test_other_tokens_in_the_vault_are_no_cash(book: CashBook, ledger: TokenLedger) -> None:
    ledger.transfer(WALLET, VAULT, 0, 50)
    assert book.breaches() == []


MOVES = st.tuples(
    st.sampled_from(["in", "out", "move"]),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(-5, 400),
)


@given(st.lists(MOVES, max_size=30))
@settings(deadline=None, max_examples=60)
def test_book_and_vault_agree_after_any_payments(moves: list[tuple[str, int, int, int]]) -> None:
    ledger = TokenLedger(("USDC",))
    ledger.open("vault")
    ledger.open("wallet")
    ledger.endow(WALLET, 0, 1_000)
    book = CashBook(ledger, VAULT, 0, 3)
    refused = 0
    for kind, account, other, amount in moves:
        try:
            if kind == "in":
                book.pay_in(account, WALLET, amount)
            elif kind == "out":
                book.pay_out(account, WALLET, amount)
            else:
                book.move(account, other, amount)
        except LedgerError:
            refused += 1
        assert int(book.balances.sum()) == ledger.balance(VAULT, 0)
        assert ledger.balance(VAULT, 0) + ledger.balance(WALLET, 0) == 1_000
    assert refused >= sum(amount < 0 for _, _, _, amount in moves)


def test_each_vault_holds_the_cash_of_its_own_accounts() -> None:
    ledger = TokenLedger(("USDC",))
    ledger.open("vault", 2)
    ledger.open("wallet")
    ledger.endow(2, 0, 1_000)
    book = CashBook(ledger, VAULT, 0, 3, clearing_of=[0, 1, 1])
    book.pay_in(0, 2, 100)
    book.pay_in(1, 2, 300)
    book.move(1, 2, 50)
    assert [ledger.balance(vault, 0) for vault in (0, 1)] == [100, 300]
    assert [book.vault_of(account) for account in range(3)] == [0, 1, 1]
    assert book.breaches() == []
    # Cash that moves between venues without dollars is in no vault.
    book.move(1, 0, 10)
    assert book.breaches() == [
        "cash book says 110 micro-dollars, the vault holds 100",
        "cash book says 290 micro-dollars, the vault holds 300",
    ]
