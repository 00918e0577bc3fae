"""Relayers: carry messages whose fee pays for gas and a profit, as far as capacity goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import mesa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abm.scenario.agents import Relayers


class Pending(NamedTuple):
    """A message that waits to be carried: its id, the fee offered and the gas it costs."""

    message: int
    fee_usd: float
    gas_usd: float


def choose_messages(
    pending: Sequence[Pending], capacity: int, minimum_profit_usd: float
) -> list[int]:
    """Return the messages worth carrying, the most profitable first, at most ``capacity``.

    >>> waiting = [Pending(0, 1.0, 0.9), Pending(1, 5.0, 1.0), Pending(2, 3.0, 1.0)]
    >>> choose_messages(waiting, capacity=2, minimum_profit_usd=0.5)
    [1, 2]
    """
    worth = sorted(
        (gas_usd - fee_usd, message)
        for message, fee_usd, gas_usd in pending
        if fee_usd - gas_usd >= minimum_profit_usd
    )
    return [message for _, message in worth[:capacity]]


class RelayDesk(Protocol):
    """What the simulation offers a relayer."""

    def pending(self, relayer: int) -> list[Pending]:
        """Return the ready messages on the channels that a relayer serves."""
        ...

    def is_down(self, relayer: int) -> bool:
        """Return whether the relayer is in an outage."""
        ...

    def capacity(self) -> int:
        """Return how many messages one relayer carries in a step."""
        ...

    def carry(self, relayer: int, message: int) -> None:
        """Carry a message, unless another relayer was first."""
        ...


class Relayer(mesa.Agent):
    """One relayer; ``slot`` is its number."""

    def __init__(self, model: mesa.Model, slot: int, parameters: Relayers, desk: RelayDesk) -> None:
        super().__init__(model)
        self.slot = slot
        self.parameters = parameters
        self.desk = desk

    def step(self) -> None:
        """Carry what pays."""
        if self.desk.is_down(self.slot):
            return
        pending = self.desk.pending(self.slot)
        chosen = choose_messages(pending, self.desk.capacity(), self.parameters.minimum_profit_usd)
        for message in chosen:
            self.desk.carry(self.slot, message)
