"""What contracts an account held, and how they were closed, from its trades."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import polars as pl

from abm.analysis.moments import Moment, about, listed
from abm.units import format_duration, format_usd, seconds

if TYPE_CHECKING:
    from abm.recording.results import RunResults

Row = dict[str, Any]

# Of how many series a sentence names the contracts.
MOST_SERIES = 3

EXPIRY = re.compile(r"-([0-9.e+]+)h-")


class Contracts:
    """The trades of one account.

    Parameters
    ----------
    results : RunResults
        The run.
    account : int
        One of its accounts.
    """

    def __init__(self, results: RunResults, account: int) -> None:
        self._account = account
        self._trades = results.table("trades").filter(
            (pl.col("buyer") == account) | (pl.col("seller") == account)
        )

    def held(self, second: int) -> str:
        """Say which contracts the account held after a step, from what it had traded."""
        lots: defaultdict[str, int] = defaultdict(int)
        for trade in self._trades.filter(pl.col("second") <= second).iter_rows(named=True):
            side = 1 if trade["buyer"] == self._account else -1
            lots[trade["series"]] += side * trade["lots"]
        held = [
            (count, series)
            for series, count in lots.items()
            if count and expiry_second(series) > second
        ]
        held.sort(key=lambda item: -abs(item[0]))
        named = [
            f"{'short' if count < 0 else 'long'} {abs(count):,} {series}"
            for count, series in held[:MOST_SERIES]
        ]
        if len(held) > MOST_SERIES:
            named.append(f"{len(held) - MOST_SERIES} more series")
        return listed(named) or "without contracts"

    def closed(self, liquidation: Row, horizon: int) -> list[Moment]:
        """Tell how a liquidation closed them: one moment for each way and side.

        Parameters
        ----------
        liquidation : dict
            A row of the table of liquidations.
        horizon : int
            Last second of the run.
        """
        start, end = liquidation["closing_second"], liquidation["ended_second"]
        if start is None:
            return []
        # The account under liquidation is the one that takes the price; it may make others' too.
        taken = (pl.col("aggressor") == "buy") == (pl.col("buyer") == self._account)
        trades = self._trades.filter(
            taken,
            pl.col("second").is_between(start, horizon if end is None else end),
            pl.col("kind").is_in(["close_out", "take_over"]),
        )
        parts = trades.group_by("kind", "aggressor", maintain_order=True)
        return [self._part(liquidation, part) for _, part in parts]

    def _part(self, liquidation: Row, trades: pl.DataFrame) -> Moment:
        buys = trades["aggressor"][0] == "buy"
        usd = float((trades["lots"] * trades["premium_usd"]).sum())
        worst = trades.sort("premium_usd", descending=buys, maintain_order=True).row(0, named=True)
        verb = "bought back" if buys else "sold"
        took = trades["second"][-1] - trades["second"][0]
        where = f"in the book within {format_duration(took)}" if took else "in the book"
        if trades["kind"][0] == "take_over":
            verb, where = "taken over", "by a market maker, since the book lacks them"
        series = trades["series"].n_unique()
        what = f"contracts of {series} series" if series > 1 else trades["series"][0]
        each = format_usd(worst["premium_usd"])
        side = "short" if buys else "long"
        text = (
            f"{trades['lots'].sum():,} {side} {what} are {verb} {where}, "
            f"for {format_usd(usd)}, at {'up' if buys else 'down'} to {each} each"
            f"{self._entered(worst, buys=buys, name=series > 1)}."
        )
        return about(liquidation, trades["second"][0], trades["kind"][0], text, usd=usd)

    def _entered(self, worst: Row, *, buys: bool, name: bool) -> str:
        """Say at which premium the account had come by what it closes, where it traded it."""
        series = f"{worst['series']}, " if name else ""
        own = self._trades.filter(
            pl.col("seller" if buys else "buyer") == self._account,
            pl.col("second") <= worst["second"],
            pl.col("series") == worst["series"],
        )
        if own.is_empty():
            return f" ({worst['series']})" if name else ""
        premium = float((own["lots"] * own["premium_usd"]).sum()) / int(own["lots"].sum())
        mean = " on average" if len(own) > 1 else ""
        return f" ({series}{'sold' if buys else 'bought'} at {format_usd(premium)}{mean})"


def expiry_second(series: str) -> float:
    """Return when a series expires, in seconds from the start of the run.

    >>> expiry_second("ETH-32h-150-P")
    115200
    """
    found = EXPIRY.search(series)
    return float("inf") if found is None else seconds(float(found[1]))
