"""How the venue takes orders: initial margin first, then the book and the rule of self-trades."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from abm.errors import ScenarioError
from abm.scenario import parse_scenario
from abm.scenario.market import ExchangeRules
from abm.simulation.desks import REQUOTE_INVENTORY
from abm.simulation.model import OptionsMarket
from abm.simulation.settlement import settle_intents
from abm.venue import Lifetime, Order, SelfTrade, Side, Trade, TradeKind, market_order

if TYPE_CHECKING:
    from abm.simulation.world import World

SMALL_CRASH = Path(__file__).parents[1] / "scenario" / "small_crash.toml"


def world_of(**venue: Any) -> World:  # noqa: ANN401 - any key of the venue
    """Return the small crash before its first step: no quote and no order stands yet."""
    data = tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8"))
    data["venue"] = {**data["venue"], **venue}
    return OptionsMarket(parse_scenario(data)).world


def settle(world: World, *orders: Order) -> list[Trade]:
    """Settle orders as of one step and return what traded."""
    before = len(world.exchange.trades)
    world.intents.trading += orders
    settle_intents(world)
    return [trade for trade in world.exchange.trades[before:] if trade.kind is TradeKind.ORDER]


def buyer_of(world: World) -> int:
    """Return a trader who bought options with part of its deposit."""
    return world.traders.kinds.index("buyers")


def dear_call(world: World) -> tuple[int, int]:
    """Return the series of the highest mark, and that mark in ticks."""
    series = int(world.marks.value.argmax())
    return series, world.exchange.ticks(float(world.marks.value[series]))


def rest(world: World, account: int, side: Side, lots: int, ticks: int) -> None:
    """Let an order rest that nobody's margin was asked for."""
    series, _ = dear_call(world)
    order = Order(account, series, side, lots, ticks, Lifetime.REST)
    world.exchange.submit(order, world.marks.price_usd)


def test_a_market_order_to_buy_trades_at_the_premiums_of_the_book() -> None:
    world = world_of()
    series, mark = dear_call(world)
    rest(world, world.makers[0], Side.SELL, 1, mark)
    rest(world, world.makers[1], Side.SELL, 5, mark + 20)
    trades = settle(world, market_order(buyer_of(world), series, Side.BUY, 3))
    assert [(trade.price_ticks, trade.lots) for trade in trades] == [(mark, 1), (mark + 20, 2)]


@pytest.mark.parametrize(("short_usd", "traded"), [(-1.0, 2), (1.0, 0)])
def test_a_market_order_needs_margin_for_the_worst_premium_it_would_trade_at(
    short_usd: float, traded: int
) -> None:
    world = world_of()
    series, mark = dear_call(world)
    account = buyer_of(world)
    rest(world, world.makers[0], Side.SELL, 1, mark)
    rest(world, world.makers[1], Side.SELL, 5, mark + 20_000)
    row = world.positions.row(account).copy()
    row[series] += 2
    # Two contracts, both taken at 20,000 ticks of 5 cents above the mark: 2,000 dollars of equity,
    # but for the part of a tick by which the mark was rounded.
    paid = 2 * ((mark + 20_000) * 0.05 - float(world.marks.value[series]))
    world.beliefs.equity[account] = paid + world.books[0].margin.initial(row) - short_usd
    trades = settle(world, market_order(account, series, Side.BUY, 2))
    assert sum(trade.lots for trade in trades) == traded
    assert paid == pytest.approx(2_000, abs=2 * 0.05)


def test_a_market_order_to_sell_needs_margin_for_the_contracts_that_find_a_bid() -> None:
    world = world_of()
    series, mark = dear_call(world)
    account = buyer_of(world)
    rest(world, world.makers[0], Side.BUY, 2, mark)
    assert not settle(world, Order(account, series, Side.SELL, 10_000, 1))
    trades = settle(world, market_order(account, series, Side.SELL, 10_000))
    assert [(trade.price_ticks, trade.lots) for trade in trades] == [(mark, 2)]


def test_a_limit_order_needs_margin_at_its_limit_however_good_the_book_is() -> None:
    world = world_of()
    series, mark = dear_call(world)
    rest(world, world.makers[0], Side.SELL, 5, mark)
    assert not settle(world, Order(buyer_of(world), series, Side.BUY, 1, mark + 2_000_000))
    assert settle(world, Order(buyer_of(world), series, Side.BUY, 1, mark))


@pytest.mark.parametrize(
    ("rule", "bought", "still_rests"),
    [("cancel_resting", 1, False), ("cancel_incoming", 0, True), ("cancel_both", 0, False)],
)
def test_the_scenario_says_what_goes_where_an_account_would_trade_with_itself(
    rule: str, bought: int, *, still_rests: bool
) -> None:
    world = world_of(self_trade=rule)
    series, mark = dear_call(world)
    account = buyer_of(world)
    # Its own offer is the better one; the maker's stands behind it.
    rest(world, account, Side.SELL, 1, mark - 1)
    rest(world, world.makers[0], Side.SELL, 1, mark)
    trades = settle(world, Order(account, series, Side.BUY, 1, mark))
    assert sum(trade.lots for trade in trades) == bought
    resting = world.exchange.books[series].resting(Side.SELL)
    assert (account in [entry.order.account for entry in resting]) is still_rests


def test_a_scenario_knows_every_rule_of_self_trades_and_no_other() -> None:
    rules = get_args(ExchangeRules.model_fields["self_trade"].annotation)
    assert list(rules) == [rule.value for rule in SelfTrade]
    with pytest.raises(ScenarioError, match=r"venue\.self_trade .* did you mean 'cancel_both'"):
        world_of(self_trade="cancel_bot")


def test_marks_are_renewed_when_a_series_expires_even_if_nothing_was_published() -> None:
    data = tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8"))
    # Between two renewals for the time that passes, and with a price that stands still.
    data["market"]["price"] = {"kind": "diffusion", "start_usd": 2_000, "annual_volatility": 0}
    data["market"]["expiries"].append({"after_hours": 0.75, "strikes_usd": [2_000]})
    data["oracles"] = {"heartbeat_seconds": 86_400}
    data["shocks"] = {}
    model = OptionsMarket(parse_scenario(data))
    world = model.world
    early = world.instruments.expiry_second == 2_700
    while world.now < 2_700:
        assert world.marks.alive.all()
        model.step()
    assert not world.marks.alive[early].any()
    assert world.marks.alive[~early].all()


def test_a_maker_quotes_anew_once_its_inventory_has_moved_far_enough() -> None:
    model = OptionsMarket(parse_scenario(tomllib.loads(SMALL_CRASH.read_text(encoding="utf-8"))))
    world, desk = model.world, model.quotes
    model.step()
    desk.queue_quote(0, None)
    limit = int(world.scenario.market_makers.inventory_limit_lots * REQUOTE_INVENTORY)
    account = world.seats[0].account
    assert not desk.needs_new_quote(0)
    for lots, asks in ((limit, False), (1, True), (-1, False)):
        buyer, seller = (account, 0) if lots > 0 else (0, account)
        world.exchange.settle(Trade(0, buyer, seller, abs(lots), 1, Side.BUY, TradeKind.ORDER))
        assert desk.needs_new_quote(0) == asks
