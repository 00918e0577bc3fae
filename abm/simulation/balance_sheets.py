"""What stands where, what is owed for it, and what moved: rows for three tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.ledger import Commitment
from abm.margin import total_value
from abm.units import MICRO, SECONDS_PER_DAY, dollars

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.simulation.world import World


COMMITMENT_SECONDS = SECONDS_PER_DAY // 4
"""Time between two commitments: a tree over thousands of accounts takes as long as many steps."""


def record_balance_sheets(world: World) -> None:
    """Add the rows of a sampled step; every six hours and at the end the commitment, too."""
    _record_flows(world)
    if world.recorder.keeps("solvency"):
        _record_solvency(world)
    if not world.recorder.keeps("commitments"):
        return
    if world.now % COMMITMENT_SECONDS == 0 or world.now == world.scenario.clock.horizon_seconds:
        _record_commitment(world)


def _record_flows(world: World) -> None:
    """Add what moved between places since the last sample, and forget it."""
    unit_usd = world.unit_usd(world.price_usd)
    for (source, destination, token), units in world.ledger.flows.items():
        origin, _, origin_place = source.partition("@")
        arrival, _, arrival_place = destination.partition("@")
        world.recorder.add(
            "flows",
            world.now,
            origin,
            origin_place or None,
            arrival,
            arrival_place or None,
            world.ledger.tokens[token],
            units,
            units * float(unit_usd[token]),
        )
    world.ledger.flows.clear()


def _record_solvency(world: World) -> None:
    """Compare, chain by chain, what is there with what owners were promised of it.

    What is seized or in a channel is counted once, on either side of the sheet, as in flight.
    """
    prices = world.place.tokens.unit_usd(world.price_usd)
    accounts = len(world.cash.balances)
    vaults = world.ledger.block(world.holders.vault, accounts)
    owed = _owed_by_lock(world, prices)
    native = np.array([not chains for chains in world.place.tokens.locked_on])
    claims = world.architecture.claims.units
    in_vault_usd = total_value(vaults[:, native], prices[native])
    claim_usd = total_value(claims[:, native], prices[native])
    vault_of = {clearing.chain: world.cash.vault_of(clearing.house) for clearing in world.clearings}
    cash = world.cash.balances
    for chain in world.scenario.chains:
        here = world.whereabouts.vaults[chain]
        in_vaults, claimed = float(in_vault_usd[here].sum()), float(claim_usd[here].sum())
        locked, promised = _value(world, [world.holders.lock[chain]], prices), owed[chain]
        assets, liabilities = in_vaults + locked, claimed + promised
        receivable = 0.0
        if chain in vault_of:
            there = cash[world.whereabouts.venues[chain]]
            receivable = -dollars(float(np.minimum(there, 0).sum()))
            assets += _value(world, [vault_of[chain]], prices)
            liabilities += dollars(float(np.maximum(there, 0).sum()))
        moving = [world.holders.auction[chain]]
        if chain == world.scenario.venue.chain:
            moving.append(world.holders.rebalancing)
        moving += [
            world.holders.escrow[name]
            for name, channel in world.scenario.channels.items()
            if channel.source == chain
        ]
        world.recorder.add(
            "solvency",
            world.now,
            chain,
            assets,
            receivable,
            liabilities,
            _value(world, moving, prices),
            assets + receivable - liabilities,
        )


def _value(world: World, holders: list[int], prices: NDArray[np.float64]) -> float:
    return float((world.ledger.held_by(holders) * prices).sum())


def _owed_by_lock(world: World, prices: NDArray[np.float64]) -> dict[str, float]:
    """Return what is promised against each chain's lock, in dollars.

    A pool promises against all its locks together: by what stands in each.
    """
    bridge, tokens = world.architecture.bridge, world.place.tokens
    owed = dict.fromkeys(world.scenario.chains, 0.0)
    for token in tokens.representations:
        promised_usd = bridge.supply(token) * float(prices[token])
        chains = tokens.locked_on[token]
        if len(chains) == 1:
            owed[chains[0]] += promised_usd
            continue
        original = int(tokens.original[token])
        held = {
            chain: world.ledger.balance(world.holders.lock[chain], original) for chain in chains
        }
        # What is being moved between chains is in flight: on neither side.
        total = sum(held.values()) + world.ledger.balance(world.holders.rebalancing, original)
        for chain in chains:
            share = held[chain] / total if total else 1.0 / len(chains)
            owed[chain] += promised_usd * share
    return owed


def _record_commitment(world: World) -> None:
    """Commit to what every owner is owed by its venue's book, in micro-dollars."""
    units = world.architecture.claims.units
    claimed = np.zeros(len(units))
    for number, clearing in enumerate(world.clearings):
        there = world.clearing_of == number
        counted = world.place.counted_unit_usd(world.board[clearing.chain].price_usd)
        claimed[there] = total_value(units[there], counted)
    owed = np.maximum(world.cash.balances, 0) + (claimed * MICRO).astype(np.int64)
    tree = Commitment([(f"account {number}", units) for number, units in enumerate(owed.tolist())])
    true_units = world.ledger.block(world.holders.vault, len(owed))
    held = total_value(true_units, world.unit_usd(world.price_usd)).sum()
    vaults = [world.cash.vault_of(clearing.house) for clearing in world.clearings]
    vault = dollars(sum(world.ledger.balance(holder, world.cash.token) for holder in vaults))
    ages = world.now - world.architecture.claims.as_of_second[: len(world.traders)]
    world.recorder.add(
        "commitments",
        world.now,
        tree.root.digest.hex(),
        dollars(tree.root.units),
        float(held) + vault,
        int(ages.max()) if len(ages) else 0,
    )


def record_moves(world: World) -> None:
    """Add every deposit and withdrawal of a run."""
    for move in world.architecture.passage.moves:
        world.recorder.add(
            "moves",
            move.id,
            move.account,
            move.kind,
            world.ledger.tokens[move.token],
            move.units,
            move.source,
            move.destination,
            move.started_second,
            move.arrived_second,
            move.refunded,
            move.value_usd,
            move.gas_usd,
            move.fee_usd,
        )
