"""Liquidators bring dollars to the chain on which they bid, from a reserve at the first venue's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from abm.network import channel_between
from abm.recording.events import ROOT
from abm.units import MICRO, dollars

if TYPE_CHECKING:
    from abm.network import Message
    from abm.simulation.world import World

LOOK_SECONDS = 600
"""Liquidators look at their cash this often."""


@dataclass(frozen=True, slots=True)
class Replenishment:
    """Dollars of a liquidator on their way to its chain."""

    liquidator: int
    micro_dollars: int


@dataclass
class Replenishing:
    """What is on its way: micro-dollars by liquidator, one replenishment at a time for each."""

    expected: dict[int, int] = field(default_factory=dict)

    @property
    def under_way(self) -> int:
        """All of it, in micro-dollars."""
        return sum(self.expected.values())


def replenish(world: World) -> None:
    """Let liquidators whose cash has run low send for what they had at the start."""
    rule = world.scenario.liquidators
    if rule.reserve_fraction == 0 or world.now % LOOK_SECONDS:
        return
    token, holders = world.cash.token, world.holders
    for slot, capital_usd in enumerate(world.liquidators.capital_usd.tolist()):
        cash = world.ledger.balance(holders.liquidator + slot, token)
        left = world.ledger.balance(holders.reserve + slot, token)
        start = round(capital_usd * MICRO)
        is_low = cash < rule.refill_below * start and slot not in world.replenishing.expected
        has_left = float(world.liquidators.exit_rank[slot]) < world.strains.liquidators_gone
        if is_low and left and not has_left:
            _send(world, slot, min(left, start - cash))


def _send(world: World, slot: int, micro_dollars: int) -> None:
    """Move dollars from a liquidator's reserve to its wallet, by message unless they are there."""
    token, holders = world.cash.token, world.holders
    home, chain = world.scenario.venue.chain, world.liquidators.chains[slot]
    if world.transport.is_halted(home, world.now):
        return
    if chain == home:
        world.ledger.transfer(
            holders.reserve + slot, holders.liquidator + slot, token, micro_dollars
        )
        return
    channel = channel_between(world.graph, home, chain)
    world.ledger.transfer(holders.reserve + slot, holders.escrow[channel], token, micro_dollars)
    world.replenishing.expected[slot] = micro_dollars
    world.transport.send(
        channel,
        "replenishment",
        Replenishment(slot, micro_dollars),
        subject=f"liquidator {slot}",
        cause=ROOT,
        now=world.now,
        value_usd=dollars(micro_dollars),
    )


def receive_replenishment(world: World, message: Message, arrived: Replenishment) -> None:
    """Put dollars that arrived into a liquidator's wallet."""
    world.ledger.transfer(
        world.holders.escrow[message.channel],
        world.holders.liquidator + arrived.liquidator,
        world.cash.token,
        arrived.micro_dollars,
    )
    del world.replenishing.expected[arrived.liquidator]
