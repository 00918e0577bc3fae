"""Seven ways to hold collateral, on the same agents, orders and shocks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abm.collateral import ARCHITECTURES
from abm.recording.tables import arrow_tables
from abm.scenario import load_scenario
from abm.simulation.model import OptionsMarket
from abm.simulation.run import simulate

SMALL_CRASH = Path(__file__).parent.parent / "scenario" / "small_crash.toml"
NAMES = list(ARCHITECTURES)
BY_MESSAGE = [name for name in NAMES if name != "silo"]
CHAINS = ("venue", "far", "near")
CHANNELS = ("to_far", "from_far", "to_near", "from_near")
WITHDRAWING = (
    "traders.sellers.withdrawals_per_day=30",
    "traders.buyers.withdrawals_per_day=30",
    "traders.buyers.panic_below=0.9",
)
# Messages take a second, cost nothing, and nothing fails; owners answer no calls, since those who
# live on another chain than their collateral would need that second.
INSTANT = (
    "shocks={}",
    "liquidators.home_chains={venue=1, far=1, near=1}",
    "liquidators.capital_median_usd=100000000",
    "traders.sellers.top_up_probability=0",
    "traders.buyers.top_up_probability=0",
    "collateral.sync_seconds=60",
    "relayers.minimum_profit_usd=0",
    "relayers.outages_per_day=0",
    "relayers.messages_per_minute=100000",
    "protocols.relay.loss_probability=0",
    "protocols.relay.duplicate_probability=0",
    *(f"chains.{chain}.gas_usd=0" for chain in CHAINS),
    *(f"chains.{chain}.block_seconds=0.000001" for chain in CHAINS),
    *(
        f"channels.{channel}.{part}=0"
        for channel in CHANNELS
        for part in ("finality_median_seconds", "attestation_median_seconds", "execution_seconds")
    ),
)


@cache
def tables(name: str, *changes: str) -> dict[str, pl.DataFrame]:
    """Run the small crash under an architecture and return its tables."""
    scenario = load_scenario(SMALL_CRASH, (f"collateral.architecture={name}", *changes))
    frames = {
        table: pl.from_arrow(rows) for table, rows in arrow_tables(simulate(scenario)).items()
    }
    return {table: frame for table, frame in frames.items() if isinstance(frame, pl.DataFrame)}


@pytest.mark.parametrize("name", NAMES)
def test_what_flows_in_and_out_of_wallets_and_vaults_is_what_they_gained(name: str) -> None:
    scenario = load_scenario(SMALL_CRASH, (f"collateral.architecture={name}", *WITHDRAWING))
    model = OptionsMarket(scenario)
    world = model.world
    blocks = {"vault": world.holders.vault, "wallet": world.holders.wallet}
    count = len(world.cash.balances)
    before = {kind: world.ledger.block(first, count).sum(axis=0) for kind, first in blocks.items()}
    issued, recorded = world.ledger.issued(), len(world.recorder.rows["flows"])
    for _ in range(scenario.clock.step_count):
        model.step()
    fresh = world.ledger.issued() - issued  # minted or burnt in vaults
    rows = world.recorder.rows["flows"][recorded:]
    for kind, first in blocks.items():
        gained = world.ledger.block(first, count).sum(axis=0) - before[kind]
        for token, token_name in enumerate(world.ledger.tokens):
            moved = sum(
                int(str(units)) * ((to == kind) - (origin == kind))
                for _, origin, _, to, _, moved_token, units, _ in rows
                if moved_token == token_name
            )
            assert moved == gained[token] - (fresh[token] if kind == "vault" else 0)
    model.release()


@pytest.mark.parametrize("name", NAMES)
def test_every_balance_sheet_balances_where_nothing_was_stolen_or_is_late(name: str) -> None:
    sheets = tables(name, *INSTANT)["solvency"]
    opening = sheets.filter(pl.col("second") == 0)
    np.testing.assert_allclose(opening["gap_usd"].to_numpy(), 0.0, atol=1e-6)
    scale = float(str(sheets["assets_usd"].max()))
    # Under messages a claim is a second old.
    late = 0.05 if name == "message_passing" else 1e-9
    assert float(np.abs(sheets["gap_usd"].to_numpy()).max()) <= late * scale


@pytest.mark.parametrize("name", NAMES)
def test_withdrawals_and_runs_happen_and_leave_the_rules_of_conservation_whole(name: str) -> None:
    found = tables(name, *WITHDRAWING)
    moves = found["moves"].filter(pl.col("kind") == "withdrawal")
    assert len(moves) > 0
    assert float(str(moves["value_usd"].sum())) > 0
    run = found["runs"].row(0, named=True)
    assert run["withdrawn_usd"] == pytest.approx(moves["value_usd"].sum())


def test_a_loss_to_the_fund_starts_a_run_that_names_it_as_its_cause() -> None:
    events = tables("message_passing", *WITHDRAWING)["events"]
    runs = events.filter(pl.col("kind") == "run")
    losses = events.filter(pl.col("kind") == "bad_debt")["event"]
    assert len(runs) > 0
    assert runs["cause"].is_in(losses.implode()).all()


@pytest.mark.parametrize("name", BY_MESSAGE)
def test_order_flow_is_the_same_under_every_architecture_until_consequences_differ(
    name: str,
) -> None:
    silo, other = tables("silo")["trades"], tables(name)["trades"]
    first_seizure = tables("silo")["liquidations"]["breach_second"].min()
    until = pl.col("second") < first_seizure
    assert silo.filter(until).equals(other.filter(until))
    assert len(silo.filter(until)) > 10


@pytest.mark.parametrize("name", ["asset_bridge", "layer2_aggregation", "centralized_exchange"])
def test_without_delay_and_failure_collateral_at_the_venue_is_as_good_as_a_silo(
    name: str,
) -> None:
    silo, other = tables("silo", *INSTANT), tables(name, *INSTANT)
    assert len(silo["liquidations"]) > 10
    for column in ("breaches", "liquidated", "failed", "bad_debt_usd"):
        expected = silo["runs"].row(0, named=True)[column]
        found = other["runs"].row(0, named=True)[column]
        if name == "asset_bridge" and column == "bad_debt_usd":
            # Wrapped dollars need a buyer, so a little of them goes at the auction's discount.
            assert found == pytest.approx(expected, rel=0.05, abs=2_000)
        else:
            assert found == expected


def test_what_is_published_commits_to_as_much_as_owners_are_owed() -> None:
    found = tables("message_passing")["commitments"]
    assert found["root"].n_unique() == len(found) == 2
    assert (found["committed_usd"] > 0).all()
    # Collateral seized and not yet reported is still committed to: a promise older than the truth.
    assert (found["oldest_claim_seconds"] > 0).any()


def test_without_the_channel_of_runs_nobody_runs() -> None:
    events = tables("message_passing", *WITHDRAWING, "contagion.withdrawal_run=false")["events"]
    assert len(events.filter(pl.col("kind") == "run")) == 0
    assert len(events.filter(pl.col("kind") == "bad_debt")) > 0


def test_a_haircut_on_attested_claims_lowers_what_is_believed_of_them() -> None:
    fully = tables("message_passing")["accounts"]
    haircut = tables("message_passing", "collateral.proof_haircuts={attested=0.5}")["accounts"]
    at_start = (pl.col("moment").cast(pl.String) == "start") & (pl.col("vault_usd") > 0)
    before, after = fully.filter(at_start), haircut.filter(at_start)
    assert set(before["proof"].cast(pl.String).unique()) == {"attested"}
    assert (after["believed_equity_usd"] < before["believed_equity_usd"]).all()


def test_all_channels_halted_for_the_whole_run_are_islands() -> None:
    """Nothing passes: no word arrives, nothing is seized, and lanes' delays make no difference."""
    channels = list(CHANNELS)
    shock = f"{{kind='channel_halt', channels={channels}, at_hours=0, duration_hours=2.5}}"
    halted = f"shocks={{all={shock}}}"
    islands = tables("message_passing", halted)
    outcome = islands["runs"].row(0, named=True)
    assert outcome["breaches"] > 0
    assert outcome["messages_sent"] > 0
    assert outcome["messages_delivered"] == 0
    assert outcome["in_transit_usd_mean"] == pytest.approx(0.0, abs=1e-6)
    assert islands["auctions"].is_empty()
    assert islands["liquidations"]["seized_second"].is_null().all()
    # Flows never join two chains.
    places = islands["flows"].select(pl.col("from_place", "to_place").cast(pl.String))
    abroad = places.filter(
        pl.col("from_place").is_in(list(CHAINS)),
        pl.col("to_place").is_in(list(CHAINS)),
        pl.col("from_place") != pl.col("to_place"),
    )
    assert abroad.is_empty()
    slower = tables(
        "message_passing",
        halted,
        *(f"channels.{channel}.finality_median_seconds=900" for channel in channels),
    )
    for name in ("trades", "accounts"):
        assert islands[name].equals(slower[name])
