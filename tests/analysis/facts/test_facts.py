"""Stylised facts: their measures against known laws, their targets, and the command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from abm.analysis.facts import Fact, stylised_facts
from abm.analysis.facts.quotes import (
    CELLS,
    book_facts,
    calm_quotes,
    interest_facts,
    spread_facts,
)
from abm.analysis.facts.returns import (
    autocorrelation,
    excess_kurtosis,
    return_facts,
    tail_index,
)
from abm.analysis.facts.stress import largest_fall, stress_facts
from abm.cli import app
from abm.randomness import Streams

if TYPE_CHECKING:
    from abm.recording.results import RunResults


@pytest.mark.parametrize(
    ("measured", "low", "high", "verdict"),
    [
        (2.0, 1.0, 3.0, "met"),
        (1.0, 1.0, 3.0, "met"),
        (0.9, 1.0, 3.0, "missed"),
        (9.0, 1.0, None, "met"),
        (9.0, None, 3.0, "missed"),
        (None, 1.0, 3.0, "no data"),
    ],
)
def test_a_fact_is_met_inside_its_range(
    measured: float | None, low: float | None, high: float | None, verdict: str
) -> None:
    assert Fact("a", measured, low, high, "", "").verdict == verdict


def test_the_kurtosis_of_two_values_and_of_a_normal_sample() -> None:
    # +-1 have the fourth moment 1: 1 - 3.
    assert excess_kurtosis(np.array([1.0, -1.0] * 10)) == pytest.approx(-2.0)
    normal = Streams(1).get("test").standard_normal(100_000)
    assert abs(excess_kurtosis(normal)) < 4 * (24 / 100_000) ** 0.5


def test_the_tail_index_of_a_pareto_law_is_found() -> None:
    sample = Streams(1).get("test").pareto(3.0, 100_000) + 1.0
    # Its error is 3 / sqrt(5000).
    assert tail_index(sample) == pytest.approx(3.0, abs=4 * 3.0 / 5_000**0.5)


def test_the_autocorrelation_of_an_alternating_series() -> None:
    # Nine products of -1 over ten squares of 1.
    assert autocorrelation(np.array([1.0, -1.0] * 5), 1) == pytest.approx(-0.9)


def test_a_diffusion_shows_neither_tails_nor_clusters() -> None:
    moves = Streams(1).get("test").standard_normal(6_000) * 1e-3
    prices = 100 * np.exp(np.concatenate([[0.0], moves.cumsum()]))
    tails, _, linear, clusters = return_facts(prices, 600)
    assert [fact.verdict for fact in (tails, linear, clusters)] == ["missed", "met", "missed"]


def quotes(**columns: list[object]) -> pl.DataFrame:
    """Return two samples of one near series, from two hours on, with changes."""
    plain: dict[str, list[Any]] = {
        "second": [7_200, 7_800],
        "seconds_left": [86_400 * 3, 86_400 * 3],
        "is_call": [True, False],
        "delta": [0.5, -0.5],
        "vega_usd": [100.0, 100.0],
        "published_usd": [2_000.0, 2_000.0],
        "bid_usd": [10.0, 10.0],
        "ask_usd": [13.0, 14.0],
        "bid_lots": [10, 10],
        "ask_lots": [20, 20],
        "open_interest_lots": [30, 10],
    }
    count = max(map(len, columns.values()), default=2)
    rows = {name: (values * 2)[:count] for name, values in plain.items()}
    return calm_quotes(pl.DataFrame({**rows, **columns}, strict=False))


def test_the_spread_of_a_cell_is_the_median_in_points_of_volatility() -> None:
    # 3 and 4 dollars over a vega of 100 are 3 and 4 points.
    (fact,) = spread_facts(quotes())
    assert fact.label == "spread, up to 7 d, delta 0.40 to 0.60"
    assert fact.measured == pytest.approx(3.5)
    # Three quarters of 3.19, of ETH in January 2024, to five quarters of 8.23, of BTC in May 2020.
    assert (fact.low, fact.high) == pytest.approx((0.75 * 3.19, 1.25 * 8.23))
    assert fact.met


def test_quotes_of_the_first_hour_and_one_sided_ones_have_no_spread() -> None:
    assert not list(spread_facts(quotes(second=[600, 1_200])))
    assert not list(spread_facts(quotes(bid_usd=[None, None])))


def test_cells_cover_every_tenor_and_delta_up_to_nine_tenths_once() -> None:
    for days in (0.5, 7.0, 20.0, 90.0, 400.0):
        for delta in (0.0, 0.1, 0.3, 0.45, 0.89):
            inside = [
                cell
                for cell in CELLS
                if cell.days[0] < days <= cell.days[1] and cell.delta[0] <= delta < cell.delta[1]
            ]
            assert len(inside) == 1


def test_sizes_are_in_dollars_of_the_underlying() -> None:
    # Sizes of 10, 10, 20 and 20 contracts at 2,000 dollars: the median is 15 of them.
    size, both = book_facts(quotes())
    assert size.measured == pytest.approx(30_000.0)
    assert both.measured == pytest.approx(100.0)
    _, half = book_facts(quotes(ask_usd=[None, 14.0]))
    assert half.measured == pytest.approx(50.0)


def test_open_interest_is_split_by_type_and_expiry() -> None:
    calls, top, near = interest_facts(
        quotes(second=[7_200, 7_200], seconds_left=[86_400 * 3, 86_400 * 50])
    )
    assert calls.measured == pytest.approx(75.0)
    assert top.measured == pytest.approx(75.0)
    assert near.measured == pytest.approx(75.0)


def steps(prices: list[float], depth: list[int]) -> pl.DataFrame:
    count = len(prices)
    wild = [0.5] * (count - 2) + [5.0, 5.0]
    return pl.DataFrame(
        {
            "second": [3_600 * number for number in range(count)],
            "price_usd": prices,
            "depth_lots": depth,
            "realised_volatility": wild,
        }
    )


def test_a_fall_is_looked_for_within_six_hours() -> None:
    # Half a dollar an hour from 100 to 50: relatively most at the end, from 53 to 50.
    assert largest_fall(np.linspace(100.0, 50.0, 101), 3_600) == pytest.approx(1 - 50 / 53)
    assert largest_fall(np.array([50.0, 100.0]), 3_600) == 0.0


def test_a_calm_run_is_asked_nothing_about_stress() -> None:
    assert not stress_facts(steps([100.0] * 30, [1_000] * 30), quotes())


def test_stress_is_measured_against_the_runs_own_calm() -> None:
    prices = [100.0] * 28 + [85.0, 80.0]
    # 3 dollars wide at two hours, 12 in the last one; the far series of then does not count.
    samples = quotes(
        second=[7_200, 29 * 3_600, 29 * 3_600],
        delta=[0.5, -0.5, -0.9],
        bid_usd=[10.0, 10.0, 10.0],
        ask_usd=[13.0, 22.0, 90.0],
    )
    depth, width = stress_facts(steps(prices, [1_000] * 28 + [50, 60]), samples)
    assert [depth.measured, width.measured] == pytest.approx([5.0, 4.0])
    assert [depth.verdict, width.verdict] == ["met", "met"]


def test_the_command_prints_every_fact_with_its_verdict(crash: RunResults) -> None:
    done = CliRunner().invoke(app, ["facts", str(crash.folder)])
    assert done.exit_code == 0, done.output
    found = stylised_facts(crash)
    for fact in found:
        assert fact.label in done.output
    met = sum(fact.met is True for fact in found)
    assert f"{met} of " in done.output.splitlines()[-1]
