"""Collateral worth another underlying than the traded one."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from abm.errors import ScenarioError
from abm.scenario import parse_scenario
from abm.simulation.build import build_world
from abm.simulation.run import simulate

SMALL = Path(__file__).parents[1] / "scenario" / "small_crash.toml"


def data_with_bitcoin(annual_drift: float = 0.0) -> dict[str, Any]:
    """Return the small crash with its ETH collateral turned into BTC that moves by drift alone."""
    data = tomllib.loads(SMALL.read_text(encoding="utf-8"))
    data["market"]["others"] = {
        "BTC": {
            "price": {
                "kind": "diffusion",
                "start_usd": 60_000.0,
                "annual_volatility": 0.0,
                "annual_drift": annual_drift,
            }
        }
    }
    data["tokens"]["WBTC"] = {"base_units": 100_000_000, "worth": "BTC", "haircut": 0.1}
    for kind in ("sellers", "buyers"):
        data["traders"][kind]["collateral_tokens"] = {"WBTC": 1.0}
    return data


def test_a_deposit_is_worth_its_dollars_at_the_other_price() -> None:
    world = build_world(parse_scenario(data_with_bitcoin()))
    column = world.place.tokens.names.index("WBTC")
    owned = world.owned_units()[0, column]
    # 1 WBTC is 100,000,000 base units and 60,000 dollars.
    expected = float(world.traders.wealth_usd[0])
    assert owned / 100_000_000 * 60_000 == pytest.approx(expected, rel=1e-4)


def test_the_fall_of_the_other_underlying_alone_makes_accounts_breach() -> None:
    # The traded price stands still. ln(0.3) over two and a half hours, 3504 of them in a year.
    flat = {"kind": "diffusion", "start_usd": 2_000.0, "annual_volatility": 0.0}
    breaches = []
    for drift in (0.0, -1.2 * 3_504):
        data = data_with_bitcoin(annual_drift=drift)
        data["market"]["price"] = flat
        data["shocks"] = {}
        recorder = simulate(parse_scenario(data))
        breaches.append(recorder.column("runs", "breaches")[0])
    assert breaches[0] == 0
    assert breaches[1] is not None
    assert int(breaches[1]) > 0


def test_an_unknown_worth_is_told_with_the_nearest_name() -> None:
    data = data_with_bitcoin()
    data["tokens"]["WBTC"]["worth"] = "BTCC"
    with pytest.raises(ScenarioError, match=r"tokens\.WBTC\.worth is 'BTCC'.*mean 'BTC'"):
        parse_scenario(data)


def test_another_underlying_may_not_take_the_name_of_the_traded_one() -> None:
    data = data_with_bitcoin()
    data["market"]["others"]["ETH"] = data["market"]["others"]["BTC"]
    with pytest.raises(ScenarioError, match=r"market\.others\.ETH.*name of its own"):
        parse_scenario(data)
