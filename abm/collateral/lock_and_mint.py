"""`lock_and_mint`: collateral is locked at home; what stands for it is minted at the venue.

The venue counts the representation, and burns it at once when it seizes; the burn travels home,
where as many originals are released and sold. Proceeds come back by message. Everything hangs on
the bridge: its messages, and what is really locked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from abm.collateral.architecture import Seized
from abm.collateral.asset_bridge import AssetBridge
from abm.collateral.at_venue import resend
from abm.collateral.remote_sales import RemoteSales, SaleProceeds
from abm.collateral.vaults import units_for_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.collateral.architecture import SeizureOrder, Surroundings
    from abm.network import Message


@dataclass(frozen=True, slots=True)
class BurnNotice:
    """Release and sell originals for these burnt base units, by column."""

    order: SeizureOrder
    burnt: tuple[int, ...]


class LockAndMint(AssetBridge):
    """Representations at the venue, originals locked and sold at home."""

    def __init__(self, place: Surroundings) -> None:
        super().__init__(place)
        self._sales = RemoteSales(place)

    def chain_of(self, account: int) -> str:
        """Return the account's home chain."""
        return self._home(account)

    def seize(self, order: SeizureOrder, *, cause: int, now: int) -> None:
        """Burn representations at once, and have the originals sold at home."""
        account = order.account
        if self._is_local(account):
            super().seize(order, cause=cause, now=now)
            return
        home = self._home(account)
        originals = self._place.tokens.original.tolist()
        held = self._place.vault_balances()[account].tolist()
        burnt = units_for_order(self._place, order, home, held, sold_as=originals)
        for token, units in enumerate(burnt):
            if units:
                self.bridge.burn(account, token, units, source=self._vault(account))
        self._count(account, now)
        self._place.transport.send(
            self._channel_to(account),
            "burn",
            BurnNotice(order, tuple(burnt)),
            subject=f"account {account}",
            cause=cause,
            now=now,
            value_usd=order.target_usd,
        )

    def _release_for_sale(self, notice: BurnNotice, *, cause: int, now: int) -> None:
        order, home = notice.order, self._home(notice.order.account)
        auction = self._place.holders.auction[home]
        sold = [0] * self._place.token_count
        for token, units in enumerate(notice.burnt):
            if units:
                original = int(self._place.tokens.original[token])
                sold[original] += self.bridge.release(order.account, home, token, units, auction)
        self._events.append(Seized(order.account, order.liquidation, home, tuple(sold), now, cause))

    def give_back(self, seized: Seized, units: Sequence[int], *, cause: int, now: int) -> None:
        """Lock unsold originals again; the proceeds' message tells of it."""
        if seized.chain == self._venue_of(seized.account):
            super().give_back(seized, units, cause=cause, now=now)
        else:
            self._sales.keep(seized, units)

    def send_home(self, seized: Seized, micro_dollars: int, *, cause: int, now: int) -> None:
        """Send the proceeds to the venue."""
        if seized.chain == self._venue_of(seized.account):
            super().send_home(seized, micro_dollars, cause=cause, now=now)
        else:
            self._sales.send_home(seized, micro_dollars, cause=cause, now=now)

    def deliver(self, message: Message, now: int) -> None:
        """Act on a burn, on proceeds, or on an owner's transfer."""
        match message.payload:
            case BurnNotice() as notice:
                self._release_for_sale(notice, cause=message.cause, now=now)
            case SaleProceeds() as proceeds:
                self._events.append(self._sales.credit(message.channel, proceeds, now))
                self._count(proceeds.account, now)
            case _:
                super().deliver(message, now)

    def expire(self, message: Message, now: int) -> None:
        """Send again what must not be dropped."""
        if isinstance(message.payload, BurnNotice | SaleProceeds):
            resend(self._place.transport, message, now)
        else:
            super().expire(message, now)
