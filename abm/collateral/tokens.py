"""The tokens of a run: the scenario's own, and those that an architecture lets stand for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from abm.market.spot import worth_usd
from abm.scenario.network import OWN_WORTHS
from abm.scenario.venues import venue_chains

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.scenario.model import Scenario
    from abm.scenario.network import Token

Representation = Literal["none", "by_chain", "pooled", "custodial"]
"""Which tokens stand for others: none; one for each token and chain on which originals are locked;
shares of one pool over all chains; a custodian's promises."""


@dataclass(frozen=True)
class TokenTable:
    """Tokens in the order of the ledger's columns: originals first, then what stands for them.

    Attributes
    ----------
    names : tuple of str
    rules : tuple of Token
        The scenario's rule of each token; for one that stands for another, the other's.
    original : ndarray of int64, shape (tokens,)
        Column of what each stands for; its own column for an original.
    locked_on : tuple of tuple of str
        Chains whose locks hold the originals; empty for an original.
    peg, seen_peg : ndarray, shape (tokens,)
        What each is worth, and what the venue takes it for, as a share of what it stands for: a
        stable token may lose its peg, and the venue may not look.
    """

    names: tuple[str, ...]
    rules: tuple[Token, ...]
    original: NDArray[np.int64]
    locked_on: tuple[tuple[str, ...], ...]
    peg: NDArray[np.float64] = field(init=False)
    seen_peg: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        """Let everything be worth what it stands for."""
        object.__setattr__(self, "peg", np.ones(len(self.names)))
        object.__setattr__(self, "seen_peg", np.ones(len(self.names)))

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.names)

    @cached_property
    def representations(self) -> list[int]:
        """Columns of the tokens that stand for others."""
        return [token for token, chains in enumerate(self.locked_on) if chains]

    def whole_usd(self, price_usd: float) -> NDArray[np.float64]:
        """Return the dollars that one whole token of each is worth if backed and at its peg."""
        worth = self._dollars + self._follow_price * float(price_usd)
        for token in self._of_others:
            worth[token] = worth_usd(self.rules[token].worth, price_usd)
        return worth

    def unit_usd(self, price_usd: float) -> NDArray[np.float64]:
        """Return the dollars that one base unit of each is worth if wholly backed."""
        return self.whole_usd(price_usd) / self._base_units * self.peg

    def seen_usd(self, price_usd: float) -> NDArray[np.float64]:
        """Return the same as far as the venue looks."""
        return self.whole_usd(price_usd) / self._base_units * self.seen_peg

    @cached_property
    def _follow_price(self) -> NDArray[np.float64]:
        """1 for what is worth the traded underlying, 0 for the others."""
        return np.array([float(rule.worth == "underlying") for rule in self.rules])

    @cached_property
    def _dollars(self) -> NDArray[np.float64]:
        """1 for what is worth a dollar, 0 for what is worth the traded underlying."""
        return 1.0 - self._follow_price

    @cached_property
    def _of_others(self) -> list[int]:
        """Columns of tokens worth an underlying that is not the traded one."""
        return [token for token, rule in enumerate(self.rules) if rule.worth not in OWN_WORTHS]

    @cached_property
    def _base_units(self) -> NDArray[np.float64]:
        return np.array([float(rule.base_units) for rule in self.rules])

    def depeg(self, name: str, worth: float, *, seen: bool) -> None:
        """Let a token, and what stands for it, be worth less; the venue may not look."""
        hit = self.original == self.names.index(name)
        self.peg[hit] *= worth
        if seen:
            self.seen_peg[hit] *= worth

    def restore_pegs(self) -> None:
        """Let everything be worth what it stands for again."""
        self.peg[:] = 1.0
        self.seen_peg[:] = 1.0

    def standing_for(self, original: int, chain: str) -> int:
        """Return the column of what stands for an original that is locked on a chain.

        Raises
        ------
        KeyError
            If nothing stands for it.
        """
        for token in self.representations:
            if int(self.original[token]) == original and chain in self.locked_on[token]:
                return token
        raise KeyError(f"nothing stands for {self.names[original]} locked on {chain}")


def make_token_table(scenario: Scenario, represents: Representation) -> TokenTable:
    """Return the tokens of a run under an architecture."""
    originals = list(scenario.tokens)
    names, standing = list(originals), list(range(len(originals)))
    locked: list[tuple[str, ...]] = [()] * len(originals)
    venues = venue_chains(scenario)
    places: list[tuple[str, tuple[str, ...]]] = []
    if represents == "by_chain":
        alone = len(venues) == 1
        places = [(chain, (chain,)) for chain in scenario.chains if not (alone and chain in venues)]
    elif represents == "pooled":
        places = [("pool", tuple(scenario.chains))]
    elif represents == "custodial":
        places = [("custodian", (venues[0],))]
        further = zip(scenario.further_venues, venues[1:], strict=True)
        places += [(f"custodian@{name}", (chain,)) for name, chain in further]
    for suffix, chains in places:
        for column, name in enumerate(originals):
            names.append(f"{name}.{suffix}")
            standing.append(column)
            locked.append(chains)
    rules = list(scenario.tokens.values())
    return TokenTable(
        tuple(names),
        tuple(rules[column] for column in standing),
        np.array(standing, dtype=np.int64),
        tuple(locked),
    )
