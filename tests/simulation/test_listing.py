"""In a run, only what is listed is quoted and traded, and the fall of the price lists more."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from abm.scenario import parse_scenario
from abm.simulation.run import simulate

SMALL = Path(__file__).parents[1] / "scenario" / "small_crash.toml"


@pytest.fixture(scope="module")
def rows() -> dict[str, list[Any]]:
    """Run the small crash, from 2,000 to 1,500 dollars, with one strike listed on either side."""
    data = tomllib.loads(SMALL.read_text(encoding="utf-8"))
    data["market"]["nearest_strikes"] = 1
    data["market"]["expiries"][0]["strikes_usd"] = [1_000, 1_400, 1_800, 2_200, 2_600]
    recorder = simulate(parse_scenario(data))
    names = {"trades": "series", "events": "kind", "quotes": "series"}
    return {
        table: list(
            zip(recorder.column(table, "second"), recorder.column(table, name), strict=True)
        )
        for table, name in names.items()
    }


def strikes(rows: list[Any], until: int = 10**9) -> set[str]:
    return {series.split("-")[2] for second, series in rows if second <= until}


def test_at_the_start_only_the_nearest_strikes_trade_and_are_quoted(
    rows: dict[str, list[Any]],
) -> None:
    # The price first falls below 1,800 in the third half hour.
    assert strikes(rows["trades"], until=3_000) == {"1800", "2200"}
    assert strikes(rows["quotes"], until=3_000) == {"1800", "2200"}


def test_a_fall_lists_the_next_strike_and_no_further_one(rows: dict[str, list[Any]]) -> None:
    assert "1400" in strikes(rows["quotes"])
    assert strikes(rows["trades"]) <= {"1400", "1800", "2200"}
    assert strikes(rows["quotes"]) == {"1400", "1800", "2200"}
    assert [kind for _, kind in rows["events"]].count("listing") == 1
