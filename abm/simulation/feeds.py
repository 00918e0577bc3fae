"""Oracles' front on the world: what each feed observes, and how rounds reach chains."""

from __future__ import annotations

import heapq
from math import ceil, exp
from typing import TYPE_CHECKING

from abm.market import Round, scaled
from abm.randomness import standard_normal

if TYPE_CHECKING:
    from abm.simulation.world import World


class FeedDesk:
    """Serves oracles.

    With one feed per chain, each chain's oracle observes the market with an error of its own and
    publishes there. With one round for all, the oracle of the home chain publishes, and its round
    travels: chains agree once it has arrived, and an older round never replaces a newer one.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._rule = world.scenario.oracles
        self._home = self._rule.home_chain or world.scenario.venue.chain
        self._travelling: list[tuple[int, int, str, Round]] = []
        self._arrived: dict[str, Round] = {}
        self._sent = 0

    @property
    def chains(self) -> tuple[str, ...]:
        """Chains whose oracles observe the market."""
        if self._rule.publication == "one_round":
            return (self._home,)
        return tuple(self._world.scenario.chains)

    def observe(self, chain: str) -> Round:
        """Return the market the oracles' delay ago, at the last step before that, as a feed errs.

        A moved market is seen at once, a true move only after the delay.
        """
        world = self._world
        clock = world.scenario.clock
        second = max(world.now - self._rule.delay_seconds, 0.0)
        step = int(second // clock.step_seconds)
        error = world.strains.observed.get(chain, 1.0)
        if self._rule.error_ln_sigma > 0:
            draw = world.streams.uniforms("oracle", chain, str(step), count=1)[0]
            error *= exp(self._rule.error_ln_sigma * standard_normal(draw))
        return Round(
            scaled(world.price_at(chain, step), error),
            float(world.path.level[step]),
            step * clock.step_seconds,
        )

    def published(self, chain: str) -> Round:
        """Return what stands on a chain."""
        return self._world.board[chain]

    def gas_multiple(self, chain: str) -> float:
        """Return a chain's gas, in multiples of calm."""
        return self._world.transport.chains[chain].gas_multiple

    def publish(self, chain: str, fresh: Round) -> None:
        """Publish, unless the chain or its feed stands still; one round for all goes on its way."""
        if not self._is_open(chain):
            return
        self._world.board.publish(chain, fresh)
        if self._rule.publication == "one_round":
            self._send(fresh)

    def _is_open(self, chain: str) -> bool:
        world = self._world
        return chain not in world.strains.frozen_feeds and not world.transport.is_halted(
            chain, world.now
        )

    def _send(self, fresh: Round) -> None:
        """Put a round on its way to every other chain."""
        world, rule = self._world, self._rule
        for chain in world.scenario.chains:
            if chain == self._home:
                continue
            draw = world.streams.uniforms("oracle-travel", chain, str(world.step), count=1)[0]
            normal = standard_normal(draw)
            seconds = rule.travel_median_seconds * exp(rule.travel_ln_sigma * normal)
            self._sent += 1
            due = world.now + ceil(seconds)
            heapq.heappush(self._travelling, (due, self._sent, chain, fresh))

    def deliver(self) -> None:
        """Publish the rounds that have arrived where chain, feed and gas allow; the newest wins.

        Where the scenario leaves errors of oracles out, the true market stands on every chain.
        """
        world = self._world
        if not world.scenario.contagion.oracle_error:
            level = float(world.path.level[world.step])
            for chain in world.scenario.chains:
                world.board.publish(chain, Round(world.price_at(chain), level, world.now))
            return
        while self._travelling and self._travelling[0][0] <= world.now:
            _, _, chain, fresh = heapq.heappop(self._travelling)
            waiting = self._arrived.get(chain)
            if waiting is None or waiting.observed_second < fresh.observed_second:
                self._arrived[chain] = fresh
        for chain in list(self._arrived):
            if not self._is_open(chain):
                continue
            stands = world.board[chain]
            silence = world.now - stands.observed_second
            dear = self.gas_multiple(chain) > self._rule.gas_tolerance
            if dear and silence < self._rule.heartbeat_seconds:
                continue
            fresh = self._arrived.pop(chain)
            if fresh.observed_second > stands.observed_second:
                error = world.strains.observed.get(chain, 1.0)
                tampered = Round(scaled(fresh.price_usd, error), fresh.level, fresh.observed_second)
                world.board.publish(chain, tampered if error != 1.0 else fresh)


def record_feeds(world: World) -> None:
    """Add a row for the feed of every chain: how old and how wrong it is."""
    for chain in world.scenario.chains:
        stands, price_usd = world.board[chain], world.price_at(chain)
        world.recorder.add(
            "oracles",
            world.now,
            chain,
            price_usd,
            stands.price_usd,
            stands.price_usd / price_usd - 1.0,
            world.now - stands.observed_second,
            world.board.publications(chain),
            world.oracle_is_stale(chain),
        )
