"""Whom cuts hit, and whether funds cover the largest losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from abm.analysis.cover import cover, funded_usd
from abm.analysis.fairness import fairness, gini
from abm.cli import app

if TYPE_CHECKING:
    from abm.recording.results import RunResults


@given(amounts=st.lists(st.floats(0, 1e9), min_size=1, max_size=30))
def test_gini_is_the_mean_difference_over_twice_the_mean(amounts: list[float]) -> None:
    values = np.array(amounts)
    if values.sum() <= 1e-9:
        return
    differences = np.abs(values[:, np.newaxis] - values).mean()
    assert gini(values) == pytest.approx(differences / (2 * values.mean()), abs=1e-9)


def test_cuts_are_all_that_was_socialised(crash: RunResults) -> None:
    (found,) = fairness(crash)
    assert found.layer == "socialised"
    assert found.cut_usd == pytest.approx(crash.outcome["socialised_usd"], abs=1e-6)
    assert 0 < found.accounts_hit <= found.accounts == 52
    assert 0 < found.top_share <= 1
    # Cut in proportion to cash, which the two market makers have most of.
    assert found.gini > 0.9


def test_cover_adds_up_the_largest(crash: RunResults) -> None:
    found = cover(crash, (1, 2, 1_000))
    one, two, everyone = found.iter_rows(named=True)
    shortfalls = crash.table("shortfalls")["shortfall_usd"]
    assert one["before_usd"] == shortfalls.max()
    assert one["before_usd"] < two["before_usd"] < everyone["before_usd"]
    assert everyone["before_usd"] == pytest.approx(crash.outcome["static_clearing_usd"])
    assert everyone["after_usd"] == pytest.approx(crash.outcome["bad_debt_usd"])
    assert funded_usd(crash.manifest.scenario) == {"main": 20_000}
    assert one["funded_usd"] == 20_000
    assert not everyone["covered_before"]
    debts = crash.table("liquidations").group_by("account").agg(pl.col("bad_debt_usd").sum())
    assert one["after_usd"] == debts["bad_debt_usd"].max()


def test_the_command_tells_both(crash: RunResults) -> None:
    told = CliRunner().invoke(app, ["cover", str(crash.folder)])
    assert told.exit_code == 0
    assert "2 largest" in told.output
    assert "socialised" in told.output
