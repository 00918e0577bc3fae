"""Depth, spread, recovery and spillover, by hand and on a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from abm.analysis.liquidity import feed_basis, liquidity, spillover

if TYPE_CHECKING:
    from abm.recording.results import RunResults


class Fake:
    """A run of given steps."""

    def __init__(self, steps: pl.DataFrame, at_hours: float | None = None) -> None:
        shocks = {} if at_hours is None else {"it": {"at_hours": at_hours}}
        several: dict[str, Any] = {"second": {}} if "venue" in steps.columns else {}
        scenario: dict[str, Any] = {
            "clock": {"hours": 4},
            "shocks": shocks,
            "further_venues": several,
        }
        self._name = "venues" if several else "steps"
        self.manifest = type("Card", (), {"scenario": scenario})()
        self._steps = steps

    def table(self, name: str) -> pl.DataFrame:
        assert name == self._name
        return self._steps


def steps_of(depth: list[float], **columns: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "second": [1_800 * place for place in range(len(depth))],
            "depth_lots": depth,
            "spread_volatility": [0.01 * (place + 1) for place in range(len(depth))],
            **columns,
        }
    )


def test_a_book_that_falls_and_comes_back() -> None:
    # Normal from 1 h to 2 h: 100 and 110, median 105, nine tenths of it 94.5.
    run: Any = Fake(steps_of([10, 50, 100, 110, 40, 20, 60, 95, 100]), at_hours=2)
    row = liquidity(run).row(0, named=True)
    assert row["normal_depth_lots"] == 105
    assert row["normal_spread_volatility"] == pytest.approx(0.035)
    assert (row["worst_depth_lots"], row["worst_second"]) == (20, 9_000)
    assert row["widest_spread_volatility"] == pytest.approx(0.09)
    assert row["seconds_without_depth"] == 3 * 1_800
    assert row["recovered_second"] == 7 * 1_800


def test_a_book_that_never_comes_back_has_no_recovery() -> None:
    run: Any = Fake(steps_of([10, 50, 100, 100, 40, 20, 60]), at_hours=2)
    assert liquidity(run)["recovered_second"].to_list() == [None]


def test_one_venue_follows_the_other() -> None:
    rng = np.random.default_rng(1)
    lead = rng.uniform(50, 100, 60)
    follow = np.concatenate([[70.0], lead[:-1]])
    steps = pl.concat(
        [
            steps_of(lead.tolist(), venue=["first"] * 60),
            steps_of(follow.tolist(), venue=["second"] * 60),
        ]
    )
    run: Any = Fake(steps)
    found = {row[:2]: row[2] for row in spillover(run).iter_rows()}
    assert found["first", "second"] == pytest.approx(1.0)
    assert abs(found["second", "first"]) < 0.9
    assert liquidity(run)["venue"].to_list() == ["first", "second"]


def test_a_run_of_one_venue_has_no_spillover(crash: RunResults) -> None:
    assert spillover(crash).is_empty()
    with pytest.raises(ValueError, match="lag_steps is 0; it must be at least 1"):
        spillover(crash, 0)


def test_a_run_has_its_worst_depth_and_the_basis_between_its_chains(crash: RunResults) -> None:
    row = liquidity(crash).row(0, named=True)
    after = crash.table("steps").filter(pl.col("second") >= 2_700)
    assert row["worst_depth_lots"] == after["depth_lots"].min()
    basis = feed_basis(crash)
    first = crash.table("chains").filter(second=4_800)["published_usd"]
    expected = max(first) / min(first) - 1
    assert basis.filter(second=4_800)["basis"].item() == pytest.approx(expected)
