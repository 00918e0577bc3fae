"""Who depends on whom in a running world: the exposure graph, and its rows for two tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from abm.contagion import Exposure, Node, multilayer_graph
from abm.margin import total_value
from abm.scenario.waterfall import FUNDED
from abm.simulation.hedging import true_hedge_value
from abm.simulation.local_market import worth_where_it_stands
from abm.units import MICRO, SECONDS_PER_HOUR, dollars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from abm.contagion.graphs import LayeredGraph
    from abm.simulation.world import World

VENUE = "venue"
"""Node of the first venue; a further one has its name behind a colon."""


class BalanceSheet:
    """What stands and is owed now, at the true price, in dollars.

    Attributes
    ----------
    own : ndarray, shape (accounts,)
        Cash and positions of each account at the venue; below 0 for what it owes.
    gross : ndarray, shape (accounts,)
        Value of its contracts, long and short added up.
    vault, claim, equity : ndarray, shape (accounts,)
        Its collateral as it is, as the venue counts it before haircuts, and ``own`` with all its
        collateral, wherever it is.
    groups, stand : dict of str to ndarray
        As `abm.simulation.whereabouts.Whereabouts` has ``groups`` and ``collateral``.
    margined : dict of str to ndarray of bool, shape (accounts,)
        Accounts by the node of their clearing house.
    """

    def __init__(self, world: World) -> None:
        accounts = len(world.cash.balances)
        value = world.true_values.now()
        positions = world.positions.sparse()
        cash_usd: NDArray[np.float64] = world.cash.balances / MICRO
        self.own = cash_usd + positions @ value + true_hedge_value(world)
        self.gross: NDArray[np.float64] = abs(positions) @ value
        vaults = world.ledger.block(world.holders.vault, accounts)
        counted = world.place.counted_unit_usd(world.price_usd)
        self.vault = worth_where_it_stands(world, vaults)
        self.claim = total_value(world.architecture.claims.units, counted)
        self.equity = self.own + worth_where_it_stands(world, world.owned_units())
        self.groups = world.whereabouts.groups
        self.nodes = node_names(world)
        self.margined = {
            node: world.clearing_of == number for number, node in enumerate(self.nodes)
        }
        self.stand = world.whereabouts.collateral


def node_names(world: World) -> list[str]:
    """Return the node of every clearing house."""
    return [VENUE, *(f"{VENUE}:{clearing.name}" for clearing in world.clearings[1:])]


def exposures(world: World) -> tuple[list[Node], list[Exposure]]:
    """Return all that can fail in a running world, and who loses how much by it.

    Layers: ``margin``, balances at the venue, either way; ``market_makers``, contracts that others
    would have to take over; ``deposits`` and ``collateral``, what owners have and the venue counts
    on a chain; ``settlement``, all of the venue by the chain it runs on; ``backing``, what stands
    for tokens in a lock; ``funds``; ``reach``, collateral that only a channel reaches, and
    ``transit``, what is on it; ``protocols`` and ``relayers``, who carry it; ``oracles``, who
    price it.
    """
    sheet = BalanceSheet(world)
    edges = [
        *_margin(sheet),
        *_settlement(world, sheet),
        *_collateral(world, sheet),
        *_backing(world, sheet),
        *_channels(world, sheet),
        *_oracles(world, sheet),
    ]
    edges = [edge for edge in edges if edge.exposure_usd > 0]
    return _nodes(world, sheet, edges), edges


def _resources(world: World, sheet: BalanceSheet, number: int) -> float:
    """Return what a clearing house can lose before its creditors do."""
    there = world.clearing_of == number
    set_aside = dollars(world.clearings[number].waterfall.set_aside())
    return float(sheet.claim[there].sum()) + set_aside


def _settlement(world: World, sheet: BalanceSheet) -> Iterator[Exposure]:
    """Yield what every clearing house has set aside, and all of it by the chain it runs on."""
    for number, (node, clearing) in enumerate(zip(sheet.nodes, world.clearings, strict=True)):
        for layer in clearing.waterfall.layers:
            shared = layer.name == "mutual_fund" or not number
            fund = f"fund:{layer.name}" if shared else f"fund:{layer.name}@{clearing.name}"
            yield Exposure(node, fund, "funds", dollars(layer.left()))
        resources = _resources(world, sheet, number)
        yield Exposure(node, f"chain:{clearing.chain}", "settlement", resources)


def _margin(sheet: BalanceSheet) -> Iterator[Exposure]:
    for name, accounts in sheet.groups.items():
        for node in sheet.nodes:
            here = accounts[sheet.margined[node][accounts]]
            own = sheet.own[here]
            yield Exposure(name, node, "margin", float(np.maximum(own, 0.0).sum()))
            yield Exposure(node, name, "margin", float(np.maximum(-own, 0.0).sum()))
            if name.startswith("maker:"):
                yield Exposure(node, name, "market_makers", float(sheet.gross[here].sum()))


def _collateral(world: World, sheet: BalanceSheet) -> Iterator[Exposure]:
    for chain in world.scenario.chains:
        for node in sheet.nodes:
            there = _there(sheet, sheet.claim, chain, node)
            yield Exposure(node, f"chain:{chain}", "collateral", there)
        for name, accounts in sheet.groups.items():
            here = accounts[sheet.stand[chain][accounts]]
            yield Exposure(name, f"chain:{chain}", "deposits", float(sheet.vault[here].sum()))


def _there(
    sheet: BalanceSheet, amounts: NDArray[np.float64], chain: str, node: str | None = None
) -> float:
    """Return the sum of amounts that stand on a chain, of all or of one clearing house."""
    here = sheet.stand[chain]
    if node is not None:
        here = here & sheet.margined[node]
    return float(amounts[here].sum())


def _promised(world: World) -> list[dict[str, float]]:
    """Return what is promised against the originals locked on each chain, in dollars.

    One for each clearing house: what its accounts count of a token; what nobody counts is shared
    as the rest.
    """
    tokens, bridge = world.place.tokens, world.architecture.bridge
    unit_usd = tokens.unit_usd(world.price_usd)
    promised = [dict.fromkeys(world.scenario.chains, 0.0) for _ in world.clearings]
    for token in tokens.representations:
        chains = tokens.locked_on[token]
        counted = world.architecture.claims.units[:, token]
        counts = [
            int(counted[world.clearing_of == number].sum()) for number in range(len(promised))
        ]
        total = sum(counts)
        for number, count in enumerate(counts):
            share = count / total if total else float(number == 0)
            for chain in chains:
                owed = bridge.supply(token) * float(unit_usd[token]) * share
                promised[number][chain] += owed / len(chains)
    return promised


def _backing(world: World, sheet: BalanceSheet) -> Iterator[Exposure]:
    unit_usd = world.place.tokens.unit_usd(world.price_usd)
    promised = _promised(world)
    for chain in world.scenario.chains:
        held = float((world.ledger.held_by([world.holders.lock[chain]]) * unit_usd).sum())
        for node, owed in zip(sheet.nodes, promised, strict=True):
            yield Exposure(node, f"lock:{chain}", "backing", owed[chain])
        yield Exposure(f"lock:{chain}", f"chain:{chain}", "backing", held)


def _channels(world: World, sheet: BalanceSheet) -> Iterator[Exposure]:
    number_of = {clearing.chain: number for number, clearing in enumerate(world.clearings)}
    promised = _promised(world)
    unit_usd = world.place.tokens.unit_usd(world.price_usd)
    served: dict[str, list[int]] = {name: [] for name in world.scenario.channels}
    for relayer, channels in enumerate(world.relayers.channels):
        for name in channels:
            served[name].append(relayer)
    for name, rule in world.scenario.channels.items():
        moving = world.ledger.held_by([world.holders.escrow[name]])
        under_way = float((moving * unit_usd).sum())
        # The clearing house at one end, if any, and the chain at the other.
        near = rule.source if rule.source in number_of else rule.destination
        far = rule.destination if near == rule.source else rule.source
        number = number_of.get(near, 0)
        node, owed = sheet.nodes[number], promised[number][far]
        yield Exposure(node, f"channel:{name}", "transit", under_way)
        reached = owed
        if world.architecture.reached_by_message and near in number_of:
            reached += _there(sheet, sheet.claim, far, node)
        place = f"lock:{far}" if owed else f"chain:{far}"
        yield Exposure(place, f"channel:{name}", "reach", reached)
        carried = reached + under_way
        yield Exposure(f"channel:{name}", f"protocol:{rule.protocol}", "protocols", carried)
        for relayer in served[name]:
            share = carried / len(served[name])
            yield Exposure(f"channel:{name}", f"relayer:{relayer}", "relayers", share)


def _oracles(world: World, sheet: BalanceSheet) -> Iterator[Exposure]:
    """Everything that is marked: contracts at the venue, and collateral where it would be sold."""
    clears = [clearing.chain for clearing in world.clearings]
    for number, (node, chain) in enumerate(zip(sheet.nodes, clears, strict=True)):
        here = world.clearing_of == number
        marked = float(sheet.gross[here].sum()) / 2.0  # every contract has two sides
        owed = marked + float(sheet.claim[here].sum())
        yield Exposure(node, f"oracle:{chain}", "oracles", owed)
    for chain in world.scenario.chains:
        if chain not in clears:
            there = _there(sheet, sheet.claim, chain)
            yield Exposure(f"chain:{chain}", f"oracle:{chain}", "oracles", there)


def _nodes(world: World, sheet: BalanceSheet, edges: list[Exposure]) -> list[Node]:
    """Return the nodes with what exhausts each.

    The venue can lose what owners posted and what is set aside before its creditors lose; owners
    their equity; whatever only holds or carries can lose all that depends on it.
    """
    depends: dict[str, float] = {}
    for edge in edges:
        depends[edge.debtor] = depends.get(edge.debtor, 0.0) + edge.exposure_usd
    nodes = [
        Node(name, VENUE, _resources(world, sheet, number))
        for number, name in enumerate(sheet.nodes)
    ]
    for name, accounts in sheet.groups.items():
        worth = float(np.maximum(sheet.equity[accounts], 0.0).sum())
        nodes.append(Node(name, name.partition(":")[0], worth))
    nodes += [
        Node(f"chain:{chain}", "chain", _there(sheet, sheet.claim, chain))
        for chain in world.scenario.chains
    ]
    passive = [
        *(f"fund:{name}" for name in FUNDED),
        *(f"fund:fund@{clearing.name}" for clearing in world.clearings[1:]),
        *(f"lock:{chain}" for chain in world.scenario.chains),
        *(f"channel:{name}" for name in world.scenario.channels),
        *(f"protocol:{name}" for name in world.scenario.protocols),
        *(f"relayer:{number}" for number in range(len(world.relayers.channels))),
        *(f"oracle:{chain}" for chain in world.scenario.chains),
    ]
    nodes += [Node(name, name.partition(":")[0], depends.get(name, 0.0)) for name in passive]
    return nodes


def exposure_graph(world: World) -> LayeredGraph:
    """Return the exposures of a running world as one graph; see `exposures` for its layers."""
    return multilayer_graph(*exposures(world))


def record_exposures(world: World) -> None:
    """Add the graph's rows at whole hours and at the end of the run."""
    at_end = world.step == world.scenario.clock.step_count
    if world.now % SECONDS_PER_HOUR and not at_end:
        return
    nodes, edges = exposures(world)
    for node in nodes:
        world.recorder.add("nodes", world.now, *node)
    for edge in edges:
        world.recorder.add("exposures", world.now, *edge)
