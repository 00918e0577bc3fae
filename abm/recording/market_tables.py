"""The tables of the order book: what is traded, and what is quoted."""

from __future__ import annotations

from abm.recording.columns import TableSchema, table

MARKET_TABLES: dict[str, TableSchema] = {
    "venues": table(
        "one venue at one sampled step; what is cleared elsewhere is missing",
        ("second", "int", "seconds", "from the start of the run"),
        ("venue", "text", "", "name"),
        ("depth_lots", "int", "contracts", "quoted or resting, both sides, all series"),
        ("makers_quoting", "int", "agents", "market makers with a quote"),
        ("spread_volatility", "float", "", "median quoted spread; 0.01 is one point"),
        ("makers_free_share", "float", "", "mean over makers of free equity over equity here"),
        ("open_interest_lots", "int", "contracts", "outstanding"),
        ("required_usd", "float", "USD", "initial margin of all accounts"),
        ("fund_usd", "float", "USD", "left in the insurance fund"),
        ("bad_debt_usd", "float", "USD", "losses so far"),
        ("paid_by_mutual_fund_usd", "float", "USD", "of it"),
        ("paid_by_accounts_usd", "float", "USD", "of it, socialised or deleveraged"),
    ),
    "trades": table(
        "one trade",
        ("second", "int", "seconds", "from the start of the run"),
        ("venue", "text", "", "where it was made"),
        ("series", "text", "", "option series"),
        ("buyer", "int", "", "account"),
        ("seller", "int", "", "account"),
        ("lots", "int", "contracts", "that changed hands"),
        ("premium_usd", "float", "USD", "for one contract"),
        ("aggressor", "text", "", "side that took the price"),
        ("kind", "text", "", "opening, order, close_out or take_over"),
    ),
    "quotes": table(
        "one series of the first venue at one sampled step",
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
