"""The table of positions, against a dense array."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from abm.margin import PositionTable, positions

ACCOUNTS, SERIES = 6, 4


@pytest.fixture
def table() -> PositionTable:
    """Return one in which account 0 has 5 of series 1 from account 2."""
    made = PositionTable(3, 2)
    made.trade(0, 2, 1, 5)
    return made


def test_a_trade_moves_contracts_from_seller_to_buyer(table: PositionTable) -> None:
    assert [table.row(account).tolist() for account in range(3)] == [[0, 5], [0, 0], [0, -5]]


def test_a_position_that_is_closed_is_no_entry(table: PositionTable) -> None:
    table.trade(2, 0, 1, 5)
    assert [len(part) for part in table.entries()] == [0, 0, 0]


def test_a_trade_with_oneself_changes_nothing(table: PositionTable) -> None:
    table.trade(0, 0, 1, 3)
    assert table.row(0).tolist() == [0, 5]


def test_a_row_cannot_be_written_through(table: PositionTable) -> None:
    # Before and after the rows that traded are merged.
    for _ in range(2):
        with pytest.raises(ValueError, match="read-only"):
            table.row(0)[1] = 9
        table.entries()


def test_settlement_is_exact_beyond_the_whole_numbers_of_a_float() -> None:
    table = PositionTable(2, 1)
    table.trade(0, 1, 0, 3)
    # 3 * (2**53 + 1) has no float64.
    assert table.settle(np.array([2**53 + 1])).tolist() == [3 * 2**53 + 3, -3 * 2**53 - 3]


@pytest.mark.parametrize("merged", [False, True])
def test_a_series_that_does_not_sum_to_zero_is_found(table: PositionTable, *, merged: bool) -> None:
    if merged:
        table.entries()
        table._lots[0] += 2
    else:
        table._rows[0][1] += 2
    assert table.breaches() == ["positions in series 1 sum to 2"]


def test_looking_at_many_accounts_keeps_few_rows_but_all_that_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(positions, "ROWS_KEPT", 3)
    table = PositionTable(100, 2)
    for account in range(10):
        table.trade(account, account + 1, 1, 1)
    for account in range(100):
        assert table.row(account)[0] == 0
    assert len(table._rows) <= 11 + 3
    assert table.row(0).tolist() == [0, 1]
    assert table.contracts_open() == 1


class AgainstDenseArray(RuleBasedStateMachine):
    """Any trades, expiries and questions in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.table = PositionTable(ACCOUNTS, SERIES)
        self.dense = np.zeros((ACCOUNTS, SERIES), dtype=np.int64)
        self.patch = pytest.MonkeyPatch()

    @initialize(kept=st.sampled_from([0, 2, 4_096]), few=st.sampled_from([0, 2, 256]))
    def remember(self, kept: int, few: int) -> None:
        """Whatever it keeps beside the sorted table, and from whichever rows it looks up."""
        self.patch.setattr(positions, "ROWS_KEPT", kept)
        self.patch.setattr(positions, "FEW_ROWS", few)

    def teardown(self) -> None:
        self.patch.undo()

    @rule(
        buyer=st.integers(0, ACCOUNTS - 1),
        seller=st.integers(0, ACCOUNTS - 1),
        series=st.integers(0, SERIES - 1),
        lots=st.integers(1, 3),
    )
    def trade(self, buyer: int, seller: int, series: int, lots: int) -> None:
        self.table.trade(buyer, seller, series, lots)
        self.dense[buyer, series] += lots
        self.dense[seller, series] -= lots

    @rule(
        account=st.integers(0, ACCOUNTS - 1),
        series=st.integers(0, SERIES - 1),
        others=st.lists(st.tuples(st.integers(0, ACCOUNTS - 1), st.integers(-3, 3)), max_size=3),
    )
    def trade_with(self, account: int, series: int, others: list[tuple[int, int]]) -> None:
        self.table.trade_with(account, series, others)
        for other, lots in others:
            self.dense[account, series] += lots
            self.dense[other, series] -= lots

    @precondition(lambda self: bool(self.dense.any()))
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        """Trade one position away, so that rows become empty again."""
        held = np.argwhere(self.dense)
        account, series = held[data.draw(st.integers(0, len(held) - 1))].tolist()
        lots = int(self.dense[account, series])
        self.trade((account + 1) % ACCOUNTS, account, series, lots)

    @rule(series=st.sets(st.integers(0, SERIES - 1), max_size=2))
    def expire(self, series: set[int]) -> None:
        self.table.expire(np.array(sorted(series), dtype=np.int64))
        self.dense[:, sorted(series)] = 0

    # Questions are rules rather than invariants: some of them merge the rows that traded.

    @rule()
    def sparse_is_the_dense_array(self) -> None:
        np.testing.assert_array_equal(self.table.sparse().toarray(), self.dense)

    @rule(accounts=st.sets(st.integers(0, ACCOUNTS - 1)))
    def some_rows_are_those_of_the_dense_array(self, accounts: set[int]) -> None:
        chosen = np.array(sorted(accounts), dtype=np.int64)
        np.testing.assert_array_equal(self.table.sparse_rows(chosen).toarray(), self.dense[chosen])

    @rule()
    def entries_are_sorted_and_without_zeros(self) -> None:
        account, instrument, lots = self.table.entries()
        places = np.argwhere(self.dense)
        np.testing.assert_array_equal(np.stack([account, instrument], axis=1), places)
        np.testing.assert_array_equal(lots, self.dense[self.dense != 0])

    @rule(payoff=st.lists(st.integers(0, 10**15), min_size=SERIES, max_size=SERIES))
    def settlement_is_contracts_times_payoff(self, payoff: list[int]) -> None:
        settled = self.table.settle(np.array(payoff))
        expected = [
            sum(lots * pays for lots, pays in zip(row, payoff, strict=True))
            for row in self.dense.tolist()
        ]
        assert settled.tolist() == expected
        assert sum(expected) == 0

    @rule()
    def open_interest_is_the_sum_of_the_longs(self) -> None:
        longs = np.maximum(self.dense, 0).sum(axis=0)
        np.testing.assert_array_equal(self.table.open_interest(), longs)

    @rule()
    def every_series_sums_to_zero(self) -> None:
        assert self.table.breaches() == []

    @rule()
    def rows_agree(self) -> None:
        for account in range(ACCOUNTS):
            np.testing.assert_array_equal(self.table.row(account), self.dense[account])

    @rule()
    def sides_agree(self) -> None:
        bits = 1 << np.arange(SERIES)
        for account, row in enumerate(self.dense):
            expected = int(bits[row > 0].sum()), int(bits[row < 0].sum())
            assert self.table.sides(account) == expected


TestAgainstDenseArray = AgainstDenseArray.TestCase
TestAgainstDenseArray.settings = settings(deadline=None, max_examples=40, stateful_step_count=30)
