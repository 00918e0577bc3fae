"""The holders of a run: one block of the token ledger for each purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abm.ledger.tokens import TokenLedger


@dataclass(frozen=True)
class Holders:
    """Where tokens can be.

    Blocks give the index of their first holder; entry ``n`` of a block is ``first + n``.

    Attributes
    ----------
    wallet, vault : int
        Blocks, one holder for each account: its own money, and its collateral.
    relayer, liquidator : int
        Blocks, one holder for each agent.
    venue_vault, fund, treasury, outside : int
        The venue's dollars, its insurance fund, the payer of fees, and the rest of the world.
    auction : dict of str to int
        Seized collateral and its proceeds, by chain.
    escrow : dict of str to int
        Tokens under way, by channel.
    """

    wallet: int
    vault: int
    relayer: int
    liquidator: int
    venue_vault: int
    fund: int
    treasury: int
    outside: int
    auction: dict[str, int]
    escrow: dict[str, int]


def open_holders(
    ledger: TokenLedger,
    *,
    accounts: int,
    relayers: int,
    liquidators: int,
    chains: tuple[str, ...],
    channels: tuple[str, ...],
) -> Holders:
    """Open every holder of a run and return where they are."""
    return Holders(
        wallet=ledger.open("wallet", accounts),
        vault=ledger.open("vault", accounts),
        relayer=ledger.open("relayer", relayers),
        liquidator=ledger.open("liquidator", liquidators),
        venue_vault=ledger.open("venue_vault"),
        fund=ledger.open("insurance_fund"),
        treasury=ledger.open("treasury"),
        outside=ledger.open("outside"),
        auction={chain: ledger.open(f"auction.{chain}") for chain in chains},
        escrow={channel: ledger.open(f"escrow.{channel}") for channel in channels},
    )
