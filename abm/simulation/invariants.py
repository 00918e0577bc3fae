"""Phase 10: what must hold after every step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.errors import InvariantError

if TYPE_CHECKING:
    from abm.simulation.world import World


def check_invariants(world: World) -> None:
    """Check conservation of every token, the cash book, positions, and what is under way.

    Raises
    ------
    InvariantError
        Names every broken rule.
    """
    breaches = [
        *world.ledger.breaches(),
        *world.cash.breaches(),
        *world.positions.breaches(),
        *world.transport.breaches(),
        *world.architecture.bridge.breaches(),
        *_under_way_breaches(world),
    ]
    if breaches:
        raise InvariantError(world.now, breaches)


def _under_way_breaches(world: World) -> list[str]:
    """Compare what is said to be under way with what auctions and escrows really hold."""
    held = world.ledger.held_by(world.whereabouts.under_way)
    noted = world.desk.under_way.sum(axis=0) + world.architecture.escrowed.sum(axis=0)
    noted[world.cash.token] += world.replenishing.under_way
    return [
        f"{token}: auctions and escrows hold {there} base units, {said} are noted as under way"
        for token, there, said in zip(
            world.ledger.tokens, held.tolist(), noted.tolist(), strict=True
        )
        if there != said
    ]
