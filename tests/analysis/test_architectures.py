"""Architectures side by side, from the rows of a study."""

from __future__ import annotations

import polars as pl
import pytest

from abm.analysis.architectures import architecture_rows, least_lost

RUNS = pl.DataFrame(
    {
        "architecture": ["silo", "silo", "pool", "pool"],
        "required_usd_mean": [100.0, 120.0, 90.0, 90.0],
        "in_transit_usd_mean": [0.0, 0.0, 10.0, 30.0],
        "worst_shortfall_usd": [5.0, 15.0, 0.0, 0.0],
        "bad_debt_usd": [4.0, 6.0, 1.0, 2.0],
        "unresolved_usd": [0.0, 2.0, 0.0, 0.0],
        "liquidation_cost_usd": [10.0, 10.0, 1.0, 1.0],
        "moving_cost_usd": [0.0, 2.0, 3.0, 3.0],
        "idle_share_mean": [0.5, 0.7, 0.2, 0.4],
        "open_interest_per_locked_mean": [1.0, 3.0, 5.0, 5.0],
        "liquidation_seconds_p50": [60.0, None, None, None],
    }
)


def test_needed_is_what_is_required_on_its_way_and_was_short() -> None:
    silo, pool = architecture_rows(RUNS)
    assert (silo.architecture, silo.runs) == ("silo", 2)
    # Silo: 100 and 5, 120 and 15, halved. Pool: 90 and 10, 90 and 30, halved.
    assert silo.capital_needed_usd.value == pytest.approx(120.0)
    assert pool.capital_needed_usd.value == pytest.approx(110.0)


def test_lost_holds_what_is_still_owed_and_owners_pay_for_moving_too() -> None:
    silo, pool = architecture_rows(RUNS)
    assert silo.lost_usd.value == pytest.approx(6.0)
    assert (silo.cost_to_owners_usd.value, pool.cost_to_owners_usd.value) == (11.0, 4.0)


def test_a_median_time_is_of_the_runs_that_have_one() -> None:
    silo, pool = architecture_rows(RUNS)
    assert silo.liquidation_seconds is not None
    assert silo.liquidation_seconds.value == 60.0
    assert pool.liquidation_seconds is None


def test_the_best_is_the_one_under_which_least_is_lost() -> None:
    assert least_lost(architecture_rows(RUNS)).architecture == "pool"
