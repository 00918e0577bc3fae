"""Depositors' front on the world: what is theirs of each fund, and who has asked to leave."""

from __future__ import annotations

import heapq
from math import exp, fsum  # exact: `sum` of floats rounds otherwise from Python 3.12 on
from typing import TYPE_CHECKING

from abm.randomness import standard_normal
from abm.simulation.withdrawals import last_loss, payouts_stand_still
from abm.units import dollars, seconds

if TYPE_CHECKING:
    from abm.simulation.world import World

WHOLE = 1 << 40
"""Parts that a fund is divided into, so that every share is a whole number of them."""


class FundDesk:
    """Serves the depositors of all insurance funds.

    Shares are whole parts of a fund; who leaves takes its parts of what is left with it, and the
    parts of the others stand for the rest.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        rule = world.scenario.fund_depositors
        self.count = 0 if rule is None else rule.count
        self._parts: list[int] = []
        self._below: list[float] = []
        self._leaving: list[tuple[int, int, int]] = []
        self._asked: dict[int, None] = {}
        self._outstanding = [WHOLE] * len(world.clearings)
        self._lowest: dict[int, float] = {}
        if rule is None:
            return
        uniforms = world.streams.uniforms
        draws = [uniforms("fund-depositor", str(slot), count=2) for slot in range(rule.count)]
        sizes = [exp(rule.size_ln_sigma * standard_normal(draw[0])) for draw in draws]
        self._below = [float(draw[1]) * rule.leave_below for draw in draws]
        for slot, size in enumerate(sizes):
            together = fsum(sizes[self.fund_of(slot) :: len(world.clearings)])
            self._parts.append(int(rule.share * WHOLE * size / together))

    def fund_of(self, depositor: int) -> int:
        """Return the number of the clearing house whose fund a depositor is in."""
        return depositor % len(self._world.clearings)

    def look(self) -> bool:
        """Return whether a fund has fallen lower than it was at any time before."""
        if not self.count or not self._world.scenario.contagion.withdrawal_run:
            return False
        fell = False
        for number in range(len(self._world.clearings)):
            share = self._share(number)
            if share < self._lowest.get(number, 1.0):
                self._lowest[number] = share
                fell = True
        return fell

    def _share(self, number: int) -> float:
        waterfall = self._world.clearings[number].waterfall
        return waterfall.fund() / waterfall.fund_at_start if waterfall.fund_at_start else 1.0

    def fund_share(self, depositor: int) -> float:
        """Return what is left of its fund, as a share of what it was."""
        return self._share(self.fund_of(depositor))

    def leaves_below(self, depositor: int) -> float:
        """Return its own threshold."""
        return self._below[depositor]

    def ask_to_leave(self, depositor: int) -> None:
        """Note that it leaves, after its notice; asking again changes nothing."""
        rule = self._world.scenario.fund_depositors
        if rule is None or depositor in self._asked:
            return
        self._asked[depositor] = None
        loss = last_loss(self._world, self.fund_of(depositor))
        cause = self._world.log.add(self._world.now, "fund_notice", loss)
        due = self._world.now + seconds(rule.notice_hours)
        heapq.heappush(self._leaving, (due, depositor, cause))

    def pay_out(self) -> None:
        """Pay those whose notice is over their part of what is left; who cannot be paid waits."""
        world = self._world
        waiting = []
        while self._leaving and self._leaving[0][0] <= world.now:
            due, depositor, cause = heapq.heappop(self._leaving)
            number = self.fund_of(depositor)
            if payouts_stand_still(world, number):
                waiting.append((due, depositor, cause))
                continue
            fund = world.holders.fund + number
            left = world.ledger.balance(fund, world.cash.token)
            # A part may round to none of a fund that others have left for good.
            paid = left * self._parts[depositor] // max(self._outstanding[number], 1)
            self._outstanding[number] -= self._parts[depositor]
            world.ledger.transfer(fund, world.holders.outside, world.cash.token, paid)
            world.log.add(
                world.now,
                "fund_exit",
                cause,
                place=world.clearings[number].name,
                value_usd=dollars(paid),
            )
        for later in waiting:
            heapq.heappush(self._leaving, later)
