"""The loss of a run by the shock that held its liquidations up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from abm.analysis.delays import held_up
from abm.units import MICRO, dollars

if TYPE_CHECKING:
    from abm.recording.results import RunResults

MARKET = "market"
"""The cause of a loss in whose liquidation no shock held anything up."""


def loss_by_cause(results: RunResults) -> pl.DataFrame:
    """Divide the bad debt of a run among its shocks and the market.

    The bad debt of a liquidation goes wholly to the shock that held it up longest: its margin
    calls, seizures and proceeds on their way, and its auctions. Where no shock held anything up it
    goes to the market.

    This is an accounting by delay, not a counterfactual. A liquidation that a shock delayed might
    have lost as much without the shock, and a shock may cause losses without delaying anything.
    What a shock caused is what the same run loses less without it, on the same random draws:
    ``results.counterfactual``, written by ``abm run`` (``abm.run_pair``), with
    ``counterfactual.without_shocks`` in the scenario for one shock alone.

    Returns
    -------
    polars.DataFrame
        One row for each scheduled shock and one for the market, the largest loss first (ties: in
        the order of the names, the market last): ``cause``; ``bad_debt_usd`` in dollars, whose sum
        is the run's bad debt to the micro-dollar; ``liquidations``, how many it held up longest;
        ``with_bad_debt``, how many of them left a loss.
    """
    causes: list[str | None] = [*sorted(results.manifest.scenario["shocks"]), None]
    # Whole micro-dollars, so that no order of adding changes the sum.
    debt = dict.fromkeys(causes, 0)
    liquidations = dict.fromkeys(causes, 0)
    losses = dict.fromkeys(causes, 0)
    waits = held_up(results)
    for row in results.table("liquidations").iter_rows(named=True):
        held = waits[row["liquidation"]]
        cause = held[0].shock if held else None
        lost = round(row["bad_debt_usd"] * MICRO)
        debt[cause] += lost
        liquidations[cause] += 1
        losses[cause] += lost > 0
    causes.sort(key=lambda cause: -debt[cause])
    return pl.DataFrame(
        {
            "cause": [MARKET if cause is None else cause for cause in causes],
            "bad_debt_usd": [dollars(debt[cause]) for cause in causes],
            "liquidations": [liquidations[cause] for cause in causes],
            "with_bad_debt": [losses[cause] for cause in causes],
        },
        schema={
            "cause": pl.String,
            "bad_debt_usd": pl.Float64,
            "liquidations": pl.Int64,
            "with_bad_debt": pl.Int64,
        },
    )
