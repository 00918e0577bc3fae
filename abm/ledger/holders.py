"""The holders of a run: one block of the token ledger for each purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.ledger.tokens import TokenLedger


@dataclass(frozen=True)
class Holders:
    """Where tokens can be.

    Blocks give the index of their first holder; entry ``n`` of a block is ``first + n``.

    Attributes
    ----------
    wallet, vault : int
        Blocks, one holder for each account: its own money, and its collateral.
    relayer, liquidator, reserve : int
        Blocks, one holder for each agent; the last has what liquidators keep at the first venue's.
    mutual_fund : int
        Block, one holder for the contribution of each member: the venues', then those of members
        that are not simulated.
    venue_vault, fund : int
        Blocks, one holder for each venue, the first venue's first: its dollars, and its insurance
        fund.
    treasury, outside : int
        The payer of fees, and the rest of the world.
    insurer, parametric, backstop : int
        What two insurances and whoever stands behind the venue have set aside for it.
    attacker : int
        Whoever drains bridges and forges messages.
    rebalancing : int
        Tokens of a pool on their way from one chain to another.
    auction, lock : dict of str to int
        By chain: seized collateral and its proceeds; originals for which others were minted.
    escrow : dict of str to int
        Tokens under way, by channel.
    """

    wallet: int
    vault: int
    relayer: int
    liquidator: int
    reserve: int
    mutual_fund: int
    venue_vault: int
    fund: int
    insurer: int
    parametric: int
    backstop: int
    treasury: int
    outside: int
    attacker: int
    rebalancing: int
    auction: dict[str, int]
    lock: dict[str, int]
    escrow: dict[str, int]


def open_holders(
    ledger: TokenLedger,
    *,
    wallet_chains: Sequence[str],
    vault_chains: Sequence[str],
    liquidator_chains: Sequence[str],
    relayers: int,
    venue_chains: tuple[str, ...],
    chains: tuple[str, ...],
    channels: tuple[str, ...],
    members: int = 1,
) -> Holders:
    """Open every holder of a run and return where they are.

    Parameters
    ----------
    ledger : TokenLedger
        Where they are opened.
    wallet_chains, vault_chains : sequence of str, one for each account
        Chains on which each account's wallet and vault stand.
    liquidator_chains : sequence of str, one for each liquidator
        Chains on which they keep their cash.
    relayers : int
        How many there are.
    venue_chains : tuple of str
        Where each venue's vault and fund stand, and with the first one's the treasury.
    chains, channels : tuple of str
        Names of all of them.
    members : int
        Venues that share a mutual fund.
    """
    venues = venue_chains
    return Holders(
        wallet=_block(ledger, "wallet", wallet_chains),
        vault=_block(ledger, "vault", vault_chains),
        relayer=ledger.open("relayer", relayers, places=["relayers"] * relayers),
        liquidator=_block(ledger, "liquidator", liquidator_chains),
        reserve=ledger.open(
            "liquidator_reserve",
            len(liquidator_chains),
            places=[f"liquidator_reserve@{venues[0]}"] * len(liquidator_chains),
        ),
        venue_vault=ledger.open(
            "venue_vault", len(venues), places=[f"venue@{chain}" for chain in venues]
        ),
        fund=ledger.open(
            "insurance_fund", len(venues), places=[f"insurance_fund@{chain}" for chain in venues]
        ),
        mutual_fund=ledger.open("mutual_fund", members, places=["mutual_fund"] * members),
        insurer=ledger.open("insurer"),
        parametric=ledger.open("parametric_insurer"),
        backstop=ledger.open("backstop"),
        treasury=ledger.open("treasury", places=[f"treasury@{venues[0]}"]),
        outside=ledger.open("outside"),
        attacker=ledger.open("attacker"),
        rebalancing=ledger.open("rebalancing"),
        auction={chain: ledger.open(f"auction@{chain}") for chain in chains},
        lock={chain: ledger.open(f"lock@{chain}") for chain in chains},
        escrow={channel: ledger.open(f"escrow@{channel}") for channel in channels},
    )


def _block(ledger: TokenLedger, name: str, chains: Sequence[str]) -> int:
    return ledger.open(name, len(chains), places=[f"{name}@{chain}" for chain in chains])
