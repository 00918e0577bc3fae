"""The waterfall of a run: its layers from the scenario, what they share by, what fills them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from abm.scenario.venues import clearing_count
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


def fund_sizes_usd(scenario: Scenario) -> list[float]:
    """Return what the insurance fund of every clearing house starts with, in dollars."""
    further = [venue.insurance_fund_usd for venue in scenario.further_venues.values()]
    sizes = [scenario.waterfall.insurance_fund_usd, *further]
    return sizes if clearing_count(scenario) > 1 else [math.fsum(sizes)]


def contributions_usd(scenario: Scenario, rule: MutualFund) -> list[float]:
    """Return what every clearing house paid into the mutual fund, in dollars."""
    paid = [rule.own_usd, *(venue.mutual_fund_usd for venue in scenario.further_venues.values())]
    return paid if clearing_count(scenario) > 1 else [math.fsum(paid)]


def build_waterfall(
    scenario: Scenario,
    ledger: TokenLedger,
    cash: CashBook,
    holders: Holders,
    clearing_of: NDArray[np.int64],
    number: int = 0,
) -> Waterfall:
    """Return the layers that a scenario sets for one clearing house, in its order.

    Insurers and the backstop stand behind the first one alone.
    """
    rule = scenario.waterfall
    layers: list[Layer] = []
    sizes = fund_sizes_usd(scenario)
    for name in rule.order:
        size = sizes[number] if name == "fund" else rule.size_usd(name)
        if name == "mutual_fund" and rule.mutual_fund is not None:
            size = (size or 0.0) + math.fsum(contributions_usd(scenario, rule.mutual_fund))
        if not size or (number and name in ("insurance", "backstop")):
            continue
        if name == "mutual_fund" and rule.mutual_fund is not None:
            layers.append(_shared_fund(scenario, rule.mutual_fund, ledger, cash, holders, number))
        elif name == "insurance" and rule.insurance is not None:
            deductible = _micro(rule.insurance.deductible_usd)
            layers.append(
                InsurancePolicy(name, ledger, cash, holders.insurer, deductible=deductible)
            )
        else:
            holder = {"fund": holders.fund + number, "backstop": holders.backstop}[name]
            layers.append(Purse(name, ledger, cash, holder))
    if not number and rule.parametric is not None and not sizes[0]:
        layers.insert(0, Purse("fund", ledger, cash, holders.fund))
    members = clearing_of == number if len(sizes) > 1 else None
    last = Socialisation if rule.last == "socialise" else Deleveraging
    layers.append(last(cash, members))
    return Waterfall(ledger, cash, holders, layers, holders.fund + number)


def _shared_fund(
    scenario: Scenario,
    rule: MutualFund,
    ledger: TokenLedger,
    cash: CashBook,
    holders: Holders,
    number: int,
) -> SharedFund:
    """Return the mutual fund as one clearing house draws on it: its own contribution first."""
    clearings = clearing_count(scenario)
    first = holders.mutual_fund
    own = [number, *(other for other in range(clearings) if other != number)]
    others = list(rule.others.values())
    if not scenario.contagion.shared_funds:
        own, others = own[:1], []
    members = [first + venue for venue in own]
    members += [first + clearings + other for other in range(len(others))]
    key = {"tranche": "contribution_usd"}.get(rule.sharing, f"{rule.sharing}_usd")
    weights = np.array([_micro(getattr(member, key)) for member in others], dtype=np.int64)
    return SharedFund(ledger, cash, members, rule.sharing, weights, own)


def endow_layers(world: World) -> None:
    """Fill every layer, and pay the premiums of the run out of the insurance fund."""
    rule, ledger, holders, cash = (
        world.scenario.waterfall,
        world.ledger,
        world.holders,
        world.cash.token,
    )
    for number, amount in enumerate(fund_sizes_usd(world.scenario)):
        ledger.endow(holders.fund + number, cash, _micro(amount))
    if rule.mutual_fund is not None:
        others = [member.contribution_usd for member in rule.mutual_fund.others.values()]
        paid = contributions_usd(world.scenario, rule.mutual_fund)
        for number, amount in enumerate([*paid, *others]):
            ledger.endow(holders.mutual_fund + number, cash, _micro(amount))
    if rule.insurance is not None:
        ledger.endow(holders.insurer, cash, _micro(rule.insurance.cover_usd))
    if rule.parametric is not None:
        ledger.endow(holders.parametric, cash, _micro(rule.parametric.payout_usd))
    if rule.backstop is not None:
        ledger.endow(holders.backstop, cash, _micro(rule.backstop.size_usd))
    premium = _micro(rule.premiums_usd(world.scenario.clock.hours))
    for waterfall in world.waterfalls:
        waterfall.own_at_start = waterfall.own()
        waterfall.fund_at_start = waterfall.fund()
    ledger.transfer(holders.fund, holders.outside, cash, premium)


@dataclass
class LayerBook:
    """What layers go by that no other part of a run keeps.

    Attributes
    ----------
    cash_before : ndarray of int64, shape (accounts,)
        Micro-dollars of each account before it traded; its profit is what it has beyond.
    volume : dict of int to int
        Premium traded so far at each clearing house, in micro-dollars.
    counted : dict of int to int
        Trades of each venue that are in it.
    still_since : dict of str to int
        Since when what parametric insurance watches stands still.
    paid_out : bool
        Whether it has paid.
    """

    cash_before: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    volume: dict[int, int] = field(default_factory=dict)
    counted: dict[int, int] = field(default_factory=dict)
    still_since: dict[str, int] = field(default_factory=dict)
    paid_out: bool = False


def left_by_layer(world: World) -> dict[str, int]:
    """Return what funded layers of all clearing houses have left, in micro-dollars, by name.

    What several of them share is there once.
    """
    left: dict[str, int] = {}
    shared: dict[int, None] = {}
    for waterfall in world.waterfalls:
        for layer in waterfall.layers:
            if isinstance(layer, SharedFund):
                shared.update(dict.fromkeys(layer.members))
                left.setdefault(layer.name, 0)
            else:
                left[layer.name] = left.get(layer.name, 0) + layer.left()
    if shared:
        token = world.cash.token
        left[SharedFund.name] = sum(world.ledger.balance(holder, token) for holder in shared)
    return left


def tell_standing(world: World) -> None:
    """Tell waterfalls how accounts stand, where a layer asks and a liquidation may need it."""
    asking = [waterfall for waterfall in world.waterfalls if waterfall.asks]
    if asking and world.desk.open_count:
        found = standing(world)
        for waterfall in asking:
            waterfall.standing = found


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
    initial = world.beliefs.initial[: world.house]
    of = world.clearing_of[: world.house]
    required = [float(initial[of == number].sum()) for number in range(len(world.clearings))]
    return Standing(profit, rank, tuple(_micro(usd) for usd in required), _volume(world))


def _volume(world: World) -> tuple[int, ...]:
    """Return the premium traded at each clearing house so far, in micro-dollars."""
    book = world.layer_book
    for venue, exchange in enumerate(world.exchanges):
        clearing = venue if len(world.clearings) > 1 else 0
        for trade in exchange.trades[book.counted.get(venue, 0) :]:
            if trade.kind is not TradeKind.OPENING:
                premium = _micro(trade.lots * trade.price_ticks * exchange.tick_usd)
                book.volume[clearing] = book.volume.get(clearing, 0) + premium
        book.counted[venue] = len(exchange.trades)
    return tuple(book.volume.get(number, 0) for number in range(len(world.clearings)))


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
