"""What a market does to the speed and the price of messages: gas, volatility, lasting slowness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from abm.network.delays import stretch
from abm.network.places import ChainState, ChannelState
from abm.network.regimes import draw_regime

if TYPE_CHECKING:
    from abm.randomness import Streams
    from abm.scenario.model import Scenario


class Conditions:
    """The state of every chain and channel, and what follows from it for messages.

    Attributes
    ----------
    chains, channels : dict of str to ChainState, ChannelState
        What changes during a run.
    stress : float
        Realised volatility in multiples of its base, at least 1.
    """

    def __init__(self, scenario: Scenario, streams: Streams) -> None:
        self.chains = {name: ChainState() for name in scenario.chains}
        self.channels = {name: ChannelState() for name in scenario.channels}
        self.stress = 1.0
        self._scenario = scenario
        self._regimes = {
            name: draw_regime(rule, scenario.clock, streams.get("regime", name))
            for name, rule in scenario.channels.items()
            if rule.regime_ln_sigma > 0
        }

    def gas_usd(self, chain: str) -> float:
        """Return the cost of executing one message on a chain now, in dollars."""
        return self._scenario.chains[chain].gas_usd * self.chains[chain].gas_multiple

    def slowdown(self, channel: str, now: int) -> float:
        """Return how much longer a channel's finality and attestation take now than in calm."""
        rule = self._scenario.channels[channel]
        gas = max(self.chains[end].gas_multiple for end in (rule.source, rule.destination))
        multiple = stretch(rule, gas, self.stress) * self.channels[channel].slowdown
        if channel in self._regimes:
            regime = self._regimes[channel]
            step = now // self._scenario.clock.step_seconds
            multiple *= float(regime[min(step, len(regime) - 1)])
        return multiple

    def blocked_until(self, channel: str) -> int:
        """Return the second at which a channel and both its chains work again."""
        rule = self._scenario.channels[channel]
        return max(
            self.channels[channel].blocked_until,
            self.chains[rule.source].blocked_until,
            self.chains[rule.destination].blocked_until,
        )

    def halted_seconds(self, channel: str, start: int, end: int) -> int:
        """Return how much of an interval fell into a halt of a channel or one of its chains."""
        rule = self._scenario.channels[channel]
        parts = (self.channels[channel], self.chains[rule.source], self.chains[rule.destination])
        return max(part.halted_seconds(start, end) for part in parts)
