"""Facts of the quotes: spread and size by tenor and delta, and what open interest is made of.

The targets are two whole option chains of Deribit: ETH of 8 January 2024, days before the decision
on the exchange-traded funds, and BTC of 21 May 2020. Between them lie four years and a tenfold
market, so that a range goes from three quarters of the lower to five quarters of the higher.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from abm.analysis.facts.fact import Fact
from abm.units import SECONDS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = "Deribit chains: ETH 8 Jan 2024, BTC 21 May 2020"
SLACK = 0.25
SMALLEST_VEGA_USD = 1.0
OPENING_SECONDS = 3_600
"""Quotes of the first hour are left out: the makers have just come."""


@dataclass(frozen=True)
class Cell:
    """One tenor and range of delta: median spreads in points of volatility on either chain."""

    tenor: str
    days: tuple[float, float]
    moneyness: str
    delta: tuple[float, float]
    eth_points: float
    btc_points: float

    @property
    def low(self) -> float:
        """Lower end of the target, in points of volatility."""
        return (1.0 - SLACK) * min(self.eth_points, self.btc_points)

    @property
    def high(self) -> float:
        """Upper end of the target, in points of volatility."""
        return (1.0 + SLACK) * max(self.eth_points, self.btc_points)


TENORS = {
    "up to 7 d": (0.0, 7.0),
    "7 to 35 d": (7.0, 35.0),
    "35 to 100 d": (35.0, 100.0),
    "over 100 d": (100.0, float("inf")),
}
MONEYNESS = {
    "delta below 0.10": (0.0, 0.10),
    "delta 0.10 to 0.25": (0.10, 0.25),
    "delta 0.25 to 0.40": (0.25, 0.40),
    "delta 0.40 to 0.60": (0.40, 0.60),
    "delta 0.60 to 0.90": (0.60, 0.90),
}
# Points of volatility, ETH and BTC, by tenor and then by moneyness.
POINTS = {
    "up to 7 d": ((5.61, 13.16), (3.58, 11.41), (3.34, 13.14), (3.19, 8.23), (10.88, 24.60)),
    "7 to 35 d": ((3.14, 5.02), (1.97, 3.41), (1.27, 3.17), (1.45, 3.70), (18.70, 14.91)),
    "35 to 100 d": ((2.14, 5.16), (1.17, 2.00), (0.81, 2.81), (0.82, 2.86), (6.01, 12.58)),
    "over 100 d": ((3.28, 2.84), (1.82, 1.75), (1.96, 2.20), (1.84, 2.50), (8.61, 3.80)),
}
CELLS = tuple(
    Cell(tenor, days, moneyness, delta, *POINTS[tenor][place])
    for tenor, days in TENORS.items()
    for place, (moneyness, delta) in enumerate(MONEYNESS.items())
)

# BTC of 21 May 2020: 7 to 35 BTC on a side of the best quotes, at about 9,200 dollars.
SIZE_USD = (7 * 9_200.0, 35 * 9_200.0)
TWO_SIDED = (60.0, 70.0)
# ETH of January 2024 and BTC of May 2020, in either order.
CALL_SHARE = (53.0, 75.0)
TOP_EXPIRY = (34.0, 44.0)
WITHIN_35_DAYS = (41.0, 50.0)


def calm_quotes(quotes: pl.DataFrame) -> pl.DataFrame:
    """Return the sampled quotes after the opening, with tenor, spread and absolute delta."""
    return quotes.filter(pl.col("second") >= OPENING_SECONDS).with_columns(
        days=pl.col("seconds_left") / SECONDS_PER_DAY,
        size=pl.col("delta").abs(),
        spread_usd=pl.col("ask_usd") - pl.col("bid_usd"),
    )


def spread_facts(quotes: pl.DataFrame) -> Iterator[Fact]:
    """Yield the median spread of every tenor and delta of which the run has quotes.

    Parameters
    ----------
    quotes : polars.DataFrame
        From `calm_quotes`.
    """
    priced = quotes.drop_nulls("spread_usd").filter(pl.col("vega_usd") > SMALLEST_VEGA_USD)
    points = priced.with_columns(points=100.0 * pl.col("spread_usd") / pl.col("vega_usd"))
    for cell in CELLS:
        inside = points.filter(
            pl.col("days").is_between(*cell.days, closed="right"),
            pl.col("size").is_between(*cell.delta, closed="left"),
        )
        if len(inside):
            yield Fact(
                f"spread, {cell.tenor}, {cell.moneyness}",
                median_of(inside["points"]),
                cell.low,
                cell.high,
                "points",
                SOURCE,
            )


def median_of(column: pl.Series) -> float | None:
    """Return the median of a column, if it has any value."""
    found = column.median()
    return float(found) if isinstance(found, int | float) else None


def book_facts(quotes: pl.DataFrame) -> list[Fact]:
    """Return the facts of sizes at the best quotes and of two-sidedness."""
    sizes = pl.concat(
        [
            quotes.filter(pl.col(f"{side}_lots") > 0).select(
                usd=pl.col(f"{side}_lots") * pl.col("published_usd")
            )
            for side in ("bid", "ask")
        ]
    )["usd"]
    both = quotes["spread_usd"].is_not_null()
    return [
        Fact("size at the best quotes", median_of(sizes), *SIZE_USD, "USD", SOURCE),
        Fact(
            "series with both sides quoted",
            100.0 * float(both.sum()) / len(both) if len(both) else None,
            *TWO_SIDED,
            "%",
            SOURCE,
        ),
    ]


def interest_facts(quotes: pl.DataFrame) -> list[Fact]:
    """Return what open interest is made of, as means over the samples."""
    total = quotes["open_interest_lots"].sum()
    by_expiry = (
        quotes.with_columns(expiry=pl.col("second") + pl.col("seconds_left"))
        .group_by("second", "expiry")
        .agg(pl.col("open_interest_lots").sum())
        .group_by("second")
        .agg(top=pl.col("open_interest_lots").max(), all=pl.col("open_interest_lots").sum())
        .filter(pl.col("all") > 0)
    )
    calls = quotes.filter(pl.col("is_call"))["open_interest_lots"].sum()
    near = quotes.filter(pl.col("days") <= TENORS["7 to 35 d"][1])["open_interest_lots"].sum()
    top = float((by_expiry["top"] / by_expiry["all"]).to_numpy().mean()) if len(by_expiry) else None
    shares = [100.0 * float(part) / float(total) if total else None for part in (calls, near)]
    return [
        Fact("open interest in calls", shares[0], *CALL_SHARE, "%", SOURCE),
        Fact(
            "open interest in the largest expiry",
            None if top is None else 100.0 * top,
            *TOP_EXPIRY,
            "%",
            SOURCE,
        ),
        Fact("open interest within 35 days", shares[1], *WITHIN_35_DAYS, "%", SOURCE),
    ]
