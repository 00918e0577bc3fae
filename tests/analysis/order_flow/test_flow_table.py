"""The table of a run's order flow, and its command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from typer.testing import CliRunner

from abm.analysis.order_flow import flow_table, read_flow, read_quoted_moves
from abm.cli import app

if TYPE_CHECKING:
    from abm.recording.results import RunResults


def test_the_flow_of_a_run_is_its_trades_without_opening_and_take_overs(crash: RunResults) -> None:
    flow = read_flow(crash)
    trades = crash.table("trades").with_columns(pl.col("kind", "aggressor").cast(pl.String))
    taken = trades.filter(pl.col("kind").is_in(["order", "close_out"]))
    assert len(flow) == len(taken) > 0
    bought = taken.filter(pl.col("aggressor") == "buy")
    assert flow.signed_lots[flow.signed_lots > 0].sum() == bought["lots"].sum()
    assert flow.by_step().sum() == len(flow)
    makers = crash.table("accounts").filter(pl.col("kind") == "market_maker")["account"].to_list()
    passive = np.where(
        taken["aggressor"].to_numpy() == "buy", taken["seller"].to_numpy(), taken["buyer"]
    )
    assert flow.from_rest.tolist() == [account not in makers for account in passive.tolist()]


def test_quotes_are_sampled_and_give_moves(crash: RunResults) -> None:
    quotes = crash.table("quotes")
    assert set(quotes["second"].to_list()) == set(range(0, 9_001, 600))
    both = quotes.drop_nulls(["bid_usd", "ask_usd"])
    assert len(both) > 0
    assert (both["bid_usd"] < both["ask_usd"]).all()
    assert (quotes["depth_lots"] >= quotes["bid_lots"] + quotes["ask_lots"]).all()
    moves = read_quoted_moves(crash)
    assert len(moves.volatility) == len(moves.imbalance) == len(moves.net_lots) > 0


def test_open_interest_of_the_quotes_is_that_of_the_steps(crash: RunResults) -> None:
    quotes = crash.table("quotes").group_by("second").agg(pl.col("open_interest_lots").sum())
    joined = quotes.join(crash.table("steps"), on="second")
    assert (joined["open_interest_lots"] == joined["open_interest_lots_right"]).all()


def test_the_command_prints_the_table(crash: RunResults) -> None:
    done = CliRunner().invoke(app, ["flow", str(crash.folder), "--private"])
    assert done.exit_code == 0, done.output
    for line in flow_table(crash):
        assert line.label in done.output
        assert line.value in done.output
    assert "epsilon" in done.output
