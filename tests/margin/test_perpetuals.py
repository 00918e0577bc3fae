"""Margin of options together with perpetuals, under every method."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.sparse import csr_array

from abm.margin import METHODS, mark_instruments
from abm.market.instruments import InstrumentTable
from abm.scenario.market import StressGrid, Volatility

if TYPE_CHECKING:
    from abm.margin.core import PreparedMargin

RULE = Volatility(base=0.8)
# A put and a call struck at the money, a month from expiry.
SERIES = InstrumentTable(
    expiry_second=np.full(2, 2_592_000),
    strike_usd=np.full(2, 2_000.0),
    is_call=np.array([False, True]),
)
BOOKS = csr_array(np.array([[-10.0, 0.0], [0.0, -10.0], [5.0, -3.0], [0.0, 0.0]]))


def prepared(method: str) -> PreparedMargin:
    marks = mark_instruments(SERIES, 2_000.0, 0.8, 0, RULE)
    return METHODS[method](StressGrid()).prepare(SERIES, marks, 0)


@pytest.mark.parametrize("method", METHODS)
def test_no_perpetual_changes_nothing(method: str) -> None:
    margin = prepared(method)
    alone, with_none = margin.requirements(BOOKS), margin.with_perpetuals(BOOKS, np.zeros(4))
    assert with_none.position_value == pytest.approx(alone.position_value)
    assert with_none.maintenance == pytest.approx(alone.maintenance)
    assert with_none.initial == pytest.approx(alone.initial)


@pytest.mark.parametrize("method", ["span", "portfolio"])
def test_a_hedge_lowers_the_requirement_and_one_the_wrong_way_raises_it(method: str) -> None:
    margin = prepared(method)
    alone = margin.requirements(BOOKS).maintenance
    # Short puts are long the underlying, short calls are short of it.
    hedged = margin.with_perpetuals(BOOKS, np.array([-5.0, 5.0, 0.0, 0.0])).maintenance
    wrong = margin.with_perpetuals(BOOKS, np.array([5.0, -5.0, 0.0, 0.0])).maintenance
    assert (hedged[:2] < 0.9 * alone[:2]).all()
    assert (wrong[:2] > 1.1 * alone[:2]).all()


def test_a_perpetual_alone_costs_its_loss_at_the_worst_point_of_span() -> None:
    # Three scan ranges of 15 % count for 33 %: 0.1485, less than one whole range of 0.15.
    alone = prepared("span").with_perpetuals(csr_array((2, 2)), np.array([3.0, -3.0]))
    assert alone.maintenance.tolist() == pytest.approx([3 * 2_000 * 0.15] * 2)
    assert alone.position_value.tolist() == [0.0, 0.0]


def test_standard_margin_charges_a_perpetual_apart() -> None:
    margin = prepared("standard")
    found, alone = margin.with_perpetuals(BOOKS, np.full(4, -5.0)), margin.requirements(BOOKS)
    assert found.maintenance - alone.maintenance == pytest.approx(np.full(4, 0.065 * 10_000))
    assert found.initial - alone.initial == pytest.approx(np.full(4, 0.10 * 10_000))
