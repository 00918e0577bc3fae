"""How far local prices stood apart, by hand and on a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from abm.analysis.figures.local_prices import local_prices
from abm.analysis.local_prices import local_basis

if TYPE_CHECKING:
    from abm.recording.results import RunResults


class Fake:
    """A run of given chains."""

    def __init__(self, basis: list[float]) -> None:
        count = len(basis)
        self._chains = pl.DataFrame(
            {
                "second": [600 * place for place in range(count)],
                "chain": ["far"] * count,
                "local_usd": [100.0] * count,
                "displacement": [2 * each for each in basis],
                "basis": basis,
            }
        )

    def has(self, name: str) -> bool:
        return name == "chains"

    def table(self, name: str) -> pl.DataFrame:
        assert name == "chains"
        return self._chains


def test_the_widest_basis_its_time_and_when_it_was_back() -> None:
    run: Any = Fake([0.0, -0.006, -0.02, 0.01, -0.004, -0.007])
    assert local_basis(run).row(0, named=True) == {
        "chain": "far",
        "furthest_displacement": -0.04,
        "widest_basis": -0.02,
        "widest_second": 1_200,
        "seconds_apart": 4 * 600,
        "back_second": 2_400,
    }


def test_a_basis_that_never_closes_has_no_return() -> None:
    run: Any = Fake([0.0, 0.01, 0.02, 0.01])
    assert local_basis(run)["back_second"].to_list() == [None]
    with pytest.raises(ValueError, match="within is 0; it must be above 0"):
        local_basis(run, 0)


def test_a_run_without_a_hedge_market_has_none(crash: RunResults) -> None:
    assert local_basis(crash).is_empty()
    assert not local_prices(crash).plot.data


def test_a_run_with_one_has_a_line_for_each_chain(local_crash: RunResults) -> None:
    rows = local_basis(local_crash)
    assert rows["chain"].to_list() == ["far", "near", "venue"]
    assert rows.filter(chain="venue")["widest_basis"].item() == 0.0
    assert {line.name for line in local_prices(local_crash).plot.data} == set(rows["chain"])
