"""The tables of the order book: what is traded, and what is quoted."""

from __future__ import annotations

from abm.recording.columns import TableSchema, table

MARKET_TABLES: dict[str, TableSchema] = {
    "trades": table(
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
    "orders": table(
        "one order on its way to the venue, where the scenario has [venue.ordering]",
        ("order", "int", "", "number in the order of asking"),
        ("account", "int", "", "who asked"),
        ("purpose", "text", "", "trade; of searchers: front_run, resale, back_run, snipe or exit"),
        ("chain", "text", "", "where it was asked"),
        ("series", "text", "", "option series"),
        ("side", "text", "", "buy or sell"),
        ("lots", "int", "contracts", "asked for"),
        ("limit_usd", "float", "USD", "worst premium; missing where any will do"),
        ("asked_second", "int", "seconds", "from the start of the run"),
        ("arrived_second", "float", "seconds", "at the sequencer, or committed there"),
        ("sequenced_second", "int", "seconds", "settled against the book or in its batch"),
        ("outcome", "text", "", "traded, rests, no_trade, refused or waiting"),
        ("traded_lots", "int", "contracts", "that traded when it was settled"),
        ("premium_usd", "float", "USD", "mean for one contract of these"),
        ("mark_asked_usd", "float", "USD", "the venue's mark when it was asked"),
        ("mark_sequenced_usd", "float", "USD", "the mark when it was settled"),
        ("fee_usd", "float", "USD", "paid for its place"),
    ),
    "quotes": table(
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
}
