"""What the architectures share whose collateral stands at the venue: counted and reached at once.

They differ in how it gets there and home again.
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
from abm.collateral.claims import ClaimTable
from abm.collateral.passage import Move, MoveKind, Passage
from abm.collateral.vaults import put_back, take_for_order
from abm.network import channel_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.collateral.tokens import Representation
    from abm.network import Message, Transport


@dataclass(frozen=True, slots=True)
class Transfer:
    """Tokens of an account on their way: ``token`` is the column that it gives up or gets here."""

    move: Move
    token: int


def resend(transport: Transport, message: Message, now: int) -> None:
    """Send what was given up once more, as a message of its own."""
    transport.send(
        message.channel,
        message.kind,
        message.payload,
        subject=message.subject,
        cause=message.cause,
        now=now,
        value_usd=message.value_usd,
    )


class AtVenue:
    """Collateral in a vault on the venue's chain; a deposit and a withdrawal travel by message."""

    represents: ClassVar[Representation] = "none"
    held_at_venue: ClassVar[bool] = False
    reached_by_message: ClassVar[bool] = False

    def __init__(self, place: Surroundings) -> None:
        self._place = place
        self.claims = ClaimTable(len(place.home_chains), place.token_count)
        self.passage = Passage(place)
        self.bridge = place.bridge
        self.escrowed = place.no_units()
        self._events: list[CollateralEvent] = []

    def chain_of(self, account: int) -> str:
        """Return the chain of the account's venue."""
        return self._venue_of(account)

    def _venue_of(self, account: int) -> str:
        return self._place.venue_of(account)

    def _home(self, account: int) -> str:
        return self._place.home_chains[account]

    def _vault(self, account: int) -> int:
        return self._place.holders.vault + account

    def _wallet(self, account: int) -> int:
        return self._place.holders.wallet + account

    def _is_local(self, account: int) -> bool:
        return self.held_at_venue or self._home(account) == self._venue_of(account)

    def _count(self, account: int, now: int) -> None:
        row = np.array([account])
        self.claims.report(row, self._place.vault_balances()[row], now)

    # How tokens come and go: what the architectures change.

    def endow(self, account: int, token: int, amount: int) -> None:
        """Bring an opening deposit into existence."""
        self._place.ledger.endow(self._vault(account), token, amount)

    def _depart(self, account: int, token: int, amount: int) -> None:
        """Take originals out of the wallet and put them on their way."""
        escrow = self._place.holders.escrow[self._channel_from(account)]
        self._place.ledger.transfer(self._wallet(account), escrow, token, amount)
        self.escrowed[account, token] += amount

    def _enter(self, account: int, token: int, amount: int, now: int) -> None:
        """Put what arrived into the vault."""
        escrow = self._place.holders.escrow[self._channel_from(account)]
        self._place.ledger.transfer(escrow, self._vault(account), token, amount)
        self.escrowed[account, token] -= amount
        self._count(account, now)

    def _refund(self, account: int, token: int, amount: int) -> None:
        """Give back a deposit whose message was given up."""
        escrow = self._place.holders.escrow[self._channel_from(account)]
        self._place.ledger.transfer(escrow, self._wallet(account), token, amount)
        self.escrowed[account, token] -= amount

    def _leave(self, account: int, token: int, amount: int, *, source: int) -> None:
        """Take collateral out of the vault and put it on its way home."""
        escrow = self._place.holders.escrow[self._channel_to(account)]
        self._place.ledger.transfer(source, escrow, token, amount)
        self.escrowed[account, token] += amount

    def _come_home(self, account: int, transfer: Transfer) -> bool:
        """Pay out what came home; return whether that ends it."""
        escrow = self._place.holders.escrow[self._channel_to(account)]
        token, amount = transfer.token, transfer.move.units
        self._place.ledger.transfer(escrow, self._wallet(account), token, amount)
        self.escrowed[account, token] -= amount
        return True

    def _channel_from(self, account: int) -> str:
        return channel_between(self._place.graph, self._home(account), self._venue_of(account))

    def _channel_to(self, account: int) -> str:
        return channel_between(self._place.graph, self._venue_of(account), self._home(account))

    # What owners ask for.

    def deposit(self, account: int, token: int, amount: int, *, cause: int, now: int) -> None:
        """Move tokens from the wallet at home into the vault, by way of a message."""
        local = self._is_local(account)
        if local:
            self._enter_here(account, token, amount, now)
        else:
            self._depart(account, token, amount)
        venue = self._venue_of(account)
        source = venue if local else self._home(account)
        move = self.passage.start(
            account,
            MoveKind.DEPOSIT,
            token,
            amount,
            source=source,
            destination=venue,
            now=now,
        )
        if local:
            self.passage.arrive(move, now)
        else:
            self._send(self._channel_from(account), Transfer(move, token), cause=cause, now=now)

    def _enter_here(self, account: int, token: int, amount: int, now: int) -> None:
        """Move tokens of a wallet that stands on the venue's chain into the vault."""
        self._place.ledger.transfer(self._wallet(account), self._vault(account), token, amount)
        self._count(account, now)

    def withdraw(self, account: int, token: int, amount: int, *, cause: int, now: int) -> None:
        """Take collateral out of the vault and send it home."""
        self._start_withdrawal(account, token, amount, self._vault(account), cause=cause, now=now)
        self._count(account, now)

    def withdraw_cash(self, account: int, micro_dollars: int, *, cause: int, now: int) -> None:
        """Take cash out of the venue's vault and send it home as the dollar token."""
        cash = self._place.cash
        self._place.cash.pay_out(account, self._wallet(account), micro_dollars)
        if self._is_local(account):
            return
        # On its way the dollars are not the owner's to spend.
        escrow = self._place.holders.escrow[self._channel_to(account)]
        self._place.ledger.transfer(self._wallet(account), escrow, cash.token, micro_dollars)
        self.escrowed[account, cash.token] += micro_dollars
        move = self._note_withdrawal(account, cash.token, micro_dollars, now)
        self._send(self._channel_to(account), Transfer(move, cash.token), cause=cause, now=now)

    def _note_withdrawal(self, account: int, token: int, amount: int, now: int) -> Move:
        venue = self._venue_of(account)
        destination = venue if self._is_local(account) else self._home(account)
        return self.passage.start(
            account,
            MoveKind.WITHDRAWAL,
            token,
            amount,
            source=venue,
            destination=destination,
            now=now,
        )

    def _start_withdrawal(
        self, account: int, token: int, amount: int, source: int, *, cause: int, now: int
    ) -> None:
        move = self._note_withdrawal(account, token, amount, now)
        if self._is_local(account):
            if self._leave_here(account, Transfer(move, token), source=source):
                self.passage.arrive(move, now)
            return
        self._leave(account, token, amount, source=source)
        self._send_out(Transfer(move, token), cause=cause, now=now)

    def _leave_here(self, account: int, transfer: Transfer, *, source: int) -> bool:
        """Move collateral into a wallet on the venue's chain; return whether that ends it."""
        units = transfer.move.units
        self._place.ledger.transfer(source, self._wallet(account), transfer.token, units)
        return True

    def _send_out(self, transfer: Transfer, *, cause: int, now: int) -> None:
        """Send the message of a withdrawal."""
        self._send(self._channel_to(transfer.move.account), transfer, cause=cause, now=now)

    def _send(self, channel: str, transfer: Transfer, *, cause: int, now: int) -> None:
        self._place.transport.send(
            channel,
            transfer.move.kind.value,
            transfer,
            subject=f"account {transfer.move.account}",
            cause=cause,
            now=now,
            value_usd=transfer.move.value_usd,
        )

    # What the venue asks for.

    def call(
        self,
        account: int,
        liquidation: int,
        shortfall_usd: float,  # noqa: ARG002
        *,
        cause: int,  # noqa: ARG002
        now: int,
    ) -> None:
        """Tell the account's owner at once."""
        self._events.append(CallArrived(account, liquidation, now))

    def round_trip_seconds(self, account: int) -> float:
        """Return how long a deposit from the owner's wallet takes, as a rule."""
        if self._is_local(account):
            return 0.0
        return self._place.transport.typical_seconds(self._channel_from(account))

    def seize(self, order: SeizureOrder, *, cause: int, now: int) -> None:
        """Seize at once."""
        seized = take_for_order(
            self._place, order, self._venue_of(order.account), cause=cause, now=now
        )
        self._events.append(seized)
        self._count(order.account, now)

    def give_back(self, seized: Seized, units: Sequence[int], *, cause: int, now: int) -> None:  # noqa: ARG002
        """Return unsold collateral to the vault."""
        put_back(self._place, seized, units)
        self._count(seized.account, now)

    def send_home(self, seized: Seized, micro_dollars: int, *, cause: int, now: int) -> None:  # noqa: ARG002
        """Credit the proceeds at once."""
        holder = self._place.holders.auction[self._venue_of(seized.account)]
        self._place.cash.pay_in(seized.account, holder, micro_dollars)
        self._events.append(Arrived(seized.account, seized.liquidation, micro_dollars, now))

    # What arrives.

    def deliver(self, message: Message, now: int) -> None:
        """Put a deposit into its vault, or pay a withdrawal out at home."""
        transfer = message.payload
        if not isinstance(transfer, Transfer):
            raise TypeError(f"message {message.id} carries {type(transfer).__name__}")
        move = transfer.move
        if move.kind is MoveKind.DEPOSIT:
            self._enter(move.account, transfer.token, move.units, now)
            self.passage.arrive(move, now)
        elif self._come_home(move.account, transfer):
            self.passage.arrive(move, now)

    def expire(self, message: Message, now: int) -> None:
        """Refund a deposit that was given up; send a withdrawal again."""
        transfer = message.payload
        if not isinstance(transfer, Transfer):
            raise TypeError(f"message {message.id} carries {type(transfer).__name__}")
        if transfer.move.kind is MoveKind.DEPOSIT:
            self._refund(transfer.move.account, transfer.token, transfer.move.units)
            self.passage.arrive(transfer.move, now, refunded=True)
        else:
            resend(self._place.transport, message, now)

    def advance(self, now: int) -> None:
        """Count everything as of now."""
        self.claims.as_of_second[:] = now

    def take_events(self) -> list[CollateralEvent]:
        """Return what happened since the last call, in order."""
        events, self._events = self._events, []
        return events
