"""The same market in plain Mesa style: every account is an agent that margins itself every step."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import mesa
import numpy as np

from abm.margin import Requirements, SpanMethod
from abm.market import token_prices
from abm.units import MICRO, SECONDS_PER_YEAR
from abm.venue import Beliefs

if TYPE_CHECKING:
    from abm.margin import Marks
    from abm.market import InstrumentTable
    from abm.scenario.market import StressGrid
    from abm.simulation.world import World

NORMAL = NormalDist()


def black_one(forward: float, strike: float, deviation: float, *, is_call: bool) -> float:
    """Value one option."""
    first = (math.log(forward / strike) + 0.5 * deviation**2) / deviation
    sign = 1.0 if is_call else -1.0
    return sign * (
        forward * NORMAL.cdf(sign * first) - strike * NORMAL.cdf(sign * (first - deviation))
    )


class PlainPrices:
    """What every agent of a plain model looks up: the stress points and the series.

    Volatilities are worked out once for all, which favours the plain model.
    """

    def __init__(self, grid: StressGrid, table: InstrumentTable, marks: Marks, now: int) -> None:
        points = SpanMethod(grid).points
        self.grid = grid
        self.price = marks.price_usd
        self.points = list(
            zip(
                points.price_factor.tolist(),
                points.volatility_factor.tolist(),
                points.cover.tolist(),
                strict=True,
            )
        )
        left = np.maximum(table.expiry_second - now, 0)
        deviation = marks.volatility * np.sqrt(left / SECONDS_PER_YEAR)
        self.series = list(
            zip(
                table.strike_usd.tolist(),
                table.is_call.tolist(),
                deviation.tolist(),
                marks.alive.tolist(),
                strict=True,
            )
        )


class PlainAccount(mesa.Agent):
    """An account that values and margins itself: what this project exists to avoid."""

    def __init__(self, model: mesa.Model) -> None:
        super().__init__(model)
        self.positions: list[tuple[int, float]] = []
        self.value = self.maintenance = 0.0

    def margin(self, prices: PlainPrices) -> None:
        """Reprice its own positions, now and at every stress point."""
        self.value = shorts = worst = 0.0
        values = []
        for series, lots in self.positions:
            strike, is_call, deviation, alive = prices.series[series]
            worth = black_one(prices.price, strike, deviation, is_call=is_call) if alive else 0.0
            values.append(worth)
            self.value += lots * worth
            shorts += max(-lots, 0.0)
        for price, volatility, cover in prices.points:
            profit = 0.0
            for (series, lots), worth in zip(self.positions, values, strict=True):
                strike, is_call, deviation, alive = prices.series[series]
                if alive:
                    stressed = black_one(
                        prices.price * price, strike, deviation * volatility, is_call=is_call
                    )
                    profit += lots * (stressed - worth) * cover
            worst = max(worst, -profit)
        self.maintenance = max(worst, prices.grid.short_option_minimum * prices.price * shorts)


class PlainTrader(PlainAccount):
    """An account in a run: it counts its own collateral, too."""

    model: PlainMarket

    def __init__(self, model: PlainMarket, slot: int) -> None:
        super().__init__(model)
        self.slot = slot
        self.equity = self.equity_before_haircuts = self.claim = 0.0

    def step(self) -> None:
        """Look at what it holds, margin it, and say what the venue believes it is worth."""
        market = self.model
        world = market.world
        self.positions = [(series, float(lots)) for series, lots in world.positions.held(self.slot)]
        self.margin(market.prices)
        claims = world.architecture.claims
        self.claim = counted = 0.0
        for units, worth, share in zip(
            claims.units[self.slot].tolist(), market.unit_usd, market.counted_usd, strict=True
        ):
            self.claim += units * worth
            counted += units * share
        rule = world.scenario.collateral
        age = world.now - int(claims.as_of_second[self.slot])
        if rule.refused_after_seconds is not None and age > rule.refused_after_seconds:
            counted = 0.0
        elif age > rule.stale_after_seconds:
            counted *= 1.0 - rule.stale_haircut
        own = int(world.cash.balances[self.slot]) / MICRO + self.value
        self.equity, self.equity_before_haircuts = own + counted, own + self.claim


class PlainMarket(mesa.Model):
    """The accounts of a run as agents that are stepped one by one."""

    def __init__(self, world: World) -> None:
        super().__init__(rng=1)
        self.world = world
        self.traders = [PlainTrader(self, slot) for slot in range(len(world.cash.balances))]

    def step(self) -> None:
        """Let every account margin itself; then tell the venue."""
        world = self.world
        marks, scenario = world.marks, world.scenario
        self.prices = PlainPrices(scenario.margin, world.instruments, marks, world.books[0].second)
        shares = world.place.counted_share()
        worth = token_prices(world.place.tokens.rules, marks.price_usd)
        haircuts = np.array([1.0 - token.haircut for token in world.place.tokens.rules])
        self.unit_usd = world.place.counted_unit_usd(marks.price_usd).tolist()
        self.counted_usd = (worth * haircuts * (1.0 if shares is None else shares)).tolist()
        self.agents.do("step")
        self._tell()

    def _tell(self) -> None:
        world, traders = self.world, self.traders
        maintenance = np.array([trader.maintenance for trader in traders])
        world.requirements = Requirements(
            np.array([trader.value for trader in traders]),
            maintenance,
            world.scenario.margin.initial_factor * maintenance,
        )
        world.beliefs = Beliefs(
            marks=(world.marks,),
            equity=np.array([trader.equity for trader in traders]),
            equity_before_haircuts=np.array([trader.equity_before_haircuts for trader in traders]),
            maintenance=maintenance,
            initial=world.requirements.initial,
            claim_usd=np.array([trader.claim for trader in traders]),
        )
