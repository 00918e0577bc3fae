"""The message queue: from sending to exactly one fate."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

from abm.network.conditions import Conditions
from abm.network.delays import draw_count, draw_delays, typical_delay
from abm.network.lanes import resolve_lane
from abm.network.limits import RateLimits
from abm.network.messages import ONCE_KINDS, TELLING_KINDS, WEIGHTLESS_KINDS, Fate, Message, Transit
from abm.network.nonces import NonceBook
from abm.network.places import Haltable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abm.network.topology import ChainGraph
    from abm.randomness import Streams
    from abm.scenario.model import Scenario


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
        self.conditions = Conditions(scenario, streams)
        self.chains = self.conditions.chains
        self.channels = self.conditions.channels
        self.lanes = {name: resolve_lane(scenario, name) for name in scenario.channels}
        self.transits: list[Transit] = []
        self._scenario = scenario
        self._streams = streams
        self._due: list[tuple[int, int, Transit]] = []
        self._repeats: list[tuple[int, int, Message]] = []
        self._ended: list[Transit] = []
        self._nonces = NonceBook()
        self._occurrences: dict[tuple[str, str, str], int] = defaultdict(int)
        self._parked: dict[str, list[tuple[int, int, Transit]]] = defaultdict(list)
        self._typical = {name: typical_delay(lane) for name, lane in self.lanes.items()}
        self._limits = RateLimits(self.lanes)

    def typical_seconds(self, channel: str) -> float:
        """Return how long a channel's messages take if every part takes its median."""
        return self._typical[channel]

    def halted_seconds(self, chain: str, start: int, end: int) -> int:
        """Return how many seconds of an interval a chain stands still, or its assets do."""
        state = self.chains[chain]
        if not state.freezes.halts:
            return state.halted_seconds(start, end)
        return Haltable([*state.halts, *state.freezes.halts]).halted_seconds(start, end)

    def gas_usd(self, chain: str) -> float:
        """Return the cost of executing one message on a chain now, in dollars."""
        return self.conditions.gas_usd(chain)

    def blocked_until(self, channel: str) -> int:
        """Return the second at which a channel and both its chains work again."""
        return self.conditions.blocked_until(channel)

    def is_halted(self, chain: str, now: int) -> bool:
        """Return whether a chain makes no blocks at this second."""
        return now < self.chains[chain].halted_until

    def is_frozen(self, chain: str, now: int) -> bool:
        """Return whether a chain's assets may not move at this second."""
        return now < self.chains[chain].freezes.halted_until

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
        nonce = self._nonces.next(channel)
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
        name, lane = message.channel, self.lanes[message.channel]
        rule, protocol = lane.channel, lane.protocol
        key = (name, message.kind, message.subject)
        uniforms = self._streams.uniforms(
            "message", *key, str(self._occurrences[key]), count=draw_count(lane)
        )
        self._occurrences[key] += 1
        draw = draw_delays(lane, uniforms, self.channels[name].loss)
        slowdown = self.conditions.slowdown(name, now)
        source = self.chains[rule.source]
        included = source.goes_on(now) + draw.inclusion
        stalled = 0.0 if protocol.confidence == "soft" else source.finality_stalled_until - included
        ready = included + slowdown * (draw.finality + draw.attestation)
        ready += max(stalled, 0.0) + rule.challenge_seconds + draw.held
        transit = Transit(
            message=message,
            fee_usd=self._scenario.gas.fee_multiple * self.gas_usd(rule.destination),
            ready_second=ceil(ready),
            expiry_second=now + ceil(protocol.expiry_seconds),
            expected_second=now + ceil(self._typical[name]),
            last_block_seconds=draw.block,
            included_second=included,
            final_second=included + max(stalled, 0.0) + slowdown * draw.finality,
            doomed=draw.lost,
            stuck=draw.stuck,
            admitted=message.kind in WEIGHTLESS_KINDS or not self._limits.limit(name),
        )
        self.transits.append(transit)
        self._nonces.start(name, message.nonce)
        if message.is_about_margin and not self._scenario.contagion.late_margin:
            transit.punctual, transit.doomed, transit.stuck = True, False, False
            heapq.heappush(self._due, (transit.expected_second, message.id, transit))
            return
        if draw.lost:
            noticed = now + ceil(protocol.retry_seconds)
            heapq.heappush(self._repeats, (noticed, message.id, message))
        else:
            self.channels[name].wait(transit)
        if draw.duplicated and message.repeat_of is None:
            twin = replace(message, id=len(self.transits), repeat_of=message.id)
            self.transits.append(replace(transit, message=twin, doomed=False))
            self.channels[name].wait(self.transits[-1])
            self._nonces.start(name, message.nonce)

    def fee_offered(self, transit: Transit, now: int) -> float:
        """Return the fee a relayer would get, in dollars: it doubles while the message waits."""
        waited = now - transit.ready_second
        rule = self._scenario.gas
        if waited < rule.bump_after_seconds:
            return transit.fee_usd
        doublings = min(int(waited // rule.bump_after_seconds), rule.highest_bumps)
        return transit.fee_usd * 2.0**doublings

    def ready(self, channel: str, before: int) -> list[Transit]:
        """Return the messages of a channel that a relayer may pick up before a second."""
        state = self.channels[channel]
        if not state.awaiting or self.blocked_until(channel) >= before:
            return []
        if self._limits.limit(channel):
            self._admit(channel, before)
        ready = [transit for transit in state.awaiting.values() if transit.ready_second < before]
        if state.censorships:
            return [transit for transit in ready if not self._is_unsigned(transit, before)]
        return ready

    def _admit(self, channel: str, before: int) -> None:
        """Let what is signed before a second ask the rate limits when it may go."""
        asking = [
            transit
            for transit in self.channels[channel].awaiting.values()
            if not transit.admitted and transit.ready_second < before
        ]
        asking.sort(key=lambda transit: (transit.ready_second, transit.message.id))
        for transit in asking:
            goes = self._limits.admit(channel, transit.message.value_usd, transit.ready_second)
            transit.admitted = True
            transit.limited_seconds = ceil(goes) - transit.ready_second
            transit.ready_second = ceil(goes)

    def _is_unsigned(self, transit: Transit, now: int) -> bool:
        """Return whether so many verifiers leave a message out that it has no quorum."""
        lane = self.lanes[transit.message.channel]
        return any(
            rule.by == "verifiers"
            and now <= rule.until
            and rule.hits(transit.message)
            and lane.verifiers - round(rule.share * lane.verifiers) < lane.quorum
            for rule in self.channels[transit.message.channel].censorships
        )

    def _works_again(self, transit: Transit, second: int) -> int:
        """Return the first second from this one on at which nothing on its way stops a message."""
        rule = self._scenario.channels[transit.message.channel]
        source, destination = self.chains[rule.source], self.chains[rule.destination]
        parts: list[Haltable] = [self.channels[transit.message.channel], source, destination]
        if not any(part.halts for part in (*parts, source.freezes, destination.freezes)):
            transit.forced_in = True
            return second
        if not transit.forced_in:
            transit.forced_in = True
            second = max(part.goes_on(second) for part in parts)
        if transit.message.kind not in TELLING_KINDS:
            parts += [source.freezes, destination.freezes]
        while (later := max(part.goes_on(second, forced=False) for part in parts)) > second:
            second = later
        return second

    def pick_up(self, transit: Transit, relayer: int | None, now: int, fee_usd: float) -> None:
        """Put a ready message on its last leg, with the relayer who carries it.

        A message whose execution fails is delivered when somebody retries it.
        """
        channel = transit.message.channel
        lane = self.lanes[channel]
        picked = max(now, transit.ready_second, self.blocked_until(channel))
        transit.relayer = relayer
        transit.picked_second = picked
        transit.fee_paid_usd = fee_usd
        due = picked + ceil(lane.channel.execution_seconds + transit.last_block_seconds)
        if transit.stuck:
            due += ceil(lane.protocol.retry_seconds)
        del self.channels[channel].awaiting[transit.message.id]
        heapq.heappush(self._due, (due, transit.message.id, transit))

    def deliver_due(self, now: int) -> list[Transit]:
        """Take out what is due and deliver it; ``applied`` tells originals from duplicates."""
        delivered = []
        while self._due and self._due[0][0] <= now:
            due, identifier, transit = heapq.heappop(self._due)
            if transit.end_second is not None:
                continue
            if not transit.punctual:
                works_again = self._works_again(transit, due)
                if due < works_again:
                    heapq.heappush(self._due, (works_again, identifier, transit))
                    continue
                if self._waits_its_turn(transit):
                    parked = self._parked[transit.message.channel]
                    heapq.heappush(parked, (transit.message.nonce, identifier, transit))
                    continue
            self._end(transit, Fate.DELIVERED, due)
            transit.applied = self._nonces.apply(transit.message.channel, transit.message.nonce)
            delivered.append(transit)
            self._call_next(transit.message.channel, due)
        return delivered

    def _waits_its_turn(self, transit: Transit) -> bool:
        """Return whether an earlier message of an ordered channel has not come to its end."""
        message = transit.message
        ordered = self.lanes[message.channel].protocol.ordered and not message.forged
        return ordered and not self._nonces.is_next(message.channel, message.nonce)

    def _call_next(self, channel: str, second: int) -> None:
        """Let the first parked message of an ordered channel try again."""
        if parked := self._parked[channel]:
            _, identifier, transit = heapq.heappop(parked)
            heapq.heappush(self._due, (second, identifier, transit))

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
        transit.halted_seconds = self.conditions.halted_seconds(
            transit.message.channel, transit.message.sent_second, second
        )
        self._ended.append(transit)
        self._nonces.end(transit.message.channel, transit.message.nonce)

    def void(self, transit: Transit, reason: str, now: int) -> bool:
        """End a message that turns out never to have been sent.

        Returns
        -------
        bool
            Whether its sender must be told: no copy was delivered or is still under way.
        """
        channel = transit.message.channel
        self.channels[channel].awaiting.pop(transit.message.id, None)
        transit.reason = reason
        self._end(transit, Fate.VOID, now)
        self._call_next(channel, now)
        return not transit.message.forged and self._nonces.is_gone(channel, transit.message.nonce)

    def forge(
        self, channel: str, kind: str, payload: object, *, cause: int, now: int, value_usd: float
    ) -> Transit:
        """Let whoever holds the keys sign a message that nobody sent, and carry it.

        Rate limits, the challenge time and halts stop it like any other.
        """
        lane = self.lanes[channel]
        nonce = self._nonces.next(channel)
        message = Message(
            len(self.transits),
            channel,
            kind,
            "attacker",
            nonce,
            cause,
            now,
            payload,
            value_usd,
            forged=True,
        )
        ready = now + ceil(lane.channel.challenge_seconds)
        transit = Transit(
            message=message,
            fee_usd=0.0,
            ready_second=ready,
            expiry_second=now + ceil(lane.protocol.expiry_seconds),
            expected_second=ready,
            last_block_seconds=lane.blocks[1],
            included_second=now,
            final_second=now,
            admitted=not self._limits.limit(channel),
        )
        self.transits.append(transit)
        self._nonces.start(channel, nonce)
        self.channels[channel].wait(transit)
        self._admit(channel, ready + 1)
        self.pick_up(transit, None, now, 0.0)
        return transit

    def expire_and_repeat(self, now: int) -> list[Transit]:
        """Give up what waited too long, repeat what was lost.

        Returns what expired without any copy of it delivered or still under way.
        """
        expired = []
        for channel, state in self.channels.items():
            for transit in state.take_expired(now):
                self._end(transit, Fate.EXPIRED, now)
                self._call_next(channel, now)
                if self._nonces.is_gone(channel, transit.message.nonce):
                    expired.append(transit)
        while self._repeats and self._repeats[0][0] <= now:
            _, identifier, message = heapq.heappop(self._repeats)
            if self.transits[identifier].end_second is not None:
                continue
            self._end(self.transits[identifier], Fate.LOST, now)
            if message.kind in ONCE_KINDS:
                self._call_next(message.channel, now)
                continue
            again = replace(message, id=len(self.transits), sent_second=now, repeat_of=message.id)
            self._start(again, now)
        return expired

    def halt_channel(self, channel: str, now: int, until: int) -> None:
        """Stop a channel from now until a second."""
        self.channels[channel].halt(now, until)

    def halt_chain(self, chain: str, now: int, until: int, forced_after: int | None = None) -> None:
        """Stop a chain from now until a second, or its sequencer alone, as `Haltable.halt`."""
        self.chains[chain].halt(now, until, forced_after)

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
