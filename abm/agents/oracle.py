"""Oracles: publish when the price moved or the heartbeat is due, if gas allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import mesa

from abm.market import largest_move

if TYPE_CHECKING:
    from abm.market import Round
    from abm.scenario.agents import Oracles


def choose_publication(
    observed: Round, published: Round, gas_multiple: float, parameters: Oracles
) -> bool:
    """Decide whether to publish an observation.

    Parameters
    ----------
    observed, published : Round
        What the oracle sees, and what stands on its chain.
    gas_multiple : float
        Gas there, in multiples of calm.
    parameters : Oracles
        The scenario's.

    Returns
    -------
    bool
        True when the heartbeat is due, or a price deviates enough and gas is bearable.
    """
    silence = observed.observed_second - published.observed_second
    if silence >= parameters.heartbeat_seconds:
        return True
    deviation = largest_move(observed.price_usd, published.price_usd)
    return deviation >= parameters.deviation and gas_multiple <= parameters.gas_tolerance


class OracleDesk(Protocol):
    """What the simulation offers an oracle."""

    def observe(self, chain: str) -> Round:
        """Return the market as a chain's oracle sees it, its delay ago."""
        ...

    def published(self, chain: str) -> Round:
        """Return what stands on a chain."""
        ...

    def gas_multiple(self, chain: str) -> float:
        """Return a chain's gas, in multiples of calm."""
        ...

    def publish(self, chain: str, fresh: Round) -> None:
        """Publish on a chain, unless it stands still."""
        ...


class Oracle(mesa.Agent):
    """The oracle of one chain."""

    def __init__(
        self, model: mesa.Model, chain: str, parameters: Oracles, desk: OracleDesk
    ) -> None:
        super().__init__(model)
        self.chain = chain
        self.parameters = parameters
        self.desk = desk

    def step(self) -> None:
        """Publish if it is worth it."""
        observed = self.desk.observe(self.chain)
        published = self.desk.published(self.chain)
        gas = self.desk.gas_multiple(self.chain)
        if choose_publication(observed, published, gas, self.parameters):
            self.desk.publish(self.chain, observed)
