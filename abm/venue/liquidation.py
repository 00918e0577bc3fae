"""One liquidation: its stages, and the arithmetic of how much to seize."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from abm.venue.orders import BUY, SELL, Order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.venue.exchange import Exchange
    from abm.venue.orders import Trade
    from abm.venue.waterfall import WaterfallUse


class Stage(StrEnum):
    """Where a liquidation stands."""

    CALLED = "called"
    SEIZING = "seizing"
    AUCTIONING = "auctioning"
    RETURNING = "returning"
    CLOSING = "closing"
    ENDED = "ended"


IN_HAND = (Stage.CALLED, Stage.CLOSING)
"""Stages in which the venue has something to do; in the others it waits for other chains."""


class Outcome(StrEnum):
    """How a liquidation ended: cured by a deposit or by the market, closed, or with a loss."""

    OPEN = "open"
    TOPPED_UP = "topped_up"
    RECOVERED = "recovered"
    CLOSED = "closed"
    BAD_DEBT = "bad_debt"


@dataclass(slots=True, eq=False)
class Liquidation:
    """From a believed breach to the account's close. Seconds are None until they happen.

    Attributes
    ----------
    id, account, chain : int, int, str
        Number of the liquidation, its account, and the chain of its collateral.
    cause : int
        The breach in the event log.
    closing_cost_usd : float
        What closing cost beyond the marks so far, in dollars; below 0 where it was cheaper.
    breach_second : int
        When the venue believed margin to be short.
    shortfall_usd : float
        How much was short then, in dollars.
    seizure_due_second : int
        When the owner's time to answer is over.
    claim_units : ndarray of int64, shape (tokens,)
        What the venue counted of the account's collateral at the breach.
    """

    id: int
    account: int
    chain: str
    cause: int
    breach_second: int
    shortfall_usd: float
    seizure_due_second: int
    claim_units: NDArray[np.int64]
    stage: Stage = Stage.CALLED
    outcome: Outcome = Outcome.OPEN
    called_second: int | None = None
    first_seizure_second: int | None = None
    first_seized_second: int | None = None
    proceeds_second: int | None = None
    closing_second: int | None = None
    ended_second: int | None = None
    seizures: int = 0
    failed_auctions: int = 0
    proceeds: int = 0
    closing_cost_usd: float = 0.0
    bad_debt: WaterfallUse | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.stage is not Stage.ENDED

    @property
    def is_cured(self) -> bool:
        """Whether it ended without a seizure: by a deposit, or because the market came back."""
        return self.outcome in (Outcome.TOPPED_UP, Outcome.RECOVERED)

    def add_costs(self, trades: list[Trade], value_usd: NDArray[np.float64], tick: float) -> None:
        """Add what closing trades cost beyond the marks; ``tick`` is in dollars."""
        for trade in trades:
            side = BUY if trade.buyer == self.account else SELL
            beyond = trade.price_ticks * tick - value_usd[trade.instrument]
            self.closing_cost_usd += float(side * trade.lots * beyond)

    def seconds_to_end(self) -> int | None:
        """Return the time from breach to end, or None."""
        return None if self.ended_second is None else self.ended_second - self.breach_second


def seizure_target(
    lots: NDArray[np.int64],
    value_usd: NDArray[np.float64],
    cash_usd: float,
    *,
    slippage: float,
    buffer: float,
) -> float:
    """Collateral to seize so that an account can be closed.

    Parameters
    ----------
    lots : ndarray of int64, shape (instruments,)
        The account's contracts, short below 0.
    value_usd : ndarray, shape (instruments,)
        Believed value of one contract, in dollars.
    cash_usd : float
        The account's cash; below 0 for a debt.
    slippage : float
        Fraction by which closing is assumed to be worse than the mark.
    buffer : float
        Further share of the result.

    Returns
    -------
    float
        Dollars, at least 0: what buying back shorts costs less what selling longs and the cash
        bring.

    Examples
    --------
    Short two contracts worth 10 and long one worth 4, with 5 of cash:
    20*1.25 - 4*0.75 - 5 = 17, and 10 % more.

    >>> seizure_target(np.array([-2, 1]), np.array([10.0, 4.0]), 5.0, slippage=0.25, buffer=0.1)
    18.700000000000003
    """
    worth = lots * value_usd
    cost = np.where(worth < 0, -worth * (1.0 + slippage), -worth * (1.0 - slippage)).sum()
    return max(float(cost) - cash_usd, 0.0) * (1.0 + buffer)


def close_out_order(
    exchange: Exchange, account: int, instrument: int, lots: int, value_usd: float, slippage: float
) -> Order:
    """Return what closes a position: taken at once, down to a premium a fraction beyond the mark.

    ``lots`` is what is held, below 0 if short; ``value_usd`` is the mark of one contract.
    """
    side = SELL if lots > 0 else BUY
    worst = exchange.ticks(value_usd * (1.0 + side * slippage))
    return Order(account, instrument, side, abs(lots), worst)


def at_once(_closing_second: int, _now: int) -> bool:
    """Let close-outs trade in the step in which they are asked for."""
    return True
