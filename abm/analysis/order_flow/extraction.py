"""What searchers take under each rule of ordering, and what its delay costs the others."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from abm.analysis.estimates import mean_estimate
from abm.errors import ResultsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abm.analysis.estimates import Estimate
    from abm.recording.results import RunResults
    from abm.recording.study import StudyResults

SEARCHER, MAKER = "searcher", "market_maker"
NAMED_FACTORS = ("factor venue.ordering.rule", "factor venue.ordering.decryption_delay_seconds")
"""Factors of a study that a line's name says anyway."""


@dataclass(frozen=True)
class Extraction:
    """What one run came to; None where there was nothing to measure.

    Attributes
    ----------
    take_usd : float
        What searchers gained by trading, after all fees, at the next sampled marks.
    sniped_usd : float
        Of it, by taking quotes and resting orders on the wrong side of a new mark.
    close_outs_usd : float
        Of it, by trades with close-outs and by what they took ahead of them.
    makers_usd : float
        What market makers gained by trading, in the same way.
    front_run_share : float or None
        Contracts that searchers took ahead of orders, by contracts that traders' orders traded.
    slippage_usd : float or None
        What a contract cost traders beyond the mark when they asked; settled at once or not.
    slippage_deviation_usd : float or None
        Standard deviation of that, over contracts.
    close_out_cost_usd : float or None
        What a contract that was closed for its owner cost beyond the mark, in the book or when a
        market maker took it over.
    spread_volatility : float or None
        Median quoted spread over series, in volatility; mean over steps.
    delay_seconds : float or None
        From asking to settlement; mean over traders' orders.
    liquidation_seconds : float or None
        Median from breach to end, of what was not cured.
    """

    take_usd: float
    sniped_usd: float
    close_outs_usd: float
    makers_usd: float
    front_run_share: float | None
    slippage_usd: float | None
    slippage_deviation_usd: float | None
    close_out_cost_usd: float | None
    spread_volatility: float | None
    delay_seconds: float | None
    liquidation_seconds: float | None


@dataclass(frozen=True)
class ExtractionRow:
    """One rule of ordering over its runs.

    Attributes
    ----------
    rule : str
    decryption_delay_seconds : float or None
        Of the rule ``encrypted``.
    also : str
        Further factors of a study, as ``key = value``.
    means : dict of str to Estimate or None
        By the names of `Extraction`; None where no run measured it.
    slippage_change : Estimate or None
        Difference of the slippage from that of the first row, run by run of one seed; None for the
        first row, or where no seed is in both.
    """

    rule: str
    decryption_delay_seconds: float | None
    also: str
    means: dict[str, Estimate | None]
    slippage_change: Estimate | None


def marked(trades: pl.DataFrame, quotes: pl.DataFrame, steps: pl.DataFrame) -> pl.Series:
    """Return what each trade had gained by the next sampled mark, in dollars.

    What the underlying moved since is taken out at the delta of then, as if it had been hedged: the
    rest is what the premium was off. A series that is never sampled again counts with nothing.

    Parameters
    ----------
    trades : polars.DataFrame
        Columns ``second``, ``series``, ``signed_lots`` (above 0 for a buyer), ``premium_usd``.
    quotes, steps : polars.DataFrame
        Tables of the run.

    Returns
    -------
    polars.Series
        In the order of the trades.
    """
    later = quotes.select(
        pl.col("series").cast(pl.String), "second", "mark_usd", "delta", later_usd="published_usd"
    )
    found = (
        trades.with_row_index("place")
        .with_columns(pl.col("series").cast(pl.String))
        .sort("second")
        .join_asof(steps.select("second", then_usd="published_usd").sort("second"), on="second")
        .join_asof(
            later.sort("second"),
            on="second",
            by="series",
            strategy="forward",
            check_sortedness=False,
        )
        .sort("place")
    )
    hedged = pl.col("mark_usd") - pl.col("delta") * (pl.col("later_usd") - pl.col("then_usd"))
    gain = pl.col("signed_lots") * (hedged - pl.col("premium_usd"))
    return found.select(gain.fill_null(0.0).alias("gain_usd")).to_series()


def measure(results: RunResults) -> Extraction:
    """Measure one run.

    Raises
    ------
    ResultsError
        If the run has no orders on their way, or lacks a table.
    """
    orders = _orders(results)
    quotes, steps = results.table("quotes"), results.table("steps")
    kinds = results.table("accounts").filter(pl.col("moment").cast(pl.String) == "start")
    searchers, makers = (_accounts(kinds, kind) for kind in (SEARCHER, MAKER))
    searching = pl.col("account").is_in(searchers.implode())
    traded = orders.filter(pl.col("lots") > 0)
    of_traders = traded.filter(pl.col("purpose") == "trade")
    lots = int(of_traders["lots"].sum())
    slippage_usd, deviation_usd = _slippage(of_traders)
    sniped = traded.filter(pl.col("purpose") == "snipe")
    closed = _gained(results, searchers, ("close_out",), passive=True)
    closed += _total(marked(traded.filter(pl.col("purpose") == "close_out"), quotes, steps))
    legs = pl.col("purpose").is_in(["close_out", "close_out_resale"])
    ahead = int(traded.filter(pl.col("purpose") == "front_run")["lots"].sum())
    asked = orders.filter(pl.col("purpose") == "trade")
    settled = asked.select(pl.col("sequenced_second") - pl.col("asked_second"))
    return Extraction(
        take_usd=_gained(results, searchers) - _total(orders.filter(searching)["fees_usd"]),
        sniped_usd=_total(marked(sniped, quotes, steps)) - _total(sniped["fees_usd"]),
        close_outs_usd=closed - _total(orders.filter(legs)["fees_usd"]),
        makers_usd=_gained(results, makers),
        front_run_share=ahead / lots if lots else None,
        slippage_usd=slippage_usd,
        slippage_deviation_usd=deviation_usd,
        close_out_cost_usd=_close_out_cost(results),
        spread_volatility=_mean(steps["spread_volatility"]),
        delay_seconds=_mean(settled.to_series()),
        liquidation_seconds=results.outcome["liquidation_seconds_p50"],
    )


def _slippage(traded: pl.DataFrame) -> tuple[float | None, float | None]:
    """Return mean and standard deviation of what contracts cost beyond the mark when asked."""
    if traded.is_empty():
        return None, None
    lots = traded["lots"].to_numpy()
    sign = np.sign(traded["signed_lots"].to_numpy())
    beyond_usd = sign * (traded["premium_usd"] - traded["mark_asked_usd"]).to_numpy()
    mean = float(np.average(beyond_usd, weights=lots))
    return mean, float(np.average((beyond_usd - mean) ** 2, weights=lots)) ** 0.5


def _close_out_cost(results: RunResults) -> float | None:
    """Return what closing cost beyond the marks, by contracts closed; None if it is not known."""
    if not results.has("liquidations"):
        return None
    closing = pl.col("kind").cast(pl.String).is_in(["close_out", "take_over"])
    lots = _total(results.table("trades").filter(closing)["lots"])
    return _total(results.table("liquidations")["closing_cost_usd"]) / lots if lots else None


def _orders(results: RunResults) -> pl.DataFrame:
    """Return the orders of a run as they were settled."""
    orders = results.table("orders") if results.has("orders") else pl.DataFrame()
    if orders.is_empty():
        raise ResultsError(
            results.folder,
            "no orders on their way are recorded; the scenario needs [venue.ordering], and a study "
            "tables = ['orders', 'trades', 'quotes', 'accounts', 'liquidations', 'steps']",
        )
    sign = pl.when(pl.col("side").cast(pl.String) == "buy").then(1).otherwise(-1)
    return orders.select(
        "account",
        pl.col("purpose").cast(pl.String),
        pl.col("series").cast(pl.String),
        "asked_second",
        "sequenced_second",
        "premium_usd",
        "mark_asked_usd",
        second="sequenced_second",
        lots="traded_lots",
        signed_lots=sign * pl.col("traded_lots"),
        fees_usd=pl.col("fee_usd") + pl.col("taker_fee_usd"),
    )


def _accounts(kinds: pl.DataFrame, kind: str) -> pl.Series:
    return kinds.filter(pl.col("kind").cast(pl.String) == kind)["account"]


def _gained(
    results: RunResults,
    accounts: pl.Series,
    kinds: tuple[str, ...] = ("order", "close_out"),
    *,
    passive: bool = False,
) -> float:
    """Return what some accounts gained by their trades, before fees; or where others took alone."""
    trades = results.table("trades").filter(pl.col("kind").cast(pl.String).is_in(kinds))
    aggressor = pl.col("aggressor").cast(pl.String)
    sides = [
        trades.filter(pl.col(who).is_in(accounts.implode()))
        .filter(aggressor == taker if passive else pl.lit(value=True))
        .select("second", "series", "premium_usd", signed_lots=sign * pl.col("lots"))
        for who, sign, taker in (("buyer", 1, "sell"), ("seller", -1, "buy"))
    ]
    return _total(marked(pl.concat(sides), results.table("quotes"), results.table("steps")))


def _total(values: pl.Series) -> float:
    return float(values.sum() or 0.0)


def _mean(values: pl.Series) -> float | None:
    mean = values.mean()
    return float(mean) if isinstance(mean, int | float) else None


def rule_of(results: RunResults) -> tuple[str, float | None]:
    """Return the rule by which a run's orders were settled, and its decryption delay in seconds."""
    _orders(results)
    first = results.table("orders").drop_nulls("released_second").head(1)
    rule = str(results.table("orders")["rule"].cast(pl.String)[0])
    if rule != "encrypted" or first.is_empty():
        return rule, None
    return rule, round(float(first["released_second"][0] - first["arrived_second"][0]), 6)


def extraction_rows(runs: Iterable[tuple[RunResults, str]]) -> list[ExtractionRow]:
    """Return one row for each rule and decryption delay, in the order in which runs have them.

    Parameters
    ----------
    runs : iterable of (RunResults, str)
        Runs, each with what else tells them apart. Those of one seed are compared as pairs.

    Raises
    ------
    ResultsError
        If a run has no orders on their way, or lacks a table.
    """
    found: dict[tuple[str, float | None, str], dict[int, list[Extraction]]] = {}
    for results, also in runs:
        seeds = found.setdefault((*rule_of(results), also), {})
        seeds.setdefault(int(results.outcome["seed"]), []).append(measure(results))
    if not found:
        return []
    first, *_ = found.values()
    return [
        ExtractionRow(*key, _means(seeds), None if seeds is first else _change(first, seeds))
        for key, seeds in found.items()
    ]


def _means(seeds: dict[int, list[Extraction]]) -> dict[str, Estimate | None]:
    means: dict[str, Estimate | None] = {}
    for field in fields(Extraction):
        values = [getattr(item, field.name) for items in seeds.values() for item in items]
        known = [value for value in values if value is not None]
        means[field.name] = mean_estimate(known) if known else None
    return means


def _change(
    first: dict[int, list[Extraction]], seeds: dict[int, list[Extraction]]
) -> Estimate | None:
    changes = [
        after.slippage_usd - before.slippage_usd
        for seed, items in seeds.items()
        for before, after in zip(first.get(seed, []), items, strict=False)
        if before.slippage_usd is not None and after.slippage_usd is not None
    ]
    return mean_estimate(changes) if changes else None


def runs_of_study(study: StudyResults) -> list[tuple[RunResults, str]]:
    """Return the gathered runs of a study in the order of its points, with their further factors.

    Raises
    ------
    ResultsError
        If no run of the study is gathered.
    """
    if "point" not in study.columns:
        raise ResultsError(study.folder, "no run is gathered yet; run the study to its end")
    more = [name for name in study.factors if name not in NAMED_FACTORS]
    runs = study.runs.drop_nulls("point").sort("point", "replicate", maintain_order=True)
    named = [
        ", ".join(f"{name.removeprefix('factor ')} = {row[name]}" for name in more)
        for row in runs.iter_rows(named=True)
    ]
    return [(study.run(run_id), also) for run_id, also in zip(runs["run_id"], named, strict=True)]
