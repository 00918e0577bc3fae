"""Figures of oracles, flows and commitments against their tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from abm.analysis.figures import FIGURES
from abm.analysis.figures.commitments import committed_against_held
from abm.analysis.figures.flows import MOST_WAYS, OTHERS, flows_by_hour, flows_over_time
from abm.analysis.figures.oracles import oracle_error

if TYPE_CHECKING:
    from abm.recording.results import RunResults


def test_the_error_of_every_chain_is_drawn_and_every_stale_moment_marked(crash: RunResults) -> None:
    table = crash.table("oracles").with_columns(pl.col("chain").cast(pl.String))
    drawn = {trace.name: trace for trace in oracle_error(crash).plot.data}
    stale = drawn.pop("too old", None)
    assert drawn.keys() == set(table["chain"])
    for chain, trace in drawn.items():
        assert list(trace.y) == table.filter(chain=chain)["error"].to_list()
    assert (0 if stale is None else len(stale.x)) == table["stale"].sum()


def test_bars_of_flows_add_up_to_what_moved(crash: RunResults) -> None:
    figure = flows_over_time(crash)
    drawn = sum(float(value) for trace in figure.plot.data for value in trace.y)
    assert drawn == pytest.approx(crash.table("flows")["value_usd"].sum())
    assert len(figure.plot.data) <= MOST_WAYS + 1


def test_flows_are_put_together_by_way_and_by_the_hour_that_they_end() -> None:
    flows = pl.DataFrame(
        {
            # The row at 3,600 tells of the interval before it: it belongs to the first hour.
            "second": [600, 3_600, 3_601, 600],
            "from_kind": ["wallet", "wallet", "wallet", "trading_vault"],
            "to_kind": ["escrow", "escrow", "escrow", "lock"],
            "value_usd": [1.0, 2.0, 4.0, 3.0],
        }
    )
    assert flows_by_hour(flows).rows() == [
        ("wallet to escrow", 0, 3.0),
        ("wallet to escrow", 3_600, 4.0),
        ("trading vault to lock", 0, 3.0),
    ]


def test_ways_of_few_dollars_are_one() -> None:
    count = MOST_WAYS + 2
    flows = pl.DataFrame(
        {
            "second": [60] * count,
            "from_kind": [f"place {place}" for place in range(count)],
            "to_kind": ["venue"] * count,
            "value_usd": [float(count - place) for place in range(count)],
        }
    )
    # The two least, of 2 and 1 dollars, are the others.
    assert flows_by_hour(flows).rows()[-1] == (OTHERS, 0, 3.0)


def test_commitments_are_drawn_as_recorded(crash: RunResults) -> None:
    table = crash.table("commitments")
    committed, held = committed_against_held(crash).plot.data
    assert list(committed.y) == table["committed_usd"].to_list()
    assert list(held.y) == table["held_usd"].to_list()


@pytest.mark.parametrize("name", ["oracle_error", "flows_over_time", "committed_against_held"])
def test_they_stand_in_the_report_and_in_notebooks(name: str) -> None:
    assert name in FIGURES
