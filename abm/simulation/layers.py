"""The waterfall of a run: its layers from the scenario, what they share by, what fills them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from abm.units import MICRO, seconds
from abm.venue import TradeKind, Waterfall
from abm.venue.layers import (
    Deleveraging,
    InsurancePolicy,
    Layer,
    Purse,
    SharedFund,
    Socialisation,
    Standing,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.ledger import CashBook, Holders, TokenLedger
    from abm.scenario.model import Scenario
    from abm.scenario.waterfall import MutualFund
    from abm.simulation.world import World


def _micro(amount_usd: float | None) -> int:
    return round((amount_usd or 0.0) * MICRO)


def build_waterfall(
    scenario: Scenario, ledger: TokenLedger, cash: CashBook, holders: Holders
) -> Waterfall:
    """Return the layers that a scenario sets, in its order."""
    rule = scenario.waterfall
    layers: list[Layer] = []
    for name in rule.order:
        if rule.size_usd(name) is None:
            continue
        if name == "mutual_fund" and rule.mutual_fund is not None:
            layers.append(_shared_fund(rule.mutual_fund, ledger, cash, holders))
        elif name == "insurance" and rule.insurance is not None:
            deductible = _micro(rule.insurance.deductible_usd)
            layers.append(
                InsurancePolicy(name, ledger, cash, holders.insurer, deductible=deductible)
            )
        else:
            holder = {"fund": holders.fund, "backstop": holders.backstop}[name]
            layers.append(Purse(name, ledger, cash, holder))
    if rule.parametric is not None and rule.size_usd("fund") is None:
        layers.insert(0, Purse("fund", ledger, cash, holders.fund))
    layers.append(Socialisation(cash) if rule.last == "socialise" else Deleveraging(cash))
    return Waterfall(ledger, cash, holders, layers)


def _shared_fund(
    rule: MutualFund, ledger: TokenLedger, cash: CashBook, holders: Holders
) -> SharedFund:
    members = range(holders.mutual_fund, holders.mutual_fund + 1 + len(rule.others))
    key = {"tranche": "contribution_usd"}.get(rule.sharing, f"{rule.sharing}_usd")
    others = [_micro(getattr(member, key)) for member in rule.others.values()]
    weights = np.array(others, dtype=np.int64)
    return SharedFund(ledger, cash, members, rule.sharing, weights)


def endow_layers(world: World) -> None:
    """Fill every layer, and pay the premiums of the run out of the insurance fund."""
    rule, ledger, holders, cash = (
        world.scenario.waterfall,
        world.ledger,
        world.holders,
        world.cash.token,
    )
    ledger.endow(holders.fund, cash, _micro(rule.insurance_fund_usd))
    if rule.mutual_fund is not None:
        others = [member.contribution_usd for member in rule.mutual_fund.others.values()]
        for number, amount in enumerate([rule.mutual_fund.own_usd, *others]):
            ledger.endow(holders.mutual_fund + number, cash, _micro(amount))
    if rule.insurance is not None:
        ledger.endow(holders.insurer, cash, _micro(rule.insurance.cover_usd))
    if rule.parametric is not None:
        ledger.endow(holders.parametric, cash, _micro(rule.parametric.payout_usd))
    if rule.backstop is not None:
        ledger.endow(holders.backstop, cash, _micro(rule.backstop.size_usd))
    premium = _micro(rule.premiums_usd(world.scenario.clock.hours))
    ledger.transfer(holders.fund, holders.outside, cash, premium)


@dataclass
class LayerBook:
    """What layers go by that no other part of a run keeps.

    Attributes
    ----------
    cash_before : ndarray of int64, shape (accounts,)
        Micro-dollars of each account before it traded; its profit is what it has beyond.
    volume : int
        Premium traded so far, in micro-dollars.
    counted : int
        Trades that are in it.
    still_since : dict of str to int
        Since when what parametric insurance watches stands still.
    paid_out : bool
        Whether it has paid.
    """

    cash_before: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    volume: int = 0
    counted: int = 0
    still_since: dict[str, int] = field(default_factory=dict)
    paid_out: bool = False


def tell_standing(world: World) -> None:
    """Tell the waterfall how accounts stand, where a layer asks and a liquidation may need it."""
    if world.waterfall.asks and world.desk.open_count:
        world.waterfall.standing = standing(world)


def standing(world: World) -> Standing:
    """Return profits, leverage and size at the venue's marks.

    Profit is cash and positions beyond the cash before the first trade and what seizures brought;
    none counts of an account in liquidation, nor of the venue's own. The rank is that of exchanges
    of perpetuals: profit over equity, times requirement over equity.
    """
    accounts = len(world.cash.balances)
    brought = np.zeros(accounts, dtype=np.int64)
    busy = np.zeros(accounts, dtype=np.bool_)
    for item in world.desk.liquidations:
        brought[item.account] += item.proceeds
        busy[item.account] |= item.is_open
    busy[world.house :] = True
    value = np.rint(world.requirements.position_value * MICRO).astype(np.int64)
    gained = world.cash.balances + value - world.layer_book.cash_before - brought
    profit = np.where(busy, 0, np.maximum(gained, 0))
    equity = np.maximum(world.beliefs.equity, 1.0 / MICRO)
    rank = profit / MICRO / equity * (world.beliefs.maintenance / equity)
    initial = float(world.beliefs.initial[: world.house].sum())
    return Standing(profit, rank, _micro(initial), _volume(world))


def _volume(world: World) -> int:
    book, trades = world.layer_book, world.exchange.trades
    for trade in trades[book.counted :]:
        if trade.kind is not TradeKind.OPENING:
            book.volume += _micro(trade.lots * trade.price_ticks * world.exchange.tick_usd)
    book.counted = len(trades)
    return book.volume


def watch_outages(world: World) -> None:
    """Let parametric insurance pay once what it watches has stood still for long enough."""
    rule, book, now = world.scenario.waterfall.parametric, world.layer_book, world.now
    if rule is None or book.paid_out:
        return
    stands = {
        **{name: world.transport.blocked_until(name) > now for name in rule.channels},
        **{name: world.transport.is_halted(name, now) for name in rule.chains},
    }
    for name, still in stands.items():
        if not still:
            book.still_since.pop(name, None)
            continue
        since = book.still_since.setdefault(name, now)
        if now - since >= seconds(rule.after_hours):
            book.paid_out = True
            units = world.ledger.balance(world.holders.parametric, world.cash.token)
            world.ledger.transfer(
                world.holders.parametric, world.holders.fund, world.cash.token, units
            )
            world.log.add(now, "parametric_payout", place=name, value_usd=units / MICRO)
            return
