"""Firms with accounts at several venues: what they have in all, and how they move dollars.

What a firm has at one venue backs its quotes at another only as far as dollars can follow: they
travel as messages, and count at neither venue while they are on their way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from abm.network import channel_between
from abm.recording.events import ROOT
from abm.simulation.withdrawals import is_blocked, payouts_stand_still
from abm.units import MICRO, dollars

if TYPE_CHECKING:
    from abm.network import Message
    from abm.simulation.world import Seat, World

LOOK_SECONDS = 600
"""Firms look at their accounts this often."""

SMALLEST_USD = 1_000.0
"""No firm sends less."""


@dataclass(frozen=True, slots=True)
class Firm:
    """One firm.

    Attributes
    ----------
    accounts : tuple of int
        Where it is margined, in the order of the clearing houses.
    bring_below : float
        Free share of equity at one venue under which it brings dollars from another.
    """

    accounts: tuple[int, ...]
    bring_below: float


@dataclass(frozen=True, slots=True)
class Remittance:
    """Dollars of a firm on their way from one of its accounts to another."""

    source: int
    destination: int
    micro_dollars: int


@dataclass
class Firms:
    """All firms that are at several venues.

    Attributes
    ----------
    members : tuple of Firm
        Market makers, then arbitrageurs; none where one clearing house has all accounts.
    expected : dict of int to int
        Micro-dollars on their way to each account.
    """

    members: tuple[Firm, ...] = ()
    expected: dict[int, int] = field(default_factory=dict)


def free_share(world: World, accounts: tuple[int, ...]) -> float:
    """Return equity beyond initial margin as a share of equity, over some accounts of a firm."""
    beliefs = world.beliefs
    equity = float(beliefs.equity[accounts[0]])
    initial = float(beliefs.initial[accounts[0]])
    for account in accounts[1:]:
        equity += float(beliefs.equity[account])
        initial += float(beliefs.initial[account])
    return (equity - initial) / equity if equity > 0 else 0.0


def accounts_behind(world: World, seat: Seat) -> tuple[int, ...]:
    """Return the accounts of a maker that back its quotes at a seat.

    Its account there, and those elsewhere from which dollars can follow: not where a chain or the
    way from it stands still.
    """
    if not world.firms.members or not world.scenario.contagion.shared_market_makers:
        return (seat.account,)
    here = world.place.venue_of(seat.account)
    behind = [seat.account]
    for account in world.firms.members[seat.firm].accounts:
        chain = world.place.venue_of(account)
        number = int(world.clearing_of[account])
        if account != seat.account and not payouts_stand_still(world, number):
            channel = channel_between(world.graph, chain, here)
            if world.transport.blocked_until(channel) <= world.now:
                behind.append(account)
    return tuple(behind)


def funding_seconds(world: World, seat: Seat) -> float:
    """Return how long dollars of a maker's nearest other venue would take to a seat, in seconds.

    The lane's usual time, after what is known to stand still has ended; 0 where the maker has
    everything in one place, or stands apart at each venue.
    """
    if not world.firms.members or not world.scenario.contagion.shared_market_makers:
        return 0.0
    here = world.place.venue_of(seat.account)
    waits = []
    for account in world.firms.members[seat.firm].accounts:
        if account != seat.account:
            chain = world.place.venue_of(account)
            channel = channel_between(world.graph, chain, here)
            state = world.transport.chains[chain]
            leaves = max(state.halted_until, state.freezes.halted_until)
            opens = max(world.transport.blocked_until(channel), leaves, world.now)
            waits.append(opens - world.now + world.transport.typical_seconds(channel))
    return float(min(waits))


def bring_dollars(world: World) -> None:
    """Let firms that are short at one venue send dollars there from where they have most to spare.

    They send what makes the free equity of both accounts equal, at most the cash that is there and
    not needed; one remittance at a time to each account.
    """
    if world.now % LOOK_SECONDS or not world.scenario.contagion.shared_market_makers:
        return
    for firm in world.firms.members:
        for account in firm.accounts:
            if free_share(world, (account,)) < firm.bring_below:
                _bring(world, firm, account)


def _bring(world: World, firm: Firm, short: int) -> None:
    """Send an account what another of its firm can spare."""
    free = world.beliefs.equity - world.beliefs.initial
    source = max(firm.accounts, key=lambda account: (float(free[account]), -account))
    if source == short or short in world.firms.expected or world.desk.is_open(source):
        return
    if world.liquidation_stands_still(world.place.venue_of(source)):
        return
    if is_blocked(world, int(world.clearing_of[source])):
        return
    in_vault = world.ledger.balance(world.cash.vault_of(source), world.cash.token)
    can_spare = min(int(world.cash.balances[source]), in_vault)
    wanted = int((float(free[source]) - float(free[short])) / 2.0 * MICRO)
    micro_dollars = min(wanted, can_spare)
    if micro_dollars < SMALLEST_USD * MICRO:
        return
    channel = channel_between(
        world.graph, world.place.venue_of(source), world.place.venue_of(short)
    )
    world.cash.pay_out(source, world.holders.escrow[channel], micro_dollars)
    # What a firm moves is neither a loss there nor a profit here.
    world.layer_book.cash_before[source] -= micro_dollars
    world.architecture.escrowed[short, world.cash.token] += micro_dollars
    world.firms.expected[short] = micro_dollars
    world.transport.send(
        channel,
        "remittance",
        Remittance(source, short, micro_dollars),
        subject=f"account {short}",
        cause=ROOT,
        now=world.now,
        value_usd=dollars(micro_dollars),
    )


def receive(world: World, message: Message, remittance: Remittance) -> None:
    """Credit dollars that arrived at another venue."""
    account = remittance.destination
    escrow = world.holders.escrow[message.channel]
    world.cash.pay_in(account, escrow, remittance.micro_dollars)
    world.layer_book.cash_before[account] += remittance.micro_dollars
    world.architecture.escrowed[account, world.cash.token] -= remittance.micro_dollars
    del world.firms.expected[account]
