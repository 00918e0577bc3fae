"""The exposure graph of a recorded run, and that of the running world it was recorded from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx
import polars as pl
import pytest
from typer.testing import CliRunner

from abm.analysis.exposure_graph import (
    exposure_graph,
    layer_totals,
    recorded_seconds,
    static_importance,
)
from abm.cli import app
from abm.errors import ResultsError
from abm.scenario import parse_scenario
from abm.simulation.exposures import exposure_graph as graph_of_world
from abm.simulation.model import OptionsMarket

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from abm.recording.results import RunResults


def test_tables_and_the_running_world_give_the_same_graph(crash: RunResults) -> None:
    model = OptionsMarket(parse_scenario(crash.manifest.scenario))
    for _ in range(60):
        model.step()
    now, recorded = graph_of_world(model.world), exposure_graph(crash, 3_600)
    assert list(now.nodes(data=True)) == list(recorded.nodes(data=True))
    assert list(now.edges(keys=True, data=True)) == list(recorded.edges(keys=True, data=True))
    model.release()


def test_exposures_are_recorded_every_hour_and_at_the_end(crash: RunResults) -> None:
    assert recorded_seconds(crash) == [0, 3_600, 7_200, 9_000]


def test_a_moment_between_records_takes_the_one_before(crash: RunResults) -> None:
    at, between = exposure_graph(crash, 3_600), exposure_graph(crash, 4_000)
    assert list(at.edges(data=True)) == list(between.edges(data=True))


def test_collateral_and_deposits_are_what_the_chains_table_says(crash: RunResults) -> None:
    graph = exposure_graph(crash, 7_200)
    chains = crash.table("chains").filter(second=7_200)
    for row in chains.filter(pl.col("claimed_usd") > 0).iter_rows(named=True):
        chain = f"chain:{row['chain']}"
        claimed = graph.edges["venue", chain, "collateral"]["exposure_usd"]
        assert claimed == pytest.approx(row["claimed_usd"])
        held = sum(
            data["exposure_usd"]
            for _, _, data in graph.in_edges(chain, data=True)
            if data["layer"] == "deposits"
        )
        assert held == pytest.approx(row["collateral_usd"])


def test_the_far_chain_and_its_channels_matter_most(crash: RunResults) -> None:
    # Three quarters of the collateral stand there; all of it is reached by these channels.
    impact = dict(static_importance(exposure_graph(crash)).select("node", "impact").iter_rows())
    assert impact["chain:far"] > impact["chain:near"] > 0
    assert impact["channel:to_far"] == pytest.approx(impact["chain:far"])
    assert all(0.0 <= share <= 1.0 + 1e-9 for share in impact.values())


def test_layers_add_up_to_the_table(crash: RunResults) -> None:
    totals = layer_totals(exposure_graph(crash))
    table = crash.table("exposures").filter(second=0)
    assert totals["exposure_usd"].sum() == pytest.approx(table["exposure_usd"].sum())
    assert totals["edges"].sum() == table.height


def test_a_silo_needs_no_channels(results_of: Callable[[str], RunResults]) -> None:
    layers = set(layer_totals(exposure_graph(results_of("silo_crash")))["layer"])
    assert not layers & {"reach", "relayers", "protocols"}


def test_before_the_start_there_is_no_graph(crash: RunResults) -> None:
    with pytest.raises(ResultsError, match="second -1 is before the start"):
        exposure_graph(crash, -1)


def test_the_static_band_stands_in_the_outcome_and_the_summary(crash: RunResults) -> None:
    outcome = crash.outcome
    assert 0 < outcome["static_clearing_usd"] < outcome["static_debtrank_usd"]


@pytest.mark.parametrize("form", ["graphml", "gexf"])
def test_the_command_shows_and_exports_the_graph(
    crash: RunResults, tmp_path: Path, form: str
) -> None:
    out = tmp_path / f"graph.{form}"
    told = CliRunner().invoke(app, ["graph", str(crash.folder), "--out", str(out), "--hour", "1"])
    assert told.exit_code == 0
    assert "hour 1: 28 nodes" in told.output
    assert "channel:to_far" in told.output
    read = nx.read_graphml(out, force_multigraph=True) if form == "graphml" else nx.read_gexf(out)
    assert read.number_of_nodes() == 28


def test_an_unknown_format_is_refused(crash: RunResults, tmp_path: Path) -> None:
    out = tmp_path / "graph.txt"
    told = CliRunner().invoke(app, ["graph", str(crash.folder), "--out", str(out)])
    assert told.exit_code != 0
    assert not out.exists()
