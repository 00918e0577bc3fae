"""How fast the margin core is, as ratios within one run: ``make bench``.

Every comparison computes the same numbers and checks that they are equal before it times them.
"""

from __future__ import annotations

import math
import tracemalloc
from functools import partial
from typing import TYPE_CHECKING

import mesa
import numpy as np
import QuantLib
from vollib.black import black

from abm.margin import METHODS, Marks, Requirements, SpanMethod, mark_instruments
from abm.margin.fused import compiled, margin_accounts
from abm.margin.sparse import assembled
from abm.market import InstrumentTable
from abm.market.pricing import black_76
from abm.scenario.market import StressGrid, Volatility
from tests.benchmarks.plain_market import PlainAccount, PlainPrices
from tests.benchmarks.timing import growth_exponent, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from scipy.sparse import csr_array

    from abm.margin.span_method import PreparedSpan

DAY = 86_400
# Tables priced one after the other, so that ours takes as long as a loop over one does.
TABLES = 10
GRID = StressGrid(price_scan_range=0.2)


def least_seconds(work: Callable[[], object], repeats: int = 9) -> float:
    """Return the least processor time of some runs, after one that warms up."""
    work()
    return min(seconds(work) for _ in range(repeats))


def least_of_both(
    ours: Callable[[], object], theirs: Callable[[], object], pairs: int = 9
) -> tuple[float, float]:
    """Return the least of both, taken in turns so that one machine's moods hit both."""
    ours()
    times = [(seconds(ours), seconds(theirs)) for _ in range(pairs)]
    return min(mine for mine, _ in times), min(other for _, other in times)


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


def bench_pass() -> Callable[[], object]:
    """Time one pass over a million accounts; return what makes it."""
    accounts, each, instruments = 1_000_000, 3, 60
    _, _, span = prepared_span(instruments)
    positions = book(accounts, each, instruments)
    moved = [np.empty_like(part) for part in (positions.data, positions.indices)]

    def whole_pass() -> Requirements:
        return span.requirements(positions)

    def move() -> None:
        np.copyto(moved[0], positions.data)
        np.copyto(moved[1], positions.indices)

    by_products = span._by_products(positions)
    found = whole_pass()
    np.testing.assert_array_equal(found.position_value, by_products[0])
    np.testing.assert_array_equal(found.maintenance, by_products[1])
    tracemalloc.start()
    whole_pass()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    taken, moving = least_of_both(whole_pass, move)
    how = "with Numba" if compiled(margin_accounts) else "without Numba"
    print(
        f"one pass, {accounts:,} accounts, {each} positions each, {instruments} series, 16 points: "
        f"{taken * 1e3:.1f} ms {how}, {taken / moving:.0f} times moving the data, "
        f"{peak / 1e6:.0f} MB beyond the positions"
    )
    taken, products = least_of_both(whole_pass, lambda: span._by_products(positions))
    print(
        f"the same by NumPy and SciPy alone: {products * 1e3:.1f} ms, {products / taken:.1f} times "
        "as long; equal to the last bit"
    )
    wide = type(span)(GRID, span.marks, span.changes[:, np.arange(31) % 16])
    longer = least_seconds(lambda: wide.requirements(positions))
    print(
        f"the same over 31 points: {longer * 1e3:.1f} ms, {longer / taken * 16 / 31:.2f} of what "
        "16 points make in proportion"
    )
    return whole_pass


def bench_methods(whole_pass: Callable[[], object]) -> None:
    """Time one pass over a million accounts by the other methods of margin."""
    table, marks, _ = prepared_span(60)
    positions = book(1_000_000, 3, 60)
    for name, points in (("portfolio", "31 points"), ("standard", "per position")):
        method = METHODS[name](GRID).prepare(table, marks, 0)
        taken, span = least_of_both(partial(method.requirements, positions), whole_pass, 5)
        tracemalloc.start()
        method.requirements(positions)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(
            f"the same by {name}, {points}: {taken * 1e3:.0f} ms, {taken / span:.1f} times as "
            f"long, {peak / 1e6:.0f} MB beyond the positions"
        )


def bench_plain(whole_pass: Callable[[], object]) -> None:
    """Compare with traders who are stepped one by one."""
    accounts, instruments = 1_000, 60
    table, marks, span = prepared_span(instruments)
    positions = book(accounts, 3, instruments)
    market = mesa.Model(rng=1)
    prices = PlainPrices(GRID, table, marks, 0)
    for account in range(accounts):
        entries = slice(positions.indptr[account], positions.indptr[account + 1])
        held = zip(
            positions.indices[entries].tolist(), positions.data[entries].tolist(), strict=True
        )
        PlainAccount(market).positions = list(held)

    def step() -> None:
        market.agents.do("margin", prices)

    step()
    expected = span.requirements(positions)
    for name, shared in (("maintenance", expected.maintenance), ("value", expected.position_value)):
        plain = [getattr(agent, name) for agent in market.agents]
        np.testing.assert_allclose(plain, shared, atol=1e-9, rtol=0)
    pass_seconds, step_seconds = least_of_both(whole_pass, step)
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
            is_call.tolist(),
            strict=True,
        )
    )

    def shared() -> np.ndarray:
        return black_76(forward, strike, years, volatility, is_call)

    def with_vollib() -> list[float]:
        return [
            black("c" if call else "p", 100.0, strike, years, 0.0, volatility)
            for strike, years, volatility, call in rows
        ]

    def with_quantlib() -> list[float]:
        # Every way is handed the same: this one takes the deviation until expiry.
        return [
            QuantLib.blackFormula(
                QuantLib.Option.Call if call else QuantLib.Option.Put,
                strike,
                100.0,
                volatility * math.sqrt(years),
            )
            for strike, years, volatility, call in rows
        ]

    for name, work in (("vollib", with_vollib), ("QuantLib", with_quantlib)):
        np.testing.assert_allclose(work(), shared(), atol=1e-9, rtol=0)
        ours, theirs = least_of_both(lambda: [shared() for _ in range(TABLES)], work)
        ours /= TABLES
        print(
            f"one option: {ours / count * 1e9:.0f} ns; {name} in a loop {theirs / count * 1e9:,.0f}"
            f" ns, {theirs / ours:,.0f} times as long; equal to 1e-9"
        )


def bench_growth() -> None:
    """Print how time grows with accounts, positions and points."""

    def exponent(sizes: list[int], work: Callable[[int], Callable[[], object]]) -> float:
        return growth_exponent(sizes, [least_seconds(work(size)) for size in sizes])

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
    whole_pass = bench_pass()
    bench_plain(whole_pass)
    bench_methods(whole_pass)
    bench_pricing()
    bench_growth()


if __name__ == "__main__":
    main()
