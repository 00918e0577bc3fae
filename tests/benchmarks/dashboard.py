"""How long pages of a study of millions of rows take: `python tests/benchmarks/dashboard.py`.

Seconds of processor time, for the pages that a reader opens first; the study is made of random
numbers, as many runs and rows of messages as asked for.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from abm.dashboard.app import body_of
from abm.dashboard.catalog import Catalog
from abm.dashboard.pages import PAGES

RUNS = 1_000_000
ROWS = 10_000_000


def write_study(folder: Path, runs: int, rows: int) -> None:
    """Write a study of many runs that keeps a table of many rows."""
    rng = np.random.default_rng(1)
    note = {"name": "large", "question": "How long does it take?", "planned": runs}
    (folder / "study.json").write_text(json.dumps(note), encoding="utf-8")
    number = np.arange(runs)
    names = pl.Series([f"{place:016x}" for place in range(runs)])
    loss = rng.lognormal(10, 2, runs)
    pl.DataFrame(
        {
            "run_id": names,
            "point": number // 10,
            "replicate": number % 10,
            "factor liquidation.grace_seconds": rng.integers(0, 10, runs) * 60,
            "factor haircut": rng.random(runs),
            "architecture": np.where(number % 2, "silo", "unified_pool"),
            **{f"{pair}bad_debt_usd": loss * rng.random(runs) for pair in ("", "without_shocks.")},
            "paid_by_fund_usd": loss,
            "socialised_usd": loss * (rng.random(runs) < 0.1),
            "uncovered_usd": np.zeros(runs),
            "open_interest_per_locked_mean": rng.random(runs),
            "liquidation_seconds_p50": rng.random(runs) * 3_600,
            "liquidation_seconds_p95": rng.random(runs) * 36_000,
        }
    ).write_parquet(folder / "runs.parquet")
    each = rows // runs
    pl.DataFrame(
        {
            "run_id": names.gather(np.repeat(number, each)),
            "second": np.tile(np.arange(each) * 60, runs),
            **{
                name: rng.random(runs * each)
                for name in ("loss_usd", "bad_debt_usd", "price_usd", "fund_usd", "depth_lots")
            },
        }
    ).write_parquet(folder / "steps.parquet", row_group_size=100_000)


def main(runs: int = RUNS, rows: int = ROWS) -> None:
    """Time every page of a large study."""
    with tempfile.TemporaryDirectory() as place:
        write_study(Path(place), runs, rows)
        print(f"{runs:,} runs, {rows:,} rows kept")
        for page in PAGES:
            catalog = Catalog(Path(place))
            clock, wall = time.process_time(), time.perf_counter()
            selection = catalog.select()
            choices = {"entries": catalog.entries()}
            controls = page.controls(selection, choices) if not selection.problem else []
            choices |= {item.name: item.value for item in controls}
            body_of(page, selection, choices, catalog)
            clock, wall = time.process_time() - clock, time.perf_counter() - wall
            print(f"{page.title:16}{clock:8.2f} s of processor{wall:8.2f} s")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
