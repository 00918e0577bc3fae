"""`silo`: all collateral stands on the venue's own chain and is counted and reached at once."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.network import Message


class Silo:
    """Collateral on the venue's chain: nothing travels."""

    def __init__(self, place: Surroundings) -> None:
        self._place = place
        self._venue = place.scenario.venue.chain
        self.claims = ClaimTable(len(place.home_chains), place.token_count)
        self._events: list[CollateralEvent] = []

    def chain_of(self, account: int) -> str:  # noqa: ARG002 - the same for every account
        """Return the venue's chain."""
        return self._venue

    def _count(self, account: int, now: int) -> None:
        row = np.array([account])
        self.claims.report(row, self._place.vault_balances()[row], now)

    def deposit(self, account: int, token: int, amount: int, *, cause: int, now: int) -> None:  # noqa: ARG002
        """Move tokens from wallet to vault."""
        holders = self._place.holders
        source, destination = holders.wallet + account, holders.vault + account
        self._place.ledger.transfer(source, destination, token, amount)
        self._count(account, now)

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

    def round_trip_seconds(self, account: int) -> float:  # noqa: ARG002 - nothing travels
        """Return 0."""
        return 0.0

    def seize(self, order: SeizureOrder, *, cause: int, now: int) -> None:
        """Seize at once."""
        seized = take_for_order(self._place, order, self._venue, cause=cause, now=now)
        self._events.append(seized)
        self._count(order.account, now)

    def give_back(self, seized: Seized, units: Sequence[int], *, cause: int, now: int) -> None:  # noqa: ARG002
        """Return unsold collateral to the vault."""
        put_back(self._place, seized, units)
        self._count(seized.account, now)

    def send_home(self, seized: Seized, micro_dollars: int, *, cause: int, now: int) -> None:  # noqa: ARG002
        """Credit the proceeds at once."""
        holder = self._place.holders.auction[self._venue]
        self._place.cash.pay_in(seized.account, holder, micro_dollars)
        self._events.append(Arrived(seized.account, seized.liquidation, micro_dollars, now))

    def deliver(self, message: Message, now: int) -> None:  # noqa: ARG002
        """Refuse: a silo sends no messages."""
        raise TypeError(f"message {message.id} ({message.kind}) reached a silo")

    def expire(self, message: Message, now: int) -> None:
        """Refuse: a silo sends no messages."""
        self.deliver(message, now)

    def advance(self, now: int) -> None:
        """Count everything as of now."""
        self.claims.as_of_second[:] = now

    def take_events(self) -> list[CollateralEvent]:
        """Return what happened since the last call, in order."""
        events, self._events = self._events, []
        return events
