"""`message_passing`: collateral stays at home, in a vault that obeys messages.

The venue counts a claim as old as the vault's last report. Calls, seizures and proceeds travel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from abm.collateral.architecture import (
    Arrived,
    CallArrived,
    CollateralEvent,
    Seized,
    SeizureOrder,
    Surroundings,
)
from abm.collateral.at_venue import Transfer, resend
from abm.collateral.claims import ClaimTable
from abm.collateral.passage import Move, MoveKind, Passage
from abm.collateral.vaults import put_back, take_for_order
from abm.network import Message, channel_between
from abm.recording.events import ROOT
from abm.units import MICRO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abm.collateral.tokens import Representation


@dataclass(frozen=True)
class BalanceReport:
    """Balances of some vaults at one second.

    ``units`` has shape (accounts, tokens); ``released`` is what the vaults have ever released to
    their owners, of the same shape; ``number`` is the order of sending, which tells reports of one
    second apart.
    """

    accounts: NDArray[np.int64]
    units: NDArray[np.int64]
    released: NDArray[np.int64]
    as_of_second: int
    number: int


@dataclass(frozen=True)
class Proceeds:
    """Dollars of a liquidation on their way home, and what its vault held when they left.

    One message carries both, so that the venue never counts collateral beside what it was sold
    for, nor writes a debt off while collateral that was given back is still being reported.
    """

    account: int
    liquidation: int
    micro_dollars: int
    report: BalanceReport


@dataclass(frozen=True)
class MarginCall:
    """Margin is missing in an account."""

    account: int
    liquidation: int


@dataclass(frozen=True, slots=True)
class Release:
    """Let an owner take collateral out of its vault."""

    move: Move


class MessagePassing:
    """Collateral at home; the venue reaches it by messages alone."""

    represents: ClassVar[Representation] = "none"
    held_at_venue: ClassVar[bool] = False
    reached_by_message: ClassVar[bool] = True

    def __init__(self, place: Surroundings) -> None:
        self._place = place
        self.claims = ClaimTable(len(place.home_chains), place.token_count)
        self.passage = Passage(place)
        self.bridge = place.bridge
        self.escrowed = place.no_units()
        # What owners were ever allowed to take out, and what vaults have ever let out of it: the
        # venue counts what is between the two no more, however old the report.
        self._allowed = place.no_units()
        self._released = place.no_units()
        self._events: list[CollateralEvent] = []
        homes = np.array([str(chain) for chain in place.home_chains[: place.trader_count]])
        venues = np.array([place.venue_of(account) for account in range(place.trader_count)])
        # Chains in the scenario's order, so that messages never depend on a set's order.
        self._accounts_of = {
            (chain, venue): accounts
            for chain in place.scenario.chains
            for venue in place.venues
            if chain != venue
            and len(accounts := np.flatnonzero((homes == chain) & (venues == venue)))
        }
        for account in range(place.trader_count):
            if not self._is_local(account):
                channel = place.scenario.channels[self._homeward(account)]
                self.claims.proof[account] = place.scenario.protocols[channel.protocol].proof
        self._local = np.array([self._is_local(account) for account in range(len(venues))])
        self._local = np.append(
            self._local, np.ones(len(place.home_chains) - len(venues), dtype=np.bool_)
        )
        self._local_accounts = np.flatnonzero(self._local)
        self._next_report = 0.0
        self._reports = 0
        self._counted = np.zeros(len(place.home_chains), dtype=np.int64)

    def chain_of(self, account: int) -> str:
        """Return the account's home chain."""
        return self._place.home_chains[account]

    def _is_local(self, account: int) -> bool:
        return self.chain_of(account) == self._place.venue_of(account)

    def _outward(self, account: int) -> str:
        venue = self._place.venue_of(account)
        return channel_between(self._place.graph, venue, self.chain_of(account))

    def _homeward(self, account: int) -> str:
        venue = self._place.venue_of(account)
        return channel_between(self._place.graph, self.chain_of(account), venue)

    def endow(self, account: int, token: int, amount: int) -> None:
        """Bring an opening deposit into existence."""
        self._place.ledger.endow(self._place.holders.vault + account, token, amount)

    def deposit(self, account: int, token: int, amount: int, *, cause: int, now: int) -> None:
        """Move tokens from wallet to vault at home, and report the vault."""
        holders = self._place.holders
        source, destination = holders.wallet + account, holders.vault + account
        self._place.ledger.transfer(source, destination, token, amount)
        move = self._start(account, MoveKind.DEPOSIT, token, amount, now)
        self.passage.arrive(move, now)
        self._report_one(account, cause=cause, now=now)

    def _start(self, account: int, kind: MoveKind, token: int, amount: int, now: int) -> Move:
        home = self.chain_of(account)
        return self.passage.start(
            account, kind, token, amount, source=home, destination=home, now=now
        )

    def withdraw(self, account: int, token: int, amount: int, *, cause: int, now: int) -> None:
        """Count less at once, and tell the vault at home to release it."""
        move = self._start(account, MoveKind.WITHDRAWAL, token, amount, now)
        self._allowed[account, token] += amount
        self.claims.take_out(account, token, amount)
        if self._is_local(account):
            self._release(Release(move), cause=cause, now=now)
        else:
            self._send_out("withdrawal", Release(move), cause=cause, now=now)

    def _release(self, release: Release, *, cause: int, now: int) -> None:
        """Let an owner have what is left of what the venue allowed."""
        holders, move = self._place.holders, release.move
        vault, wallet = holders.vault + move.account, holders.wallet + move.account
        units = min(move.units, self._place.ledger.balance(vault, move.token))
        self._place.ledger.transfer(vault, wallet, move.token, units)
        self._released[move.account, move.token] += move.units
        self.passage.arrive(move, now)
        self._report_one(move.account, cause=cause, now=now)

    def withdraw_cash(self, account: int, micro_dollars: int, *, cause: int, now: int) -> None:
        """Take cash out of the venue's vault and send it home as the dollar token."""
        place, token = self._place, self._place.cash.token
        wallet = place.holders.wallet + account
        if self._is_local(account):
            place.cash.pay_out(account, wallet, micro_dollars)
            return
        escrow = place.holders.escrow[self._outward(account)]
        place.cash.pay_out(account, escrow, micro_dollars)
        self.escrowed[account, token] += micro_dollars
        move = self.passage.start(
            account,
            MoveKind.WITHDRAWAL,
            token,
            micro_dollars,
            source=place.venue_of(account),
            destination=self.chain_of(account),
            now=now,
        )
        self._send_out("cash_withdrawal", Transfer(move, token), cause=cause, now=now)

    def _send_out(self, kind: str, payload: Release | Transfer, *, cause: int, now: int) -> None:
        """Send the message of a withdrawal."""
        account = payload.move.account
        self._place.transport.send(
            self._outward(account),
            kind,
            payload,
            subject=_subject(account),
            cause=cause,
            now=now,
            value_usd=payload.move.value_usd,
        )

    def _pay_out(self, transfer: Transfer, channel: str, now: int) -> None:
        """Put cash that came home into its owner's wallet."""
        move = transfer.move
        holders = self._place.holders
        self._place.ledger.transfer(
            holders.escrow[channel], holders.wallet + move.account, transfer.token, move.units
        )
        self.escrowed[move.account, transfer.token] -= move.units
        self.passage.arrive(move, now)

    def call(
        self, account: int, liquidation: int, shortfall_usd: float, *, cause: int, now: int
    ) -> None:
        """Send a margin call to the account's home chain."""
        if self._is_local(account):
            self._events.append(CallArrived(account, liquidation, now))
            return
        self._place.transport.send(
            self._outward(account),
            "margin_call",
            MarginCall(account, liquidation),
            subject=_subject(account),
            cause=cause,
            now=now,
            value_usd=shortfall_usd,
        )

    def round_trip_seconds(self, account: int) -> float:
        """Return the typical delay to an account's home chain and back."""
        if self._is_local(account):
            return 0.0
        typical = self._place.transport.typical_seconds
        return typical(self._outward(account)) + typical(self._homeward(account))

    def seize(self, order: SeizureOrder, *, cause: int, now: int) -> None:
        """Send a seizure to the account's vault."""
        if self._is_local(order.account):
            self._take(order, cause=cause, now=now)
            return
        self._place.transport.send(
            self._outward(order.account),
            "seizure",
            order,
            subject=_subject(order.account),
            cause=cause,
            now=now,
            value_usd=order.target_usd,
        )

    def _take(self, order: SeizureOrder, *, cause: int, now: int) -> None:
        chain = self.chain_of(order.account)
        self._events.append(take_for_order(self._place, order, chain, cause=cause, now=now))
        self._report_one(order.account, cause=cause, now=now)

    def give_back(self, seized: Seized, units: Sequence[int], *, cause: int, now: int) -> None:  # noqa: ARG002
        """Return unsold collateral to the vault; the proceeds' message reports it."""
        put_back(self._place, seized, units)

    def send_home(self, seized: Seized, micro_dollars: int, *, cause: int, now: int) -> None:
        """Put dollars into the homeward channel's escrow and send their message."""
        place = self._place
        report = self._balances(np.array([seized.account]), now)
        proceeds = Proceeds(seized.account, seized.liquidation, micro_dollars, report)
        if self._is_local(seized.account):
            self._credit(proceeds, place.holders.auction[seized.chain], now)
            return
        channel = self._homeward(seized.account)
        escrow = place.holders.escrow[channel]
        place.ledger.transfer(
            place.holders.auction[seized.chain], escrow, place.cash.token, micro_dollars
        )
        value_usd = micro_dollars / MICRO
        place.transport.send(
            channel,
            "proceeds",
            proceeds,
            subject=_subject(seized.account),
            cause=cause,
            now=now,
            value_usd=value_usd,
        )

    def _credit(self, proceeds: Proceeds, holder: int, now: int) -> None:
        self._place.cash.pay_in(proceeds.account, holder, proceeds.micro_dollars)
        self._count(proceeds.report)
        self._events.append(
            Arrived(proceeds.account, proceeds.liquidation, proceeds.micro_dollars, now)
        )

    def _balances(self, accounts: NDArray[np.int64], now: int) -> BalanceReport:
        self._reports += 1
        units = self._place.vault_balances()[accounts]
        return BalanceReport(accounts, units, self._released[accounts], now, self._reports)

    def _report_one(self, account: int, *, cause: int, now: int) -> None:
        """Tell the venue what stands in one account's vault."""
        report = self._balances(np.array([account]), now)
        if self._is_local(account):
            self._count(report)
            return
        self._send_report(self._homeward(account), report, _subject(account), cause)

    def _send_report(self, channel: str, report: BalanceReport, subject: str, cause: int) -> None:
        self._place.transport.send(
            channel,
            "balance_report",
            report,
            subject=subject,
            cause=cause,
            now=report.as_of_second,
        )

    def _count(self, report: BalanceReport) -> None:
        """Count what a report says of the accounts of which no later one has arrived."""
        accounts, units, released = report.accounts, report.units, report.released
        fresh = self._counted[accounts] < report.number
        if not fresh.all():
            accounts, units, released = accounts[fresh], units[fresh], released[fresh]
        self._counted[accounts] = report.number
        units = np.maximum(units - (self._allowed[accounts] - released), 0)
        self.claims.report(accounts, units, report.as_of_second)

    def deliver(self, message: Message, now: int) -> None:
        """Act on a call, a seizure, a report, proceeds or a withdrawal."""
        match message.payload:
            case BalanceReport() as report:
                self._count(report)
            case MarginCall() as call:
                self._events.append(CallArrived(call.account, call.liquidation, now))
            case SeizureOrder() as order:
                self._take(order, cause=message.cause, now=now)
            case Release() as release:
                self._release(release, cause=message.cause, now=now)
            case Transfer() as transfer:
                self._pay_out(transfer, message.channel, now)
            case Proceeds() as proceeds:
                self._credit(proceeds, self._place.holders.escrow[message.channel], now)
            case _:
                raise TypeError(f"message {message.id} carries {type(message.payload).__name__}")

    def expire(self, message: Message, now: int) -> None:
        """Send again what must not be dropped; a later report or call replaces the others."""
        if isinstance(message.payload, SeizureOrder | Proceeds | Release | Transfer):
            resend(self._place.transport, message, now)

    def advance(self, now: int) -> None:
        """Let every chain's vaults report all their balances when it is time."""
        self.claims.as_of_second[self._local_accounts] = now
        if now < self._next_report:
            return
        self._next_report += self._place.scenario.collateral.sync_seconds
        for (chain, venue), accounts in self._accounts_of.items():
            if not self._place.transport.is_halted(chain, now):
                channel = channel_between(self._place.graph, chain, venue)
                self._send_report(channel, self._balances(accounts, now), f"all at {now}", ROOT)

    def take_events(self) -> list[CollateralEvent]:
        """Return what happened since the last call, in order."""
        events, self._events = self._events, []
        return events


def _subject(account: int) -> str:
    """Return what a message about one account is about."""
    return f"account {account}"
