"""Any mix of failures: every message has one fate, and a nonce is never applied twice.

Five hundred examples in every run; ten thousand with ``pytest -m nightly``.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from abm.network import Censorship, Fate, Transit, reorganise, stall_finality
from abm.network.limits import DAY

if TYPE_CHECKING:
    from tests.network.conftest import TransportMaker

CHANNELS = {"out": ("home", "far"), "back": ("far", "home"), "aside": ("home", "side")}
CHAINS = ("home", "far", "side")
KINDS = ("letter", "proceeds", "balance_report")
STEP = 60
BUCKET_USD, REFILL_USD = 1_000.0, 1.0
EXPIRY = 10_000

EVERYWHERE = st.sampled_from([*CHANNELS, *CHAINS])


class Failures(RuleBasedStateMachine):
    """Drives a transport through every failure it knows, and keeps its own book."""

    def __init__(self, make_transport: TransportMaker) -> None:
        super().__init__()
        self.make_transport = make_transport
        self.now = 0
        # Place, start, end, and how many had been delivered by then: shocks start before the
        # deliveries of a step, here they may come after those of their second.
        self.halts: list[tuple[str, int, int, int]] = []
        self.freezes: list[tuple[str, int, int, int]] = []
        self.delivered: list[Transit] = []
        self.told: Counter[tuple[str, int]] = Counter()

    @initialize(
        ordered=st.booleans(),
        confidence=st.sampled_from(["soft", "final"]),
        lossy=st.sampled_from([0.0, 0.3]),
        seed=st.integers(1, 5),
    )
    def begin(self, *, ordered: bool, confidence: str, lossy: float, seed: int) -> None:
        self.ordered = ordered
        self.transport = self.make_transport(
            protocol={
                "ordered": ordered,
                "confidence": confidence,
                "loss_probability": lossy,
                "duplicate_probability": 0.3,
                "reorder_probability": 0.3,
                "stuck_probability": 0.2,
                "tail_probability": 0.2,
                "bucket_usd": BUCKET_USD,
                "bucket_refill_usd_per_second": REFILL_USD,
                "expiry_seconds": EXPIRY,
            },
            channel={
                "finality_ln_sigma": 0.3,
                "attestation_ln_sigma": 0.5,
                "daily_limit_usd": 20_000.0,
                "large_transfer_usd": 3_000.0,
                "regime_ln_sigma": 0.2,
            },
            seed=seed,
        )

    @staticmethod
    def nonce_of(transit: Transit) -> tuple[str, int]:
        """Return what all copies of a message share."""
        return transit.message.channel, transit.message.nonce

    @rule(
        channel=st.sampled_from(list(CHANNELS)),
        kind=st.sampled_from(KINDS),
        value=st.sampled_from([0.0, 500.0, 2_000.0, 5_000.0]),
        count=st.integers(1, 3),
    )
    def send(self, channel: str, kind: str, value: float, count: int) -> None:
        for _ in range(count):
            self.transport.send(
                channel, kind, None, subject="a", cause=0, now=self.now, value_usd=value
            )

    @rule(channel=st.sampled_from(list(CHANNELS)), value=st.floats(1.0, 2_000.0))
    def forge(self, channel: str, value: float) -> None:
        self.transport.forge(channel, "theft", None, cause=0, now=self.now, value_usd=value)

    @rule(place=EVERYWHERE, seconds=st.integers(1, 3_000))
    def halt(self, place: str, seconds: int) -> None:
        until = self.now + seconds
        if place in CHANNELS:
            self.transport.halt_channel(place, self.now, until)
        else:
            self.transport.halt_chain(place, self.now, until)
        self.halts.append((place, self.now, until, len(self.delivered)))

    @rule(chain=st.sampled_from(CHAINS), seconds=st.integers(1, 3_000), forced=st.integers(1, 900))
    def stop_sequencer(self, chain: str, seconds: int, forced: int) -> None:
        self.transport.halt_chain(chain, self.now, self.now + seconds, forced)

    @rule(chain=st.sampled_from(CHAINS), seconds=st.integers(1, 3_000))
    def freeze(self, chain: str, seconds: int) -> None:
        self.transport.chains[chain].freezes.halt(self.now, self.now + seconds)
        self.freezes.append((chain, self.now, self.now + seconds, len(self.delivered)))

    @rule(chain=st.sampled_from(CHAINS), seconds=st.integers(1, 3_000))
    def lose_finality(self, chain: str, seconds: int) -> None:
        stall_finality(self.transport, chain, self.now, self.now + seconds)

    @rule(chain=st.sampled_from(CHAINS), depth=st.integers(1, 1_000))
    def reorganise(self, chain: str, depth: int) -> None:
        done = reorganise(self.transport, chain, self.now, depth)
        for transit in done.undone:
            assert (transit.fate, transit.end_second) == (Fate.VOID, self.now)
            assert not transit.message.forged
            self.told[self.nonce_of(transit)] += 1
        for transit in done.unbacked:
            assert transit.applied

    @rule(
        channel=st.sampled_from(list(CHANNELS)),
        kind=st.sampled_from(KINDS),
        seconds=st.integers(1, 2_000),
    )
    def censor(self, channel: str, kind: str, seconds: int) -> None:
        until = self.now + seconds
        self.transport.channels[channel].censorships.append(
            Censorship((kind,), (), until, "verifiers")
        )

    @rule(channel=st.sampled_from(list(CHANNELS)), loss=st.sampled_from([0.0, 0.5]))
    def strain(self, channel: str, loss: float) -> None:
        self.transport.channels[channel].loss = loss
        self.transport.channels[channel].slowdown = 1.0 + loss

    @rule(taken=st.sampled_from([1, 2, 3]), offset=st.integers(0, 2))
    def relay(self, taken: int, offset: int) -> None:
        for channel in CHANNELS:
            for transit in self.transport.ready(channel, self.now + STEP)[offset::taken]:
                self.transport.pick_up(transit, 0, self.now, 1.0)

    @rule(steps=st.one_of(st.integers(1, 5), st.integers(15, 60)))
    def pass_time(self, steps: int) -> None:
        for _ in range(steps):
            self.now += STEP
            self.delivered += self.transport.deliver_due(self.now)
            for transit in self.transport.expire_and_repeat(self.now):
                assert transit.fate is Fate.EXPIRED
                self.told[self.nonce_of(transit)] += 1

    @invariant()
    def every_message_has_one_fate(self) -> None:
        transits = self.transport.transits
        delivered = sorted(transit.message.id for transit in self.delivered)
        assert delivered == [
            transit.message.id for transit in transits if transit.fate is Fate.DELIVERED
        ]
        for transit in transits:
            assert (transit.fate is Fate.IN_FLIGHT) is (transit.end_second is None)
            assert (transit.fate is Fate.VOID) is (transit.reason is not None)
        assert self.transport.breaches() == []

    @invariant()
    def a_nonce_is_applied_once_and_what_was_applied_is_never_told_as_lost(self) -> None:
        applied = Counter(self.nonce_of(transit) for transit in self.delivered if transit.applied)
        assert set(applied.values()) <= {1}
        assert not set(applied) & set(self.told)
        assert set(self.told.values()) <= {1}

    @invariant()
    def an_ordered_channel_applies_in_order(self) -> None:
        if self.ordered:
            for channel in CHANNELS:
                nonces = [
                    transit.message.nonce
                    for transit in self.delivered
                    if transit.message.channel == channel
                    and transit.applied
                    and not transit.message.forged
                ]
                assert nonces == sorted(nonces)

    @invariant()
    def nothing_arrives_in_a_halt_and_no_tokens_in_a_freeze(self) -> None:
        for place, start, until, before in self.halts:
            for transit in self.delivered[before:]:
                assert not self.meets(transit, place, start, until)
        for place, start, until, before in self.freezes:
            for transit in self.delivered[before:]:
                tells = transit.message.kind == "balance_report"
                assert tells or not self.meets(transit, place, start, until)

    @staticmethod
    def meets(transit: Transit, place: str, start: int, until: int) -> bool:
        """Return whether a message arrived by a place while it stood still."""
        channel = transit.message.channel
        return place in (channel, *CHANNELS[channel]) and start <= (transit.end_second or 0) < until

    @invariant()
    def limits_bound_what_passes(self) -> None:
        """Within a channel: the bucket and its refill, between any two who were let through."""
        for channel in CHANNELS:
            passed = sorted(
                (transit.ready_second, min(transit.message.value_usd, BUCKET_USD))
                for transit in self.transport.transits
                if transit.message.channel == channel
                and transit.admitted
                and not transit.reorged
                and transit.message.kind != "balance_report"
                and not transit.doomed
            )
            for first, (start, _) in enumerate(passed):
                total = 0.0
                for end, value in passed[first:]:
                    total += value
                    # Ready seconds are rounded up, which can bring two a second closer.
                    assert total <= BUCKET_USD + (end - start + 1) * REFILL_USD + 1e-6

    def teardown(self) -> None:
        """In the end every nonce was applied, or its sender was told, or it was forged."""
        if not hasattr(self, "transport"):
            return
        for channel in self.transport.channels.values():
            channel.loss, channel.slowdown = 0.0, 1.0
        for _ in range(600):
            if not any(self.transport.in_flight()):
                break
            self.relay(taken=1, offset=0)
            self.pass_time(steps=10)
        assert not any(self.transport.in_flight())
        self.every_message_has_one_fate()
        self.a_nonce_is_applied_once_and_what_was_applied_is_never_told_as_lost()
        applied = {self.nonce_of(transit) for transit in self.delivered}
        sent = {
            self.nonce_of(transit)
            for transit in self.transport.transits
            if not transit.message.forged
        }
        assert sent - applied == set(self.told)
        assert all(
            transit.limited_seconds <= 2 * DAY + EXPIRY for transit in self.transport.transits
        )


def run_machine(make_transport: TransportMaker, examples: int) -> None:
    class Here(Failures):
        def __init__(self) -> None:
            super().__init__(make_transport)

    run_state_machine_as_test(
        Here,
        settings=settings(
            deadline=None,
            max_examples=examples,
            stateful_step_count=20,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def test_no_mix_of_failures_breaks_the_life_of_a_message(make_transport: TransportMaker) -> None:
    run_machine(make_transport, 500)


@pytest.mark.nightly
def test_no_mix_of_failures_breaks_it_in_ten_thousand(make_transport: TransportMaker) -> None:
    run_machine(make_transport, 10_000)
