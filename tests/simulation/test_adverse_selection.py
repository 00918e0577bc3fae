"""What makers lose to those who are faster, and learn of it: by hand, and over runs."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from math import exp
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from abm.scenario import load_scenario, parse_scenario
from abm.simulation.model import OptionsMarket
from abm.simulation.run import simulate
from abm.simulation.world import Ladder
from abm.venue import Order, Side, Trade, TradeKind

if TYPE_CHECKING:
    from abm.simulation.adverse_selection import AdverseSelection
    from abm.simulation.world import World

ORDER_FLOW = Path(__file__).parents[2] / "scenarios" / "order_flow.toml"


def opened(**makers: Any) -> tuple[World, AdverseSelection]:  # noqa: ANN401 - any key of the makers
    """Return the shipped scenario's world, before any order, with its makers' ladders standing."""
    data = tomllib.loads(ORDER_FLOW.read_text(encoding="utf-8"))
    data["market_makers"] |= {"adverse_selection_share": 1, **makers}
    del data["venue"]["ordering"], data["searchers"]
    for kind in data["traders"].values():
        kind["orders_per_day"] = 1e-6
    model = OptionsMarket(parse_scenario(data))
    model.step()
    assert model.world.adverse_selection is not None
    return model.world, model.world.adverse_selection


def take(world: World, side: Side, lots: int = 2) -> tuple[int, int]:
    """Let a trader take a maker's best quote; return the maker and the series."""
    series = int((world.marks.value > 20).argmax())
    limit = 10**6 if side is Side.BUY else 1
    world.exchange.submit(Order(0, series, side, lots, limit), world.marks.price_usd)
    trade = world.exchange.trades[-1]
    account = trade.seller if side is Side.BUY else trade.buyer
    return [seat.account for seat in world.seats].index(account), series


def move_mark(world: World, series: int, by_usd: float) -> None:
    """Put marks in force in which one series is worth more."""
    value = world.marks.value.copy()
    value[series] += by_usd
    world.books[0].marks = replace(world.marks, value=value)


@pytest.mark.parametrize(("side", "moved_usd", "loss_usd"), [(1, 3.0, 6.0), (-1, 3.0, -6.0)])
def test_the_loss_is_what_the_mark_moves_in_the_direction_of_the_trade(
    side: int, moved_usd: float, loss_usd: float
) -> None:
    world, measured = opened()
    maker, series = take(world, Side(side))
    move_mark(world, series, moved_usd)
    measured.learn(world)
    assert measured.loss_usd[maker] == pytest.approx(loss_usd)
    price_usd, delta = world.marks.price_usd, np.abs(world.marks.delta)
    assert measured.exposure_usd[maker] == pytest.approx(2 * delta[series] * price_usd)
    # As if one side of all best quotes, five contracts a series, had traded at no loss besides.
    usual = 5 * delta[world.marks.alive].sum() * price_usd
    expected = max(loss_usd, 0.0) / (2 * delta[series] * price_usd + usual)
    assert measured.move(world, maker) == pytest.approx(expected)
    others = [other for other in range(len(world.seats)) if other != maker]
    assert not measured.loss_usd[others].any()


def test_a_trade_is_measured_from_the_ladder_that_it_met_though_another_stands_by_then() -> None:
    world, measured = opened()
    maker, series = take(world, Side.BUY)
    move_mark(world, series, 3.0)
    for seat in range(len(world.seats)):
        measured.replace(world, Ladder(seat, None, world.marks))
    take(world, Side.BUY)
    measured.learn(world)
    # Two contracts at the old mark, and two at one that has not moved since.
    assert measured.loss_usd[maker] == pytest.approx(6.0)
    assert measured.loss_usd.sum() == pytest.approx(6.0)
    stood_for = 4 * abs(world.marks.delta[series]) * world.marks.price_usd
    assert measured.exposure_usd.sum() == pytest.approx(stood_for)


def test_what_is_learnt_fades_and_a_trade_is_measured_once() -> None:
    world, measured = opened(adverse_selection_hours=0.5)
    maker, series = take(world, Side.BUY)
    move_mark(world, series, 3.0)
    measured.learn(world)
    for _ in range(450):
        measured.learn(world)
    # 450 steps of four seconds are half an hour.
    assert measured.loss_usd[maker] == pytest.approx(6.0 * exp(-1.0))


@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        (TradeKind.ORDER, True),
        (TradeKind.CLOSE_OUT, True),
        (TradeKind.TAKE_OVER, False),
        (TradeKind.OPENING, False),
    ],
)
def test_only_what_meets_quotes_counts(kind: TradeKind, *, counts: bool) -> None:
    world, measured = opened()
    series = int((world.marks.value > 20).argmax())
    account = world.seats[0].account
    world.exchange.settle(Trade(series, 0, account, 2, 1_000, Side.BUY, kind))
    move_mark(world, series, 3.0)
    measured.learn(world)
    assert bool(measured.loss_usd.any()) is counts


def test_what_has_expired_since_is_not_measured() -> None:
    world, measured = opened()
    _, series = take(world, Side.BUY)
    alive = world.marks.alive.copy()
    alive[series] = False
    world.books[0].marks = replace(world.marks, alive=alive)
    move_mark(world, series, 3.0)
    measured.learn(world)
    assert not measured.loss_usd.any()
    assert not measured.exposure_usd.any()


def spread(rule: str, share: float) -> float:
    """Return the mean quoted spread over an hour and a half, in volatility."""
    changes = (f"market_makers.adverse_selection_share={share}", f"venue.ordering.rule={rule}")
    recorder = simulate(load_scenario(ORDER_FLOW, ("clock.hours=1.5", *changes)))
    found = recorder.column("steps", "spread_volatility")
    return fmean(float(value) for value in found if value is not None)


def test_makers_widen_where_they_are_sniped_and_hardly_where_batches_end_it() -> None:
    widened = {
        rule: spread(rule, 1.0) / spread(rule, 0.0) for rule in ("first_come", "batch_auction")
    }
    assert widened["first_come"] > 1.2
    assert widened["batch_auction"] < 1.1


def test_what_auctions_fill_is_measured_too() -> None:
    changes = ("clock.hours=0.5", "venue.ordering.rule=batch_auction")
    model = OptionsMarket(load_scenario(ORDER_FLOW, changes))
    for _ in range(model.world.scenario.clock.step_count):
        model.step()
    assert model.world.adverse_selection is not None
    assert model.world.adverse_selection.exposure_usd.all()


def test_makers_who_do_not_answer_are_not_measured() -> None:
    data = tomllib.loads(ORDER_FLOW.read_text(encoding="utf-8"))
    data["market_makers"]["adverse_selection_share"] = 0
    assert OptionsMarket(parse_scenario(data)).world.adverse_selection is None
