from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from typing import TYPE_CHECKING, Any

from abm.recording.tables import arrow_tables, digest
from abm.simulation.model import OptionsMarket
from abm.simulation.run import simulate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from abm.scenario import Scenario

SMALL = (
    "clock.hours=3",
    "clock.step_seconds=120",
    "traders.hedgers.count=30",
    "traders.yield_sellers.count=30",
    "traders.leveraged_sellers.count=30",
    "traders.spread_traders.count=30",
    "shocks.ethereum_halt.at_hours=1",
    "shocks.arbitrum_halt.at_hours=1",
    "shocks.gas.at_hours=1",
    "shocks.keepers_stop.at_hours=1",
)


def run_elsewhere(root: Path, folder: Path, hash_seed: str, *more: str) -> dict[str, bytes]:
    """Run in a process of its own and return every file it left."""
    sets = [part for change in (*SMALL, *more) for part in ("--set", change)]
    subprocess.run(
        [
            sys.executable,
            *("-m", "abm", "run", "scenarios/message_halt_march_2020.toml"),
            *("--out", str(folder), *sets),
        ],
        check=True,
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
    )
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_two_processes_write_the_same_bytes_under_any_hash_seed(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    root = request.config.rootpath
    first = run_elsewhere(root, tmp_path / "first", "0")
    second = run_elsewhere(root, tmp_path / "second", "4711")
    assert len(first) > 20
    assert first == second


def test_another_seed_gives_other_results(small_flagship: Callable[..., Scenario]) -> None:
    scenario = small_flagship(clock={"start_utc": "2020-03-12T00:00:00Z", "hours": 1}, shocks={})
    other = scenario.model_copy(update={"seed": scenario.seed + 1})
    tables, others = arrow_tables(simulate(scenario)), arrow_tables(simulate(other))
    assert digest(tables["trades"]) != digest(others["trades"])
    assert digest(tables["steps"]) != digest(others["steps"])


def test_another_relayer_moves_nobody_elses_draws(
    small_flagship: Callable[..., Scenario], flagship_data: dict[str, Any]
) -> None:
    """Prices, gas, traders and arrivals come from streams of their own."""
    short = {"start_utc": "2020-03-12T00:00:00Z", "hours": 1}
    more = {**flagship_data["relayers"], "count": 25}
    one = OptionsMarket(small_flagship(clock=short, shocks={})).world
    two = OptionsMarket(small_flagship(clock=short, shocks={}, relayers=more)).world
    assert (one.path.price_usd == two.path.price_usd).all()
    assert all((one.path.gas[chain] == two.path.gas[chain]).all() for chain in one.path.gas)
    assert (one.traders.wealth_usd == two.traders.wealth_usd).all()
    assert (one.arrivals.draws == two.arrivals.draws).all()
    assert (one.liquidators.capital_usd == two.liquidators.capital_usd).all()


def test_a_finished_model_is_freed(small_flagship: Callable[..., Scenario]) -> None:
    """Mesa 3.3.1 keeps every model in a dictionary on its Agent class; `release` lets go."""
    short = {"start_utc": "2020-03-12T00:00:00Z", "hours": 0.1, "step_seconds": 60}
    model = OptionsMarket(small_flagship(clock=short, shocks={}))
    model.step()
    model.release()
    watch = weakref.ref(model)
    del model
    gc.collect()
    assert watch() is None
