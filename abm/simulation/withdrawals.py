"""Owners take money out: now and then, and all at once when the fund or a token looks weak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.agents import choose_withdrawal
from abm.recording.events import ROOT, THEFTS
from abm.units import SECONDS_PER_DAY, dollars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from abm.randomness import Streams
    from abm.recording.events import Event
    from abm.scenario.model import Scenario
    from abm.simulation.world import World


@dataclass(frozen=True)
class WithdrawalPlans:
    """Who wants to take money out, drawn at the start.

    Attributes
    ----------
    second, trader : ndarray of int64, shape (planned,)
        Ordinary withdrawals by time.
    share : ndarray, shape (planned,)
        Of what is free then.
    runs_below : ndarray, shape (traders and searchers,)
        A trader takes all it can once the fund is below this share of what it was, or a wrapped
        token's backing below this share of its face; 0 for one who never runs.
    """

    second: NDArray[np.int64]
    trader: NDArray[np.int64]
    share: NDArray[np.float64]
    runs_below: NDArray[np.float64]


def draw_withdrawals(scenario: Scenario, streams: Streams) -> WithdrawalPlans:
    """Draw the ordinary withdrawals of every kind, and who would run."""
    seconds, traders, shares, runs = [], [], [], []
    first, horizon = 0, scenario.clock.horizon_seconds
    for kind, rule in scenario.traders.items():
        rng = streams.get("withdrawals", kind)
        mean = rule.count * rule.withdrawals_per_day * horizon / SECONDS_PER_DAY
        draws = rng.random((int(rng.poisson(mean)), 3))
        seconds.append((draws[:, 0] * horizon).astype(np.int64))
        traders.append(first + (draws[:, 1] * rule.count).astype(np.int64))
        shares.append(draws[:, 2])
        runs.append(streams.get("runs", kind).random(rule.count) * rule.panic_below)
        first += rule.count
    second = np.concatenate(seconds)
    order = np.argsort(second, kind="stable")
    return WithdrawalPlans(
        second[order],
        np.concatenate(traders)[order],
        np.concatenate(shares)[order],
        np.concatenate([*runs, np.zeros(scenario.searchers.count if scenario.searchers else 0)]),
    )


@dataclass(frozen=True, slots=True)
class WithdrawalRequest:
    """An account wants a share of what is free, as soon as the venue lets it."""

    account: int
    share: float
    cause: int
    cash_only: bool = False


class Withdrawals:
    """The queue of a venue's withdrawals.

    Parameters
    ----------
    plans : WithdrawalPlans
        Who will want what.

    Attributes
    ----------
    waiting : list of WithdrawalRequest
        In the order of asking.
    frozen_until : int
        Nothing is let out before this second.
    has_run : ndarray of bool, shape (traders,)
        Traders who have lost confidence.
    """

    def __init__(self, plans: WithdrawalPlans) -> None:
        self.waiting: list[WithdrawalRequest] = []
        self.frozen_until = 0
        self.has_run = np.zeros(len(plans.runs_below), dtype=np.bool_)
        self._plans = plans
        self._seconds = plans.second.tolist()
        self._planned = 0
        self._lowest_share: dict[int, float] = {}

    def freeze(self, until: int) -> None:
        """Let nothing out before a second."""
        self.frozen_until = max(self.frozen_until, until)

    def ask(self, account: int, cause: int, *, cash_only: bool = False) -> None:
        """Queue that an account wants all that is free, or of it dollars alone."""
        self.waiting.append(WithdrawalRequest(account, 1.0, cause, cash_only))

    def ask_as_planned(self, now: int) -> None:
        """Queue what is planned until now."""
        while self._planned < len(self._seconds) and self._seconds[self._planned] <= now:
            row = self._planned
            account, share = int(self._plans.trader[row]), float(self._plans.share[row])
            self.waiting.append(WithdrawalRequest(account, share, ROOT))
            self._planned += 1

    def is_lowest(self, share: float, clearing: int) -> bool:
        """Return whether less is left of a clearing house's fund, or a backing, than ever."""
        return share < self._lowest_share.get(clearing, 1.0)

    def lose_confidence(self, share: float, clearing: int, at: NDArray[np.bool_]) -> list[int]:
        """Return the traders whose own threshold the fund or a backing has just fallen below.

        Parameters
        ----------
        share : float
            What is left of the fund of a clearing house, or of a backing: less than ever, as
            `is_lowest` tells.
        clearing : int
            Number of that clearing house.
        at : ndarray of bool, shape (traders,)
            Who is margined there.
        """
        self._lowest_share[clearing] = share
        running = np.flatnonzero((self._plans.runs_below > share) & ~self.has_run & at)
        self.has_run[running] = True
        return running.tolist()


def request_withdrawals(world: World) -> None:
    """Queue what is planned for this step, and whoever has lost confidence since the last."""
    world.withdrawals.ask_as_planned(world.now)
    if not world.scenario.contagion.withdrawal_run:
        return
    backing = float(world.place.bridge.backing().min(initial=1.0))
    for number, waterfall in enumerate(world.waterfalls):
        at_start = waterfall.own_at_start
        fund = waterfall.own() / at_start if at_start else 1.0
        share = min(fund, backing)
        if not world.withdrawals.is_lowest(share, number):
            continue
        at = world.clearing_of[: len(world.traders)] == number
        running = world.withdrawals.lose_confidence(share, number, at)
        if not running:
            continue
        # A shared fund shrinks by losses of any venue that shares it.
        of = None if world.scenario.waterfall.mutual_fund is not None else number
        reason = last_loss(world, of) if fund <= backing else _last(world, THEFTS)
        for account in running:
            cause = world.log.add(world.now, "run", reason, account=account)
            world.withdrawals.ask(account, cause)


def last_loss(world: World, number: int | None) -> int:
    """Return the last event of bad debt at one clearing house, or at any; the root without one."""
    return _last(world, ("bad_debt",), number)


def _last(world: World, kinds: Sequence[str], number: int | None = None) -> int:
    """Return the last event of some kinds, which made owners lose confidence."""
    found = (
        event.id
        for event in reversed(world.log.events)
        if event.kind in kinds and (number is None or _is_at(world, event, number))
    )
    return next(found, ROOT)


def _is_at(world: World, event: Event, number: int) -> bool:
    """Return whether an event is of an account of a clearing house."""
    return event.account is not None and int(world.clearing_of[event.account]) == number


def settle_withdrawals(world: World) -> None:
    """Let out what the venue's rules and the chains allow; the rest waits.

    Nothing leaves while the venue's chain or its withdrawals stand still, nor while believed
    shortfalls exceed the fund (Derive v2-core: withdrawals are blocked while the insolvent
    shortfall exceeds the security module).
    """
    queue = world.withdrawals
    if not queue.waiting:
        return
    blocked = [is_blocked(world, number) for number in range(len(world.clearings))]
    if all(blocked):
        return
    waiting, queue.waiting = queue.waiting, []
    for request in waiting:
        if blocked[int(world.clearing_of[request.account])]:
            queue.waiting.append(request)
        elif not world.desk.is_open(request.account):
            _let_out(world, request)


def payouts_stand_still(world: World, number: int) -> bool:
    """Return whether nothing can leave one clearing house: frozen, or on a chain that is still."""
    chain = world.clearings[number].chain
    still = world.transport.is_halted(chain, world.now)
    still |= world.transport.is_frozen(chain, world.now)
    return still or world.now < world.withdrawals.frozen_until


def is_blocked(world: World, number: int) -> bool:
    """Return whether nothing can or may leave one clearing house."""
    if payouts_stand_still(world, number):
        return True
    clearing = world.clearings[number]
    counts = ~world.desk.written_off[: world.house]
    if len(world.clearings) > 1:
        counts &= world.clearing_of[: world.house] == number
    believed = np.minimum(world.beliefs.equity[: world.house], 0.0)
    owed = -float(believed[counts].sum())
    return owed > dollars(clearing.waterfall.fund())


def _let_out(world: World, request: WithdrawalRequest) -> None:
    """Pay cash first, then collateral, as far as initial margin allows."""
    account, place = request.account, world.place
    free_usd = float(world.beliefs.equity[account] - world.beliefs.initial[account])
    haircuts = np.array([rule.haircut for rule in place.tokens.rules])
    price_usd = world.book_of(account).marks.price_usd
    counted = place.counted_unit_usd(price_usd) * (1.0 - haircuts)
    in_vault = world.ledger.balance(world.cash.vault_of(account), world.cash.token)
    lent = world.scenario.venue.lends_cash
    units = world.architecture.claims.units[account].tolist()
    withdrawal = choose_withdrawal(
        request.share * free_usd,
        in_vault if lent else min(int(world.cash.balances[account]), in_vault),
        [0] * len(units) if request.cash_only else units,
        counted.tolist(),
    )
    if not withdrawal.micro_dollars and not any(withdrawal.units):
        return
    cause = world.log.add(
        world.now,
        "withdrawal",
        request.cause,
        account=account,
        place=world.architecture.chain_of(account),
        value_usd=request.share * free_usd,
    )
    if withdrawal.micro_dollars:
        micro_dollars = withdrawal.micro_dollars
        world.architecture.withdraw_cash(account, micro_dollars, cause=cause, now=world.now)
    for token, units in enumerate(withdrawal.units):
        if units:
            world.architecture.withdraw(account, token, units, cause=cause, now=world.now)
