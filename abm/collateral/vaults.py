"""What every architecture's vaults do alike: take, release and value collateral."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from abm.collateral.architecture import Seized, SeizureOrder, Surroundings

if TYPE_CHECKING:
    from collections.abc import Sequence


def take_for_order(
    place: Surroundings, order: SeizureOrder, chain: str, *, cause: int, now: int
) -> Seized:
    """Move collateral worth an order from an account's vault to its chain's auction.

    Dollars go first, since they need no buyer; then other tokens at the price last published on
    that chain, lowered to the auction's cutoff, so that a sale there still covers the order.
    """
    holder = place.holders.vault + order.account
    price = place.board[chain].price_usd * place.scenario.liquidation.auction.cutoff_factor
    missing = order.target_usd
    units = [0] * place.token_count
    rules = list(place.scenario.tokens.values())
    dollars_first = sorted(range(len(rules)), key=lambda token: rules[token].worth != "dollar")
    for token in dollars_first:
        worth = 1.0 if rules[token].worth == "dollar" else price
        held = place.ledger.balance(holder, token)
        wanted = ceil(max(missing, 0.0) / worth * rules[token].base_units)
        units[token] = min(held, wanted)
        missing -= units[token] / rules[token].base_units * worth
        place.ledger.transfer(holder, place.holders.auction[chain], token, units[token])
    return Seized(order.account, order.liquidation, chain, tuple(units), now, cause)


def put_back(place: Surroundings, seized: Seized, units: Sequence[int]) -> None:
    """Move unsold collateral from a chain's auction back to the account's vault."""
    for token, amount in enumerate(units):
        source = place.holders.auction[seized.chain]
        place.ledger.transfer(source, place.holders.vault + seized.account, token, amount)
