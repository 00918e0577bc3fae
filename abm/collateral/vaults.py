"""What every architecture's vaults do alike: take, release and value collateral."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from abm.collateral.architecture import Seized, SeizureOrder, Surroundings

if TYPE_CHECKING:
    from collections.abc import Sequence


def units_for_order(
    place: Surroundings,
    order: SeizureOrder,
    chain: str,
    held: Sequence[int],
    *,
    sold_as: Sequence[int],
) -> list[int]:
    """Return the base units of each token that a seizure takes of what an account holds.

    Dollars go first, since they need no buyer; then other tokens at the price last published on
    the chain of the sale, lowered to the auction's cutoff, so that a sale there still covers the
    order. ``sold_as`` has the token that each is sold as: itself, or the original that is released
    for it.
    """
    cutoff = place.scenario.liquidation.auction.cutoff_factor
    worths = place.counted_whole_usd(place.board[chain].price_usd).tolist()
    rules = place.tokens.rules
    missing = order.target_usd
    units = [0] * place.token_count
    needs_no_buyer = [sold == place.cash.token for sold in sold_as]
    order_of_taking = sorted(
        range(place.token_count),
        key=lambda token: (not needs_no_buyer[token], rules[token].worth != "dollar"),
    )
    for token in order_of_taking:
        worth = worths[token] * (1.0 if needs_no_buyer[token] else cutoff)
        if worth <= 0:
            continue
        wanted = ceil(max(missing, 0.0) / worth * rules[token].base_units)
        units[token] = min(held[token], wanted)
        missing -= units[token] / rules[token].base_units * worth
    return units


def take_for_order(
    place: Surroundings, order: SeizureOrder, chain: str, *, cause: int, now: int
) -> Seized:
    """Move collateral worth an order from an account's vault to its chain's auction."""
    holder = place.holders.vault + order.account
    held = [place.ledger.balance(holder, token) for token in range(place.token_count)]
    as_it_is = range(place.token_count)
    units = units_for_order(place, order, chain, held, sold_as=as_it_is)
    for token, amount in enumerate(units):
        place.ledger.transfer(holder, place.holders.auction[chain], token, amount)
    return Seized(order.account, order.liquidation, chain, tuple(units), now, cause)


def put_back(place: Surroundings, seized: Seized, units: Sequence[int]) -> None:
    """Move unsold collateral from a chain's auction back to the account's vault."""
    for token, amount in enumerate(units):
        source = place.holders.auction[seized.chain]
        place.ledger.transfer(source, place.holders.vault + seized.account, token, amount)
