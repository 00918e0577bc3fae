"""Figures venue by venue: a line for each of several, none of a run of one."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import polars as pl
import pytest

from abm.analysis.figures.contagion_map import contagion_film
from abm.analysis.figures.venues import funds_left, makers_at_venues
from abm.recording.files import write_run
from abm.recording.results import read_results
from abm.scenario import parse_scenario
from abm.simulation.run import simulate
from tests.conftest import ROOT

if TYPE_CHECKING:
    from abm.recording.results import RunResults


@pytest.fixture(scope="module")
def two_venues(tmp_path_factory: pytest.TempPathFactory) -> RunResults:
    """Return three hours of two venues with a fifth of the traders."""
    path = ROOT / "scenarios" / "two_venues.toml"
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    data["clock"] |= {"hours": 3, "step_seconds": 300}
    data["shocks"] = {}
    for rule in data["traders"].values():
        rule["count"] //= 5
    folder = tmp_path_factory.mktemp("two_venues")
    scenario = parse_scenario(data)
    write_run(simulate(scenario), scenario, folder)
    return read_results(folder)


def test_every_venue_has_a_line_with_its_own_fund_and_makers(two_venues: RunResults) -> None:
    venues = two_venues.table("venues").with_columns(pl.col("venue").cast(pl.String))
    for make, column in ((funds_left, "fund_usd"), (makers_at_venues, "makers_quoting")):
        lines = {line.name: list(line.y) for line in make(two_venues).plot.data}
        assert list(lines) == ["main", "second"]
        for venue, drawn in lines.items():
            assert drawn == venues.filter(venue=venue)[column].to_list()
    starts = [line.y[0] for line in funds_left(two_venues).plot.data]
    assert starts == [20_000, 5_000]


def test_a_run_of_one_venue_refers_to_the_figures_of_the_run(crash: RunResults) -> None:
    for make in (funds_left, makers_at_venues):
        assert make(crash).empty == "There is one venue: see the figures of the run."


def test_both_venues_are_squares_on_the_map(two_venues: RunResults) -> None:
    chains = next(trace for trace in contagion_film(two_venues).plot.data if trace.name == "chains")
    labels = [text for text in chains.text if "(options venue)" in text]
    assert len(labels) == 2
    assert list(chains.marker.symbol).count("square") == 2
