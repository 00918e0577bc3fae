"""Every kind of shock: nothing changes before its start, and something of its own does after."""

from __future__ import annotations

import json
import math
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from abm.recording.schemas import SCHEMAS
from abm.scenario import parse_scenario
from abm.scenario.shocks import TimedShock
from abm.simulation.run import simulate
from abm.simulation.shocks import ELSEWHERE, ON_START, WHILE_ACTIVE

if TYPE_CHECKING:
    from abm.recording.recorder import Recorder

START_HOURS = 0.75
START = 2_700
TIMED = {"steps": 0, "chains": 0, "oracles": 0, "channels": 0, "trades": 0, "flows": 0, "events": 1}
MINT = {"collateral.architecture": "lock_and_mint"}
CUSTODY = {"collateral.architecture": "centralized_exchange"}
STABLE = {
    "tokens.DAI": {"base_units": 1_000_000, "worth": "stable"},
    "traders.sellers.collateral_tokens": {"DAI": 1},
}
# Final after 90 s and signed after 390: what was sent at 2,400 is under way and believed at 2,700.
HASTY = {"channels.from_far.attestation_median_seconds": 300}
LAW = {"chains.far.jurisdiction": "us"}

# kind: its keys, what else the scenario needs, and a column of a table that must tell of it.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "agent_outage": (
        {"relayers": [0, 1, 2], "market_makers": [0]},
        {},
        "messages",
        "picked_second",
    ),
    "bridge_exploit": ({"protocol": "relay"}, MINT, "steps", "shortfall_usd"),
    "censorship": (
        {"channels": ["to_far"], "by": "verifiers", "message_kinds": ["seizure"]},
        {},
        "messages",
        "picked_second",
    ),
    "chain_halt": ({"chains": ["far"]}, {}, "chains", "halted"),
    "channel_delay": ({"channels": ["to_far"], "factor": 8}, {}, "messages", "ready_second"),
    "channel_halt": ({"channels": ["to_far"]}, {}, "channels", "blocked"),
    "channel_loss": ({"channels": ["to_far"], "probability": 0.9}, {}, "messages", "fate"),
    "custodian_freeze": ({}, {}, "liquidations", "outcome"),
    "emergency_pause": ({"detection_hours": 0.1}, {}, "trades", "second"),
    "finality_loss": ({"chains": ["far"]}, {}, "messages", "final_second"),
    "gas_spike": ({"chains": ["far"], "factor": 20}, {}, "chains", "gas_usd"),
    "jurisdiction_freeze": ({"jurisdictions": ["us"]}, LAW, "auctions", "opened_second"),
    "liquidator_exit": ({"fraction": 1.0}, {}, "auctions", "units_sold"),
    "market_maker_withdrawal": ({"fraction": 1.0}, {}, "steps", "quoting_makers"),
    "oracle_deviation": (
        {"chains": ["venue"], "factor": 0.9},
        {},
        "steps",
        "published_usd",
    ),
    "oracle_freeze": ({"chains": ["venue"]}, {}, "steps", "published_age_seconds"),
    "oracle_manipulation": ({"chains": ["venue"], "factor": 1.2}, {}, "steps", "published_usd"),
    "parameter_change": (
        {"parameter": "margin.price_scan_range", "value": 0.3, "timelock_hours": 0.1},
        {},
        "accounts",
        "maintenance_usd",
    ),
    "price_jump": ({"factor": 0.8}, {}, "steps", "price_usd"),
    "relayer_exit": ({"fraction": 1.0}, {}, "messages", "picked_second"),
    "relayer_strike": ({"channels": ["from_far"]}, {}, "messages", "picked_second"),
    "reorg": ({"chains": ["far"], "depth_seconds": 3_000}, HASTY, "messages", "fate"),
    "sequencer_outage": (
        {"chains": ["far"]},
        {"chains.far.forced_inclusion_seconds": 900},
        "chains",
        "halted",
    ),
    "stablecoin_depeg": ({"token": "DAI", "worth_usd": 0.7}, STABLE, "steps", "shortfall_usd"),
    "verifier_compromise": (
        {"protocol": "relay", "keys": 2, "target_usd": 50_000},
        {},
        "messages",
        "forged",
    ),
    "volatility_jump": ({"added_volatility": 0.5}, {}, "steps", "volatility_level"),
}

Edits = dict[str, Any]
SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"


def simulated(shocks: Edits, edits: Edits) -> Recorder:
    """Run the small crash for an hour and a half with other shocks and some keys changed."""
    data = tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8"))
    for key, value in {"clock.hours": 1.5, "shocks": shocks, **edits}.items():
        *parents, last = key.split(".")
        table = data
        for part in parents:
            table = table[part]
        table[last] = value
    return simulate(parse_scenario(data))


def run(shock: Edits | None = None, edits: Edits | None = None) -> Recorder:
    """Run it with one shock or none; each only once."""
    return _run(json.dumps([{} if shock is None else {"it": shock}, edits or {}]))


@cache
def _run(what: str) -> Recorder:
    return simulated(*json.loads(what))


def column(recorder: Recorder, table: str, name: str) -> list[Any]:
    place = SCHEMAS[table].names.index(name)
    return [row[place] for row in recorder.rows[table]]


def before(recorder: Recorder, table: str, place: int) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = recorder.rows[table]
    return [row for row in rows if row[place] < START]


def stolen_values(recorder: Recorder) -> list[float]:
    kinds, values = column(recorder, "events", "kind"), column(recorder, "events", "value_usd")
    return [value for kind, value in zip(kinds, values, strict=True) if kind == "stolen"]


def timed(kind: str, **keys: object) -> Edits:
    moment = {"at_hours": START_HOURS} | ({"duration_hours": 0.5} if kind != "reorg" else {})
    return {"kind": kind, **moment, **CASES[kind][0], **keys}


def test_every_kind_of_shock_has_a_case_and_an_effect() -> None:
    kinds = {get_args(kind.model_fields["kind"].annotation) for kind in TimedShock.__subclasses__()}
    assert {(case,) for case in CASES} == kinds
    assert set(TimedShock.__subclasses__()) == {*ON_START, *WHILE_ACTIVE, *ELSEWHERE}


@pytest.mark.parametrize("kind", CASES)
def test_a_shock_changes_nothing_before_its_start_and_its_own_table_after(kind: str) -> None:
    _, edits, table, name = CASES[kind]
    actual, without = run(timed(kind), edits), run(None, edits)
    for timed_table, place in TIMED.items():
        assert before(actual, timed_table, place) == before(without, timed_table, place)
    assert column(actual, table, name) != column(without, table, name)


# --- what some of them do


def test_what_is_stolen_from_a_lock_is_the_recorded_gap() -> None:
    actual = run(timed("bridge_exploit", share=0.5, detection_hours=0.1), MINT)
    kinds = column(actual, "events", "kind")
    assert "stolen" in kinds
    assert "guardian_pause" in kinds
    assert all(value > 0 for value in stolen_values(actual))


def test_a_forged_deposit_mints_what_nothing_is_locked_for() -> None:
    edits = {**MINT, "protocols.relay.bucket_usd": 5_000}
    actual = run(timed("verifier_compromise", target_usd=20_000, detection_hours=0.4), edits)
    kinds = column(actual, "events", "kind")
    assert "minted_unbacked" in kinds
    # On the way out the same keys empty the locks.
    assert "stolen" in kinds


@pytest.mark.parametrize(
    ("keys", "verifiers", "forged"), [(1, 3, False), (2, 3, True), (1, 1, True)]
)
def test_keys_forge_only_as_a_quorum(
    keys: int,
    verifiers: int,
    forged: bool,  # noqa: FBT001
) -> None:
    edits = {"protocols.relay.verifiers": verifiers, "protocols.relay.quorum": min(verifiers, 2)}
    actual = run(timed("verifier_compromise", keys=keys), edits)
    assert any(column(actual, "messages", "forged")) is forged


def test_a_proof_that_no_key_forges_is_not_forged() -> None:
    actual = run(timed("verifier_compromise", keys=3), {"protocols.relay.proof": "zk"})
    assert not any(column(actual, "messages", "forged"))


def test_a_guardian_refuses_what_is_in_its_challenge() -> None:
    edits = {
        "protocols.relay.proof": "optimistic",
        **{f"channels.{name}.challenge_seconds": 1_800 for name in ("to_far", "to_near")},
    }
    actual = run(timed("verifier_compromise", keys=3, detection_hours=0.2), edits)
    rows = zip(
        column(actual, "messages", "forged"), column(actual, "messages", "fate"), strict=True
    )
    assert {fate for is_forged, fate in rows if is_forged} == {"void"}
    assert "stolen" not in column(actual, "events", "kind")


def test_rate_limits_bound_a_theft_until_it_is_found() -> None:
    def stolen(edits: Edits) -> float:
        actual = run(timed("verifier_compromise", target_usd=1e6, detection_hours=0.25), edits)
        return math.fsum(stolen_values(actual))

    bucket = {
        "protocols.relay.bucket_usd": 1_000,
        "protocols.relay.bucket_refill_usd_per_second": 1,
    }
    free, limited = stolen({}), stolen(bucket)
    # Two channels from the venue, each with a full bucket and a dollar a second for 900 seconds.
    assert 0 < limited <= 2 * (1_000 + 900) < free


def test_a_reorganisation_voids_messages_of_those_who_did_not_wait() -> None:
    # A minute after all vaults have reported, at 2,400: none of it is final for its protocol.
    early = timed("reorg", depth_seconds=80, at_hours=41 / 60)
    hasty, patient = run(timed("reorg"), HASTY), run(early)
    assert "reorg" in column(hasty, "messages", "reason")
    assert "message_unbacked" in column(hasty, "events", "kind")
    # Final after 90 seconds and reorganised within 60: included again, and none is void.
    assert any(column(patient, "messages", "reorged"))
    assert set(column(patient, "messages", "reason")) == {None}


def test_a_deposit_whose_block_is_dropped_is_spent_twice() -> None:
    """Top-ups of called traders, delivered and minted for, come back to their wallets."""
    late = timed("reorg", at_hours=1.4)
    bridged = {"collateral.architecture": "asset_bridge"}
    actual = run(late, bridged)
    kinds, values = column(actual, "events", "kind"), column(actual, "events", "value_usd")
    spent = [value for kind, value in zip(kinds, values, strict=True) if kind == "spent_twice"]
    assert spent
    assert min(spent) > 0
    # Where nothing is minted for a lock, there is nothing to spend twice.
    assert "spent_twice" not in column(run(late), "events", "kind")


def test_a_price_jump_stays_and_one_that_recovers_does_not() -> None:
    prices = column(run(), "steps", "price_usd")
    stays = column(run(timed("price_jump")), "steps", "price_usd")
    back = column(run(timed("price_jump", recovery_half_life_hours=0.05)), "steps", "price_usd")
    # At the last step, a quarter of an hour after the end: five half-lives.
    assert stays[-1] / prices[-1] == pytest.approx(0.8)
    assert back[-1] / prices[-1] == pytest.approx(math.exp(math.log(0.8) / 2**5))


def test_a_venue_that_does_not_look_counts_a_fallen_token_in_full() -> None:
    def gap(*, seen: bool) -> float:
        actual = run(timed("stablecoin_depeg", venue_sees_it=seen), STABLE)
        return float(max(column(actual, "steps", "belief_gap_usd")))

    assert gap(seen=False) > 2 * gap(seen=True)


# --- drawn at a rate


def drawn(**keys: object) -> Edits:
    return {
        "kind": "gas_spike",
        "chains": ["far"],
        "factor": 20,
        "hazard_per_year": 20_000,
        "duration_median_hours": 0.05,
        **keys,
    }


def test_drawn_shocks_are_events_with_a_start_and_an_end() -> None:
    actual = run(drawn())
    kinds = column(actual, "events", "kind")
    # 20,000 a year are 3.4 in an hour and a half, less those while one lasts.
    assert 1 <= kinds.count("shock_gas_spike") <= 10
    assert 0 <= kinds.count("shock_gas_spike") - kinds.count("shock_gas_spike_over") <= 1
    spikes = [gas for gas in column(actual, "chains", "gas_usd") if gas > 10]
    assert len(spikes) <= len(column(actual, "chains", "gas_usd"))


def test_one_drawn_shock_shifts_no_other() -> None:
    def starts(shocks: Edits) -> list[int]:
        actual = simulated(shocks, {})
        kinds, seconds = column(actual, "events", "kind"), column(actual, "events", "second")
        return [at for kind, at in zip(kinds, seconds, strict=True) if kind == "shock_gas_spike"]

    other = drawn(kind="oracle_freeze")
    del other["factor"]
    alone, both = starts({"gas": drawn()}), starts({"gas": drawn(), "also": other})
    assert alone == both != []


def test_crashes_raise_the_rate_of_those_that_ask_for_it() -> None:
    rare = drawn(hazard_per_year=10)
    calm = column(run(rare), "events", "kind").count("shock_gas_spike")
    crash = column(run({**rare, "crash_multiplier": 5_000}), "events", "kind")
    assert calm == 0
    assert crash.count("shock_gas_spike") > 0
