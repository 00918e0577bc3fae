"""How fast a run is, by number of traders and against plain Mesa: ``make bench``.

The plain model is the same run but for one phase: every account is an agent that is stepped, and
values and margins itself. Both must come to the same numbers and the same trades.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np

from abm.scenario import load_scenario
from abm.simulation import step as phases
from abm.simulation.model import OptionsMarket
from abm.simulation.run import simulate
from tests.benchmarks.plain_market import PlainMarket
from tests.benchmarks.timing import growth_exponent, seconds

if TYPE_CHECKING:
    from abm.scenario.model import Scenario
    from abm.simulation.world import World

FLAGSHIP = Path(__file__).parents[2] / "scenarios" / "message_halt_march_2020.toml"
HORIZON = 120
"""Steps in which sizes are compared."""
PLAIN_STEPS = 10
TOLERANCE = 1e-9


def flagship(traders: int) -> Scenario:
    """Return the flagship with another number of traders, of the same kinds."""
    usual = load_scenario(FLAGSHIP)
    in_all = sum(kind.count for kind in usual.traders.values())
    counts = [
        f"traders.{name}.count={kind.count * traders // in_all}"
        for name, kind in usual.traders.items()
    ]
    return load_scenario(FLAGSHIP, tuple(counts))


def bench_whole_run(traders: int) -> None:
    """Time the flagship from its first step to its last."""
    scenario = flagship(traders)
    taken = seconds(lambda: simulate(scenario))
    print(
        f"the flagship, {scenario.clock.step_count:,} steps, {traders:,} traders: {taken:.1f} s of "
        "processor time"
    )


def take_steps(model: OptionsMarket, count: int) -> None:
    """Take a run some steps further."""
    for _ in range(count):
        model.step()


def bench_growth(sizes: tuple[int, ...]) -> None:
    """Time the first steps by number of traders."""
    times = []
    for traders in sizes:
        model = OptionsMarket(flagship(traders))
        take_steps(model, HORIZON // 10)
        times.append(seconds(partial(take_steps, model, HORIZON)) / HORIZON)
        model.release()
    each = ", ".join(
        f"{traders:,} traders {taken * 1e3:.1f} ms"
        for traders, taken in zip(sizes, times, strict=True)
    )
    print(
        f"a step of the flagship's first {HORIZON}: {each}; "
        f"time grows with traders to the power of {growth_exponent(sizes, times):.2f}"
    )


def bench_plain(traders: int) -> None:
    """Compare with the plain model, step by step in turns."""
    ours, theirs = OptionsMarket(flagship(traders)), OptionsMarket(flagship(traders))
    plain = PlainMarket(theirs.world)

    def revalue(world: World) -> None:
        world.positions.take_touched()
        plain.step()

    def plain_step() -> None:
        with patch.object(phases, "revalue", revalue):
            theirs.step()

    pairs = []
    for _ in range(PLAIN_STEPS):
        pairs.append((seconds(ours.step), seconds(plain_step)))
        compare(ours.world, theirs.world)
    mine, other = (median(column) for column in zip(*pairs, strict=True))
    print(
        f"a step with {traders:,} traders: {mine * 1e3:.1f} ms; the same with every account "
        f"stepped and margined one by one in plain Mesa {other * 1e3:,.0f} ms, "
        f"{other / mine:,.0f} times as long; the same trades, and margins to {TOLERANCE} of them"
    )


def compare(ours: World, theirs: World) -> None:
    """Check that both came to the same."""
    equal = partial(np.testing.assert_allclose, rtol=TOLERANCE, atol=1e-6)
    for name in ("equity", "equity_before_haircuts", "maintenance", "initial", "claim_usd"):
        equal(getattr(theirs.beliefs, name), getattr(ours.beliefs, name), err_msg=name)
    if ours.exchange.trades != theirs.exchange.trades:
        raise AssertionError("the plain model does not trade the same")


def main() -> None:
    """Run every benchmark of a run."""
    bench_plain(10_000)
    bench_growth((2_000, 20_000, 200_000))
    for traders in (2_000, 20_000):
        bench_whole_run(traders)


if __name__ == "__main__":
    main()
