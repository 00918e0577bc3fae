"""How the proceeds of a sale on another chain come to the venue, with what was not sold."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from abm.collateral.architecture import Arrived, Seized, Surroundings
from abm.network import channel_between
from abm.units import MICRO

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class SaleProceeds:
    """Dollars of a sale, and the (token, units) that were locked again and are to be minted."""

    account: int
    liquidation: int
    micro_dollars: int
    locked_again: tuple[tuple[int, int], ...]


class RemoteSales:
    """Sends proceeds home; one message carries dollars and what is minted again."""

    def __init__(self, place: Surroundings) -> None:
        self._place = place
        self._to_mint: dict[int, list[tuple[int, int]]] = defaultdict(list)

    def keep(self, seized: Seized, units: Sequence[int]) -> None:
        """Lock unsold originals again on the chain of the sale."""
        place = self._place
        auction = place.holders.auction[seized.chain]
        for original, amount in enumerate(units):
            if amount:
                token = place.tokens.standing_for(original, seized.chain)
                place.bridge.lock(seized.account, seized.chain, original, amount, source=auction)
                self.mint_later(seized.liquidation, token, amount)

    def mint_later(self, liquidation: int, token: int, units: int) -> None:
        """Have the proceeds' message mint what is locked for an account and not minted."""
        self._to_mint[liquidation].append((token, units))

    def send_home(self, seized: Seized, micro_dollars: int, *, cause: int, now: int) -> None:
        """Put dollars into the escrow of the channel to the venue and send their message."""
        place = self._place
        channel = channel_between(place.graph, seized.chain, place.venue_of(seized.account))
        auction, escrow = place.holders.auction[seized.chain], place.holders.escrow[channel]
        place.ledger.transfer(auction, escrow, place.cash.token, micro_dollars)
        to_mint = tuple(self._to_mint.pop(seized.liquidation, ()))
        place.transport.send(
            channel,
            "proceeds",
            SaleProceeds(seized.account, seized.liquidation, micro_dollars, to_mint),
            subject=f"account {seized.account}",
            cause=cause,
            now=now,
            value_usd=micro_dollars / MICRO,
        )

    def credit(self, channel: str, proceeds: SaleProceeds, now: int) -> Arrived:
        """Credit what arrived, and mint what was locked again."""
        place = self._place
        account = proceeds.account
        place.cash.pay_in(account, place.holders.escrow[channel], proceeds.micro_dollars)
        for token, units in proceeds.locked_again:
            place.bridge.mint(account, token, units)
        return Arrived(account, proceeds.liquidation, proceeds.micro_dollars, now)
