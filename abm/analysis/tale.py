"""What happened in one liquidation, moment by moment, in the words of the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from abm.analysis.contracts import Contracts
from abm.analysis.delays import Delays, counted
from abm.analysis.moments import Moment, about, order, payers, waited
from abm.units import format_duration, format_usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from abm.recording.results import RunResults

Row = dict[str, Any]

# A message that takes longer than this many times its lane's medians is called late.
LATE_MULTIPLE = 2.0

# What each kind of message is called, and where it goes.
MESSAGES = {
    "margin_call": ("The margin call", "its owner on {destination}"),
    "seizure": ("The seizure", "the vault on {destination}"),
    "proceeds": ("Word of the proceeds", "the venue"),
    "balance_report": ("Word of the deposit", "the venue"),
}

NOTHING = "There are no proceeds."

ENDS = {
    "topped_up": "The deposit has brought the account back above its requirement.",
    "recovered": "The market has brought the account back above its requirement.",
    "closed": "The liquidation ends: all positions are closed, and the account owes nothing.",
    "open": "The run ends before the liquidation does; it is {stage}.",
}


class Tale:
    """Tells the moments of an account's liquidations.

    Parameters
    ----------
    results : RunResults
        The run.
    account : int
        One of its accounts.
    """

    def __init__(self, results: RunResults, account: int) -> None:
        self._scenario = results.manifest.scenario
        events = results.table("events").iter_rows(named=True)
        self._delays = Delays(self._scenario, events)
        underlying = [
            name for name, rule in self._scenario["tokens"].items() if rule["worth"] == "underlying"
        ]
        self._underlying = underlying[0] if underlying else "the underlying"
        self._steps = results.table("steps")
        self._events = results.table("events").filter(account=account)
        causes = self._events["event"].to_list()
        self._messages = results.table("messages").filter(pl.col("cause").is_in(causes))
        self._contracts = Contracts(results, account)
        self._auctions = results.table("auctions")
        self._losses = results.table("waterfall").filter(account=account)

    def moments(self, liquidation: Row) -> list[Moment]:
        """Return the moments of one liquidation, a row of its table, in order of time."""
        found = [
            *self._breach(liquidation),
            *self._seizures_and_deposits(liquidation),
            *self._travel(liquidation),
            *self._sales(liquidation),
            *self._proceeds_at_once(liquidation),
            *self._closing(liquidation),
            *self._end(liquidation),
        ]
        return sorted(found, key=order)

    def _breach(self, row: Row) -> Iterator[Moment]:
        second, missing = row["breach_second"], row["shortfall_usd"]
        answer = format_duration(row["seizure_due_second"] - second)
        yield about(
            row,
            second,
            "breach",
            f"With {self._price(second)}, {format_usd(missing)} of margin is missing; "
            f"the account is {self._contracts.held(second)}.",
            usd=missing,
        )
        if self._sent(row, "margin_call").is_empty():
            yield about(
                row,
                row["called_second"],
                "margin_call_at_once",
                f"The owner is called at once and has {answer} to answer.",
                usd=missing,
            )

    def _price(self, second: int) -> str:
        price = self._steps.filter(pl.col("second") <= second)["published_usd"][-1]
        return f"{self._underlying} published at {format_usd(price)}"

    def _seizures_and_deposits(self, row: Row) -> Iterator[Moment]:
        sent = set(self._messages.filter(kind="seizure")["cause"].to_list())
        for event in self._events.filter(cause=row["cause"]).iter_rows(named=True):
            usd = event["value_usd"]
            kind = event["kind"]
            if kind == "top_up":
                text = f"The owner deposits {format_usd(usd)} on {event['place']}."
            elif kind == "seizure" and event["event"] not in sent:
                kind = "seizure_at_once"
                text = f"Up to {format_usd(usd)} of collateral are seized at once."
            else:
                continue
            yield about(row, event["second"], kind, text, usd=usd)

    def _sent(self, row: Row, kind: str) -> pl.DataFrame:
        """Return the messages of one kind of a liquidation."""
        own = self._events.filter(cause=row["cause"])["event"].to_list()
        return self._messages.filter(pl.col("cause").is_in([row["cause"], *own]), kind=kind)

    def _travel(self, row: Row) -> Iterator[Moment]:
        deposits = self._events.filter(cause=row["cause"], kind="top_up")["event"].to_list()
        for kind in MESSAGES:
            messages = self._sent(row, kind)
            if kind == "balance_report":
                messages = messages.filter(pl.col("cause").is_in(deposits))
            for _, copies in messages.group_by("channel", "nonce", maintain_order=True):
                yield from self._way(row, copies.rows(named=True))

    def _way(self, row: Row, copies: list[Row]) -> Iterator[Moment]:
        """Tell the way of one message, whatever copies of it there were."""
        first, last = copies[0], counted(copies)[-1]
        kind = first["kind"]
        # A report carries no dollars.
        usd = None if kind == "balance_report" else first["value_usd"]
        what, where = MESSAGES[kind]
        where = where.format(**self._scenario["channels"][first["channel"]])
        if kind != "balance_report":
            text = self._leaves(row, first)
            yield about(row, first["sent_second"], f"{kind}_sent", text, usd=usd)
        for second in sorted({copy["sent_second"] for copy in copies}):
            if first["sent_second"] < second <= last["sent_second"]:
                text = f"{what} was lost on {first['channel']} and is sent again."
                yield about(row, second, f"{kind}_repeated", text, usd=usd)
        delay = self._delays.of_message(last)
        end = self._delays.horizon if last["end_second"] is None else last["end_second"]
        taken = end - first["sent_second"]
        if last["applied"]:
            text = f"{what} reaches {where} after {format_duration(taken)}"
            usual = first["expected_second"] - first["sent_second"]
            if delay is None and taken > LATE_MULTIPLE * usual:
                text += f", late for {first['channel']}, which usually takes "
                text += format_duration(usual)
            suffix = "arrives"
        elif last["fate"] == "expired":
            text = f"{what} expires after {format_duration(taken)} without reaching {where}"
            suffix = "expires"
        else:
            text = f"{what} is still on its way to {where} when the run ends, "
            text += f"{format_duration(taken)} after it left"
            suffix = "in_flight"
        over = row["ended_second"] is not None and end > row["ended_second"]
        text += f"{waited(delay)}{'; the liquidation is over by then' if over else ''}."
        yield about(row, end, f"{kind}_{suffix}", text, usd=usd, delay=delay)

    def _leaves(self, row: Row, message: Row) -> str:
        channel, usd = message["channel"], format_usd(message["value_usd"])
        if message["kind"] == "margin_call":
            answer = format_duration(row["seizure_due_second"] - row["breach_second"])
            return f"A margin call leaves over {channel}; the venue allows {answer} for an answer."
        if message["kind"] == "seizure":
            return f"The venue sends for {usd} of collateral over {channel}."
        if not message["value_usd"]:
            return f"Word that there are no proceeds leaves {row['chain']} over {channel}."
        return f"Proceeds of {usd} leave {row['chain']} over {channel}."

    def _sales(self, row: Row) -> Iterator[Moment]:
        auctions = self._auctions.filter(liquidation=row["liquidation"])
        for auction in auctions.iter_rows(named=True):
            token, proceeds = auction["token"], auction["proceeds_usd"]
            # A wrapped token is counted as what it stands for: ETH.arbitrum as ETH.
            tokens = self._scenario["tokens"]
            base = tokens[token if token in tokens else token.rpartition(".")[0]]["base_units"]
            amount = f"{auction['units'] / base:,.2f} {token}"
            on_sale = f"{amount} go on sale on {auction['chain']}."
            yield about(row, auction["opened_second"], "auction_opens", on_sale)
            delay = self._delays.of_auction(auction)
            end = auction["ended_second"]
            if auction["bids"]:
                share = proceeds / auction["published_value_usd"]
                sold = auction["units_sold"] / base
                result = (
                    f"{sold:,.2f} {token} are sold for {format_usd(proceeds)}, "
                    f"{share:.0%} of the published price"
                )
            else:
                result = "nobody bids"
            if end is None:
                text = f"The run ends with {amount} still on sale; {result}"
            elif auction["units_sold"] < auction["units"]:
                text = f"The auction of {amount} ends without selling out: {result}"
            else:
                text = f"The auction sells out: {result}"
            yield about(
                row,
                self._delays.horizon if end is None else end,
                "auction_ends",
                f"{text}{waited(delay)}.",
                usd=proceeds,
                delay=delay,
            )

    def _proceeds_at_once(self, row: Row) -> Iterator[Moment]:
        if not self._sent(row, "proceeds").is_empty():
            return
        for event in self._events.filter(cause=row["cause"], kind="proceeds").rows(named=True):
            usd = event["value_usd"]
            text = f"Proceeds of {format_usd(usd)} are home at once." if usd else NOTHING
            yield about(row, event["second"], "proceeds_at_once", text, usd=usd)

    def _closing(self, row: Row) -> Iterator[Moment]:
        start = row["closing_second"]
        parts = self._contracts.closed(row, self._delays.horizon)
        if not parts:
            return
        cost = row["closing_cost_usd"]
        yield about(
            row,
            start,
            "closing",
            f"With {self._price(start)}, closing begins, "
            f"{format_duration(start - row['breach_second'])} after the breach; it costs "
            f"{format_usd(abs(cost))} {'more' if cost >= 0 else 'less'} than the marks.",
            usd=cost,
        )
        yield from parts

    def _end(self, row: Row) -> Iterator[Moment]:
        end = self._delays.horizon if row["ended_second"] is None else row["ended_second"]
        if row["outcome"] != "bad_debt":
            text = ENDS[row["outcome"]].format(stage=row["stage"])
            yield about(row, end, row["outcome"], text)
            return
        loss = self._losses.filter(liquidation=row["liquidation"]).row(0, named=True)
        text = f"{format_usd(row['bad_debt_usd'])} is left owing, paid {payers(loss)}."
        yield about(row, end, "bad_debt", text, usd=row["bad_debt_usd"])
