"""Where accounts stand, and who they are: what never changes in a run, found once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from abm.simulation.world import World


class Whereabouts:
    """Accounts by place and by kind.

    Every mask is of shape (accounts,).
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def _by_chain(self, stand: Iterable[str]) -> dict[str, NDArray[np.bool_]]:
        chains = np.array(list(stand))
        return {chain: chains == chain for chain in self._world.scenario.chains}

    def _numbers_by_chain(self, stand: Iterable[str]) -> dict[str, NDArray[np.int64]]:
        return {chain: np.flatnonzero(there) for chain, there in self._by_chain(stand).items()}

    @cached_property
    def collateral(self) -> dict[str, NDArray[np.bool_]]:
        """Masks of the accounts whose collateral stands on each chain."""
        chain_of = self._world.architecture.chain_of
        return self._by_chain(map(chain_of, range(len(self._world.clearing_of))))

    @cached_property
    def vaults(self) -> dict[str, NDArray[np.int64]]:
        """Accounts by the chain of their vaults, at home or at the venue, ascending."""
        place = self._world.place
        at_home = self._world.architecture.reached_by_message
        return self._numbers_by_chain(place.home_chains if at_home else place.venue_chains)

    @cached_property
    def venues(self) -> dict[str, NDArray[np.int64]]:
        """Accounts by the chain of the venue that they are margined at, ascending."""
        return self._numbers_by_chain(self._world.place.venue_chains)

    @cached_property
    def liquidators(self) -> dict[str, list[int]]:
        """Liquidators by their chain."""
        chains = self._world.liquidators.chains
        return {
            name: [number for number, chain in enumerate(chains) if chain == name]
            for name in self._world.scenario.chains
        }

    @cached_property
    def under_way(self) -> NDArray[np.int64]:
        """Holders of what is on its way: auctions and the escrows of channels."""
        holders = self._world.holders
        return np.array([*holders.auction.values(), *holders.escrow.values()], dtype=np.int64)

    @cached_property
    def groups(self) -> dict[str, NDArray[np.int64]]:
        """Accounts behind each node of the exposure graph, ascending.

        Traders by kind and home chain; market makers and arbitrageurs one by one.
        """
        world = self._world
        found: dict[str, list[int]] = {}
        for trader in range(len(world.traders)):
            name = f"traders:{world.traders.kinds[trader]}@{world.traders.chains[trader]}"
            found.setdefault(name, []).append(trader)
        clearings = len(world.clearings)
        for kind, accounts in (("maker", world.makers), ("arbitrageur", world.arbitrageurs)):
            for number in range(len(accounts) // clearings):
                found[f"{kind}:{number}"] = list(accounts[number * clearings :][:clearings])
        return {name: np.array(accounts) for name, accounts in found.items()}
