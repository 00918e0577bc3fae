"""The tree of all losses: exact at every node, and made of what really happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from typer.testing import CliRunner

from abm.analysis.cause_tree import WAYS, cause_tree, loss_by_root_and_way, tree_frame
from abm.analysis.causes import loss_by_cause
from abm.cli import app

if TYPE_CHECKING:
    from collections.abc import Callable

    from abm.recording.results import RunResults

each_run = pytest.mark.parametrize("name", ["crash", "no_shocks", "silo_crash", "no_losses"])


def micro(amount_usd: float) -> int:
    return round(amount_usd * 1e6)


@each_run
def test_losses_of_children_sum_to_the_parents_exactly(
    results_of: Callable[[str], RunResults], name: str
) -> None:
    results = results_of(name)
    tree = cause_tree(results)
    assert tree.loss_micro == micro(results.outcome["bad_debt_usd"])
    for _, cause in tree.walk():
        bearing = [child.loss_micro for child in cause.children if child.loss_micro is not None]
        if bearing:
            assert sum(bearing) == cause.loss_micro


@each_run
def test_roots_and_ways_sum_to_the_loss_exactly(
    results_of: Callable[[str], RunResults], name: str
) -> None:
    results = results_of(name)
    table = loss_by_root_and_way(results)
    total = micro(results.outcome["bad_debt_usd"])
    assert sum(map(micro, table["total"])) == total
    assert sum(micro(amount) for way in WAYS for amount in table[way]) == total


def test_roots_are_those_of_the_accounting_by_delay(crash: RunResults) -> None:
    causes = loss_by_cause(crash).filter(pl.col("bad_debt_usd") > 0)
    expected = dict(causes.select("cause", "bad_debt_usd").iter_rows())
    found = dict(loss_by_root_and_way(crash).select("root", "total").iter_rows())
    assert found == expected


def test_what_was_sold_low_is_what_auctions_lost_up_to_the_loss(crash: RunResults) -> None:
    auctions = crash.table("auctions").with_columns(
        lost=pl.col("published_value_usd") - pl.col("proceeds_usd")
    )
    expected = 0
    for row in crash.table("liquidations").filter(pl.col("bad_debt_usd") > 0).iter_rows(named=True):
        own = auctions.filter(liquidation=row["liquidation"])["lost"]
        expected += min(micro(row["bad_debt_usd"]), sum(micro(lost) for lost in own))
    assert micro(float(loss_by_root_and_way(crash)["fire_sale"].sum())) == expected


def test_nothing_is_late_where_all_stands_at_the_venue(
    results_of: Callable[[str], RunResults],
) -> None:
    table = loss_by_root_and_way(results_of("silo_crash"))
    assert table["late_margin"].sum() == 0


def test_a_tree_is_a_table_whose_parents_come_first(crash: RunResults) -> None:
    frame = tree_frame(cause_tree(crash))
    assert frame["node"].to_list() == list(range(frame.height))
    assert frame["parent"].null_count() == 1
    assert (frame["parent"].drop_nulls() < frame["node"][1:]).all()
    depth = dict(frame.select("node", "depth").iter_rows())
    for node, parent in frame.select("node", "parent").drop_nulls().iter_rows():
        assert depth[node] == depth[parent] + 1
    assert {"run", "liquidation", "message", "auction"} <= set(frame["kind"])
    losing = crash.table("liquidations").filter(pl.col("bad_debt_usd") > 0).height
    assert frame.filter(kind="liquidation").height == losing


def test_the_command_prints_roots_and_ways(crash: RunResults) -> None:
    told = CliRunner().invoke(app, ["causes", str(crash.folder)])
    assert told.exit_code == 0
    assert "late margin" in told.output
    assert "all" in told.output
