"""What the architectures share whose owners hold claims on one stock of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.collateral.architecture import Seized
from abm.collateral.at_venue import AtVenue
from abm.collateral.vaults import units_for_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.collateral.architecture import SeizureOrder
    from abm.collateral.at_venue import Transfer


class SharedStock(AtVenue):
    """Claims in the vaults; originals in the locks, whosever they were.

    A seizure burns an account's claims and sells originals of the stock. Losses of the stock are
    everybody's: each claim is then worth what is left.
    """

    def _claim(self, account: int, original: int) -> int:
        """Return the column of an account's claims on an original."""
        return self._place.tokens.standing_for(original, self._venue_of(account))

    def _stock_chain(self, account: int) -> str:
        """Return the chain on which an account's deposits join the stock."""
        raise NotImplementedError

    def endow(self, account: int, token: int, amount: int) -> None:
        """Bring originals into the stock, and claims on them into the vault."""
        ledger, lock = self._place.ledger, self._place.holders.lock[self._stock_chain(account)]
        ledger.endow(lock, token, amount)
        ledger.mint(self._vault(account), self._claim(account, token), amount)

    def _enter_here(self, account: int, token: int, amount: int, now: int) -> None:
        self.bridge.lock(
            account, self._venue_of(account), token, amount, source=self._wallet(account)
        )
        self.bridge.mint(account, self._claim(account, token), amount)
        self._count(account, now)

    def _leave_here(self, account: int, transfer: Transfer, *, source: int) -> bool:
        if not self._place.tokens.locked_on[transfer.token]:
            return super()._leave_here(account, transfer, source=source)
        self.bridge.burn(account, transfer.token, transfer.move.units, source=source)
        return self._pay_here(account, transfer)

    def _pay_here(self, account: int, transfer: Transfer) -> bool:
        """Pay an owner on the venue's chain, as far as the stock goes."""
        token, units = transfer.token, transfer.move.units
        self.bridge.release(account, self._venue_of(account), token, units, self._wallet(account))
        return True

    def _sale_chain(self, order: SeizureOrder, units: Sequence[int]) -> str:  # noqa: ARG002
        """Return the chain on which a seizure's originals are sold."""
        return self._venue_of(order.account)

    def seize(self, order: SeizureOrder, *, cause: int, now: int) -> None:
        """Burn claims worth the order at once, and sell as many originals where they stand."""
        vault = self._vault(order.account)
        originals = self._place.tokens.original.tolist()
        held = self._place.vault_balances()[order.account].tolist()
        claims = units_for_order(
            self._place, order, self._venue_of(order.account), held, sold_as=originals
        )
        chain = self._sale_chain(order, claims)
        for token, units in enumerate(claims):
            if units:
                self.bridge.burn(order.account, token, units, source=vault)
        self._release_for_sale(order, chain, claims, cause=cause, now=now)
        self._count(order.account, now)

    def _release_for_sale(
        self, order: SeizureOrder, chain: str, claims: Sequence[int], *, cause: int, now: int
    ) -> None:
        """Have the originals of burnt claims sold on a chain."""
        self._sell(order, chain, claims, cause=cause, now=now)

    def _sell(
        self, order: SeizureOrder, chain: str, claims: Sequence[int], *, cause: int, now: int
    ) -> None:
        """Move the originals of burnt claims into a chain's auction."""
        sold = [0] * self._place.token_count
        for token, units in enumerate(claims):
            if units:
                original = int(self._place.tokens.original[token])
                auction = self._place.holders.auction[chain]
                lock = self._place.holders.lock[chain]
                there = min(units, self._place.ledger.balance(lock, original))
                sold[original] += self.bridge.release(order.account, chain, token, there, auction)
                self._keep_claim(order, chain, token, units - there)
        self._events.append(
            Seized(order.account, order.liquidation, chain, tuple(sold), now, cause)
        )

    def _keep_claim(self, order: SeizureOrder, chain: str, token: int, units: int) -> None:  # noqa: ARG002
        """Give an account back the claims for which the stock has nothing where it sells."""
        self.bridge.mint(order.account, token, units)

    def give_back(self, seized: Seized, units: Sequence[int], *, cause: int, now: int) -> None:  # noqa: ARG002
        """Return unsold originals to the stock, and claims on them to the vault."""
        auction = self._place.holders.auction[seized.chain]
        for token, amount in enumerate(units):
            if amount:
                self.bridge.lock(seized.account, seized.chain, token, amount, source=auction)
                self.bridge.mint(seized.account, self._claim(seized.account, token), amount)
        self._count(seized.account, now)
