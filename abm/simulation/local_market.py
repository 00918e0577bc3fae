"""The market on every chain in a run: what it is worth to sell there, and what selling does."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp
from typing import TYPE_CHECKING

import numpy as np

from abm.margin import total_value
from abm.market import LocalPrices, SpotPrice
from abm.market.local_prices import Link
from abm.units import SECONDS_PER_HOUR
from abm.venue import HedgeBook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from abm.ledger import CashBook
    from abm.scenario.hedge_market import HedgeMarket
    from abm.scenario.model import Scenario
    from abm.simulation.world import World


@dataclass
class LocalMarket:
    """Local prices of a run, what trades moved them, and market makers' hedges.

    Attributes
    ----------
    rule : HedgeMarket
        The scenario's.
    chains : dict of str to int
        Number of each chain.
    prices : LocalPrices
        How far they stand from the path.
    moves : bool
        Whether trades move prices at all: the switch ``contagion.fire_sale_price``.
    history : ndarray, shape (steps + 1, chains)
        Displacement at the end of every step so far.
    hedges : HedgeBook or None
        None where makers do not hedge.
    flows : dict of str to ndarray, shape (chains,)
        Dollars bought less sold since they were last recorded, by who did.
    """

    rule: HedgeMarket
    chains: dict[str, int]
    prices: LocalPrices
    moves: bool
    history: NDArray[np.float64]
    hedges: HedgeBook | None
    flows: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def displaced(self, price_usd: float, chain: str, step: int | None = None) -> float:
        """Return the price on a chain, from that of the path; now, or at the end of a past step."""
        if not self.moves:
            return price_usd
        number = self.chains[chain]
        if step is None:
            return moved_price(price_usd, self.prices.multiple(number))
        return moved_price(price_usd, exp(float(self.history[step, number])))

    def depth_usd(self, stress: float) -> NDArray[np.float64]:
        """Return the depth of every chain at a stress, realised over calm volatility."""
        share = max(max(stress, 1.0) ** -self.rule.volatility_power, self.rule.smallest_depth_share)
        return np.array([self.rule.calm_depth_usd(chain) * share for chain in self.chains])


def moved_price(price_usd: float, multiple: float) -> float:
    """Return a multiple of the traded underlying's price, with those of the others as they are.

    >>> price = moved_price(SpotPrice(100.0, {"BTC": 75.0}), 0.5)
    >>> float(price), price.others_usd
    (50.0, {'BTC': 75.0})
    """
    if isinstance(price_usd, SpotPrice):
        return SpotPrice(float(price_usd) * multiple, price_usd.others_usd)
    return price_usd * multiple


FLOWS = ("resale", "hedge", "arbitrage")
"""Who trades in the local markets."""


def build_local_market(
    scenario: Scenario, cash: CashBook, outside: int, opening_usd: float
) -> LocalMarket | None:
    """Return the local markets of a scenario at second 0; None where it has none."""
    rule, hedging = scenario.hedge_market, scenario.market_makers.hedging
    if rule is None:
        return None
    calm = np.array([rule.calm_depth_usd(chain) for chain in scenario.chains])
    return LocalMarket(
        rule=rule,
        chains={chain: number for number, chain in enumerate(scenario.chains)},
        prices=LocalPrices(
            calm / opening_usd, rule.permanent_share, rule.half_life_seconds, rule.arbitrage_cost
        ),
        moves=scenario.contagion.fire_sale_price,
        history=np.zeros((scenario.clock.step_count + 1, len(calm))),
        hedges=None if hedging is None else HedgeBook(hedging, cash, outside),
        flows={who: np.zeros(len(calm)) for who in FLOWS},
    )


def stress(world: World) -> float:
    """Return realised over calm volatility."""
    return float(world.path.realised[world.step]) / world.scenario.market.volatility.base


def relax_local_prices(world: World) -> None:
    """Let the books of a step fill up, and arbitrageurs trade over the channels that carry."""
    local = world.local
    if local is None or not local.moves:
        return
    price_usd = world.path.spot(world.step)
    prices = local.prices
    prices.depth_units = local.depth_usd(stress(world)) / float(price_usd)
    bought, sold = prices.bought.copy(), prices.sold.copy()
    prices.relax(world.scenario.clock.step_seconds, tuple(_links(world, local, float(price_usd))))
    net = (prices.bought - bought) - (prices.sold - sold)
    local.flows["arbitrage"] += net * np.exp(prices.displacement) * float(price_usd)
    local.history[world.step] = prices.displacement


def _links(world: World, local: LocalMarket, price_usd: float) -> Iterator[Link]:
    rate = local.rule.arbitrage_usd_per_hour / SECONDS_PER_HOUR / price_usd
    for name, channel in world.scenario.channels.items():
        if world.transport.blocked_until(name) <= world.now:
            ends = local.chains[channel.source], local.chains[channel.destination]
            yield Link(*ends, world.transport.typical_seconds(name), rate)


def trade_locally(world: World, who: str, chain: str, units: float) -> float:
    """Buy units of the underlying on a chain, or sell them if below 0.

    Returns
    -------
    float
        The average price, in dollars; that of the path where trades move none.
    """
    local = world.local
    path_usd = float(world.path.spot(world.step))
    if local is None:
        return path_usd
    number = local.chains[chain]
    average_usd = path_usd
    if local.moves:
        average_usd *= local.prices.trade(number, units)
        local.history[world.step] = local.prices.displacement
    local.flows[who][number] += units * average_usd
    return average_usd


def sell_locally(world: World, chain: str, token: int, units: int) -> float:
    """Sell base units of a token on a chain and return the dollars that they bring.

    Only what is worth the traded underlying moves its price.
    """
    price_usd = world.price_at(chain)
    value_usd = units * float(world.unit_usd(price_usd)[token])
    if world.local is None or not _is_underlying(world, token):
        return value_usd
    sold = value_usd / float(price_usd)
    return value_usd * (trade_locally(world, "resale", chain, -sold) / float(price_usd))


def _is_underlying(world: World, token: int) -> bool:
    return world.place.tokens.rules[token].worth == "underlying"


def sale_multiple(
    world: World, chain: str, token: int, units: int, cash_usd: float, ask_usd: float
) -> float:
    """Return what selling a token's units brings, as a share of the price before the sale.

    Only so many are sold as ``cash_usd`` buys at ``ask_usd`` for one.
    """
    local = world.local
    if local is None or not local.moves or not _is_underlying(world, token):
        return 1.0
    affordable = min(units, cash_usd / ask_usd) if ask_usd > 0 else units
    price_usd = world.price_at(chain)
    sold = affordable * float(world.unit_usd(price_usd)[token]) / float(price_usd)
    number = local.chains[chain]
    return local.prices.quote(number, -sold) / local.prices.multiple(number)


def worth_where_it_stands(world: World, units: NDArray[np.int64]) -> NDArray[np.float64]:
    """Value collateral at the price of the chain on which each account's stands, in dollars.

    Parameters
    ----------
    units : ndarray of int64, shape (accounts, tokens)
        Base units of the first accounts.

    Returns
    -------
    ndarray, shape (accounts,)
    """
    local = world.local
    at_venue = total_value(units, world.unit_usd(world.price_usd))
    if local is None or not local.moves:
        return at_venue
    # Makers' accounts and the venue's own stand at the venue.
    traders = min(len(units), len(world.traders))
    for chain in local.chains:
        rows = np.flatnonzero(world.whereabouts.collateral[chain][:traders])
        at_venue[rows] = total_value(units[rows], world.unit_usd(world.price_at(chain)))
    return at_venue


def value_in_vaults(world: World) -> float:
    """Return what all vaults hold, in dollars, at the price where they stand."""
    accounts = len(world.cash.balances)
    if world.local is None or not world.local.moves:
        held = world.ledger.held_in_block(world.holders.vault, accounts)
        return float((held * world.unit_usd(world.price_usd)).sum())
    return float(
        worth_where_it_stands(world, world.ledger.block(world.holders.vault, accounts)).sum()
    )


def local_columns(world: World, chain: str) -> tuple[float | None, ...]:
    """Return a chain's part of the table `chains` on its local price; forget its flows."""
    local = world.local
    if local is None:
        return (None,) * (4 + len(FLOWS))
    number = local.chains[chain]
    price_usd = float(world.price_at(chain))
    flows = [float(local.flows[who][number]) for who in FLOWS]
    for who in FLOWS:
        local.flows[who][number] = 0.0
    return (
        price_usd,
        float(local.prices.displacement[number]),
        price_usd / float(world.price_usd) - 1.0,
        float(local.depth_usd(stress(world))[number]),
        *flows,
    )
