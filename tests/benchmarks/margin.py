"""How fast the margin core is, as ratios within one run: ``make bench``.

Every comparison computes the same numbers and checks that they are equal before it times them.
"""

from __future__ import annotations

import math
import time
import tracemalloc
from statistics import NormalDist
from typing import TYPE_CHECKING

import mesa
import numpy as np
import QuantLib
from vollib.black import black

from abm.margin import Marks, SpanMethod, mark_instruments
from abm.margin.sparse import assembled
from abm.market import InstrumentTable
from abm.market.pricing import black_76
from abm.scenario.market import StressGrid, Volatility

if TYPE_CHECKING:
    from collections.abc import Callable

    from scipy.sparse import csr_array

    from abm.margin.span_method import PreparedSpan

DAY = 86_400
YEAR = 31_536_000
GRID = StressGrid(price_scan_range=0.2)
NORMAL = NormalDist()


def best_seconds(work: Callable[[], object], repeats: int = 7) -> float:
    """Return the shortest of some runs: what the work takes when nothing disturbs it."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def compared(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Return the shortest runs of both, taken in turns so that one machine's moods hit both."""
    pairs = [(best_seconds(ours, 3), best_seconds(theirs, 1)) for _ in range(7)]
    return min(mine for mine, _ in pairs), min(other for _, other in pairs)


def listed(instruments: int) -> InstrumentTable:
    """Return calls and puts of two expiries."""
    number = np.arange(instruments)
    return InstrumentTable(
        expiry_second=np.where(number % 2 == 0, 7 * DAY, 30 * DAY),
        strike_usd=60.0 + 80.0 * number / instruments,
        is_call=number % 4 < 2,
    )


def prepared_span(instruments: int) -> tuple[InstrumentTable, Marks, PreparedSpan]:
    """Return SPAN at a price of 100."""
    table = listed(instruments)
    marks = mark_instruments(table, 100.0, 0.8, 0, Volatility(base=0.8))
    return table, marks, SpanMethod(GRID).prepare(table, marks, 0)


def book(accounts: int, each: int, instruments: int) -> csr_array:
    """Return positions of every account in as many series, drawn from a fixed seed."""
    rng = np.random.default_rng(1)
    series = rng.integers(0, instruments, accounts * each).astype(np.int32)
    lots = rng.integers(1, 6, accounts * each) * rng.choice([-1.0, 1.0], accounts * each)
    starts = (np.arange(accounts + 1) * each).astype(np.int32)
    return assembled(lots, series, starts, instruments)


def black_one(forward: float, strike: float, deviation: float, *, is_call: bool) -> float:
    """Value one option as a model that steps its agents one by one does."""
    first = (math.log(forward / strike) + 0.5 * deviation**2) / deviation
    sign = 1.0 if is_call else -1.0
    return sign * (
        forward * NORMAL.cdf(sign * first) - strike * NORMAL.cdf(sign * (first - deviation))
    )


class PlainTrader(mesa.Agent):
    """A trader that margins itself: what this project exists to avoid."""

    def __init__(self, model: PlainMarket, positions: list[tuple[int, float]]) -> None:
        super().__init__(model)
        self.positions = positions
        self.maintenance = 0.0

    def step(self) -> None:
        """Reprice its own positions at every stress point."""
        market: PlainMarket = self.model
        worst = shorts = 0.0
        for price, volatility, cover in market.points:
            profit = 0.0
            for series, lots in self.positions:
                strike, is_call, deviation, value = market.series[series]
                stressed = black_one(
                    market.price * price, strike, deviation * volatility, is_call=is_call
                )
                profit += lots * (stressed - value) * cover
            worst = max(worst, -profit)
        for _, lots in self.positions:
            shorts += max(-lots, 0.0)
        self.maintenance = max(worst, GRID.short_option_minimum * market.price * shorts)


class PlainMarket(mesa.Model):
    """A market of traders that are stepped one by one."""

    def __init__(self, positions: csr_array, table: InstrumentTable, marks: Marks) -> None:
        super().__init__(rng=1)
        points = SpanMethod(GRID).points
        self.price = marks.price_usd
        self.points = list(
            zip(
                points.price_factor.tolist(),
                points.volatility_factor.tolist(),
                points.cover.tolist(),
                strict=True,
            )
        )
        deviation = marks.volatility * np.sqrt(table.expiry_second / YEAR)
        self.series = list(
            zip(
                table.strike_usd.tolist(),
                table.is_call.tolist(),
                deviation.tolist(),
                marks.value.tolist(),
                strict=True,
            )
        )
        for account in range(positions.shape[0]):
            entries = slice(positions.indptr[account], positions.indptr[account + 1])
            held = zip(
                positions.indices[entries].tolist(), positions.data[entries].tolist(), strict=True
            )
            PlainTrader(self, list(held))

    def step(self) -> None:
        """Let every trader margin itself."""
        self.agents.do("step")


def bench_pass() -> Callable[[], object]:
    """Time one pass over a million accounts; return what makes it."""
    accounts, each, instruments = 1_000_000, 3, 60
    _, _, span = prepared_span(instruments)
    positions = book(accounts, each, instruments)
    seconds = best_seconds(lambda: span.requirements(positions), 9)
    moved = [np.empty_like(part) for part in (positions.data, positions.indices)]

    def move() -> None:
        np.copyto(moved[0], positions.data)
        np.copyto(moved[1], positions.indices)

    tracemalloc.start()
    span.requirements(positions)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(
        f"one pass, {accounts:,} accounts, {each} positions each, {instruments} series, 16 points: "
        f"{seconds * 1e3:.1f} ms, {seconds / best_seconds(move):.0f} times moving the data, "
        f"{peak / 1e6:.0f} MB beyond the positions"
    )
    return lambda: span.requirements(positions)


def bench_plain(whole_pass: Callable[[], object]) -> None:
    """Compare with traders who are stepped one by one."""
    accounts, instruments = 1_000, 60
    table, marks, span = prepared_span(instruments)
    positions = book(accounts, 3, instruments)
    market = PlainMarket(positions, table, marks)
    market.step()
    plain = np.array([agent.maintenance for agent in market.agents])
    np.testing.assert_allclose(plain, span.requirements(positions).maintenance, atol=1e-9, rtol=0)
    pass_seconds, step_seconds = compared(whole_pass, market.step)
    each = step_seconds / accounts
    print(
        f"the same, trader by trader in plain Mesa: {each * 1e6:.0f} microseconds each, "
        f"{each * 1e6 / pass_seconds:,.0f} times the shared pass; equal to 1e-9"
    )


def bench_pricing() -> None:
    """Compare with two pricing libraries that are called option by option."""
    count = 8_000
    rng = np.random.default_rng(2)
    forward = np.full(count, 100.0)
    strike = rng.uniform(60.0, 140.0, count)
    years = rng.uniform(0.02, 1.0, count)
    volatility = rng.uniform(0.3, 1.5, count)
    is_call = rng.random(count) < 0.5
    rows = list(
        zip(
            strike.tolist(),
            years.tolist(),
            volatility.tolist(),
            (volatility * np.sqrt(years)).tolist(),
            is_call.tolist(),
            strict=True,
        )
    )

    def shared() -> np.ndarray:
        return black_76(forward, strike, years, volatility, is_call)

    def with_vollib() -> list[float]:
        return [
            black("c" if call else "p", 100.0, strike, years, 0.0, volatility)
            for strike, years, volatility, _, call in rows
        ]

    def with_quantlib() -> list[float]:
        return [
            QuantLib.blackFormula(
                QuantLib.Option.Call if call else QuantLib.Option.Put, strike, 100.0, deviation
            )
            for strike, _, _, deviation, call in rows
        ]

    for name, work in (("vollib", with_vollib), ("QuantLib", with_quantlib)):
        np.testing.assert_allclose(work(), shared(), atol=1e-9, rtol=0)
        ours, theirs = compared(shared, work)
        print(
            f"one option: {ours / count * 1e9:.0f} ns; {name} in a loop {theirs / count * 1e9:,.0f}"
            f" ns, {theirs / ours:,.0f} times as long; equal to 1e-9"
        )


def bench_growth() -> None:
    """Print how time grows with accounts, positions and points."""

    def exponent(sizes: list[int], work: Callable[[int], Callable[[], object]]) -> float:
        seconds = [best_seconds(work(size)) for size in sizes]
        return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])

    _, marks, span = prepared_span(60)

    def by_accounts(accounts: int) -> Callable[[], object]:
        positions = book(accounts, 3, 60)
        return lambda: span.requirements(positions)

    def by_positions(each: int) -> Callable[[], object]:
        positions = book(200_000, each, 60)
        return lambda: span.requirements(positions)

    def by_points(points: int) -> Callable[[], object]:
        positions = book(200_000, 3, 60)
        wide = np.random.default_rng(3).standard_normal((60, points))
        stressed = type(span)(GRID, marks, wide)
        return lambda: stressed.requirements(positions)

    print(
        "time grows with accounts to the power of "
        f"{exponent([100_000, 200_000, 400_000, 800_000], by_accounts):.2f}, with positions "
        f"{exponent([3, 6, 12, 24], by_positions):.2f}, with points "
        f"{exponent([16, 31, 62, 124], by_points):.2f}"
    )


def main() -> None:
    """Run every benchmark of the margin core."""
    bench_plain(bench_pass())
    bench_pricing()
    bench_growth()


if __name__ == "__main__":
    main()
