"""`centralized_exchange`: a custodian holds everything; owners hold its promises.

A deposit is credited when its message, the confirmations of its chain, has arrived. What the
custodian holds is one stock: who withdraws first is paid in full, and when the stock is gone the
rest hold promises. The custodian can freeze withdrawals; liquidations go on inside its book.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from abm.collateral.shared_stock import SharedStock

if TYPE_CHECKING:
    from abm.collateral.architecture import Surroundings
    from abm.collateral.at_venue import Transfer
    from abm.collateral.tokens import Representation


class CentralizedExchange(SharedStock):
    """Promises in the vaults, originals with the custodian on the venue's chain."""

    represents: ClassVar[Representation] = "custodial"

    def __init__(self, place: Surroundings) -> None:
        super().__init__(place)
        self._paid: dict[int, int] = {}

    def _stock_chain(self, account: int) -> str:
        return self._venue_of(account)  # where its custodian holds everything

    def _enter(self, account: int, token: int, amount: int, now: int) -> None:
        escrow = self._place.holders.escrow[self._channel_from(account)]
        self.escrowed[account, token] -= amount
        self.bridge.lock(account, self._venue_of(account), token, amount, source=escrow)
        self.bridge.mint(account, self._claim(account, token), amount)
        self._count(account, now)

    def _leave(self, account: int, token: int, amount: int, *, source: int) -> None:
        if self._place.tokens.locked_on[token]:
            self.bridge.burn(account, token, amount, source=source)
        else:
            super()._leave(account, token, amount, source=source)

    def _send_out(self, transfer: Transfer, *, cause: int, now: int) -> None:
        """Take originals of the stock, as far as it goes, and send them."""
        if self._place.tokens.locked_on[transfer.token]:
            account = transfer.move.account
            original = int(self._place.tokens.original[transfer.token])
            escrow = self._place.holders.escrow[self._channel_to(account)]
            paid = self.bridge.release(
                account, self._venue_of(account), transfer.token, transfer.move.units, escrow
            )
            self.escrowed[account, original] += paid
            self._paid[transfer.move.id] = paid
        super()._send_out(transfer, cause=cause, now=now)

    def _come_home(self, account: int, transfer: Transfer) -> bool:
        if not self._place.tokens.locked_on[transfer.token]:
            return super()._come_home(account, transfer)
        original = int(self._place.tokens.original[transfer.token])
        escrow = self._place.holders.escrow[self._channel_to(account)]
        paid = self._paid.pop(transfer.move.id)
        self._place.ledger.transfer(escrow, self._wallet(account), original, paid)
        self.escrowed[account, original] -= paid
        return True
