"""The tables a run leaves: columns with type, unit and meaning. No other place defines them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from abm.scenario.waterfall import FUNDED, LAYERS

Kind = Literal["int", "float", "text", "bool"]


@dataclass(frozen=True)
class Column:
    """One column; ``unit`` is empty for names and numbers of things. Any value may be missing."""

    name: str
    kind: Kind
    unit: str
    meaning: str


@dataclass(frozen=True)
class TableSchema:
    """One table: what a row is, and its columns in order."""

    row: str
    columns: tuple[Column, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self.columns)


def _table(row: str, *columns: tuple[str, Kind, str, str]) -> TableSchema:
    return TableSchema(row, tuple(Column(*column) for column in columns))


def outcome_of(layer: str) -> str:
    """Return the column of the `runs` table that says what a layer of the waterfall paid.

    >>> outcome_of("backstop"), outcome_of("socialised")
    ('paid_by_backstop_usd', 'socialised_usd')
    """
    return f"paid_by_{layer}_usd" if layer in FUNDED else f"{layer}_usd"


SCHEMAS: dict[str, TableSchema] = {
    "runs": _table(
        "the run: its parameters and outcomes",
        ("scenario", "text", "", "name of the scenario"),
        ("seed", "int", "", "seed of the run"),
        ("shocks", "int", "shocks", "scheduled shocks"),
        ("architecture", "text", "", "collateral architecture"),
        ("traders", "int", "agents", "traders"),
        ("hours", "float", "hours", "length of the run"),
        ("bad_debt_usd", "float", "USD", "losses that accounts left to the waterfall"),
        *(
            (outcome_of(layer), "float", "USD", f"of it, paid by {who}")
            for layer, who in LAYERS.items()
        ),
        ("uncovered_usd", "float", "USD", "of it, paid by nobody"),
        *(
            (f"{layer}_exhausted_second", "int", "seconds", f"nothing more to be had of {who}")
            for layer, who in LAYERS.items()
        ),
        ("unresolved_usd", "float", "USD", "negative true equities at the end, not yet bad debt"),
        (
            "liquidation_cost_usd",
            "float",
            "USD",
            "lost by liquidated owners: sold below the published price, closed beyond the marks",
        ),
        ("breaches", "int", "liquidations", "accounts that fell below their requirement"),
        ("topped_up", "int", "liquidations", "of them, cured by a deposit before a seizure"),
        ("recovered", "int", "liquidations", "of them, cured by the market before a seizure"),
        ("liquidated", "int", "liquidations", "of them, closed without loss to others"),
        ("failed", "int", "liquidations", "of them, ended in bad debt or still open at the end"),
        ("late", "int", "liquidations", "not cured, and longer than the scenario's limit"),
        ("failed_auctions", "int", "auctions", "auctions that did not sell out"),
        ("messages_sent", "int", "messages", "repetitions and duplicates included"),
        ("messages_delivered", "int", "messages", "by the end of the run"),
        (
            "messages_late",
            "int",
            "messages",
            "delivered after more than twice the time that the medians of their parts make",
        ),
        ("messages_lost", "int", "messages", "never attested"),
        ("messages_expired", "int", "messages", "given up"),
        ("messages_void", "int", "messages", "undone by a reorganisation, or refused as forged"),
        ("messages_in_flight", "int", "messages", "without an end when the run ended"),
        (
            "liquidation_seconds_p50",
            "float",
            "seconds",
            "median time from breach to end, not cured",
        ),
        ("liquidation_seconds_p95", "float", "seconds", "95th centile of it"),
        ("worst_depth_lots", "float", "contracts", "least depth at any step after the first hour"),
        ("median_depth_lots", "float", "contracts", "median depth"),
        ("worst_shortfall_usd", "float", "USD", "largest true shortfall at any step"),
        (
            "worst_belief_gap_usd",
            "float",
            "USD",
            "largest difference of believed and true equity at any step, either way",
        ),
        (
            "locked_usd_mean",
            "float",
            "USD",
            "collateral of traders wherever it is, and makers' cash; mean over steps",
        ),
        ("required_usd_mean", "float", "USD", "initial margin of traders; mean over steps"),
        ("idle_share_mean", "float", "", "of what counts as traders' margin, not required; mean"),
        ("in_transit_usd_mean", "float", "USD", "of it on its way or seized; mean over steps"),
        (
            "open_interest_per_locked_mean",
            "float",
            "",
            "notional of contracts outstanding per dollar locked; mean over steps",
        ),
        (
            "static_clearing_usd",
            "float",
            "USD",
            "what others would lose if all were cleared at once at the worst price, before shocks",
        ),
        (
            "static_debtrank_usd",
            "float",
            "USD",
            "the same if claims lost value with their debtors' equity (linear DebtRank)",
        ),
        ("moving_cost_usd", "float", "USD", "gas and fees that owners paid to move collateral"),
        ("withdrawn_usd", "float", "USD", "value of withdrawals when they started"),
        ("events", "int", "events", "entries of the log"),
    ),
    "steps": _table(
        "one step of the venue",
        ("second", "int", "seconds", "from the start of the run"),
        ("price_usd", "float", "USD", "true price of the underlying"),
        ("published_usd", "float", "USD", "price last published on the venue's chain"),
        ("published_age_seconds", "int", "seconds", "age of that observation"),
        ("volatility_level", "float", "per year", "level of implied volatility"),
        ("realised_volatility", "float", "per year", "of the last half hour"),
        ("depth_lots", "int", "contracts", "quoted or resting, both sides, all series"),
        ("quoting_makers", "int", "agents", "market makers with a quote"),
        ("spread_volatility", "float", "per year", "median quoted spread in volatility"),
        ("open_interest_lots", "int", "contracts", "contracts outstanding"),
        ("bad_debt_usd", "float", "USD", "left to the waterfall so far"),
        ("shortfall_usd", "float", "USD", "sum of negative true equities, not yet bad debt"),
        ("loss_usd", "float", "USD", "bad debt so far and the shortfall now"),
        (
            "belief_gap_usd",
            "float",
            "USD",
            "believed minus true equity, both before haircuts, summed over accounts",
        ),
        ("locked_usd", "float", "USD", "collateral of traders wherever it is, makers' cash"),
        ("in_transit_usd", "float", "USD", "of it, on its way or seized"),
        ("counted_usd", "float", "USD", "traders' equity that counts as margin, where above 0"),
        ("required_usd", "float", "USD", "initial margin of traders"),
        ("fund_usd", "float", "USD", "insurance fund"),
        ("mutual_fund_usd", "float", "USD", "mutual fund of several venues"),
        ("insurance_usd", "float", "USD", "cover that the insurer has left"),
        ("backstop_usd", "float", "USD", "backstop"),
        ("open_liquidations", "int", "liquidations", "not ended"),
        ("messages_waiting", "int", "messages", "for attestation, a relayer or a halt's end"),
    ),
    "chains": _table(
        "one chain at one sampled step",
        ("second", "int", "seconds", "from the start of the run"),
        ("chain", "text", "", "name"),
        ("gas_usd", "float", "USD", "cost of executing a message"),
        ("halted", "bool", "", "makes no blocks"),
        ("published_usd", "float", "USD", "price last published there"),
        ("published_age_seconds", "int", "seconds", "age of that observation"),
        ("collateral_usd", "float", "USD", "traders' collateral there, at the true price"),
        ("claimed_usd", "float", "USD", "what the venue counts of it, before haircuts"),
        ("claim_age_seconds", "float", "seconds", "mean age of the claims"),
        ("liquidator_usd", "float", "USD", "cash of active liquidators there"),
        ("open_auctions", "int", "auctions", "on sale"),
    ),
    "oracles": _table(
        "the feed of one chain at one sampled step",
        ("second", "int", "seconds", "from the start of the run"),
        ("chain", "text", "", "name"),
        ("price_usd", "float", "USD", "true price of the underlying"),
        ("published_usd", "float", "USD", "price last published there"),
        ("error", "float", "", "published over true price, less one"),
        ("age_seconds", "int", "seconds", "since it was observed"),
        ("publications", "int", "rounds", "published there so far"),
        ("stale", "bool", "", "older than the venue's rule allows"),
    ),
    "channels": _table(
        "one channel at one sampled step",
        ("second", "int", "seconds", "from the start of the run"),
        ("channel", "text", "", "name"),
        ("source", "text", "", "chain"),
        ("destination", "text", "", "chain"),
        ("protocol", "text", "", "name"),
        ("blocked", "bool", "", "the channel or one of its chains is halted"),
        ("waiting", "int", "messages", "for attestation, a relayer or a halt's end"),
        ("escrow_usd", "float", "USD", "dollars under way"),
    ),
    "messages": _table(
        "one message",
        ("message", "int", "", "number in the order of sending"),
        ("channel", "text", "", "name"),
        ("kind", "text", "", "what it asks for"),
        ("subject", "text", "", "what it is about"),
        ("nonce", "int", "", "shared with its repetitions and duplicates"),
        ("repeat_of", "int", "", "the message it repeats"),
        ("cause", "int", "", "event that sent it"),
        ("sent_second", "int", "seconds", "from the start of the run"),
        ("expected_second", "int", "seconds", "end if every part took its median"),
        ("ready_second", "int", "seconds", "source final and quorum signed"),
        ("final_second", "int", "seconds", "source final enough for the protocol"),
        ("limited_seconds", "int", "seconds", "held back by a rate limit"),
        ("picked_second", "int", "seconds", "picked up by a relayer"),
        ("end_second", "int", "seconds", "delivered, lost, expired or void"),
        ("fate", "text", "", "delivered, lost, expired, void or in_flight"),
        ("reason", "text", "", "why it is void: reorg or forged"),
        ("applied", "bool", "", "the first of its nonce to arrive"),
        ("stuck", "bool", "", "its execution failed at first"),
        ("reorged", "bool", "", "its source block was dropped after it was sent"),
        ("forged", "bool", "", "signed by stolen keys"),
        ("relayer", "int", "", "number of the relayer"),
        ("fee_usd", "float", "USD", "paid to the relayer"),
        ("halted_seconds", "int", "seconds", "of its way that fell into a halt"),
        ("value_usd", "float", "USD", "dollars it carries or moves"),
    ),
    "liquidations": _table(
        "one liquidation",
        ("liquidation", "int", "", "number"),
        ("account", "int", "", "number"),
        ("chain", "text", "", "where its collateral stands"),
        ("cause", "int", "", "the breach in the log"),
        ("breach_second", "int", "seconds", "from the start of the run"),
        ("shortfall_usd", "float", "USD", "missing margin then"),
        ("called_second", "int", "seconds", "the call reached the trader"),
        ("seizure_second", "int", "seconds", "first seizure sent"),
        ("seized_second", "int", "seconds", "first seizure executed"),
        ("proceeds_second", "int", "seconds", "first proceeds home"),
        ("closing_second", "int", "seconds", "closing of positions began"),
        ("ended_second", "int", "seconds", "end"),
        ("stage", "text", "", "where it stands"),
        ("outcome", "text", "", "topped_up, recovered, closed, bad_debt or open"),
        ("seizure_due_second", "int", "seconds", "end of the owner's time to answer"),
        ("seizures", "int", "seizures", "sent"),
        ("failed_auctions", "int", "auctions", "that did not sell out"),
        ("proceeds_usd", "float", "USD", "that came home"),
        ("closing_cost_usd", "float", "USD", "lost in closing beyond the marks"),
        ("bad_debt_usd", "float", "USD", "left to the waterfall"),
    ),
    "auctions": _table(
        "one auction of seized collateral",
        ("auction", "int", "", "number"),
        ("liquidation", "int", "", "number"),
        ("chain", "text", "", "where it is held"),
        ("token", "text", "", "what is sold"),
        ("units", "int", "base units", "on sale"),
        ("units_sold", "int", "base units", "sold"),
        ("opened_second", "int", "seconds", "from the start of the run"),
        ("ended_second", "int", "seconds", "sold out or over"),
        ("bids", "int", "bids", "that bought"),
        ("last_factor", "float", "", "price factor of the last sale"),
        ("proceeds_usd", "float", "USD", "paid by liquidators"),
        ("published_value_usd", "float", "USD", "of what was sold, at the published price"),
    ),
    "trades": _table(
        "one trade",
        ("second", "int", "seconds", "from the start of the run"),
        ("series", "text", "", "option series"),
        ("buyer", "int", "", "account"),
        ("seller", "int", "", "account"),
        ("lots", "int", "contracts", "that changed hands"),
        ("premium_usd", "float", "USD", "for one contract"),
        ("aggressor", "text", "", "side that took the price"),
        ("kind", "text", "", "opening, order, close_out or take_over"),
    ),
    "quotes": _table(
        "one series at one sampled step",
        ("second", "int", "seconds", "from the start of the run"),
        ("series", "text", "", "option series"),
        ("seconds_left", "int", "seconds", "until it expires"),
        ("strike_usd", "float", "USD", "strike"),
        ("is_call", "bool", "", "call, or put"),
        ("mark_usd", "float", "USD", "the venue's mark of one contract"),
        ("delta", "float", "", "change of the mark for one dollar of the underlying"),
        ("vega_usd", "float", "USD", "change of the mark for 1.00 of volatility"),
        ("published_usd", "float", "USD", "price of the underlying that the marks are at"),
        ("bid_usd", "float", "USD", "best bid, quoted or resting; missing where there is none"),
        ("ask_usd", "float", "USD", "best ask, the same way"),
        ("bid_lots", "int", "contracts", "at the best bid"),
        ("ask_lots", "int", "contracts", "at the best ask"),
        ("depth_lots", "int", "contracts", "quoted or resting, both sides, all levels"),
        ("open_interest_lots", "int", "contracts", "outstanding"),
    ),
    "waterfall": _table(
        "one loss paid",
        ("second", "int", "seconds", "from the start of the run"),
        ("liquidation", "int", "", "number"),
        ("account", "int", "", "that left it"),
        ("chain", "text", "", "where its collateral stood"),
        *((f"{layer}_usd", "float", "USD", f"paid by {who}") for layer, who in LAYERS.items()),
        ("uncovered_usd", "float", "USD", "paid by nobody"),
    ),
    "cuts": _table(
        "what one account lost to a layer that takes from others",
        ("account", "int", "", "number"),
        ("layer", "text", "", "socialised or deleveraged"),
        ("cut_usd", "float", "USD", "taken from it in all"),
    ),
    "accounts": _table(
        "one account at the start or the end",
        ("moment", "text", "", "start or end"),
        ("account", "int", "", "number"),
        ("kind", "text", "", "kind of trader, market_maker or house"),
        ("chain", "text", "", "home chain"),
        ("token", "text", "", "of its collateral"),
        ("cash_usd", "float", "USD", "at the venue"),
        ("vault_usd", "float", "USD", "collateral at the true price"),
        ("wallet_usd", "float", "USD", "its own money outside"),
        ("equity_usd", "float", "USD", "true, before haircuts"),
        ("believed_equity_usd", "float", "USD", "what the venue counts"),
        ("maintenance_usd", "float", "USD", "requirement"),
    ),
    "moves": _table(
        "one deposit or withdrawal of an owner",
        ("move", "int", "", "number"),
        ("account", "int", "", "number"),
        ("kind", "text", "", "deposit or withdrawal"),
        ("token", "text", "", "what moved"),
        ("units", "int", "base units", "that moved"),
        ("source", "text", "", "chain"),
        ("destination", "text", "", "chain"),
        ("started_second", "int", "seconds", "from the start of the run"),
        ("arrived_second", "int", "seconds", "end of the way; missing while it is under way"),
        ("refunded", "bool", "", "came back, because its message was given up"),
        ("value_usd", "float", "USD", "at the price published at the source when it started"),
        ("gas_usd", "float", "USD", "paid by the owner for the transaction"),
        ("fee_usd", "float", "USD", "paid by the owner for the message"),
    ),
    "flows": _table(
        "what moved from one kind of place to another between two sampled steps",
        ("second", "int", "seconds", "end of the interval"),
        ("from_kind", "text", "", "wallet, vault, lock, escrow, auction, venue, fund and so on"),
        ("from_place", "text", "", "its chain, or its channel"),
        ("to_kind", "text", "", "where it went"),
        ("to_place", "text", "", "its chain, or its channel"),
        ("token", "text", "", "name"),
        ("units", "int", "base units", "that moved"),
        ("value_usd", "float", "USD", "at the true price at the end of the interval"),
    ),
    "solvency": _table(
        "one chain's balance sheet at one sampled step, at the true price",
        ("second", "int", "seconds", "from the start of the run"),
        ("chain", "text", "", "name"),
        ("assets_usd", "float", "USD", "in vaults and locks, and the venue's own vault"),
        ("receivable_usd", "float", "USD", "negative cash that accounts owe the venue"),
        (
            "liabilities_usd",
            "float",
            "USD",
            "what owners may count there: claims, what stands for locked tokens, positive cash",
        ),
        ("in_flight_usd", "float", "USD", "seized or in a channel's escrow; on neither side"),
        ("gap_usd", "float", "USD", "assets and receivables less liabilities; below 0 unbacked"),
    ),
    "commitments": _table(
        "the venue's commitment to what it owes, every six hours",
        ("second", "int", "seconds", "from the start of the run"),
        ("root", "text", "", "SHA-256 root of the Merkle sum tree over all accounts"),
        ("committed_usd", "float", "USD", "positive cash and claims as booked"),
        ("held_usd", "float", "USD", "what vaults really hold, at the true price"),
        ("oldest_claim_seconds", "int", "seconds", "age of the oldest claim in it"),
    ),
    "nodes": _table(
        "one node of the exposure graph at one hour or the end",
        ("second", "int", "seconds", "from the start of the run"),
        ("node", "text", "", "its kind and name: venue, chain:base, maker:0 and so on"),
        ("kind", "text", "", "what it is"),
        ("buffer_usd", "float", "USD", "the loss that exhausts it"),
    ),
    "shortfalls": _table(
        "one member that could not pay if all were cleared at once at the worst price",
        ("account", "int", "", "number"),
        ("shortfall_usd", "float", "USD", "what it could not pay, before the shocks"),
    ),
    "exposures": _table(
        "one edge of the exposure graph at one hour or the end, at the true price",
        ("second", "int", "seconds", "from the start of the run"),
        ("holder", "text", "", "node that loses"),
        ("debtor", "text", "", "node by whose failure it loses"),
        ("layer", "text", "", "how they are joined: margin, collateral, backing and so on"),
        ("exposure_usd", "float", "USD", "what it loses at most"),
    ),
    "tokens": _table(
        "one token",
        ("token", "text", "", "name"),
        ("issued", "int", "base units", "at the start"),
        ("held", "int", "base units", "by all holders at the end"),
    ),
    "events": _table(
        "one thing that happened",
        ("event", "int", "", "number"),
        ("second", "int", "seconds", "from the start of the run"),
        ("kind", "text", "", "what happened"),
        ("cause", "int", "", "the earlier event that led to it"),
        ("account", "int", "", "number"),
        ("place", "text", "", "chain, channel or shock"),
        ("value_usd", "float", "USD", "what it is about"),
    ),
}
