"""The loss of a run by the shock that held its liquidations up, or took what stood behind them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import polars as pl

from abm.analysis.delays import held_up
from abm.recording.events import ROBBED, THEFTS
from abm.units import MICRO, dollars

if TYPE_CHECKING:
    from abm.recording.results import RunResults

MARKET = "market"
"""The cause of a loss in whose liquidation no shock held anything up."""


def missing_backing(results: RunResults) -> dict[int, int]:
    """Return what stood behind nothing of what liquidations sold, in micro-dollars, by number."""
    missing: defaultdict[int, int] = defaultdict(int)
    for row in results.table("auctions").iter_rows(named=True):
        # Results of versions that knew no theft of backing do not have the second.
        backed_usd = row.get("backed_value_usd", row["published_value_usd"])
        gap = round((row["published_value_usd"] - backed_usd) * MICRO)
        missing[row["liquidation"]] += max(gap, 0)
    return missing


def roots(results: RunResults) -> dict[int, str | None]:
    """Return the shock that every liquidation's loss is put down to, None for the market.

    The theft that came last before its end where most of the loss is that the tokens sold stood
    for nothing, or where thieves had taken more than half of it out of the account's own vault;
    else the shock that held it up longest.

    Returns
    -------
    dict of int to str or None
        By number of the liquidation.
    """
    waits, missing = held_up(results), missing_backing(results)
    events = results.table("events")
    shocks = events.filter(pl.col("kind").cast(pl.String).str.starts_with("shock_"))
    shock_of = dict(shocks.select("event", pl.col("place").cast(pl.String)).iter_rows())
    thefts: list[tuple[int, str]] = []
    robbed: defaultdict[int, list[tuple[int, str, int]]] = defaultdict(list)
    columns = ("event", "cause", "second", "kind", "account", "value_usd")
    for event, cause, second, kind, account, value_usd in events.select(columns).iter_rows():
        if cause in shock_of:
            shock_of.setdefault(event, shock_of[cause])
        if kind in THEFTS and event in shock_of:
            thefts.append((second, shock_of[event]))
        if kind == ROBBED and event in shock_of:
            robbed[account].append((second, shock_of[event], round(value_usd * MICRO)))
    found: dict[int, str | None] = {}
    for row in results.table("liquidations").iter_rows(named=True):
        number, end = row["liquidation"], row["ended_second"]
        before = [shock for second, shock in thefts if end is None or second <= end]
        held = waits[number]
        debt = round(row["bad_debt_usd"] * MICRO)
        taken = [one for one in robbed[row["account"]] if end is None or one[0] <= end]
        if before and 2 * missing[number] > debt > 0:
            found[number] = before[-1]
        elif 2 * sum(units for _, _, units in taken) > debt > 0:
            found[number] = taken[-1][1]
        else:
            found[number] = held[0].shock if held else None
    return found


def loss_by_cause(results: RunResults) -> pl.DataFrame:
    """Divide the bad debt of a run among its shocks and the market.

    The bad debt of a liquidation goes wholly to the shock that held it up longest: its margin
    calls, seizures and proceeds on their way, and its auctions; to a theft where most of it is that
    the tokens sold stood for nothing (`roots`). Where neither is so it goes to the market.

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
    root_of = roots(results)
    for row in results.table("liquidations").iter_rows(named=True):
        cause = root_of[row["liquidation"]]
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
