"""Every loss traced from what was lost to its root: a tree that pages walk, whose sums are exact.

This divides a loss by what happened on its way. It is an accounting, not a counterfactual: what a
shock or a channel of contagion caused is what the same run loses less without it (`abm compare`,
`abm shares`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from abm.analysis.causes import MARKET, missing_backing, roots
from abm.analysis.delays import CRITICAL, counted, held_up
from abm.analysis.tale import LATE_MULTIPLE
from abm.units import MICRO, dollars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abm.recording.results import RunResults

Row = dict[str, Any]

WAYS = ("backing", "fire_sale", "closing", "late_margin", "gap")
"""How a loss arose, in the order in which it is put down to them.

``backing``: wrapped tokens sold that stood for less than their published price; ``fire_sale``: what
was sold below what it stood for; ``closing``: contracts closed beyond their
marks; then the rest: ``late_margin`` where a shock held the liquidation up or one of its messages
was late, ``gap`` where nothing was, so that the price alone outran the margin.
"""


@dataclass(frozen=True)
class Cause:
    """One node of the tree: a loss, or something that happened on its way.

    Attributes
    ----------
    kind : str
        run, shock, market, liquidation, one of `WAYS`, or auction, message, trades, event.
    label : str
        Its name: of the shock, the account, the message's kind and channel.
    second, end_second : int or None
        When it began and ended, where it has a time.
    loss_micro : int or None
        Micro-dollars of loss below it; None for what only happened on the way.
    children : tuple of Cause
        In order; losses of children sum to its own, exactly.
    number : int or None
        Of a liquidation, its number.
    """

    kind: str
    label: str
    second: int | None
    end_second: int | None
    loss_micro: int | None
    children: tuple[Cause, ...] = ()
    number: int | None = None

    @property
    def loss_usd(self) -> float | None:
        """The loss in dollars."""
        return None if self.loss_micro is None else dollars(self.loss_micro)

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Cause]]:
        """Yield every node with its depth, parents first."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)


class _Tables:
    """What happened in a run, by liquidation."""

    def __init__(self, results: RunResults) -> None:
        self.liquidations = {
            row["liquidation"]: row
            for row in results.table("liquidations").iter_rows(named=True)
            if row["bad_debt_usd"]
        }
        owner = {row["cause"]: number for number, row in self.liquidations.items()}
        self.events: defaultdict[int, list[Row]] = defaultdict(list)
        for event in results.table("events").iter_rows(named=True):
            # Causes come before what they led to, so that one pass finds all descendants.
            number = owner.get(event["event"], owner.get(event["cause"]))
            if number is not None:
                owner[event["event"]] = number
                self.events[number].append(event)
        self.messages: defaultdict[int, list[Row]] = defaultdict(list)
        for message in counted(results.table("messages").iter_rows(named=True)):
            if message["cause"] in owner and message["kind"] in (*CRITICAL, "balance_report"):
                self.messages[owner[message["cause"]]].append(message)
        self.auctions: defaultdict[int, list[Row]] = defaultdict(list)
        for auction in results.table("auctions").iter_rows(named=True):
            self.auctions[auction["liquidation"]].append(auction)
        self.missing = missing_backing(results)


def cause_tree(results: RunResults) -> Cause:
    """Return the tree of all bad debt of a run: by root, liquidation, way, and what happened.

    Returns
    -------
    Cause
        Of kind ``run``. Its children are the shocks that losses are put down to (`roots`), and the
        market where there is none, the largest loss first; theirs are liquidations, the largest
        first; theirs the ways of `WAYS` that are not 0; theirs auctions, messages, closing, events.
    """
    tables, waits, root_of = _Tables(results), held_up(results), roots(results)
    by_root: defaultdict[str, list[Cause]] = defaultdict(list)
    for number, row in tables.liquidations.items():
        root = root_of[number] or MARKET
        by_root[root].append(_liquidation(row, tables, held=bool(waits[number])))
    children = []
    for root, found in by_root.items():
        kind = MARKET if root == MARKET else "shock"
        ordered = sorted(found, key=lambda cause: -(cause.loss_micro or 0))
        children.append(Cause(kind, root, None, None, _sum(found), tuple(ordered)))
    children.sort(key=lambda cause: (-(cause.loss_micro or 0), cause.label))
    name = str(results.manifest.scenario["name"])
    return Cause("run", name, 0, None, _sum(children), tuple(children))


def _sum(causes: list[Cause]) -> int:
    return sum(cause.loss_micro or 0 for cause in causes)


def _micro(amount_usd: float) -> int:
    return round(amount_usd * MICRO)


def _liquidation(row: Row, tables: _Tables, *, held: bool) -> Cause:
    number = row["liquidation"]
    auctions, messages = tables.auctions[number], tables.messages[number]
    loss = _micro(row["bad_debt_usd"])
    discount = sum(_micro(each["published_value_usd"] - each["proceeds_usd"]) for each in auctions)
    nothing = min(loss, tables.missing[number])
    sold_low = min(loss - nothing, max(discount - nothing, 0))
    closed_dear = min(loss - nothing - sold_low, max(_micro(row["closing_cost_usd"]), 0))
    rest = loss - nothing - sold_low - closed_dear
    late = held or any(_is_late(message) for message in messages)
    parts = (nothing, sold_low, closed_dear, rest * late, rest * (not late))
    amounts = dict(zip(WAYS, parts, strict=True))
    told = {
        "backing": [_auction(each) for each in auctions],
        "fire_sale": [_auction(each) for each in auctions],
        "closing": [_closing(row)],
        "late_margin": [_message(each) for each in messages],
        "gap": [_event(each) for each in tables.events[number]],
    }
    ways = tuple(
        Cause(way, way.replace("_", " "), None, None, amount, tuple(told[way]))
        for way, amount in amounts.items()
        if amount
    )
    label = f"account {row['account']} on {row['chain']}"
    return Cause(
        "liquidation", label, row["breach_second"], row["ended_second"], loss, ways, number
    )


def _is_late(message: Row) -> bool:
    usual = message["expected_second"] - message["sent_second"]
    end = message["end_second"]
    return end is None or end - message["sent_second"] > LATE_MULTIPLE * usual


def _auction(row: Row) -> Cause:
    share = row["units_sold"] / row["units"]
    label = f"auction of {row['token']} on {row['chain']}, {share:.0%} sold"
    return Cause("auction", label, row["opened_second"], row["ended_second"], None)


def _message(row: Row) -> Cause:
    label = f"{row['kind'].replace('_', ' ')} over {row['channel']}, {row['fate']}"
    return Cause("message", label, row["sent_second"], row["end_second"], None)


def _closing(row: Row) -> Cause:
    return Cause("trades", "closing of contracts", row["closing_second"], row["ended_second"], None)


def _event(row: Row) -> Cause:
    label = row["kind"].replace("_", " ") + (f" on {row['place']}" if row["place"] else "")
    return Cause("event", label, row["second"], row["second"], None)


def tree_frame(tree: Cause) -> pl.DataFrame:
    """Return a tree as a table, a row for each node, parents first.

    Returns
    -------
    polars.DataFrame
        ``node``, ``parent`` (missing for the first), ``depth``, ``kind``, ``label``, ``second``,
        ``end_second``, ``loss_usd`` (missing for what only happened on the way).
    """
    rows: list[Row] = []
    above: list[int] = []
    for depth, cause in tree.walk():
        del above[depth:]
        rows.append(
            {
                "node": len(rows),
                "parent": above[-1] if above else None,
                "depth": depth,
                "kind": cause.kind,
                "label": cause.label,
                "second": cause.second,
                "end_second": cause.end_second,
                "loss_usd": cause.loss_usd,
            }
        )
        above.append(len(rows) - 1)
    return pl.DataFrame(
        rows,
        schema={
            "node": pl.Int64,
            "parent": pl.Int64,
            "depth": pl.Int64,
            "kind": pl.String,
            "label": pl.String,
            "second": pl.Int64,
            "end_second": pl.Int64,
            "loss_usd": pl.Float64,
        },
    )


def loss_by_root_and_way(results: RunResults) -> pl.DataFrame:
    """Return the bad debt of a run by root and by way, in dollars.

    Returns
    -------
    polars.DataFrame
        ``root``, the shock or the market; a column for each of `WAYS`; ``total``. All sum to the
        run's bad debt, to the micro-dollar.
    """
    rows = []
    for root in cause_tree(results).children:
        micro = dict.fromkeys(WAYS, 0)
        for _, cause in root.walk():
            if cause.kind in micro:
                micro[cause.kind] += cause.loss_micro or 0
        ways = {way: dollars(amount) for way, amount in micro.items()}
        rows.append({"root": root.label, **ways, "total": root.loss_usd})
    schema = {"root": pl.String, **dict.fromkeys((*WAYS, "total"), pl.Float64)}
    return pl.DataFrame(rows, schema=schema)
