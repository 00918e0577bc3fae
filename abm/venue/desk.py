"""The liquidation desk: margin call, grace, seizure, auction, proceeds, close-out, waterfall.

It acts on what the venue believes. What happens on other chains reaches it only as events of the
collateral architecture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.collateral import Arrived, CallArrived, Reach, Seized, SeizureOrder
from abm.units import dollars
from abm.venue.clearing import Offered
from abm.venue.liquidation import (
    IN_HAND,
    Liquidation,
    Outcome,
    Stage,
    at_once,
    close_out_order,
    seizure_target,
)
from abm.venue.orders import BUY, SELL, Side, Trade, TradeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from abm.ledger import CashBook
    from abm.margin import Marks
    from abm.recording.events import EventLog
    from abm.scenario.collateral import Liquidation as LiquidationRule
    from abm.venue.auction import Auction, AuctionHouse
    from abm.venue.beliefs import Beliefs
    from abm.venue.clearing import Clearing


class LiquidationDesk:
    """Runs every liquidation of all venues.

    Parameters
    ----------
    rule : abm.scenario.collateral.Liquidation
        Grace, buffer, close-out.
    architecture : Reach
        Reaches the collateral.
    clearings : sequence of Clearing
        Where accounts are margined.
    cash, auctions, log
        The venues' other parts.
    margined : int
        Accounts below this number are margined; the houses stand above.
    clearing_of : ndarray of int64, shape (accounts,), optional
        Number of the clearing house of each account; the first for all if not given.

    Attributes
    ----------
    liquidations : list of Liquidation
        All of them, by number.
    under_way : ndarray of int64, shape (accounts, tokens)
        Base units seized from an account's vault that are not home yet.
    written_off : ndarray of bool, shape (accounts,)
        Accounts whose loss not even the waterfall could cover.
    rule : abm.scenario.collateral.Liquidation
        By which it goes now.
    close_out_is_settled : callable
        Whether close-outs trade in the book at a second, given when their closing began.
    """

    def __init__(
        self,
        rule: LiquidationRule,
        architecture: Reach,
        clearings: Sequence[Clearing],
        cash: CashBook,
        auctions: AuctionHouse,
        log: EventLog,
        *,
        margined: int,
        clearing_of: NDArray[np.int64] | None = None,
    ) -> None:
        self.liquidations: list[Liquidation] = []
        self.auctions = auctions
        self.rule = rule
        self._architecture = architecture
        self._clearings = tuple(clearings)
        self._cash = cash
        self._log = log
        self._positions = clearings[0].exchanges[0].positions
        accounts = len(cash.balances)
        numbers = np.zeros(accounts, dtype=np.int64) if clearing_of is None else clearing_of
        self._clearing_of: list[int] = numbers.tolist()
        self._margined = margined
        self._open: dict[int, Liquidation] = {}
        self.close_out_is_settled: Callable[[int, int], bool] = at_once
        self._has_open = np.zeros(accounts, dtype=np.bool_)
        self._on_sale: dict[int, list[Auction]] = {}
        self.written_off = np.zeros(accounts, dtype=np.bool_)
        self.under_way: NDArray[np.int64] = np.zeros_like(architecture.claims.units)

    def is_open(self, account: int) -> bool:
        """Return whether an account is being liquidated, and so may not trade."""
        return account in self._open

    @property
    def open_count(self) -> int:
        """Number of liquidations that have not ended."""
        return len(self._open)

    def open_liquidations(self) -> Iterator[Liquidation]:
        """Yield the liquidations that have not ended, oldest first."""
        return iter(self._open.values())

    def _clearing(self, account: int) -> Clearing:
        return self._clearings[self._clearing_of[account]]

    def _marks(self, account: int, beliefs: Beliefs) -> Marks:
        return beliefs.marks[self._clearing_of[account]]

    def call_breaches(
        self, beliefs: Beliefs, now: int, works: NDArray[np.bool_] | None = None
    ) -> None:
        """Open a liquidation, with a margin call, for every account newly below its requirement.

        ``works``, of shape (accounts,), says whose venue calls margin now; all if not given.
        """
        short = beliefs.equity < beliefs.maintenance
        short &= ~(self.written_off | self._has_open)
        if works is not None:
            short &= works
        for account in short[: self._margined].nonzero()[0].tolist():
            shortfall = float(beliefs.maintenance[account] - beliefs.equity[account])
            chain = self._architecture.chain_of(account)
            cause = self._log.add(now, "breach", account=account, place=chain, value_usd=shortfall)
            answer_seconds = self.rule.grace_seconds
            if self.rule.grace_from == "call_arrival":
                answer_seconds += self._architecture.round_trip_seconds(account)
            due = now + round(answer_seconds)
            units = self._architecture.claims.units[account].copy()
            liquidation = Liquidation(
                len(self.liquidations), account, chain, cause, now, shortfall, due, units
            )
            self.liquidations.append(liquidation)
            self._open[account] = liquidation
            self._has_open[account] = True
            for exchange in self._clearing(account).exchanges:
                exchange.cancel(account)
            self._architecture.call(account, liquidation.id, shortfall, cause=cause, now=now)

    def take_events(self, now: int) -> list[CallArrived]:
        """Act on what came back from the architecture; return the calls that reached traders."""
        calls = []
        # What the desk does may bring further events at once, where nothing has to travel.
        while events := self._architecture.take_events():
            for event in events:
                liquidation = self.liquidations[event.liquidation]
                match event:
                    case CallArrived():
                        if liquidation.called_second is None:
                            liquidation.called_second = event.second
                        calls.append(event)
                    case Seized():
                        self._put_on_sale(liquidation, event, now)
                    case Arrived():
                        self._receive(liquidation, event)
        return calls

    def _put_on_sale(self, liquidation: Liquidation, seized: Seized, now: int) -> None:
        if liquidation.first_seized_second is None:
            liquidation.first_seized_second = seized.second
        self.under_way[seized.account] += np.array(seized.units)
        on_sale = [
            self.auctions.open(seized, token, now)
            for token, units in enumerate(seized.units)
            if units and token != self._cash.token
        ]
        if on_sale:
            self._set_stage(liquidation, Stage.AUCTIONING)
            self._on_sale[liquidation.id] = on_sale
            return
        self._set_stage(liquidation, Stage.RETURNING)
        micro_dollars = seized.units[self._cash.token]
        self._architecture.send_home(seized, micro_dollars, cause=liquidation.cause, now=now)

    def sell(
        self,
        auction: Auction,
        units: int,
        micro_dollars: int,
        now: int,
        *,
        published_usd: float,
        backed_usd: float,
    ) -> None:
        """Note that part of an auction was sold, what it was worth as published and as backed."""
        self.auctions.take(auction, units, micro_dollars, now)
        auction.published_value_usd += published_usd
        auction.backed_value_usd += backed_usd
        self.under_way[auction.seized.account, auction.token] -= units
        self.under_way[auction.seized.account, self._cash.token] += micro_dollars

    def _receive(self, liquidation: Liquidation, arrived: Arrived) -> None:
        self.under_way[arrived.account, self._cash.token] -= arrived.micro_dollars
        liquidation.proceeds += arrived.micro_dollars
        if liquidation.proceeds_second is None:
            liquidation.proceeds_second = arrived.second
        self._log.add(
            arrived.second,
            "proceeds",
            liquidation.cause,
            account=arrived.account,
            place=liquidation.chain,
            value_usd=dollars(arrived.micro_dollars),
        )
        self._set_stage(liquidation, Stage.CLOSING)

    @staticmethod
    def _set_stage(liquidation: Liquidation, stage: Stage) -> None:
        if liquidation.is_open:
            liquidation.stage = stage

    def finish_auctions(self, now: int) -> None:
        """Send home what finished auctions brought, and give back what they did not sell."""
        for auction in self.auctions.close_finished(now):
            liquidation = self.liquidations[auction.seized.liquidation]
            if auction.units_left:
                liquidation.failed_auctions += 1
            on_sale = self._on_sale.get(liquidation.id, [])
            if not on_sale or any(item.ended_second is None for item in on_sale):
                continue
            del self._on_sale[liquidation.id]
            seized = auction.seized
            unsold = [0] * len(seized.units)
            for item in on_sale:
                unsold[item.token] = item.units_left
            if any(unsold):
                self.under_way[seized.account] -= np.array(unsold)
                self._architecture.give_back(seized, unsold, cause=liquidation.cause, now=now)
            micro_dollars = seized.units[self._cash.token] + sum(item.proceeds for item in on_sale)
            self._set_stage(liquidation, Stage.RETURNING)
            self._architecture.send_home(seized, micro_dollars, cause=liquidation.cause, now=now)

    def advance(self, beliefs: Beliefs, now: int, works: NDArray[np.bool_] | None = None) -> None:
        """Take every open liquidation one step further; ``works`` as `call_breaches` has it."""
        at_once = self.rule.close_out == "at_once"
        working = None if works is None else works.tolist()
        in_hand = [
            item
            for item in self._open.values()
            if (at_once or item.stage in IN_HAND) and (working is None or working[item.account])
        ]
        offered = [Offered(clearing.exchanges) for clearing in self._clearings] if in_hand else []
        for liquidation in in_hand:
            if liquidation.stage is Stage.CALLED and not self._answered(liquidation, beliefs, now):
                continue
            closing = liquidation.stage is Stage.CLOSING
            if not (closing or at_once):
                continue
            there = offered[self._clearing_of[liquidation.account]]
            if self._close_positions(liquidation, beliefs, now, there) and closing:
                self._finish(liquidation, beliefs, now)

    def _answered(self, liquidation: Liquidation, beliefs: Beliefs, now: int) -> bool:
        """Return whether a called account was not cured in its time, and so is being seized."""
        account = liquidation.account
        if beliefs.equity[account] >= beliefs.maintenance[account]:
            units = self._architecture.claims.units[account]
            deposited = bool((units > liquidation.claim_units).any())
            self._end(liquidation, Outcome.TOPPED_UP if deposited else Outcome.RECOVERED, now)
            return False
        if now < liquidation.seizure_due_second:
            return False
        self._seize(liquidation, beliefs, now)
        return True

    def seizure_usd(self, account: int, beliefs: Beliefs) -> float:
        """Return what a seizure now would be for, in dollars; 0 if too little is to be had."""
        target = seizure_target(
            self._positions.row(account),
            self._marks(account, beliefs).value,
            dollars(int(self._cash.balances[account])),
            slippage=self.rule.close_slippage,
            buffer=self.rule.seizure_buffer,
        )
        return target if beliefs.claim_usd[account] >= self.rule.smallest_seizure_usd else 0.0

    def _seize(self, liquidation: Liquidation, beliefs: Beliefs, now: int) -> None:
        """Order a seizure; where nothing is needed or to be had, go straight to closing."""
        account = liquidation.account
        if not (target := self.seizure_usd(account, beliefs)):
            liquidation.stage = Stage.CLOSING
            return
        liquidation.stage = Stage.SEIZING
        liquidation.seizures += 1
        if liquidation.first_seizure_second is None:
            liquidation.first_seizure_second = now
        cause = self._log.add(
            now,
            "seizure",
            liquidation.cause,
            account=account,
            place=liquidation.chain,
            value_usd=target,
        )
        order = SeizureOrder(account, liquidation.id, target)
        self._architecture.seize(order, cause=cause, now=now)

    def _close_positions(
        self, liquidation: Liquidation, beliefs: Beliefs, now: int, offered: Offered
    ) -> bool:
        """Trade an account's contracts away, into the book, later to a market maker.

        Returns whether none are left.
        """
        if liquidation.closing_second is None:
            liquidation.closing_second = now
        account = liquidation.account
        patience = now - liquidation.closing_second >= self.rule.take_over_seconds
        settled = self.close_out_is_settled(liquidation.closing_second, now)
        long, short = self._positions.sides(account)
        # Most accounts wait for days in a market that has nothing for them.
        if not (patience or (settled and offered.meets(long, short))):
            return not (long or short)
        marks, exchanges = self._marks(account, beliefs), self._clearing(account).exchanges
        trades = [len(exchange.trades) for exchange in exchanges]
        flat = True
        for instrument, held in self._positions.held(account):
            side, left = SELL if held > 0 else BUY, held
            for exchange in exchanges:
                if settled and left and exchange.offers(side.opposite, instrument):
                    value, slippage = float(marks.value[instrument]), self.rule.close_slippage
                    order = close_out_order(exchange, account, instrument, left, value, slippage)
                    left += side * exchange.submit(order, marks.price_usd, TradeKind.CLOSE_OUT)
            offered.look_again(side.opposite, instrument)
            if patience and left:
                left += side * self._take_over(account, instrument, side, abs(left), beliefs)
            flat = flat and left == 0
        for exchange, before in zip(exchanges, trades, strict=True):
            liquidation.add_costs(exchange.trades[before:], marks.value, exchange.tick_usd)
        return flat

    def _take_over(
        self, account: int, instrument: int, side: Side, lots: int, beliefs: Beliefs
    ) -> int:
        """Move what the book did not take to the market maker with the most equity.

        Returns how many contracts were moved.
        """
        clearing = self._clearing(account)
        makers = [
            maker for maker in clearing.makers if maker != account and maker not in self._open
        ]
        if not makers:
            return 0
        maker = max(makers, key=lambda candidate: (beliefs.equity[candidate], -candidate))
        value = self._marks(account, beliefs).value[instrument]
        price = value * (1.0 + side * self.rule.take_over_discount)
        buyer, seller = (account, maker) if side is BUY else (maker, account)
        exchange = clearing.exchanges[0]
        ticks = exchange.ticks(price)
        exchange.settle(Trade(instrument, buyer, seller, lots, ticks, side, TradeKind.TAKE_OVER))
        return lots

    def _finish(self, liquidation: Liquidation, beliefs: Beliefs, now: int) -> None:
        """End the liquidation of a flat account, or seize more, or write its debt off."""
        account = liquidation.account
        debt_usd = -dollars(int(self._cash.balances[account]))
        worth_a_message = self.rule.smallest_seizure_usd
        known_second = self._architecture.claims.as_of_second[account]
        if debt_usd <= 0:
            self._end(liquidation, Outcome.CLOSED, now)
        elif min(debt_usd, beliefs.claim_usd[account]) >= worth_a_message:
            self._seize(liquidation, beliefs, now)
        elif debt_usd < worth_a_message or known_second >= liquidation.breach_second:
            self._write_off(liquidation, now)

    def _write_off(self, liquidation: Liquidation, now: int) -> None:
        """Let the waterfall pay what the account cannot."""
        use = self._clearing(liquidation.account).waterfall.pay(liquidation.account, now)
        liquidation.bad_debt = use
        self.written_off[liquidation.account] = use.uncovered > 0
        self._log.add(
            now,
            "bad_debt",
            liquidation.cause,
            account=liquidation.account,
            place=liquidation.chain,
            value_usd=dollars(use.total),
        )
        self._end(liquidation, Outcome.BAD_DEBT, now)

    def _end(self, liquidation: Liquidation, outcome: Outcome, now: int) -> None:
        liquidation.stage = Stage.ENDED
        liquidation.outcome = outcome
        liquidation.ended_second = now
        del self._open[liquidation.account]
        self._has_open[liquidation.account] = False
