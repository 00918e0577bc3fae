"""The smallest shock that exhausts each layer."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from abm.analysis.reverse_frontier import frontier_figure
from abm.cli import app
from abm.errors import ScenarioError
from abm.scenario import load_scenario
from abm.studies import reverse
from abm.studies.replicates import run_outcome
from abm.studies.reverse import (
    Axis,
    Frontier,
    default_axes,
    frontier_table,
    rays,
    reverse_stress,
)

FLAT = 'market.price={kind="diffusion", start_usd=2000, annual_volatility=0}'
SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"


def test_a_fan_of_rays_covers_the_positive_corner() -> None:
    assert len(rays(3, 1)) == 7
    assert len(rays(3, 2)) == 19
    assert (0.0, 0.0, 0.0) not in rays(3, 2)


def test_an_axis_tells_the_key_and_what_people_read() -> None:
    axis = Axis("price_fall_share", "shocks.fall.factor", 1.0, 0.6, 0.0, 0.4)
    assert (axis.value(0.5), axis.shown(0.5)) == pytest.approx((0.8, 0.2))


def test_the_three_shocks_are_nothing_at_their_start() -> None:
    scenario = load_scenario(SMALL_CRASH)
    prepared, axes = default_axes(scenario)
    assert [axis.name for axis in axes] == ["price_fall_share", "halt_hours", "relayers_lost_share"]
    calm = run_outcome(scenario.model_copy(update={"shocks": {}}))
    found = run_outcome(prepared)
    assert isinstance(calm, dict)
    assert isinstance(found, dict)
    # But for the entries of the log that say that they began.
    differs = {name for name in calm if calm[name] != found[name]}
    assert differs <= {"shocks", "events", "static_clearing_usd", "static_debtrank_usd"}


def found_by(monkeypatch: pytest.MonkeyPatch, thresholds: dict[str, float]) -> Frontier:
    """Search with runs replaced: a layer is exhausted when the sum of the axes reaches a limit."""
    scenario = load_scenario(SMALL_CRASH, ("waterfall.backstop.size_usd=1000",))
    prepared, axes = default_axes(scenario, worst_fall=0.5)

    def run(scenarios: list[object], *, workers: int) -> list[dict[str, float | None]]:
        assert workers == 1
        rows = []
        for each in scenarios:
            shocks = each.shocks  # type: ignore[attr-defined] # scenarios
            total = (
                (1.0 - shocks["fall"].factor) / 0.5
                + shocks["halt"].duration_hours / axes[1].worst
                + shocks["exit"].fraction
            )
            rows.append(
                {
                    "bad_debt_usd": 0.0,
                    "unresolved_usd": 0.0,
                }
                | {
                    f"{layer}_exhausted_second": 60 if total >= limit else None
                    for layer, limit in thresholds.items()
                }
            )
        return rows

    monkeypatch.setattr(reverse, "run_whole", run)
    return reverse_stress(prepared, axes, halvings=6, replicates=1)


def test_the_frontier_is_where_the_layer_is_just_exhausted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = found_by(monkeypatch, {"fund": 0.5, "backstop": 1.5, "socialised": 9.0})
    points = {(point.layer, point.direction): point for point in found.points}
    # On the axis of the fall alone the sum is its size: 0.5, to a 64th.
    fall = points["fund", (1.0, 0.0, 0.0)]
    assert fall.size == pytest.approx(0.5, abs=1 / 64)
    assert fall.shock["price_fall_share"] == pytest.approx(0.25, abs=1 / 128)
    assert fall.resolution == 1 / 64
    # With all three together a third of it each.
    assert points["fund", (1.0, 1.0, 1.0)].size == pytest.approx(0.5 / 3, abs=1 / 64)
    # The backstop needs more than one axis alone.
    assert points["backstop", (1.0, 0.0, 0.0)].size is None
    assert points["backstop", (1.0, 1.0, 0.0)].size == pytest.approx(0.75, abs=1 / 64)
    assert {point.size for point in found.points if point.layer == "socialised"} == {None}
    assert all(point.monotone for point in found.points)
    assert found.smallest("socialised") is None
    smallest = found.smallest("fund")
    assert smallest is not None
    assert (smallest.size or 0) * sum(smallest.direction) == pytest.approx(0.5, abs=3 / 64)


def test_a_frontier_is_a_table_and_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    found = found_by(monkeypatch, {"fund": 0.5, "backstop": 1.5, "socialised": 9.0})
    table = frontier_table(found)
    assert table.height == 21
    assert table.filter(layer="socialised")["exhausted"].sum() == 0
    figure = frontier_figure(table, [axis.name for axis in found.axes])
    traces = {trace.name: trace for trace in figure.plot.data}
    assert len(traces["fund"].x) == 7
    assert len(traces["socialised"].x) == 0


def test_a_larger_fund_takes_a_larger_fall() -> None:
    sizes = []
    for fund in (2_000, 60_000):
        scenario = load_scenario(SMALL_CRASH, (f"waterfall.insurance_fund_usd={fund}", FLAT))
        prepared, axes = default_axes(scenario, worst_fall=0.6)
        found = reverse_stress(prepared, axes[:1], halvings=4, replicates=1)
        point = found.smallest("fund")
        assert point is not None
        sizes.append(point.shock["price_fall_share"])
    assert 0 < sizes[0] < sizes[1]


def test_the_command_writes_the_frontier(tmp_path: Path) -> None:
    out = tmp_path / "frontier.parquet"
    arguments = ["reverse", str(SMALL_CRASH), "--halvings", "0", "--replicates", "1"]
    arguments += ["--set", "clock.hours=1", "--out", str(out)]
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code == 0
    assert "price fall share" in told.output
    assert pl.read_parquet(out).height == 14
    told = CliRunner().invoke(app, [*arguments, "--json"])
    assert len(json.loads(told.output)["points"]) == 14


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--worst-fall", "1.5"], "worst_fall is 1.5; it must be above 0 and below 1"),
        (["--worst-halt-hours", "9"], "worst_halt_hours is 9; it must be above 0 and at most"),
        (["--out", "frontier.csv"], "it must end in .parquet"),
    ],
)
def test_a_wrong_option_is_one_message(options: list[str], message: str) -> None:
    told = CliRunner().invoke(app, ["reverse", str(SMALL_CRASH), *options])
    assert isinstance(told.exception, ScenarioError)
    assert message in str(told.exception)
