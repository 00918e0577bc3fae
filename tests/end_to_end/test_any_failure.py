"""Every failure at once, under every architecture: not a unit is lost, nor a message."""

from __future__ import annotations

import itertools
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.analysis.cause_tree import cause_tree, loss_by_root_and_way
from abm.analysis.causes import loss_by_cause
from abm.collateral import ARCHITECTURES
from abm.network import Fate
from abm.recording.files import write_run
from abm.recording.results import read_results
from abm.recording.schemas import SCHEMAS
from abm.recording.tables import arrow_tables, digest
from abm.scenario import Scenario, parse_scenario
from abm.scenario.contagion import SWITCHES
from abm.simulation.closing import record_end
from abm.simulation.firms import Remittance
from abm.simulation.model import OptionsMarket
from abm.simulation.run import simulate
from abm.units import MICRO

if TYPE_CHECKING:
    from abm.recording.recorder import Recorder
    from abm.simulation.world import World

Tables = dict[str, Any]

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


# What a run may have beside the small crash: each a change of its tables.

FURTHER = {
    "second": {"chain": "second", "insurance_fund_usd": 5_000, "mutual_fund_usd": 2_000},
    "third": {"chain": "near", "insurance_fund_usd": 0},
}
LANE = {"protocol": "relay", "finality_median_seconds": 20, "attestation_median_seconds": 5}
OPTIONS: dict[str, Tables] = {
    "mutual_fund": {"waterfall": {"mutual_fund": {"own_usd": 4_000}}},
    "deleverage": {"waterfall": {"last": "deleverage"}},
    "arbitrageurs": {"arbitrageurs": {"count": 2, "capital_usd": 20_000}},
    "fund_depositors": {
        "fund_depositors": {"count": 5, "share": 1.0, "leave_below": 1.0, "notice_hours": 0.1}
    },
    "guardians": {
        "guardians": {"count": 3, "quorum": 2, "notice_median_seconds": 120, "pause_hours": 0.3}
    },
    "hedge_market": {"hedge_market": {"depth_usd": 50_000, "chain_depth_usd": {"near": 10_000}}},
    "hedging": {
        "hedge_market": {"depth_usd": 200_000},
        "market_makers": {"hedging": {"band_lots": 2.0, "funding_rate_per_day": 0.01}},
    },
    "reserve": {"liquidators": {"reserve_fraction": 2.0, "refill_below": 0.9}},
    "funding_width": {"market_makers": {"funding_width": 2.0}},
    "adverse_selection": {"market_makers": {"adverse_selection_share": 1.0}},
    "lent_cash": {"venue": {"lends_cash": True}},
    "at_once": {"liquidation": {"close_out": "at_once"}},
    "short_makers": {"market_makers": {"capital_usd": 20_000}},
    "first_come": {"venue": {"ordering": {"rule": "first_come", "delay_median_seconds": 30.0}}},
    "priority_fee": {"venue": {"ordering": {"rule": "priority_fee", "fee_median_usd": 0.5}}},
    "batch_auction": {"venue": {"ordering": {"rule": "batch_auction", "batch_seconds": 300}}},
    "encrypted": {"venue": {"ordering": {"rule": "encrypted", "decryption_delay_seconds": 200}}},
}
ORDERINGS = ("first_come", "priority_fee", "batch_auction", "encrypted")
SEARCHERS = {
    "searchers": {
        "count": 2,
        "capital_usd": 20_000,
        "delay_seconds": 1,
        "snipe_liquidations": True,
    }
}


def merged(data: Tables, change: Tables) -> Tables:
    """Return tables with some of their keys changed."""
    return data | {
        key: merged(data.get(key, {}), value) if isinstance(value, dict) else value
        for key, value in change.items()
    }


@st.composite
def mixtures(draw: st.DrawFn) -> Scenario:
    """Draw a small market of one to three venues, what else there is in it, and what fails."""
    data = tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8"))
    data["seed"] = draw(st.integers(0, 2**31))
    data["clock"] = data["clock"] | {"hours": draw(st.sampled_from([1.5, 2.5])), "step_seconds": 60}
    # Series that expire in the run, too.
    data["market"]["expiries"].append({"after_hours": 1.25, "strikes_usd": [1_600, 2_000]})
    data["collateral"]["architecture"] = draw(st.sampled_from(sorted(ARCHITECTURES)))
    data["tokens"]["DAI"] = {"base_units": 1_000_000, "worth": "stable"}
    data["chains"]["second"] = {"block_seconds": 2, "gas_usd": 0.02, "jurisdiction": "us"}
    data["chains"]["far"]["jurisdiction"] = "us"
    lanes = {(lane["source"], lane["destination"]) for lane in data["channels"].values()}
    for route in itertools.permutations(data["chains"], 2):
        if route not in lanes:
            ends = dict(zip(("source", "destination"), route, strict=True))
            data["channels"]["_to_".join(route)] = ends | LANE
    venues = draw(st.sampled_from([(), ("second",), ("third",), ("second", "third")]))
    chosen = draw(st.sets(st.sampled_from(sorted(set(OPTIONS) - set(ORDERINGS)))))
    for name in sorted(chosen):
        if name != "arbitrageurs" or venues:
            data = merged(data, OPTIONS[name])
    further = {name: dict(FURTHER[name]) for name in venues}
    if "mutual_fund" not in chosen:
        further.get("second", {}).pop("mutual_fund_usd", None)
    data["further_venues"] = further
    ordering = draw(st.sampled_from([None, *ORDERINGS]))
    if ordering is not None:
        data = merged(data, OPTIONS[ordering])
        data = merged(data, SEARCHERS if draw(st.booleans()) else {})
    weights = dict.fromkeys(("main", *venues), 1.0)
    for kind in data["traders"].values():
        kind |= {"count": 20, "venues": weights, "withdrawals_per_day": 10, "panic_below": 0.8}
        kind["orders_from_home"] = draw(st.booleans())
        kind["collateral_tokens"] = {"ETH": 0.5, "USDC": 0.3, "DAI": 0.2}
    switches = draw(st.sets(st.sampled_from(SWITCHES), max_size=2))
    data["contagion"] = dict.fromkeys(sorted(switches), False)
    kinds = draw(st.lists(st.sampled_from(sorted(SHOCKS)), min_size=1, max_size=6, unique=True))
    data["shocks"] = {
        f"{kind}_{number}": {
            "kind": kind,
            "at_hours": draw(st.floats(0.2, 1.2)),
            **({} if kind == "reorg" else {"duration_hours": draw(st.floats(0.1, 1.0))}),
            **SHOCKS[kind],
        }
        for kind in kinds
        for number in range(draw(st.integers(1, 2)))
    }
    return parse_scenario(data)


def assert_sound(world: World) -> None:
    """Assert what must be so of any run at its end."""
    horizon = world.scenario.clock.horizon_seconds
    for item in world.desk.liquidations:
        times = (item.breach_second, item.first_seizure_second, item.first_seized_second)
        passed = [second for second in (*times, item.proceeds_second) if second is not None]
        assert passed == sorted(passed)
        assert all(0 <= second <= horizon for second in passed)
        assert item.is_open == (item.ended_second is None)
        if item.ended_second is not None:
            assert item.breach_second <= item.ended_second <= horizon
    token = world.cash.token
    for number, clearing in enumerate(world.clearings):
        vault = world.cash.vault_of(clearing.house)
        booked = int(world.cash.balances[world.clearing_of == number].sum())
        assert world.ledger.balance(vault, token) == booked
        members = np.flatnonzero(world.clearing_of == number).tolist()
        held = sum(world.positions.row(account).astype(np.int64) for account in members)
        assert not np.any(held)
    paid = [waterfall.paid for waterfall in world.waterfalls]
    losses = [item.bad_debt for item in world.desk.liquidations if item.bad_debt is not None]
    assert sum(use.total for use in paid) == sum(loss.total for loss in losses)
    under_way = [
        transit.message.payload.destination
        for transit in world.transport.transits
        if isinstance(transit.message.payload, Remittance) and transit.fate is Fate.IN_FLIGHT
    ]
    assert all(account in under_way for account in world.firms.expected)


def finished(scenario: Scenario) -> World:
    model = OptionsMarket(scenario)
    for _ in range(scenario.clock.step_count):
        model.step()
    record_end(model.world)
    model.release()
    return model.world


def assert_paired(actual: Recorder, scenario: Scenario) -> None:
    """Assert that a run without its shocks is the same until the first of them."""
    without = simulate(scenario.without_shocks())
    for name, schema in SCHEMAS.items():
        if "second" in schema.names:
            place, first = schema.names.index("second"), scenario.first_shock_second
            tables: list[list[tuple[Any, ...]]] = [actual.rows[name], without.rows[name]]
            before = [[row for row in rows if row[place] < first] for rows in tables]
            assert before[0] == before[1], name


@pytest.mark.slow
@settings(max_examples=40)
@given(scenario=mixtures())
def test_any_mixture_of_venues_people_and_failures_keeps_every_rule(
    scenario: Scenario, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Invariants are checked after every step: a breach would end the run."""
    world = finished(scenario)
    assert_sound(world)
    assert_paired(world.recorder, scenario)
    folder = tmp_path_factory.mktemp("mixture")
    manifest = write_run(world.recorder, scenario, folder)
    results = read_results(folder)
    micro = [round(debt * MICRO) for debt in loss_by_cause(results)["bad_debt_usd"]]
    assert sum(micro) == round(results.outcome["bad_debt_usd"] * MICRO)
    ways = [round(loss * MICRO) for loss in loss_by_root_and_way(results)["total"]]
    assert sum(ways) == cause_tree(results).loss_micro == sum(micro)
    again = arrow_tables(simulate(scenario))
    assert {name: digest(table) for name, table in again.items()} == {
        name: entry["digest"] for name, entry in manifest.tables.items()
    }
