"""Phase 5: agents decide and queue intents; only those with something to do are stepped."""

from __future__ import annotations

import heapq
from dataclasses import replace
from typing import TYPE_CHECKING

from abm.agents import choose_top_up
from abm.market import token_prices
from abm.simulation.world import TopUp, World

if TYPE_CHECKING:
    import mesa

    from abm.simulation.model import OptionsMarket


def decide(model: OptionsMarket) -> None:
    """Step every agent that has something to do, in an order drawn from a named stream.

    Every agent that could act gets a draw whether it acts or not, so that one more active agent
    moves nobody else's place.
    """
    world = model.world
    first, last = world.arrivals.first[world.step], world.arrivals.first[world.step + 1]
    arriving: dict[int, int] = {}
    for row in range(int(first), int(last)):
        arriving.setdefault(int(world.arrivals.trader[row]), row)
    model.orders.arrive({a: world.arrivals.draws[row].tolist() for a, row in arriving.items()})

    standing = model.standing_agents
    places = _places(world, "agent-order", len(standing) + int(last - first))
    active: list[tuple[float, mesa.Agent]] = [
        (places[number], standing[number]) for number in model.standing_with_something_to_do()
    ]
    for account, row in arriving.items():
        if not world.desk.is_open(account):
            active.append((places[len(standing) + row - int(first)], model.traders[account]))
    for role, desk, agents in model.watching:
        if desk.look():
            active += zip(_places(world, f"{role}-order", len(agents)), agents, strict=True)
    active.sort(key=lambda item: item[0])
    for _, agent in active:
        agent.step()
    answer_calls(world)


def relay(model: OptionsMarket) -> None:
    """Step the relayers that have messages to carry, in an order drawn from a named stream.

    They act last, and look ahead to the next step: a message sent in this one and final within a
    few seconds is carried at that second, however long a step is.
    """
    if not model.relay.collect():
        return
    places = _places(model.world, "relay-order", len(model.relayers))
    active = [
        (place, relayer)
        for slot, (place, relayer) in enumerate(zip(places, model.relayers, strict=True))
        if model.relay.has_work(slot)
    ]
    active.sort(key=lambda item: item[0])
    for _, relayer in active:
        relayer.step()


def _places(world: World, purpose: str, count: int) -> list[float]:
    """Draw a place in this step's order for every agent that could act."""
    return world.streams.uniforms(purpose, str(world.step), count=count)


def schedule_top_up(world: World, account: int, liquidation: int, second: int) -> None:
    """Note that a called trader will act, if it is one who does."""
    if account < len(world.traders) and world.traders.tops_up[account]:
        due = second + round(float(world.traders.reaction_seconds[account]))
        heapq.heappush(world.top_ups, TopUp(due, world.next_number(), account, liquidation))


def answer_calls(world: World) -> None:
    """Let called traders deposit what they decide to, where it still helps."""
    tokens = list(world.scenario.tokens.values())
    while world.top_ups and world.top_ups[0].second <= world.now:
        due = heapq.heappop(world.top_ups)
        liquidation = world.desk.liquidations[due.liquidation]
        if not liquidation.is_open:
            continue
        account = due.account
        unit_usd = token_prices(tokens, world.book_of(account).marks.price_usd)
        chain = world.wallet_chain(account)
        state = world.transport.chains[chain]
        again = max(state.halted_until, state.freezes.halted_until)
        if world.strains.custody_frozen:
            again = max(again, world.withdrawals.frozen_until)
        if again > world.now:
            # Nothing moves where no blocks are made or no assets may; its owner tries again then.
            heapq.heappush(world.top_ups, replace(due, second=again))
            continue
        counted = [
            worth * (1.0 - token.haircut)
            for worth, token in zip(unit_usd.tolist(), tokens, strict=True)
        ]
        wallet = world.holders.wallet + account
        held = [world.ledger.balance(wallet, token) for token in range(len(tokens))]
        missing = float(world.beliefs.maintenance[account] - world.beliefs.equity[account])
        deposits = choose_top_up(missing, held, counted)
        for token, units in enumerate(deposits):
            if units:
                cause = world.log.add(
                    world.now,
                    "top_up",
                    liquidation.cause,
                    account=account,
                    place=liquidation.chain,
                    value_usd=units * float(unit_usd[token]),
                )
                world.architecture.deposit(account, token, units, cause=cause, now=world.now)
