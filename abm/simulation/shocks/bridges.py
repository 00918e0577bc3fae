"""Theft from bridges: what a protocol's messages can release goes to the attacker."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING

from abm.collateral.at_venue import Transfer
from abm.collateral.passage import MoveKind
from abm.network import Fate
from abm.recording.events import ROBBED
from abm.units import seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from abm.network import Transit
    from abm.scenario.shocks import BridgeExploit, VerifierCompromise
    from abm.simulation.shocks.occurrences import Occurrence
    from abm.simulation.world import World


@dataclass(frozen=True, slots=True)
class Theft:
    """What a forged message asks for.

    Attributes
    ----------
    value_usd : float
        What it is to release or to mint.
    accounts : sequence of int
        Thieves' accounts at the venue, which post it; none where it just leaves.
    posted_share : float
        Of what is minted, that they post.
    """

    value_usd: float
    accounts: Sequence[int] = ()
    posted_share: float = 0.0


# A theft stays this far below the value at which a governor holds a message for a day.
UNDER_LARGE = 0.999


def exploit(world: World, shock: BridgeExploit, when: Occurrence) -> None:
    """Take a share of what a protocol's messages can release, wherever it stands."""
    cause = world.started_shocks[when.name]
    taken: dict[tuple[int, int], None] = {}
    for name in _channels(world, shock.protocol):
        # What channels from several venues can release is taken from once.
        steal(world, name, None, shock.share, cause, spared=taken)
        taken |= dict.fromkeys(reach(world, name))


def pause_when_found(
    world: World, shock: BridgeExploit | VerifierCompromise, when: Occurrence
) -> None:
    """Pause a protocol's channels at the step at which a guardian finds out."""
    found = when.start_second + seconds(shock.detection_hours)
    if found < when.end_second and _is_now(world, found):
        cause = world.started_shocks[when.name]
        pause_protocol(world, shock.protocol, when.end_second, cause)


def pause_protocol(world: World, protocol: str, until: int, cause: int) -> None:
    """Stop a protocol's channels until a second, and refuse what is forged and under way."""
    world.log.add(world.now, "guardian_pause", cause, place=protocol)
    for name in _channels(world, protocol):
        world.transport.halt_channel(name, world.now, until)
        _refuse_forged(world, name)


def forge(world: World, shock: VerifierCompromise, when: Occurrence) -> None:
    """Send the next forged message on every channel whose quorum the keys make."""
    found = when.start_second + seconds(shock.detection_hours)
    if world.now >= found:
        pause_when_found(world, shock, when)
        return
    posters = [
        account for account, kind in enumerate(world.traders.kinds) if kind == shock.posted_by
    ]
    for name in _channels(world, shock.protocol):
        lane = world.transport.lanes[name]
        needed = lane.keys_to_forge
        tried = fsum(
            transit.message.value_usd
            for transit in world.transport.transits
            if transit.message.forged and transit.message.channel == name
        )
        left = shock.target_usd - tried
        opens = reach(world, name) or mintable(world, name)
        if needed is None or shock.keys < needed or left <= 0 or not opens:
            continue
        limits = [left, lane.protocol.bucket_usd, lane.channel.daily_limit_usd]
        if lane.channel.large_transfer_usd is not None:
            limits.append(lane.channel.large_transfer_usd * UNDER_LARGE)
        value_usd = min(limit for limit in limits if limit is not None)
        # They post what is minted at the venue where it is.
        minted_on = world.scenario.channels[name].destination
        owned = [account for account in posters if world.place.venue_of(account) == minted_on]
        cause = world.log.add(
            world.now,
            "forged",
            world.started_shocks[when.name],
            place=name,
            value_usd=value_usd,
        )
        world.transport.forge(
            name,
            "forged",
            Theft(value_usd, owned, shock.posted_share),
            cause=cause,
            now=world.now,
            value_usd=value_usd,
        )


def accept_forged(world: World, transit: Transit) -> None:
    """Act on a forged message as if it were a true one."""
    theft, channel = transit.message.payload, transit.message.channel
    if not isinstance(theft, Theft):
        return
    cause = transit.message.cause
    tokens = mintable(world, channel)
    if tokens:
        minted = mint_unbacked(world, channel, tokens[0], theft.value_usd, cause)
        if theft.accounts:
            post(world, theft, tokens[0], int(minted * theft.posted_share), cause)
    else:
        steal(world, channel, theft.value_usd, 1.0, cause)


def _is_now(world: World, second: int) -> bool:
    """Return whether a second is in the step that ends now."""
    return world.now - world.scenario.clock.step_seconds < second <= world.now


def _channels(world: World, protocol: str) -> list[str]:
    return [
        name for name, channel in world.scenario.channels.items() if channel.protocol == protocol
    ]


def _refuse_forged(world: World, channel: str) -> None:
    for transit in world.transport.transits:
        message = transit.message
        if message.forged and message.channel == channel and transit.fate is Fate.IN_FLIGHT:
            world.transport.void(transit, "forged", world.now)


def reach(world: World, channel: str) -> list[tuple[int, int]]:
    """Return the holders and tokens that messages of a channel can release, by holder.

    From the venue: originals locked on the other chain for what was minted here, and vaults there
    that obey messages. Towards the venue nothing is released: there messages mint.
    """
    rule, place = world.scenario.channels[channel], world.place
    if rule.source not in place.venues:
        return []
    chain = rule.destination
    found = [
        (world.holders.lock[chain], int(place.tokens.original[token]))
        for token in place.tokens.representations
        if chain in place.tokens.locked_on[token]
    ]
    if world.architecture.reached_by_message:
        found += [
            (world.holders.vault + account, token)
            for account in range(place.trader_count)
            if world.architecture.chain_of(account) == chain
            and place.venue_of(account) == rule.source
            for token in range(place.token_count)
        ]
    return [(holder, token) for holder, token in found if world.ledger.balance(holder, token) > 0]


def mintable(world: World, channel: str) -> list[int]:
    """Return the tokens that a message towards the venue mints for a lock on its source."""
    rule, tokens = world.scenario.channels[channel], world.place.tokens
    if rule.destination not in world.place.venues:
        return []
    return [token for token in tokens.representations if rule.source in tokens.locked_on[token]]


def mint_unbacked(world: World, channel: str, token: int, value_usd: float, cause: int) -> int:
    """Mint what nothing was locked for, to the attacker; return how many base units.

    The gap dilutes all who hold the token.
    """
    price_usd = world.price_at(world.scenario.channels[channel].destination)
    units = int(value_usd / float(world.place.tokens.unit_usd(price_usd)[token]))
    world.place.bridge.forge(world.holders.attacker, token, units)
    world.log.add(world.now, "minted_unbacked", cause, place=channel, value_usd=value_usd)
    return units


def post(world: World, theft: Theft, token: int, units: int, cause: int) -> None:
    """Post forged tokens as margin of the thieves' accounts, and ask for dollars against them."""
    each, rest = divmod(units, len(theft.accounts))
    for place, account in enumerate(theft.accounts):
        part = each + (place < rest)
        if not part:
            continue
        wallet = world.holders.wallet + account
        world.ledger.transfer(world.holders.attacker, wallet, token, part)
        world.architecture.deposit(account, token, part, cause=cause, now=world.now)
        world.withdrawals.ask(account, cause, cash_only=True)


def spend_twice(world: World, transit: Transit, cause: int) -> None:
    """Give a depositor back what a reorganisation unlocked, though it was minted for already."""
    transfer, chain = (
        transit.message.payload,
        world.scenario.channels[transit.message.channel].source,
    )
    tokens = world.place.tokens
    if not isinstance(transfer, Transfer) or transfer.move.kind is not MoveKind.DEPOSIT:
        return
    if not any(chain in tokens.locked_on[token] for token in tokens.representations):
        return
    move = transfer.move
    units = world.place.bridge.drain(chain, transfer.token, move.units)
    wallet = world.holders.wallet + move.account
    world.ledger.transfer(world.holders.attacker, wallet, transfer.token, units)
    value_usd = units * float(tokens.unit_usd(world.price_at(chain))[transfer.token])
    world.log.add(
        world.now, "spent_twice", cause, account=move.account, place=chain, value_usd=value_usd
    )


def steal(
    world: World,
    channel: str,
    most_usd: float | None,
    share: float,
    cause: int,
    *,
    spared: Collection[tuple[int, int]] = (),
) -> float:
    """Move what a channel can release to the attacker; return its value in dollars.

    Parameters
    ----------
    world : World
        The run.
    channel : str
        Whose messages are believed.
    most_usd : float or None
        Value to take at most.
    share : float
        Share of every balance to take at most.
    cause : int
        The event behind it.
    spared : collection of tuple of int and int, optional
        Holders and tokens that are left alone.
    """
    place, chain = world.place, world.scenario.channels[channel].destination
    unit_usd = place.tokens.unit_usd(world.price_at(chain))
    taken_usd = 0.0
    for holder, token in reach(world, channel):
        if (holder, token) in spared:
            continue
        units = int(world.ledger.balance(holder, token) * share)
        worth = float(unit_usd[token])
        if most_usd is not None:
            units = min(units, int((most_usd - taken_usd) / worth))
        if holder == world.holders.lock[chain]:
            units = place.bridge.drain(chain, token, units)
        elif units:
            world.ledger.transfer(holder, world.holders.attacker, token, units)
            world.log.add(
                world.now,
                ROBBED,
                cause,
                account=holder - world.holders.vault,
                place=chain,
                value_usd=units * worth,
            )
        taken_usd += units * worth
    if taken_usd > 0:
        world.log.add(world.now, "stolen", cause, place=chain, value_usd=taken_usd)
    return taken_usd
