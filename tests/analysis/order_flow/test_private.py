"""Differential privacy: bounds, noise, and their table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from abm.analysis.order_flow.private import Bounds, account_sums, error_table, release

if TYPE_CHECKING:
    from tests.analysis.order_flow.conftest import FlowMaker

TRADES = ((60, 6, 1, True), (60, -2, 1, False), (120, 3, 2, False), (180, -1, 3, True))


def test_an_account_counts_for_its_bound_at_most(make_flow: FlowMaker) -> None:
    # Account 1 has 8 contracts, cut to 4: its 6 bought and 6 resting to 3. Accounts 2 and 3 fit.
    sums = account_sums(make_flow(*TRADES), Bounds(trades=1, contracts=4))
    assert sums == {"trades": 3, "contracts": 8, "bought": 3 + 3, "from_rest": 3 + 1}


def test_no_account_moves_a_sum_by_more_than_its_bound(make_flow: FlowMaker) -> None:
    bounds = Bounds(trades=1, contracts=4)
    whole = account_sums(make_flow(*TRADES), bounds)
    for left_out in (1, 2, 3):
        rest = [trade for trade in TRADES if trade[2] != left_out]
        other = account_sums(make_flow(*rest), bounds)
        for name, bound in bounds.by_sum.items():
            assert abs(whole[name] - other[name]) <= bound


def test_the_table_has_the_bias_of_the_bounds_and_the_deviation_of_the_noise(
    make_flow: FlowMaker,
) -> None:
    rows = error_table(make_flow(*TRADES), (2.0,), Bounds(trades=1, contracts=4))
    trades = rows[0]
    # 4 trades, 3 of them within bounds; Laplace of scale 1 * 4 / 2 has deviation 2 * sqrt(2).
    assert (trades.exact, trades.bias) == (4.0, -1.0)
    assert trades.deviation == pytest.approx(2 * math.sqrt(2))
    assert trades.relative_error == pytest.approx(math.sqrt(1 + 8) / 4)
    # Shares: 9 of 12 bought; 6 of 8 within bounds. Noise of 4 * 4 / 2 * sqrt(2) in both parts.
    bought = rows[2]
    assert (bought.exact, bought.bias) == (0.75, 0.0)
    assert bought.deviation == pytest.approx(8 * math.sqrt(2) / 8 * math.sqrt(1 + 0.75**2))


def test_more_privacy_costs_more(make_flow: FlowMaker) -> None:
    errors = [row.relative_error for row in error_table(make_flow(*TRADES)) if row.exact == 4.0]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > errors[-1]


def test_releases_scatter_by_the_deviation_of_the_table(make_flow: FlowMaker) -> None:
    pytest.importorskip("opendp")
    flow, bounds = make_flow(*TRADES), Bounds(trades=1, contracts=4)
    released = np.array([release(flow, 2.0, bounds)["trades"] for _ in range(2_000)])
    # 2 * sqrt(2) around 3. The mean of 2,000 is off by 0.063; the deviation of a Laplace sample by
    # sqrt(5 / 4 / 2000) = 2.5 %: eight of either are never seen.
    assert released.mean() == pytest.approx(3.0, abs=8 * 0.063)
    assert released.std() == pytest.approx(2 * math.sqrt(2), rel=0.2)
