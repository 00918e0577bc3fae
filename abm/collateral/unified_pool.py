"""`unified_pool`: one pool over all chains; owners hold shares of it, whatever chain they are on.

A deposit joins the pool on its own chain and counts when its message has reached the venue. A
seizure burns shares at once and sells tokens of the pool: on the venue's chain where the pool has
enough there, otherwise on the chain where it has most of them, by message. The pool moves tokens
to the venue's chain when its share there falls short: capital goes where it is needed. What is
stolen from the pool on one chain is lost by all.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING, ClassVar

from abm.collateral.at_venue import Transfer, resend
from abm.collateral.remote_sales import RemoteSales, SaleProceeds
from abm.collateral.shared_stock import SharedStock
from abm.network import channel_between
from abm.recording.events import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from abm.collateral.architecture import Seized, SeizureOrder, Surroundings
    from abm.collateral.tokens import Representation
    from abm.network import Message


@dataclass(frozen=True, slots=True)
class Deployment:
    """Sell these originals of the pool for a seizure, on the chain that gets this."""

    order: SeizureOrder
    chain: str
    claims: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rebalancing:
    """Originals of the pool on their way to the venue's chain."""

    chain: str
    token: int
    units: int


class UnifiedPool(SharedStock):
    """Shares in the vaults, originals in the locks of all chains."""

    represents: ClassVar[Representation] = "pooled"

    def __init__(self, place: Surroundings) -> None:
        super().__init__(place)
        self._venue = place.venue
        self._next_look = 0.0
        self._waiting: list[Transfer] = []
        self._sales = RemoteSales(place)

    def _stock_chain(self, account: int) -> str:
        return self._home(account)

    def _depart(self, account: int, token: int, amount: int) -> None:
        self.bridge.lock(account, self._home(account), token, amount, source=self._wallet(account))

    def _enter(self, account: int, token: int, amount: int, now: int) -> None:
        self.bridge.mint(account, self._claim(account, token), amount)
        self._count(account, now)

    def _refund(self, account: int, token: int, amount: int) -> None:
        home, wallet = self._home(account), self._wallet(account)
        self.bridge.release(account, home, self._claim(account, token), amount, wallet)

    def _leave(self, account: int, token: int, amount: int, *, source: int) -> None:
        if self._place.tokens.locked_on[token]:
            self.bridge.burn(account, token, amount, source=source)
        else:
            super()._leave(account, token, amount, source=source)

    def _come_home(self, account: int, transfer: Transfer) -> bool:
        """Pay out of the pool's tokens on the owner's chain, once there are enough."""
        token, home = transfer.token, self._home(account)
        if not self._place.tokens.locked_on[token]:
            return super()._come_home(account, transfer)
        original = int(self._place.tokens.original[token])
        there = self._place.ledger.balance(self._place.holders.lock[home], original)
        if there < min(transfer.move.units, self.bridge.locked(token)):
            self._waiting.append(transfer)
            return False
        self.bridge.release(account, home, token, transfer.move.units, self._wallet(account))
        return True

    def _pay_here(self, account: int, transfer: Transfer) -> bool:
        return self._come_home(account, transfer)

    def _sale_chain(self, order: SeizureOrder, units: Sequence[int]) -> str:  # noqa: ARG002
        """Return the venue's chain if the pool has enough there, else where it has most."""
        place = self._place
        prices = self._unit_usd(self._venue)
        covered: dict[str, float] = {}
        for chain in place.scenario.chains:
            held = [
                place.ledger.balance(place.holders.lock[chain], int(place.tokens.original[token]))
                for token in range(place.token_count)
            ]
            covered[chain] = fsum(
                min(wanted, there) * float(prices[token])
                for token, (wanted, there) in enumerate(zip(units, held, strict=True))
                if wanted
            )
        wanted_usd = fsum(count * float(prices[token]) for token, count in enumerate(units))
        if covered[self._venue] >= wanted_usd:
            return self._venue
        return max(covered, key=lambda chain: (covered[chain], chain == self._venue))

    def _release_for_sale(
        self, order: SeizureOrder, chain: str, claims: Sequence[int], *, cause: int, now: int
    ) -> None:
        """Sell here at once; elsewhere when the message arrives."""
        if chain == self._venue:
            self._sell(order, chain, claims, cause=cause, now=now)
            return
        self._place.transport.send(
            channel_between(self._place.graph, self._venue, chain),
            "deployment",
            Deployment(order, chain, tuple(claims)),
            subject=f"account {order.account}",
            cause=cause,
            now=now,
            value_usd=order.target_usd,
        )

    def _keep_claim(self, order: SeizureOrder, chain: str, token: int, units: int) -> None:
        if chain == self._venue:
            super()._keep_claim(order, chain, token, units)
        elif units:
            self._sales.mint_later(order.liquidation, token, units)

    def give_back(self, seized: Seized, units: Sequence[int], *, cause: int, now: int) -> None:
        """Return unsold originals to the pool; elsewhere, the proceeds' message tells of it."""
        if seized.chain == self._venue:
            super().give_back(seized, units, cause=cause, now=now)
        else:
            self._sales.keep(seized, units)

    def send_home(self, seized: Seized, micro_dollars: int, *, cause: int, now: int) -> None:
        """Credit the proceeds, at once or by message."""
        if seized.chain == self._venue:
            super().send_home(seized, micro_dollars, cause=cause, now=now)
        else:
            self._sales.send_home(seized, micro_dollars, cause=cause, now=now)

    def deliver(self, message: Message, now: int) -> None:
        """Act on a deployment, on proceeds, on a rebalancing, or on an owner's transfer."""
        match message.payload:
            case Deployment(order, chain, claims):
                self._sell(order, chain, claims, cause=message.cause, now=now)
            case SaleProceeds() as proceeds:
                self._events.append(self._sales.credit(message.channel, proceeds, now))
                self._count(proceeds.account, now)
            case Rebalancing() as moved:
                self._settle_rebalancing(moved, self._venue)
            case _:
                super().deliver(message, now)

    def expire(self, message: Message, now: int) -> None:
        """Send again what must not be dropped; leave a rebalancing where it started."""
        match message.payload:
            case Deployment() | SaleProceeds():
                resend(self._place.transport, message, now)
            case Rebalancing() as moved:
                self._settle_rebalancing(moved, moved.chain)
            case _:
                super().expire(message, now)

    def _settle_rebalancing(self, moved: Rebalancing, chain: str) -> None:
        holders = self._place.holders
        self._place.ledger.transfer(
            holders.rebalancing, holders.lock[chain], moved.token, moved.units
        )

    def advance(self, now: int) -> None:
        """Pay out who waits for tokens at home, and look after the venue's chain now and then."""
        super().advance(now)
        waiting, self._waiting = self._waiting, []
        for transfer in waiting:
            if self._come_home(transfer.move.account, transfer):
                self.passage.arrive(transfer.move, now)
        if now >= self._next_look:
            self._next_look += self._place.scenario.collateral.rebalance_seconds
            self._rebalance(now)

    def _rebalance(self, now: int) -> None:
        """Move each token from where the pool has most of it, until the venue's share is met."""
        place, holders = self._place, self._place.holders
        for original in range(len(place.scenario.tokens)):
            held = {
                chain: place.ledger.balance(holders.lock[chain], original)
                for chain in place.scenario.chains
            }
            under_way = place.ledger.balance(holders.rebalancing, original)
            wanted = int(place.scenario.collateral.hub_share * (sum(held.values()) + under_way))
            missing = wanted - held[self._venue] - under_way
            source = max(held, key=lambda chain: (chain != self._venue, held[chain]))
            units = min(missing, held[source])
            if units <= 0 or source == self._venue:
                continue
            place.ledger.transfer(holders.lock[source], holders.rebalancing, original, units)
            place.transport.send(
                channel_between(place.graph, source, self._venue),
                "rebalancing",
                Rebalancing(source, original, units),
                subject=f"{place.tokens.names[original]} at {now}",
                cause=ROOT,
                now=now,
                value_usd=units * float(self._unit_usd(source)[original]),
            )

    def _unit_usd(self, chain: str) -> NDArray[np.float64]:
        return self._place.tokens.unit_usd(self._place.board[chain].price_usd)
