"""What a venue believes it may count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.collateral import ClaimTable

if TYPE_CHECKING:
    from tests.collateral.conftest import SettingMaker


def report(table: ClaimTable, accounts: list[int], units: list[list[int]], second: int) -> None:
    table.report(np.array(accounts), np.array(units), second)


@pytest.fixture
def table() -> ClaimTable:
    """Return a table of three accounts and two tokens; account 1 was reported at second 100."""
    made = ClaimTable(3, 2)
    report(made, [1], [[5, 6]], 100)
    return made


def test_a_report_is_counted_for_its_accounts_alone(table: ClaimTable) -> None:
    assert table.units.tolist() == [[0, 0], [5, 6], [0, 0]]
    assert table.as_of_second.tolist() == [0, 100, 0]


def test_a_newer_report_replaces_an_older_one_even_if_it_is_lower(table: ClaimTable) -> None:
    report(table, [1], [[1, 0]], 101)
    assert table.units[1].tolist() == [1, 0]
    assert table.as_of_second[1] == 101


def test_an_older_report_that_arrives_late_changes_nothing(table: ClaimTable) -> None:
    report(table, [1], [[9, 9]], 99)
    assert table.units[1].tolist() == [5, 6]
    assert table.as_of_second[1] == 100


def test_a_report_is_taken_over_where_it_is_newer_and_left_where_it_is_not(
    table: ClaimTable,
) -> None:
    report(table, [2, 1, 0], [[1, 1], [2, 2], [3, 3]], 50)
    assert table.units.tolist() == [[3, 3], [5, 6], [1, 1]]
    assert table.as_of_second.tolist() == [50, 100, 50]


@given(st.permutations(range(6)))
@settings(deadline=None, max_examples=40)
def test_reports_in_any_order_leave_the_newest(order: list[int]) -> None:
    table = ClaimTable(1, 1)
    for second in order:
        report(table, [0], [[10 * second]], second)
    assert table.units.tolist() == [[50]]
    assert table.as_of_second.tolist() == [5]


def test_a_claim_counts_by_the_proof_of_the_protocol_that_reports_it() -> None:
    claims = ClaimTable(3, 1)
    claims.proof[1], claims.proof[2] = "attested", "zk"
    assert claims.proven_share({"attested": 0.25}).tolist() == [1.0, 0.75, 1.0]


def test_reports_carry_the_proof_of_their_protocol_and_the_venue_needs_none_at_home(
    make_setting: SettingMaker,
) -> None:
    remote = make_setting("message_passing", protocol={"proof": "optimistic"})
    assert remote.architecture.claims.proof == ["optimistic", "own", "optimistic", "own"]
    assert make_setting("asset_bridge").architecture.claims.proof == ["own"] * 4
