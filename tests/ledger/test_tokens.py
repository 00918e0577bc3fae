"""The token ledger: double entry and conservation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from abm.errors import LedgerError
from abm.ledger import TokenLedger

USDC, ETH = 0, 1


@pytest.fixture
def ledger() -> TokenLedger:
    """Return one with alice, who has 100 USDC and 7 ETH, and bob, who has nothing."""
    made = TokenLedger(("USDC", "ETH"))
    made.open("alice")
    made.open("bob")
    made.endow(0, USDC, 100)
    made.endow(0, ETH, 7)
    return made


def test_a_transfer_moves_one_token_from_one_holder_to_another(ledger: TokenLedger) -> None:
    ledger.transfer(0, 1, USDC, 30)
    assert [ledger.balance(0, USDC), ledger.balance(1, USDC)] == [70, 30]
    assert [ledger.balance(0, ETH), ledger.balance(1, ETH)] == [7, 0]


@pytest.mark.parametrize("amount", [0, 100])
def test_nothing_and_everything_may_be_moved(ledger: TokenLedger, amount: int) -> None:
    ledger.transfer(0, 1, USDC, amount)
    assert [ledger.balance(0, USDC), ledger.balance(1, USDC)] == [100 - amount, amount]


@pytest.mark.parametrize("amount", [-1, 101])
def test_a_transfer_below_zero_or_beyond_what_is_held_changes_nothing(
    ledger: TokenLedger, amount: int
) -> None:
    before = ledger.block(0, 2).copy()
    with pytest.raises(LedgerError, match=f"transfer of {amount} USDC from alice to bob.*100 held"):
        ledger.transfer(0, 1, USDC, amount)
    np.testing.assert_array_equal(ledger.block(0, 2), before)


def test_a_negative_endowment_is_refused(ledger: TokenLedger) -> None:
    with pytest.raises(LedgerError, match="endowment of bob is -1"):
        ledger.endow(1, USDC, -1)
    assert ledger.issued().tolist() == [100, 7]


def test_a_transfer_to_oneself_changes_nothing(ledger: TokenLedger) -> None:
    ledger.transfer(0, 0, USDC, 40)
    assert ledger.balance(0, USDC) == 100


def test_a_block_of_holders_is_numbered_and_starts_where_the_last_one_ended() -> None:
    ledger = TokenLedger(("USDC",))
    assert [ledger.open("wallet", 3), ledger.open("fund"), ledger.open("vault", 2)] == [0, 3, 4]
    assert [ledger.name(holder) for holder in (0, 2, 3, 5)] == [
        "wallet[0]",
        "wallet[2]",
        "fund",
        "vault[1]",
    ]


def test_opening_a_holder_keeps_the_balances_of_the_others(ledger: TokenLedger) -> None:
    ledger.open("carol")
    assert ledger.block(0, 3).tolist() == [[100, 7], [0, 0], [0, 0]]


def test_a_block_cannot_be_written_through(ledger: TokenLedger) -> None:
    with pytest.raises(ValueError, match="read-only"):
        ledger.block(0, 2)[0, USDC] = 1


def test_a_block_shows_later_transfers(ledger: TokenLedger) -> None:
    block = ledger.block(0, 2)
    ledger.transfer(0, 1, USDC, 30)
    assert block[:, USDC].tolist() == [70, 30]


def test_what_was_issued_cannot_be_written_through(ledger: TokenLedger) -> None:
    ledger.issued()[USDC] = 0
    assert ledger.breaches() == []


def test_what_some_hold_together_is_the_sum_of_their_balances(ledger: TokenLedger) -> None:
    ledger.open("carol")
    ledger.transfer(0, 2, USDC, 25)
    assert ledger.held_by([0, 1]).tolist() == [75, 7]
    assert ledger.held_by([1, 2]).tolist() == [25, 0]
    assert ledger.totals().tolist() == [100, 7]


def test_amounts_beyond_the_exact_range_of_a_float_stay_exact() -> None:
    # 2**53 + 1 is the first whole number that a float64 cannot hold.
    ledger = TokenLedger(("USDC",))
    ledger.open("holder", 2)
    ledger.endow(0, 0, 2**53 + 1)
    ledger.transfer(0, 1, 0, 2**53)
    assert [ledger.balance(0, 0), ledger.balance(1, 0)] == [1, 2**53]


@pytest.mark.parametrize("change", [1, -1])
def test_tokens_out_of_nothing_and_into_nothing_are_found(ledger: TokenLedger, change: int) -> None:
    ledger._balances[ETH, 1] += max(change, 0)
    ledger._balances[ETH, 0] += min(change, 0)
    assert ledger.breaches() == [f"ETH: {7 + change} base units exist, 7 were issued"]


def test_a_negative_balance_is_found_even_where_the_total_is_right(ledger: TokenLedger) -> None:
    ledger._balances[USDC, 0] += 5
    ledger._balances[USDC, 1] -= 5
    assert ledger.breaches() == ["bob holds -5 USDC"]


def test_every_negative_balance_is_found(ledger: TokenLedger) -> None:
    ledger._balances[:, 0] += 5
    ledger._balances[:, 1] -= 5
    assert ledger.breaches() == ["bob holds -5 USDC", "bob holds -5 ETH"]


class TransfersAgainstDictionary(RuleBasedStateMachine):
    """Any transfers, against balances kept in a dictionary."""

    holders = 4

    def __init__(self) -> None:
        super().__init__()
        self.ledger = TokenLedger(("USDC", "ETH"))
        self.ledger.open("holder", self.holders)
        self.balances: dict[tuple[int, int], int] = {}

    @initialize(amounts=st.lists(st.integers(0, 10**17), min_size=8, max_size=8))
    def endow(self, amounts: list[int]) -> None:
        self.issued = [sum(amounts[0::2]), sum(amounts[1::2])]
        for place, amount in enumerate(amounts):
            holder, token = divmod(place, 2)
            self.ledger.endow(holder, token, amount)
            self.balances[holder, token] = amount

    @rule(
        source=st.integers(0, 3),
        destination=st.integers(0, 3),
        token=st.integers(0, 1),
        # Shares near 1 and -1 meet the edges of what is allowed.
        share=st.fractions(-1, 2, max_denominator=8),
        more=st.integers(-1, 1),
    )
    def transfer(self, source: int, destination: int, token: int, share: float, more: int) -> None:
        held = self.balances[source, token]
        amount = int(share * held) + more
        if 0 <= amount <= held:
            self.ledger.transfer(source, destination, token, amount)
            self.balances[source, token] -= amount
            self.balances[destination, token] += amount
        else:
            with pytest.raises(LedgerError):
                self.ledger.transfer(source, destination, token, amount)

    @invariant()
    def balances_agree(self) -> None:
        for (holder, token), amount in self.balances.items():
            assert self.ledger.balance(holder, token) == amount

    @invariant()
    def totals_never_change(self) -> None:
        if self.balances:
            assert self.ledger.totals().tolist() == self.issued
            assert self.ledger.breaches() == []


TestTransfersAgainstDictionary = TransfersAgainstDictionary.TestCase
TestTransfersAgainstDictionary.settings = settings(
    deadline=None, max_examples=25, stateful_step_count=20
)
