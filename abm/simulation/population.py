"""Who there is: the populations of a run, drawn once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from abm.agents import DRAWS_PER_ARRIVAL
from abm.scenario.ordering import SEARCHER
from abm.units import SECONDS_PER_DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from abm.market import Grid
    from abm.randomness import Streams
    from abm.scenario.agents import Arrivals as ArrivalRule
    from abm.scenario.agents import Traders
    from abm.scenario.model import Scenario


@dataclass(frozen=True)
class TraderPopulation:
    """Traders, one row each, in the scenario's order of kinds; after them the searchers.

    Attributes
    ----------
    kinds : tuple of str
        Name of each trader's kind.
    chains, tokens : tuple of str
        Home chain and collateral token of each.
    wealth_usd, reserve_usd : ndarray, shape (traders,)
        Deposit, and what is kept in the wallet.
    tops_up : ndarray of bool, shape (traders,)
        Whether it answers margin calls.
    reaction_seconds : ndarray, shape (traders,)
        How long it takes to.
    orders_per_second : ndarray, shape (traders,)
        Rate of arrivals; searchers have none.
    searchers : range
        Accounts of the searchers.
    """

    kinds: tuple[str, ...]
    chains: tuple[str, ...]
    tokens: tuple[str, ...]
    wealth_usd: NDArray[np.float64]
    reserve_usd: NDArray[np.float64]
    tops_up: NDArray[np.bool_]
    reaction_seconds: NDArray[np.float64]
    orders_per_second: NDArray[np.float64]
    searchers: range = range(0)

    def __len__(self) -> int:
        """Return the number of traders and searchers."""
        return len(self.kinds)


def draw_traders(scenario: Scenario, streams: Streams) -> TraderPopulation:
    """Draw every trader, one stream for each kind."""
    kinds: list[str] = []
    chains: list[str] = []
    tokens: list[str] = []
    columns: dict[str, list[NDArray[np.float64]]] = {
        name: [] for name in ("wealth", "reserve", "tops_up", "reaction", "rate")
    }
    for kind, rule in scenario.traders.items():
        rng = streams.get("traders", kind)
        kinds += [kind] * rule.count
        chains += pick(rule.home_chains, rule.count, rng)
        tokens += pick(rule.collateral_tokens, rule.count, rng)
        wealth = _lognormal(rule.wealth_median_usd, rule.wealth_ln_sigma, rule.count, rng)
        reaction = _lognormal(rule.reaction_median_seconds, rule.reaction_ln_sigma, rule.count, rng)
        columns["wealth"].append(wealth)
        columns["reserve"].append(wealth * rule.reserve_fraction)
        tops_up = rng.random(rule.count) < rule.top_up_probability
        columns["tops_up"].append(tops_up.astype(np.float64))
        columns["reaction"].append(reaction)
        columns["rate"].append(np.full(rule.count, rule.orders_per_day / SECONDS_PER_DAY))
    first_searcher = len(kinds)
    if scenario.searchers is not None:
        count = scenario.searchers.count
        kinds += [SEARCHER] * count
        chains += [scenario.venue.chain] * count
        tokens += [scenario.cash_token] * count
        for name, parts in columns.items():
            value = scenario.searchers.capital_usd if name == "wealth" else 0.0
            parts.append(np.full(count, value))
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    return TraderPopulation(
        tuple(kinds),
        tuple(chains),
        tuple(tokens),
        joined["wealth"],
        joined["reserve"],
        joined["tops_up"].astype(np.bool_),
        joined["reaction"],
        joined["rate"],
        range(first_searcher, len(kinds)),
    )


def pick(shares: dict[str, float], count: int, rng: np.random.Generator) -> list[str]:
    """Draw so many names by their relative weights."""
    names = list(shares)
    weights = np.array(list(shares.values()))
    cumulative = np.cumsum(weights / weights.sum())
    cumulative[-1] = 1.0
    chosen = np.searchsorted(cumulative, rng.random(count), side="right")
    return [names[index] for index in chosen.tolist()]


def _lognormal(
    median: float, sigma: float, count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    return median * np.exp(sigma * rng.standard_normal(count))


def trader_rule(scenario: Scenario, population: TraderPopulation, trader: int) -> Traders:
    """Return the parameters of a trader's kind."""
    return scenario.traders[population.kinds[trader]]


@dataclass(frozen=True)
class Arrivals:
    """Who arrives at which step, with the uniforms each arrival decides by.

    ``first[step] : first[step + 1]`` are the rows of ``trader`` and ``draws`` that arrive at a
    step. Nothing of it depends on what happens in the run.
    """

    first: NDArray[np.int64]
    trader: NDArray[np.int64]
    draws: NDArray[np.float64]


def draw_arrivals(
    population: TraderPopulation,
    grid: Grid,
    streams: Streams,
    rule: ArrivalRule,
    wildness: NDArray[np.float64],
) -> Arrivals:
    """Draw the arrivals of the whole population for the whole run, as one process.

    Parameters
    ----------
    population : TraderPopulation
        Who arrives, at which rates.
    grid : Grid
        The steps of the run.
    streams : Streams
        Of the run.
    rule : ArrivalRule
        How orders answer to each other and to volatility.
    wildness : ndarray, shape (steps + 1,)
        Realised over calm volatility at each step.
    """
    rng = streams.get("arrivals")
    rates = population.orders_per_second
    total = float(rates.sum())
    counts = arrival_counts(total * grid.step_seconds, grid, rng, rule, wildness)
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    cumulative = np.cumsum(rates) / total if total > 0 else np.ones(len(rates))
    uniforms = rng.random((int(first[-1]), 1 + DRAWS_PER_ARRIVAL))
    trader = np.searchsorted(cumulative, uniforms[:, 0], side="right")
    last = population.searchers.start - 1 if population.searchers else len(rates) - 1
    return Arrivals(first, np.minimum(trader, last), uniforms[:, 1:])


def arrival_counts(
    mean: float,
    grid: Grid,
    rng: np.random.Generator,
    rule: ArrivalRule,
    wildness: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Draw how many orders come in every step.

    Given the steps before, the count is Poisson with the mean that ``abm.analysis.order_flow``
    fits: of what answers to nothing, ``(1 - branching) * mean`` times the growth with volatility,
    and of each earlier order ``branching`` answers, spread over later steps with the decay. In a
    calm market ``mean`` is therefore the mean of all orders, answers included.

    Parameters
    ----------
    mean : float
        Orders in a step of a calm market.
    grid, rng, rule, wildness
        As `draw_arrivals` has them.

    Returns
    -------
    ndarray of int64, shape (steps + 1,)
    """
    growth = np.minimum(
        np.maximum(wildness, 1.0) ** rule.volatility_response, rule.highest_multiple
    )
    if rule.branching_ratio == 0:
        return rng.poisson(mean * growth, grid.step_count + 1)
    base = (1.0 - rule.branching_ratio) * mean * growth
    keep = math.exp(-grid.step_seconds / rule.decay_seconds)
    excited = mean  # as if orders had come at their mean before
    counts = np.zeros(grid.step_count + 1, dtype=np.int64)
    for step, fresh in enumerate(base.tolist()):
        count = int(rng.poisson(fresh + rule.branching_ratio * excited))
        excited = keep * excited + (1.0 - keep) * count
        counts[step] = count
    return counts


@dataclass(frozen=True)
class LiquidatorPopulation:
    """Liquidators: home chain, cash at the start, and a rank that exit shocks go by."""

    chains: tuple[str, ...]
    capital_usd: NDArray[np.float64]
    exit_rank: NDArray[np.float64]


def draw_liquidators(scenario: Scenario, streams: Streams) -> LiquidatorPopulation:
    """Draw every liquidator."""
    rule = scenario.liquidators
    rng = streams.get("liquidators")
    chains = pick(rule.home_chains, rule.count, rng)
    capital = _lognormal(rule.capital_median_usd, rule.capital_ln_sigma, rule.count, rng)
    return LiquidatorPopulation(tuple(chains), capital, rng.permutation(rule.count) / rule.count)


@dataclass(frozen=True)
class RelayerPopulation:
    """Relayers: channels each serves, outages as (start, end) seconds, rank that exits go by."""

    channels: tuple[tuple[str, ...], ...]
    outages: tuple[tuple[tuple[int, int], ...], ...]
    exit_rank: NDArray[np.float64]


def draw_relayers(scenario: Scenario, streams: Streams) -> RelayerPopulation:
    """Draw every relayer; channels are dealt round, so that each has about as many servers."""
    rule = scenario.relayers
    names = list(scenario.channels)
    served, outages = [], []
    for relayer in range(rule.count):
        each = min(rule.channels_each, len(names))
        # Dealing on from where the last relayer stopped covers all before any is served twice.
        served.append(
            tuple(names[(relayer * each + offset) % len(names)] for offset in range(each))
        )
        rng = streams.get("relayer", str(relayer))
        count = int(rng.poisson(rule.outages_per_day * scenario.clock.hours / 24))
        starts = np.sort(rng.random(count) * scenario.clock.horizon_seconds)
        lengths = rng.exponential(rule.outage_seconds, count)
        outages.append(
            tuple(
                (int(start), int(start + length))
                for start, length in zip(starts, lengths, strict=True)
            )
        )
    ranks = streams.get("relayer-exits").permutation(rule.count) / rule.count
    return RelayerPopulation(tuple(served), tuple(outages), ranks)
