"""`message_passing`: collateral stays at home, in a vault that obeys messages.

The venue counts a claim as old as the vault's last report. Calls, seizures and proceeds travel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.collateral.architecture import (
    Arrived,
    CallArrived,
    CollateralEvent,
    Seized,
    SeizureOrder,
    Surroundings,
)
from abm.collateral.claims import ClaimTable
from abm.collateral.vaults import put_back, take_for_order
from abm.network import Message, channel_between
from abm.recording.events import ROOT
from abm.units import MICRO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class BalanceReport:
    """Balances of some vaults at one second.

    ``units`` has shape (accounts, tokens); ``number`` is the order of sending, which tells reports
    of one second apart.
    """

    accounts: NDArray[np.int64]
    units: NDArray[np.int64]
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


class MessagePassing:
    """Collateral at home; the venue reaches it by messages alone."""

    def __init__(self, place: Surroundings) -> None:
        self._place = place
        self._venue = place.scenario.venue.chain
        self.claims = ClaimTable(len(place.home_chains), place.token_count)
        self._events: list[CollateralEvent] = []
        homes = np.array([str(chain) for chain in place.home_chains[: place.trader_count]])
        # Chains in the scenario's order, so that messages never depend on a set's order.
        self._accounts_of = {
            chain: np.flatnonzero(homes == chain)
            for chain in place.scenario.chains
            if chain != self._venue and (homes == chain).any()
        }
        self._local = np.array([chain == self._venue for chain in place.home_chains])
        self._next_report = 0.0
        self._reports = 0
        self._counted = np.zeros(len(place.home_chains), dtype=np.int64)

    def chain_of(self, account: int) -> str:
        """Return the account's home chain."""
        return self._place.home_chains[account]

    def _is_local(self, account: int) -> bool:
        return self.chain_of(account) == self._venue

    def _outward(self, account: int) -> str:
        return channel_between(self._place.graph, self._venue, self.chain_of(account))

    def _homeward(self, chain: str) -> str:
        return channel_between(self._place.graph, chain, self._venue)

    def deposit(self, account: int, token: int, amount: int, *, cause: int, now: int) -> None:
        """Move tokens from wallet to vault at home, and report the vault."""
        holders = self._place.holders
        source, destination = holders.wallet + account, holders.vault + account
        self._place.ledger.transfer(source, destination, token, amount)
        self._report_one(account, cause=cause, now=now)

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
        return typical(self._outward(account)) + typical(self._homeward(self.chain_of(account)))

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
        if seized.chain == self._venue:
            self._credit(proceeds, place.holders.auction[seized.chain], now)
            return
        channel = self._homeward(seized.chain)
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
        return BalanceReport(accounts, self._place.vault_balances()[accounts], now, self._reports)

    def _report_one(self, account: int, *, cause: int, now: int) -> None:
        """Tell the venue what stands in one account's vault."""
        report = self._balances(np.array([account]), now)
        if self._is_local(account):
            self._count(report)
            return
        self._send_report(self.chain_of(account), report, _subject(account), cause)

    def _send_report(self, chain: str, report: BalanceReport, subject: str, cause: int) -> None:
        self._place.transport.send(
            self._homeward(chain),
            "balance_report",
            report,
            subject=subject,
            cause=cause,
            now=report.as_of_second,
        )

    def _count(self, report: BalanceReport) -> None:
        """Count what a report says of the accounts of which no later one has arrived."""
        fresh = self._counted[report.accounts] < report.number
        accounts = report.accounts[fresh]
        self._counted[accounts] = report.number
        self.claims.report(accounts, report.units[fresh], report.as_of_second)

    def deliver(self, message: Message, now: int) -> None:
        """Act on a call, a seizure, a report or proceeds."""
        match message.payload:
            case BalanceReport() as report:
                self._count(report)
            case MarginCall() as call:
                self._events.append(CallArrived(call.account, call.liquidation, now))
            case SeizureOrder() as order:
                self._take(order, cause=message.cause, now=now)
            case Proceeds() as proceeds:
                self._credit(proceeds, self._place.holders.escrow[message.channel], now)
            case _:
                raise TypeError(f"message {message.id} carries {type(message.payload).__name__}")

    def expire(self, message: Message, now: int) -> None:
        """Send again what must not be dropped; a later report or call replaces the others."""
        if isinstance(message.payload, SeizureOrder | Proceeds):
            self._place.transport.send(
                message.channel,
                message.kind,
                message.payload,
                subject=message.subject,
                cause=message.cause,
                now=now,
                value_usd=message.value_usd,
            )

    def advance(self, now: int) -> None:
        """Let every chain's vaults report all their balances when it is time."""
        self.claims.as_of_second[self._local] = now
        if now < self._next_report:
            return
        self._next_report += self._place.scenario.collateral.sync_seconds
        for chain, accounts in self._accounts_of.items():
            if not self._place.transport.is_halted(chain, now):
                self._send_report(chain, self._balances(accounts, now), f"all at {now}", ROOT)

    def take_events(self) -> list[CollateralEvent]:
        """Return what happened since the last call, in order."""
        events, self._events = self._events, []
        return events


def _subject(account: int) -> str:
    """Return what a message about one account is about."""
    return f"account {account}"
