"""Depositors of an insurance fund: leave when too little of it is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import mesa

if TYPE_CHECKING:
    from abm.scenario.watchers import FundDepositors


def choose_exit(fund_share: float, leaves_below: float) -> bool:
    """Decide whether to leave.

    Parameters
    ----------
    fund_share : float
        What is left of the fund, as a share of what it was at the start.
    leaves_below : float
        The depositor's own threshold.

    Examples
    --------
    >>> choose_exit(0.4, 0.5), choose_exit(0.5, 0.5)
    (True, False)
    """
    return fund_share < leaves_below


class DepositDesk(Protocol):
    """What the simulation offers a depositor."""

    def fund_share(self, depositor: int) -> float:
        """Return what is left of its fund, as a share of what it was."""
        ...

    def leaves_below(self, depositor: int) -> float:
        """Return its own threshold."""
        ...

    def ask_to_leave(self, depositor: int) -> None:
        """Ask for its part of the fund, once and for all."""
        ...


class FundDepositor(mesa.Agent):
    """One depositor; ``slot`` is its number."""

    def __init__(
        self, model: mesa.Model, slot: int, parameters: FundDepositors, desk: DepositDesk
    ) -> None:
        super().__init__(model)
        self.slot = slot
        self.parameters = parameters
        self.desk = desk

    def step(self) -> None:
        """Ask to leave if too little is left."""
        if choose_exit(self.desk.fund_share(self.slot), self.desk.leaves_below(self.slot)):
            self.desk.ask_to_leave(self.slot)
