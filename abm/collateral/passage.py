"""What owners move between wallet and collateral, how long it took, and what it cost them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import TYPE_CHECKING

from abm.units import MICRO

if TYPE_CHECKING:
    from abm.collateral.architecture import Surroundings


class MoveKind(StrEnum):
    """Which way an owner moves tokens."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"


@dataclass(slots=True, eq=False)
class Move:
    """One deposit or withdrawal.

    ``value_usd`` is at the price published at the source when it started. ``gas_usd`` and
    ``fee_usd`` are what the owner paid for the transaction there and for the message;
    ``arrived_second`` is None while it is under way.
    """

    id: int
    account: int
    kind: MoveKind
    token: int
    units: int
    source: str
    destination: str
    started_second: int
    value_usd: float
    gas_usd: float
    fee_usd: float
    arrived_second: int | None = None
    refunded: bool = False


class Passage:
    """Keeps every move of an architecture's owners and charges them for it.

    Costs come out of the wallet in the token that moves, as far as the wallet reaches: gas goes to
    the rest of the world, the message's fee to the treasury that pays relayers.
    """

    def __init__(self, place: Surroundings) -> None:
        self._place = place
        self.moves: list[Move] = []

    def start(
        self,
        account: int,
        kind: MoveKind,
        token: int,
        units: int,
        *,
        source: str,
        destination: str,
        now: int,
    ) -> Move:
        """Note a move and charge its owner; on one chain there is no message to pay for."""
        board, transport = self._place.board, self._place.transport
        price_usd = board[source].price_usd
        gas_usd = self._pay(account, token, transport.gas_usd(source), price_usd)
        fee_usd = 0.0
        if source != destination:
            offered = self._place.scenario.gas.fee_multiple * transport.gas_usd(destination)
            fee_usd = self._pay(account, token, offered, price_usd)
            self._fund_treasury(fee_usd)
        move = Move(
            id=len(self.moves),
            account=account,
            kind=kind,
            token=token,
            units=units,
            source=source,
            destination=destination,
            started_second=now,
            value_usd=units * self._place.tokens.unit_usd(price_usd)[token],
            gas_usd=gas_usd,
            fee_usd=fee_usd,
        )
        self.moves.append(move)
        return move

    def _pay(self, account: int, token: int, cost_usd: float, price_usd: float) -> float:
        """Pay a cost from the wallet, as far as it goes; return the dollars paid."""
        place = self._place
        original = int(place.tokens.original[token])
        unit_usd = float(place.tokens.unit_usd(price_usd)[original])
        wallet = place.holders.wallet + account
        units = min(ceil(cost_usd / unit_usd), place.ledger.balance(wallet, original))
        place.ledger.transfer(wallet, place.holders.outside, original, units)
        return units * unit_usd

    def _fund_treasury(self, fee_usd: float) -> None:
        """Bring a fee to the payer of relayers, in the dollars that it pays them in."""
        place = self._place
        cash = place.cash.token
        micro = min(round(fee_usd * MICRO), place.ledger.balance(place.holders.outside, cash))
        place.ledger.transfer(place.holders.outside, place.holders.treasury, cash, micro)

    def arrive(self, move: Move, now: int, *, refunded: bool = False) -> None:
        """Note the end of a move."""
        move.arrived_second = now
        move.refunded = refunded
