"""What each strategy looks for, and the laws of order sizes."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest

from abm.agents import DRAWS_PER_ARRIVAL, TraderView, choose_orders
from abm.agents.strategies import LARGEST_SIZE, STRATEGIES, order_size, wants_put
from abm.margin import Marks
from abm.market import InstrumentTable
from abm.scenario.agents import Traders
from abm.venue import Side

# Calls and puts of one expiry with deltas from far to near.
DELTA = np.array([0.05, 0.15, 0.30, 0.45, 0.55, -0.05, -0.15, -0.30, -0.45, -0.55])
CALL = np.array([True] * 5 + [False] * 5)


def view(trend: float = 0.0) -> TraderView:
    count = len(DELTA)
    marks = Marks(
        100.0,
        np.full(count, 2.0),
        DELTA,
        np.ones(count),
        np.full(count, 0.8),
        np.ones(count, dtype=np.bool_),
    )
    table = InstrumentTable(np.full(count, 86_400), np.linspace(90.0, 99.0, count), CALL)
    return TraderView(table, marks, np.full(count, 25.0), 1e6, 1e6, 0.05, trend)


def rule(strategy: str = "buy_options", **changes: object) -> Traders:
    return Traders.model_validate(
        {
            "strategy": strategy,
            "count": 1,
            "wealth_median_usd": 1.0,
            "home_chains": {"far": 1.0},
            "collateral_tokens": {"USDC": 1.0},
            "orders_per_day": 1.0,
            **changes,
        }
    )


def test_every_strategy_of_a_scenario_is_known_and_no_other() -> None:
    assert list(get_args(Traders.model_fields["strategy"].annotation)) == list(STRATEGIES)


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_a_strategy_trades_its_side_within_its_range_of_delta(name: str) -> None:
    strategy = STRATEGIES[name]
    for target in (0.0, 0.5, 0.99):
        draws = [0.0, 0.0, target, 0.9, 0.0, 0.0]
        assert len(draws) == DRAWS_PER_ARRIVAL
        first = choose_orders(0, rule(name), view(trend=0.02), draws)[-1]
        assert first.side is strategy.side
        low, high = strategy.delta
        wanted = low + target * (high - low)
        nearest = np.abs(np.abs(DELTA) - wanted).min()
        assert abs(abs(DELTA[first.instrument]) - wanted) == pytest.approx(nearest)


def test_hedgers_buy_puts_and_lottery_buyers_far_calls() -> None:
    draws = [0.0, 0.5, 0.5, 0.9, 0.0, 0.0]
    (hedge,) = choose_orders(0, rule("hedge"), view(), draws)
    (ticket,) = choose_orders(0, rule("buy_lottery"), view(), draws)
    assert DELTA[hedge.instrument] == -0.30
    assert DELTA[ticket.instrument] == 0.05
    # At the same draw a hedger spends three times as much: 3 % against 1 % of the deposit.
    assert hedge.lots == 3 * ticket.lots


def test_trend_followers_buy_what_gains_if_the_move_goes_on_and_rest_without_one() -> None:
    draws = [0.0, 0.5, 0.5, 0.9, 0.0, 0.0]
    (up,) = choose_orders(0, rule("follow_trend"), view(trend=0.02), draws)
    (down,) = choose_orders(0, rule("follow_trend"), view(trend=-0.02), draws)
    assert (up.side, down.side) == (Side.BUY, Side.BUY)
    assert DELTA[up.instrument] > 0 > DELTA[down.instrument]
    assert not choose_orders(0, rule("follow_trend"), view(trend=0.001), draws)


def test_a_scenario_may_say_how_often_a_put_is_picked() -> None:
    strategy = STRATEGIES["sell_options"]
    assert wants_put(strategy, None, 0.0, 0.59)
    assert not wants_put(strategy, 0.2, 0.0, 0.59)
    assert not wants_put(strategy, 0.0, 0.0, 0.0)


UNIFORMS = (np.arange(200_000) + 0.5) / 200_000


@pytest.mark.parametrize(
    "changes",
    [
        {"size_law": "uniform"},
        {"size_law": "lognormal", "size_ln_sigma": 0.8},
        {"size_law": "pareto", "size_tail_index": 3.0},
    ],
)
def test_sizes_of_every_law_have_the_same_mean(changes: dict[str, object]) -> None:
    parameters = rule("buy_options", **changes)
    sizes = [order_size(parameters, draw) for draw in UNIFORMS.tolist()]
    assert min(sizes) > 0
    # The integral over a grid of midpoints; the last of a heavy tail is cut or between two points.
    assert np.mean(sizes) == pytest.approx(0.5, rel=0.01)


def test_pareto_sizes_have_their_tail_and_a_least_size() -> None:
    parameters = rule(size_law="pareto", size_tail_index=1.5)
    sizes = np.array([order_size(parameters, draw) for draw in UNIFORMS.tolist()])
    # Least 0.5 * 0.5 / 1.5 = 1/6; twice a size is exceeded 2**1.5 times more rarely.
    assert sizes.min() == pytest.approx(1 / 6, rel=1e-4)
    for size in (0.5, 1.0, 4.0):
        ratio = (sizes > size).mean() / (sizes > 2 * size).mean()
        assert ratio == pytest.approx(2**1.5, rel=0.02)
    assert sizes.max() <= LARGEST_SIZE


def test_lognormal_sizes_have_their_median() -> None:
    # The median of a lognormal of mean 1/2 is exp(-sigma**2 / 2) / 2.
    median = order_size(rule(size_law="lognormal", size_ln_sigma=1.2), 0.5)
    assert median == pytest.approx(0.5 * math.exp(-0.72))


def test_no_seller_uses_more_than_its_free_margin_however_large_its_draw() -> None:
    parameters = rule("sell_leveraged", size_law="pareto", size_tail_index=1.1)
    (order,) = choose_orders(0, parameters, view(), [0.0, 0.0, 0.5, 0.999999, 0.0, 0.0])
    assert order.lots == 1e6 / 25.0
