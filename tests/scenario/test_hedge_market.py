"""What a hedge market and hedging refuse, and to which scenarios the switch matters."""

from __future__ import annotations

from pathlib import Path

import pytest

from abm.errors import ScenarioError
from abm.scenario import load_scenario
from abm.scenario.contagion import open_switches

SMALL_CRASH = Path(__file__).with_name("small_crash.toml")
DEPTH = "hedge_market.depth_usd=200_000"


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("hedge_market.depth_usd=0", "hedge_market.depth_usd is 0"),
        ("hedge_market.permanent_share=1.1", "hedge_market.permanent_share is 1.1"),
        ("hedge_market.half_life_seconds=-1.0", "hedge_market.half_life_seconds is -1"),
        ("hedge_market.smallest_depth_share=0.0", "hedge_market.smallest_depth_share is 0"),
        ("hedge_market.arbitrage_usd_per_hour=-5.0", "hedge_market.arbitrage_usd_per_hour is -5"),
        ("hedge_market.chain_depth_usd.fra=5.0", "did you mean 'far'"),
        ("market_makers.hedging.band_lots=-1.0", "market_makers.hedging.band_lots is -1"),
        (
            "market_makers.hedging.depth_share_per_minute=0.0",
            "market_makers.hedging.depth_share_per_minute is 0",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_key(override: str, told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        load_scenario(SMALL_CRASH, (DEPTH, override))


def test_makers_cannot_hedge_without_a_market() -> None:
    told = "market_makers.hedging.*it needs a market to hedge in, the table hedge_market"
    with pytest.raises(ScenarioError, match=told):
        load_scenario(SMALL_CRASH, ("market_makers.hedging.band_lots=5.0",))


def test_the_switch_matters_where_there_is_a_hedge_market_alone() -> None:
    assert "fire_sale_price" not in open_switches(load_scenario(SMALL_CRASH))
    assert "fire_sale_price" in open_switches(load_scenario(SMALL_CRASH, (DEPTH,)))


def test_a_chain_without_a_depth_of_its_own_has_that_of_all() -> None:
    given = load_scenario(SMALL_CRASH, (DEPTH, "hedge_market.chain_depth_usd.far=5.0"))
    rule = given.hedge_market
    assert rule is not None
    assert [rule.calm_depth_usd(chain) for chain in ("far", "near")] == [5.0, 200_000.0]
