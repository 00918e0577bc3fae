"""Every failure at once, under every architecture: not a unit is lost, nor a message."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from abm.collateral import ARCHITECTURES
from abm.recording.schemas import SCHEMAS
from abm.scenario import parse_scenario
from abm.simulation.run import simulate

if TYPE_CHECKING:
    from abm.recording.recorder import Recorder

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"
FAR, RELAY = {"chains": ["far"]}, {"protocol": "relay", "detection_hours": 0.1}
LANES = {"channels": ["to_far", "from_far"]}

SHOCKS: dict[str, dict[str, Any]] = {
    "bridge_exploit": {**RELAY, "share": 0.3},
    "censorship": {**LANES, "by": "relayers", "share": 0.5},
    "chain_halt": FAR,
    "channel_delay": {**LANES, "factor": 5},
    "channel_halt": LANES,
    "agent_outage": {"relayers": [0, 2], "market_makers": [1]},
    "channel_loss": {**LANES, "probability": 0.5},
    "custodian_freeze": {},
    "emergency_pause": {},
    "finality_loss": FAR,
    "gas_spike": {**FAR, "factor": 5},
    "jurisdiction_freeze": {"jurisdictions": ["us"]},
    "liquidator_exit": {"fraction": 0.7},
    "market_maker_withdrawal": {"fraction": 0.5},
    "oracle_deviation": {"chains": ["venue", "far"], "factor": 0.8},
    "oracle_freeze": {"chains": ["venue"]},
    "oracle_manipulation": {"chains": ["near"], "factor": 1.3},
    "parameter_change": {
        "parameter": "margin.price_scan_range",
        "value": 0.25,
        "timelock_hours": 0,
    },
    "price_jump": {"factor": 0.8, "recovery_half_life_hours": 0.2},
    "relayer_exit": {"fraction": 0.7},
    "relayer_strike": LANES,
    "reorg": {"chains": ["far", "venue", "near"], "depth_seconds": 600},
    "sequencer_outage": {"chains": ["near", "venue"]},
    "stablecoin_depeg": {"token": "DAI", "worth_usd": 0.6, "venue_sees_it": False},
    "verifier_compromise": {**RELAY, "keys": 2, "target_usd": 40_000},
    "volatility_jump": {"added_volatility": 0.5},
}


def everything_fails(architecture: str, seed: int) -> Recorder:
    """Run the small crash with every kind of shock, each several times."""
    data = tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8"))
    data["seed"] = seed
    data["collateral"]["architecture"] = architecture
    data["chains"]["far"]["jurisdiction"] = "us"
    data["tokens"]["DAI"] = {"base_units": 1_000_000, "worth": "stable"}
    data["traders"]["sellers"]["collateral_tokens"] = {"ETH": 0.5, "USDC": 0.2, "DAI": 0.3}
    for traders in data["traders"].values():
        traders["withdrawals_per_day"] = 20
    data["protocols"]["relay"] |= {
        "stuck_probability": 0.05,
        "reorder_probability": 0.1,
        "tail_probability": 0.05,
        "bucket_usd": 50_000,
        "bucket_refill_usd_per_second": 50,
    }
    data["shocks"] = {
        kind: {
            "kind": kind,
            "hazard_per_year": 6_000,
            "crash_multiplier": 2,
            **({} if kind == "reorg" else {"duration_median_hours": 0.2}),
            **keys,
        }
        for kind, keys in SHOCKS.items()
    }
    return simulate(parse_scenario(data))


def column(recorder: Recorder, table: str, name: str) -> list[Any]:
    place = SCHEMAS[table].names.index(name)
    return [row[place] for row in recorder.rows[table]]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_no_failure_breaks_a_rule_of_any_architecture(architecture: str, seed: int) -> None:
    """Conservation of every token is checked after every step: a breach would end the run."""
    recorder = everything_fails(architecture, seed)
    kinds = column(recorder, "events", "kind")
    began = {kind for kind in kinds if kind.startswith("shock_") and not kind.endswith("_over")}
    assert len(began) >= 23
    for token, issued, held in zip(
        *(column(recorder, "tokens", name) for name in ("token", "issued", "held")), strict=True
    ):
        assert issued == held, token
    applied = Counter(
        (channel, nonce)
        for channel, nonce, is_applied in zip(
            *(column(recorder, "messages", name) for name in ("channel", "nonce", "applied")),
            strict=True,
        )
        if is_applied
    )
    assert set(applied.values()) <= {1}


def test_the_same_failures_happen_under_every_architecture() -> None:
    def began(architecture: str) -> list[tuple[str, int]]:
        recorder = everything_fails(architecture, 1)
        kinds, seconds = column(recorder, "events", "kind"), column(recorder, "events", "second")
        return [
            (kind, second)
            for kind, second in zip(kinds, seconds, strict=True)
            if kind.startswith("shock_")
        ]

    assert began("silo") == began("unified_pool") != []
