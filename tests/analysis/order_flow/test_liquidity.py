"""Who is taken, what comes back, and what spills over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from abm.analysis.order_flow import latent_depth, resting_share, spillover_shares, venue_spillover
from abm.randomness import Streams

if TYPE_CHECKING:
    from tests.analysis.order_flow.conftest import FlowMaker


def test_the_resting_share_is_of_contracts(make_flow: FlowMaker) -> None:
    flow = make_flow((60, 3, 1, True), (60, -1, 2, False), (120, 4, 1, False))
    assert resting_share(flow) == pytest.approx(3 / 8)
    assert resting_share(make_flow()) is None


def test_latent_depth_counts_what_is_shown_beyond_what_was_left() -> None:
    # 100 - 10 would be left, 96 are shown: 6 of 10. Then 96 - 20, 76 shown: 0 of 20. The last step
    # has no trade.
    depth, traded = np.array([100.0, 96.0, 76.0, 90.0]), np.array([10.0, 20.0, 0.0])
    assert latent_depth(depth, traded) == pytest.approx(6 / 30)
    assert latent_depth(depth, np.zeros(3)) is None


def test_venues_that_do_not_touch_do_not_spill_over() -> None:
    changes = Streams(1).get("test").standard_normal((20_000, 2))
    np.testing.assert_allclose(spillover_shares(changes), np.eye(2), atol=0.01)


def test_one_venue_that_follows_another_takes_its_share_from_it() -> None:
    # y_t = 0.8 x_{t-1} + e_t, x white: of the variance of y two steps ahead, 0.64 of 1.64 is x's.
    draws = Streams(1).get("test").standard_normal((50_000, 2))
    changes = draws.copy()
    changes[1:, 1] += 0.8 * draws[:-1, 0]
    shares = spillover_shares(changes)
    assert shares[1, 0] == pytest.approx(0.64 / 1.64, abs=0.01)
    assert shares[0] == pytest.approx([1.0, 0.0], abs=0.01)


def test_a_table_without_venues_is_one_venue() -> None:
    steps = pl.DataFrame({"second": [0, 60], "depth_lots": [5, 6]})
    assert venue_spillover(steps).total == 0.0


def test_a_table_with_venues_is_read_by_venue() -> None:
    draws = np.exp(Streams(1).get("test").standard_normal((500, 2)).cumsum(axis=0) / 10) * 100
    frames = [
        pl.DataFrame({"second": np.arange(500) * 60, "venue": name, "depth_lots": column})
        for name, column in zip(("main", "second"), draws.T, strict=True)
    ]
    found = venue_spillover(pl.concat(frames))
    assert found.venues == ("main", "second")
    assert found.total < 0.05
