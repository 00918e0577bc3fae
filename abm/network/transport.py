"""The message queue: from sending to exactly one fate."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field, replace
from math import ceil
from typing import TYPE_CHECKING

from abm.network.delays import congestion_multiple, draw_count, draw_delays, typical_delay
from abm.network.messages import Fate, Message, Transit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abm.network.topology import ChainGraph
    from abm.randomness import Streams
    from abm.scenario.model import Scenario
    from abm.scenario.network import Channel


@dataclass
class Haltable:
    """Something that can stand still, with the times at which it did."""

    halts: list[tuple[int, int]] = field(default_factory=list)
    halted_until: int = 0

    def halt(self, start: int, end: int) -> None:
        """Stand still from one second to another."""
        self.halts.append((start, end))
        self.halted_until = max(self.halted_until, end)

    def halted_seconds(self, start: int, end: int) -> int:
        """Return how many seconds of an interval fall into its halts, overlapping ones once."""
        total, counted_to = 0, start
        for begin, stop in sorted(self.halts):
            first, last = max(begin, counted_to), min(stop, end)
            if last > first:
                total += last - first
                counted_to = last
        return total


@dataclass
class ChainState(Haltable):
    """What changes about a chain during a run."""

    gas_multiple: float = 1.0


@dataclass
class ChannelState(Haltable):
    """What changes about a channel during a run."""

    awaiting: dict[int, Transit] = field(default_factory=dict)


class Transport:
    """Carries messages over the channels of a scenario.

    A message is sent, becomes ready when its source is final and the quorum has signed, is picked
    up by a relayer, and is delivered; or it is lost, or expires. Deliveries come out ordered by
    due second, then by order of sending. What a halt holds back waits for its end.

    Parameters
    ----------
    scenario : Scenario
        Chains, channels, protocols and the rule of fees.
    graph : networkx.DiGraph
        From `build_graph`.
    streams : Streams
        How each message travels is drawn by the message's own name.
    """

    def __init__(self, scenario: Scenario, graph: ChainGraph, streams: Streams) -> None:
        self.graph = graph
        self.chains = {name: ChainState() for name in scenario.chains}
        self.channels = {name: ChannelState() for name in scenario.channels}
        self.transits: list[Transit] = []
        self._scenario = scenario
        self._streams = streams
        self._due: list[tuple[int, int, Transit]] = []
        self._repeats: list[tuple[int, int, Message]] = []
        self._ended: list[Transit] = []
        self._copies: dict[tuple[str, int], int] = defaultdict(int)
        self._applied: dict[str, dict[int, int]] = defaultdict(dict)
        self._nonces: dict[str, int] = defaultdict(int)
        self._occurrences: dict[tuple[str, str, str], int] = defaultdict(int)
        self._typical = {
            name: typical_delay(rule, scenario.protocols[rule.protocol], self._blocks(rule))
            for name, rule in scenario.channels.items()
        }

    def _blocks(self, rule: Channel) -> tuple[float, float]:
        """Return the block times of a channel's source and destination."""
        chains = self._scenario.chains
        return chains[rule.source].block_seconds, chains[rule.destination].block_seconds

    def typical_seconds(self, channel: str) -> float:
        """Return how long a channel's messages take if every part takes its median."""
        return self._typical[channel]

    def halted_seconds(self, chain: str, start: int, end: int) -> int:
        """Return how many seconds of an interval a chain stands still."""
        return self.chains[chain].halted_seconds(start, end)

    def gas_usd(self, chain: str) -> float:
        """Return the cost of executing one message on a chain now, in dollars."""
        return self._scenario.chains[chain].gas_usd * self.chains[chain].gas_multiple

    def is_halted(self, chain: str, now: int) -> bool:
        """Return whether a chain makes no blocks at this second."""
        return now < self.chains[chain].halted_until

    def send(
        self,
        channel: str,
        kind: str,
        payload: object,
        *,
        subject: str,
        cause: int,
        now: int,
        value_usd: float = 0,
    ) -> Message:
        """Send a message with a nonce of its own and return it.

        How it travels is drawn by its own name: its channel, kind and subject, and how many of
        these went before it.
        """
        nonce = self._nonces[channel]
        self._nonces[channel] += 1
        message = Message(
            id=len(self.transits),
            channel=channel,
            kind=kind,
            subject=subject,
            nonce=nonce,
            cause=cause,
            sent_second=now,
            payload=payload,
            value_usd=value_usd,
        )
        self._start(message, now)
        return message

    def _start(self, message: Message, now: int) -> None:
        """Draw the way of a message and put it on it, with its duplicate if it has one."""
        rule = self._scenario.channels[message.channel]
        protocol = self._scenario.protocols[rule.protocol]
        key = (message.channel, message.kind, message.subject)
        uniforms = self._streams.uniforms(
            "message", *key, str(self._occurrences[key]), count=draw_count(protocol)
        )
        self._occurrences[key] += 1
        draw = draw_delays(rule, protocol, self._blocks(rule), uniforms)
        gas = max(self.chains[end].gas_multiple for end in (rule.source, rule.destination))
        stretch = congestion_multiple(rule, gas)
        included = max(now, self.chains[rule.source].halted_until) + draw.inclusion
        ready = included + stretch * (draw.finality + draw.attestation)
        transit = Transit(
            message=message,
            fee_usd=self._scenario.gas.fee_multiple * self.gas_usd(rule.destination),
            ready_second=ceil(ready),
            expiry_second=now + ceil(protocol.expiry_seconds),
            expected_second=now + ceil(self._typical[message.channel]),
            last_block_seconds=draw.block,
            doomed=draw.lost,
        )
        self.transits.append(transit)
        self._copies[message.channel, message.nonce] += 1
        if draw.lost:
            noticed = now + ceil(protocol.retry_seconds)
            heapq.heappush(self._repeats, (noticed, message.id, message))
        else:
            self.channels[message.channel].awaiting[message.id] = transit
        if draw.duplicated and message.repeat_of is None:
            twin = replace(message, id=len(self.transits), repeat_of=message.id)
            self.transits.append(replace(transit, message=twin, doomed=False))
            self.channels[message.channel].awaiting[twin.id] = self.transits[-1]
            self._copies[message.channel, message.nonce] += 1

    def fee_offered(self, transit: Transit, now: int) -> float:
        """Return the fee a relayer would get, in dollars: it doubles while the message waits."""
        waited = max(now - transit.ready_second, 0)
        rule = self._scenario.gas
        doublings = min(int(waited // rule.bump_after_seconds), rule.highest_bumps)
        return transit.fee_usd * 2.0**doublings

    def ready(self, channel: str, before: int) -> list[Transit]:
        """Return the messages of a channel that a relayer may pick up before a second."""
        awaiting = self.channels[channel].awaiting
        if not awaiting or self.blocked_until(channel) >= before:
            return []
        return [transit for transit in awaiting.values() if transit.ready_second < before]

    def _works_again(self, channel: str, second: int) -> int:
        """Return the first second from this one on that falls into no halt of a channel's way."""
        rule = self._scenario.channels[channel]
        parts = (self.channels[channel], self.chains[rule.source], self.chains[rule.destination])
        halts = sorted(halt for part in parts for halt in part.halts)
        for start, end in halts:
            if start <= second < end:
                second = end
        return second

    def blocked_until(self, channel: str) -> int:
        """Return the second at which a channel and both its chains work again."""
        rule = self._scenario.channels[channel]
        return max(
            self.channels[channel].halted_until,
            self.chains[rule.source].halted_until,
            self.chains[rule.destination].halted_until,
        )

    def pick_up(self, transit: Transit, relayer: int, now: int, fee_usd: float) -> None:
        """Put a ready message on its last leg, with the relayer who carries it."""
        channel = transit.message.channel
        rule = self._scenario.channels[channel]
        picked = max(now, transit.ready_second, self.blocked_until(channel))
        transit.relayer = relayer
        transit.picked_second = picked
        transit.fee_paid_usd = fee_usd
        due = picked + ceil(rule.execution_seconds + transit.last_block_seconds)
        del self.channels[channel].awaiting[transit.message.id]
        heapq.heappush(self._due, (due, transit.message.id, transit))

    def deliver_due(self, now: int) -> list[Transit]:
        """Take out what is due and deliver it; ``applied`` tells originals from duplicates."""
        delivered = []
        while self._due and self._due[0][0] <= now:
            due, identifier, transit = heapq.heappop(self._due)
            works_again = self._works_again(transit.message.channel, due)
            if due < works_again:
                heapq.heappush(self._due, (works_again, identifier, transit))
                continue
            self._end(transit, Fate.DELIVERED, due)
            seen = self._applied[transit.message.channel]
            if transit.message.nonce not in seen:
                seen[transit.message.nonce] = identifier
                transit.applied = True
            delivered.append(transit)
        return delivered

    def _end(self, transit: Transit, fate: Fate, second: int) -> None:
        """Give a message its one end.

        Raises
        ------
        ValueError
            If it has one already.
        """
        if transit.end_second is not None:
            raise ValueError(f"message {transit.message.id} is {transit.fate} already")
        transit.fate = fate
        transit.end_second = second
        transit.halted_seconds = self._halted_seconds(transit, second)
        self._ended.append(transit)
        self._copies[transit.message.channel, transit.message.nonce] -= 1

    def _halted_seconds(self, transit: Transit, end: int) -> int:
        """Return how much of a message's way fell into a halt of its channel or chains."""
        rule = self._scenario.channels[transit.message.channel]
        start = transit.message.sent_second
        return max(
            part.halted_seconds(start, end)
            for part in (
                self.channels[transit.message.channel],
                self.chains[rule.source],
                self.chains[rule.destination],
            )
        )

    def expire_and_repeat(self, now: int) -> list[Transit]:
        """Give up what waited too long, repeat what was lost.

        Returns what expired without any copy of it delivered or still under way.
        """
        expired = []
        for state in self.channels.values():
            late = [transit for transit in state.awaiting.values() if transit.expiry_second <= now]
            for transit in late:
                del state.awaiting[transit.message.id]
                self._end(transit, Fate.EXPIRED, now)
                key = (transit.message.channel, transit.message.nonce)
                if self._copies[key] == 0 and key[1] not in self._applied[key[0]]:
                    expired.append(transit)
        while self._repeats and self._repeats[0][0] <= now:
            _, identifier, message = heapq.heappop(self._repeats)
            self._end(self.transits[identifier], Fate.LOST, now)
            again = replace(message, id=len(self.transits), sent_second=now, repeat_of=message.id)
            self._start(again, now)
        return expired

    def halt_channel(self, channel: str, now: int, until: int) -> None:
        """Stop a channel from now until a second."""
        self.channels[channel].halt(now, until)

    def halt_chain(self, chain: str, now: int, until: int) -> None:
        """Stop a chain from now until a second."""
        self.chains[chain].halt(now, until)

    def in_flight(self) -> Iterable[Transit]:
        """Yield the messages that have no end yet."""
        return (transit for transit in self.transits if transit.fate is Fate.IN_FLIGHT)

    def backlog(self) -> dict[str, int]:
        """Return how many messages of each channel wait for a relayer or a halt's end."""
        return {name: len(state.awaiting) for name, state in self.channels.items()}

    def breaches(self) -> list[str]:
        """Return a sentence for each message that ended since the last call without its one end."""
        ended, self._ended = self._ended, []
        return [
            f"message {transit.message.id} is {transit.fate} with end {transit.end_second}"
            for transit in ended
            if transit.fate is Fate.IN_FLIGHT or transit.end_second is None
        ]
