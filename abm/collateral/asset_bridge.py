"""`asset_bridge`: collateral is bridged before trading and stands at the venue as wrapped tokens.

A deposit locks originals at home and mints wrapped ones at the venue when its message arrives; a
withdrawal burns them there and releases originals at home. The venue reaches wrapped tokens at
once; they are worth what is locked for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from abm.collateral.at_venue import AtVenue

if TYPE_CHECKING:
    from abm.collateral.at_venue import Transfer
    from abm.collateral.tokens import Representation


class AssetBridge(AtVenue):
    """Wrapped tokens in the vault; those who live on the venue's chain bring originals."""

    represents: ClassVar[Representation] = "by_chain"

    def _wrapped(self, account: int, original: int) -> int:
        return self._place.tokens.standing_for(original, self._home(account))

    def endow(self, account: int, token: int, amount: int) -> None:
        """Bring originals into the lock, and what stands for them into the vault."""
        if self._is_local(account):
            super().endow(account, token, amount)
            return
        ledger = self._place.ledger
        ledger.endow(self._place.holders.lock[self._home(account)], token, amount)
        ledger.mint(self._vault(account), self._wrapped(account, token), amount)

    def _depart(self, account: int, token: int, amount: int) -> None:
        self.bridge.lock(account, self._home(account), token, amount, source=self._wallet(account))

    def _enter(self, account: int, token: int, amount: int, now: int) -> None:
        self.bridge.mint(account, self._wrapped(account, token), amount)
        self._count(account, now)

    def _refund(self, account: int, token: int, amount: int) -> None:
        self._release(account, self._wrapped(account, token), amount)

    def _leave(self, account: int, token: int, amount: int, *, source: int) -> None:
        if self._place.tokens.locked_on[token]:
            self.bridge.burn(account, token, amount, source=source)
        else:
            super()._leave(account, token, amount, source=source)

    def _come_home(self, account: int, transfer: Transfer) -> bool:
        if self._place.tokens.locked_on[transfer.token]:
            self._release(account, transfer.token, transfer.move.units)
            return True
        return super()._come_home(account, transfer)

    def _release(self, account: int, token: int, amount: int) -> None:
        home = self._home(account)
        self.bridge.release(account, home, token, amount, self._wallet(account))
