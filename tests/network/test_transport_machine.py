"""Any traffic, halts and relaying: every message has exactly one fate."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from abm.network import Fate, Transit

if TYPE_CHECKING:
    from tests.network.conftest import TransportMaker

CHANNELS = {"out": ("home", "far"), "back": ("far", "home"), "aside": ("home", "side")}
CHAINS = ("home", "far", "side")
STEP = 60
LAST_LEG = 5


class Traffic(RuleBasedStateMachine):
    """Drives a transport as a run does, and keeps its own book of what happened."""

    def __init__(self, make_transport: TransportMaker) -> None:
        super().__init__()
        self.transport = make_transport(
            protocol={
                "loss_probability": 0.3,
                "duplicate_probability": 0.3,
                "tail_probability": 0.2,
            },
            channel={"finality_ln_sigma": 0.3, "attestation_ln_sigma": 0.5},
        )
        self.now = 0
        self.halts: list[tuple[str, int, int]] = []
        self.delivered: list[Transit] = []
        self.given_up: list[Transit] = []

    @rule(channel=st.sampled_from(list(CHANNELS)), count=st.integers(1, 3))
    def send(self, channel: str, count: int) -> None:
        for _ in range(count):
            self.transport.send(channel, "letter", None, subject="a", cause=0, now=self.now)

    @rule(steps=st.one_of(st.integers(1, 5), st.integers(15, 60)))
    def pass_time(self, steps: int) -> None:
        for _ in range(steps):
            self.now += STEP
            out = self.transport.deliver_due(self.now)
            order = [(transit.end_second or 0, transit.message.id) for transit in out]
            assert order == sorted(order)
            self.delivered += out
            given_up = self.transport.expire_and_repeat(self.now)
            flying = {self.nonce_of(transit) for transit in self.transport.in_flight()}
            for transit in given_up:
                assert transit.fate is Fate.EXPIRED
                assert self.nonce_of(transit) not in flying
            self.given_up += given_up

    @staticmethod
    def nonce_of(transit: Transit) -> tuple[str, int]:
        """Return what all copies of a message share."""
        return transit.message.channel, transit.message.nonce

    def ended(self, fate: Fate) -> list[Transit]:
        """Return the messages of one fate."""
        return [transit for transit in self.transport.transits if transit.fate is fate]

    @rule(taken=st.sampled_from([1, 2, 3]), offset=st.integers(0, 2))
    def relay(self, taken: int, offset: int) -> None:
        """Carry every first, second or third message that is ready before the next step."""
        for channel in CHANNELS:
            for transit in self.transport.ready(channel, self.now + STEP)[offset::taken]:
                self.transport.pick_up(transit, 0, self.now, 1.0)

    @rule(place=st.sampled_from([*CHANNELS, *CHAINS]), seconds=st.integers(1, 3_000))
    def halt(self, place: str, seconds: int) -> None:
        until = self.now + seconds
        if place in CHANNELS:
            self.transport.halt_channel(place, self.now, until)
        else:
            self.transport.halt_chain(place, self.now, until)
        self.halts.append((place, self.now, until))

    @rule(chain=st.sampled_from(CHAINS), multiple=st.floats(0.5, 10.0))
    def crowd(self, chain: str, multiple: float) -> None:
        self.transport.chains[chain].gas_multiple = multiple

    @invariant()
    def every_message_has_one_fate(self) -> None:
        transits = self.transport.transits
        assert [transit.message.id for transit in transits] == list(range(len(transits)))
        delivered = [transit.message.id for transit in self.delivered]
        assert sorted(delivered) == [item.message.id for item in self.ended(Fate.DELIVERED)]
        for transit in transits:
            assert (transit.fate is Fate.IN_FLIGHT) is (transit.end_second is None)
        assert self.transport.breaches() == []

    @invariant()
    def what_is_in_flight_waits_is_carried_or_is_lost_unnoticed(self) -> None:
        flying = list(self.transport.in_flight())
        waiting = sum(transit.picked_second is None and not transit.doomed for transit in flying)
        assert waiting == sum(self.transport.backlog().values())

    @invariant()
    def deliveries_never_go_back_in_time(self) -> None:
        seconds = [transit.end_second or 0 for transit in self.delivered]
        assert seconds == sorted(seconds)

    @invariant()
    def nothing_arrives_during_a_halt_or_faster_than_its_last_leg(self) -> None:
        for transit in self.delivered:
            end, picked = transit.end_second or 0, transit.picked_second or 0
            channel = transit.message.channel
            assert picked >= transit.ready_second > transit.message.sent_second
            assert end >= picked + LAST_LEG
            if transit.halted_seconds == 0:
                assert end == picked + LAST_LEG
            for place, start, until in self.halts:
                if place == channel or place in CHANNELS[channel]:
                    assert not start <= end < until

    @invariant()
    def a_nonce_is_applied_by_its_first_arrival_alone(self) -> None:
        seen = set()
        for transit in self.delivered:
            assert transit.applied is (self.nonce_of(transit) not in seen)
            seen.add(self.nonce_of(transit))

    @invariant()
    def what_expired_had_its_time(self) -> None:
        for transit in self.ended(Fate.EXPIRED):
            assert (transit.end_second or 0) >= transit.message.sent_second + 10_000
            assert transit.picked_second is None

    def teardown(self) -> None:
        """In the end, with relayers at work, every nonce arrives, or is given up, and only once."""
        for _ in range(3_000):
            if not any(self.transport.in_flight()):
                break
            self.relay(taken=1, offset=0)
            self.pass_time(steps=1)
        assert not any(self.transport.in_flight())
        self.every_message_has_one_fate()
        arrived = {self.nonce_of(transit) for transit in self.delivered}
        sent = {self.nonce_of(transit) for transit in self.transport.transits}
        given_up = Counter(self.nonce_of(transit) for transit in self.given_up)
        assert given_up == Counter(sent - arrived)


def test_every_message_has_exactly_one_fate(make_transport: TransportMaker) -> None:
    class Here(Traffic):
        def __init__(self) -> None:
            super().__init__(make_transport)

    run_state_machine_as_test(
        Here,
        settings=settings(deadline=None, max_examples=60, stateful_step_count=40),
    )
