"""A small flow made by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from abm.analysis.order_flow import Flow

FlowMaker = Callable[..., Flow]


@pytest.fixture
def make_flow() -> FlowMaker:
    """Make a flow of trades (second, signed lots, taker, from rest) in one series."""

    def make(*trades: tuple[int, int, int, bool], horizon: int = 600) -> Flow:
        columns = list(zip(*trades, strict=True)) or [(), (), (), ()]
        return Flow(
            second=np.array(columns[0], dtype=np.int64),
            series=np.zeros(len(trades), dtype=np.int64),
            signed_lots=np.array(columns[1], dtype=np.int64),
            premium_usd=np.full(len(trades), 10.0),
            taker=np.array(columns[2], dtype=np.int64),
            from_rest=np.array(columns[3], dtype=np.bool_),
            step_seconds=60,
            horizon_seconds=horizon,
        )

    return make
