"""The life of a message: from sending to exactly one fate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from abm.network import Fate, Transport

if TYPE_CHECKING:
    from tests.network.conftest import Post, TransportMaker

# With the scenario of conftest.py: ready 100 s after sending, delivered 5 s after pick-up, expired
# after 10,000 s, a loss noticed after 1,000 s, gas 0.5 dollars, fees 1.5 times that.


def ready(transport: Transport, channel: str, before: int) -> list[int]:
    return [transit.message.id for transit in transport.ready(channel, before)]


def test_a_message_is_ready_when_it_is_final_and_attested(post: Post) -> None:
    post.send(now=7)
    assert ready(post.transport, "out", before=107) == []
    assert ready(post.transport, "out", before=108) == [0]
    assert ready(post.transport, "back", before=108) == []


def test_nothing_is_delivered_that_nobody_carries(post: Post) -> None:
    transit = post.send()
    assert post.delivered(9_999) == []
    assert transit.fate is Fate.IN_FLIGHT


def test_a_carried_message_is_delivered_when_its_last_leg_is_over(post: Post) -> None:
    transit = post.send()
    post.transport.pick_up(transit, 3, 200, 1.25)
    assert post.delivered(204) == []
    assert post.delivered(205) == [0]
    assert (transit.fate, transit.end_second, transit.applied) == (Fate.DELIVERED, 205, True)
    assert (transit.relayer, transit.picked_second, transit.fee_paid_usd) == (3, 200, 1.25)


def test_a_message_picked_up_ahead_of_time_starts_when_it_is_ready(post: Post) -> None:
    transit = post.send()
    post.carry(transit, 60)
    assert transit.picked_second == 100
    assert post.delivered(120) == [0]
    assert transit.end_second == 105


def test_a_message_that_was_picked_up_is_offered_to_no_other_relayer(post: Post) -> None:
    first, _ = post.send(), post.send()
    post.carry(first, 100)
    assert ready(post.transport, "out", before=1_000) == [1]


def test_messages_come_out_by_their_due_second_and_then_by_the_order_of_sending(
    post: Post,
) -> None:
    first, second, third = post.send("out"), post.send("aside"), post.send("back")
    post.carry(third, 200)
    post.carry(second, 200)
    post.carry(first, 300)
    assert post.delivered(1_000) == [1, 2, 0]


def test_a_message_says_what_it_carries_and_why(post: Post) -> None:
    message = post.transport.send(
        "back", "proceeds", "cargo", subject="a", cause=4, now=9, value_usd=2.5
    )
    assert (message.id, message.channel, message.kind, message.payload) == (
        0,
        "back",
        "proceeds",
        "cargo",
    )
    assert (message.cause, message.sent_second, message.value_usd) == (4, 9, 2.5)
    assert message.repeat_of is None


def test_every_channel_counts_its_own_nonces(post: Post) -> None:
    nonces = [post.send(channel).message.nonce for channel in ("out", "back", "out", "out", "back")]
    assert nonces == [0, 0, 1, 2, 1]


# --- halts


@pytest.mark.parametrize("place", ["out", "home", "far"])
def test_nothing_is_delivered_while_a_channel_or_either_of_its_chains_is_halted(
    post: Post, place: str
) -> None:
    transit = post.send()
    post.carry(transit, 100)
    halt = post.transport.halt_channel if place == "out" else post.transport.halt_chain
    halt(place, 103, 500)
    assert post.delivered(499) == []
    assert post.delivered(500) == [0]
    assert transit.end_second == 500


@pytest.mark.parametrize("place", ["back", "aside", "side"])
def test_a_halt_elsewhere_holds_nothing_back(post: Post, place: str) -> None:
    post.carry(post.send(), 100)
    halt = post.transport.halt_chain if place == "side" else post.transport.halt_channel
    halt(place, 103, 500)
    assert post.delivered(105) == [0]


def test_what_a_halt_holds_back_comes_out_in_the_order_of_sending(post: Post) -> None:
    first, second = post.send(), post.send()
    post.carry(second, 100)
    post.carry(first, 110)
    post.transport.halt_channel("out", 101, 500)
    assert post.delivered(600) == [0, 1]


def test_a_halted_channel_offers_nothing_to_relayers(post: Post) -> None:
    post.send()
    post.transport.halt_channel("out", 150, 500)
    assert ready(post.transport, "out", before=500) == []
    assert ready(post.transport, "out", before=501) == [0]


def test_a_message_picked_up_for_the_end_of_a_halt_starts_there(post: Post) -> None:
    transit = post.send()
    post.transport.halt_channel("out", 150, 500)
    post.carry(transit, 480)
    assert post.delivered(600) == [0]
    assert (transit.picked_second, transit.end_second) == (500, 505)


def test_a_message_sent_on_a_halted_chain_is_included_after_the_halt(post: Post) -> None:
    post.transport.halt_chain("home", 0, 500)
    post.send("out", now=100)
    post.send("back", now=100)
    assert ready(post.transport, "out", before=600) == []
    assert ready(post.transport, "out", before=601) == [0]
    # The other way the chain is the destination: nothing is late but the delivery.
    assert ready(post.transport, "back", before=501) == [1]


def test_what_was_due_before_a_halt_began_is_not_held_back_by_it(post: Post) -> None:
    transit = post.send()
    post.carry(transit, 100)
    # Steps of 60 s: due at 105, so it comes out at the step of second 120, where a halt begins.
    post.transport.halt_channel("out", 120, 50_000)
    assert post.delivered(120) == [0]
    assert transit.end_second == 105


def test_a_second_shorter_halt_does_not_end_the_first(post: Post) -> None:
    post.transport.halt_chain("far", 0, 500)
    post.transport.halt_chain("far", 100, 200)
    assert post.transport.is_halted("far", 499)
    assert not post.transport.is_halted("far", 500)
    assert post.transport.blocked_until("out") == 500


def test_a_message_says_how_much_of_its_way_was_halted(post: Post) -> None:
    transit, free = post.send(), post.send("aside")
    post.carry(free, 100)
    post.transport.halt_channel("out", 50, 200)
    post.transport.halt_chain("far", 150, 500)
    post.carry(transit, 500)
    post.delivered(1_000)
    # Sent at 0, delivered at 505: 150 s of the channel's halt, 350 s of the chain's, the longer.
    assert transit.halted_seconds == 350
    assert free.halted_seconds == 0


# --- loss, repetition, duplicates


def test_a_lost_message_is_repeated_after_its_time(make_transport: TransportMaker) -> None:
    transport = make_transport(protocol={"loss_probability": 1.0})
    message = transport.send("out", "letter", "cargo", subject="a", cause=3, now=0, value_usd=9.0)
    assert ready(transport, "out", before=10_000) == []
    transport.expire_and_repeat(999)
    assert transport.transits[0].fate is Fate.IN_FLIGHT
    transport.expire_and_repeat(1_000)
    lost, again = transport.transits
    assert (lost.fate, lost.end_second) == (Fate.LOST, 1_000)
    assert (again.message.id, again.message.repeat_of, again.message.sent_second) == (1, 0, 1_000)
    for name in ("channel", "kind", "nonce", "cause", "payload", "value_usd"):
        assert getattr(again.message, name) == getattr(message, name)


def test_a_repetition_that_is_lost_too_is_repeated_again(make_transport: TransportMaker) -> None:
    transport = make_transport(protocol={"loss_probability": 1.0})
    transport.send("out", "letter", None, subject="a", cause=0, now=0)
    for now in range(0, 3_001, 60):
        transport.expire_and_repeat(now)
    # Noticed at the first step not before 1,000, that is 1,020, then 2,020 at 2,040.
    fates = [transit.fate for transit in transport.transits]
    assert fates == [Fate.LOST, Fate.LOST, Fate.IN_FLIGHT]
    assert [transit.end_second for transit in transport.transits] == [1_020, 2_040, None]


def test_a_duplicate_is_delivered_but_its_nonce_is_applied_once(
    make_transport: TransportMaker,
) -> None:
    transport = make_transport(protocol={"duplicate_probability": 1.0})
    transport.send("out", "letter", None, subject="a", cause=0, now=0)
    original, twin = transport.transits
    assert (twin.message.repeat_of, twin.message.nonce) == (0, original.message.nonce)
    for transit in (twin, original):
        transport.pick_up(transit, 0, 100, 0.0)
    assert [transit.applied for transit in transport.deliver_due(105)] == [True, False]
    assert [original.fate, twin.fate] == [Fate.DELIVERED, Fate.DELIVERED]


def test_whichever_copy_comes_first_is_the_one_that_is_applied(
    make_transport: TransportMaker,
) -> None:
    transport = make_transport(protocol={"duplicate_probability": 1.0})
    transport.send("out", "letter", None, subject="a", cause=0, now=0)
    original, twin = transport.transits
    transport.pick_up(twin, 0, 100, 0.0)
    transport.pick_up(original, 0, 200, 0.0)
    transport.deliver_due(300)
    assert [twin.applied, original.applied] == [True, False]


def test_a_nonce_is_applied_once_however_often_it_arrives(make_transport: TransportMaker) -> None:
    # Half of all are lost, so originals, duplicates of lost ones and repetitions all arrive.
    transport = make_transport(
        protocol={"duplicate_probability": 0.7, "loss_probability": 0.5}, seed=3
    )
    for _ in range(40):
        transport.send("out", "letter", None, subject="a", cause=0, now=0)
    arrivals: dict[int, list[bool]] = {}
    for now in range(0, 40_000, 500):
        transport.expire_and_repeat(now)
        for transit in transport.ready("out", now):
            transport.pick_up(transit, 0, now, 0.0)
        for transit in transport.deliver_due(now):
            arrivals.setdefault(transit.message.nonce, []).append(transit.applied)
    assert sorted(arrivals) == list(range(40))
    assert max(map(len, arrivals.values())) > 1
    assert all(applied == [True] + [False] * (len(applied) - 1) for applied in arrivals.values())


def test_equal_nonces_of_two_channels_are_two_messages(post: Post) -> None:
    for channel in ("out", "back"):
        post.carry(post.send(channel), 100)
    assert [transit.applied for transit in post.transport.deliver_due(105)] == [True, True]


# --- expiry


def test_a_message_that_nobody_carries_expires(post: Post) -> None:
    transit = post.send(now=50)
    assert post.transport.expire_and_repeat(10_049) == []
    assert post.transport.expire_and_repeat(10_050) == [transit]
    assert (transit.fate, transit.end_second) == (Fate.EXPIRED, 10_050)
    assert ready(post.transport, "out", before=20_000) == []
    assert post.transport.expire_and_repeat(20_000) == []


def test_a_message_under_a_halt_expires_as_any_other(post: Post) -> None:
    transit = post.send()
    post.transport.halt_channel("out", 50, 50_000)
    assert post.transport.expire_and_repeat(10_000) == [transit]


# --- fees and congestion


def test_the_fee_doubles_with_every_wait_up_to_a_limit(make_transport: TransportMaker) -> None:
    transport = make_transport(
        gas={"fee_multiple": 3.0, "bump_after_seconds": 60, "highest_bumps": 2}
    )
    transport.send("out", "letter", None, subject="a", cause=0, now=0)
    (transit,) = transport.transits
    # 3 times 0.5 dollars of gas; ready at 100, so 60 s later is 160.
    offers = {0: 1.5, 100: 1.5, 159: 1.5, 160: 3.0, 219: 3.0, 220: 6.0, 280: 6.0, 9_000: 6.0}
    assert {now: transport.fee_offered(transit, now) for now in offers} == pytest.approx(offers)


def test_the_fee_is_of_the_gas_on_the_destination_when_it_was_sent(
    make_transport: TransportMaker,
) -> None:
    transport = make_transport(gas={"fee_multiple": 2.0})
    transport.chains["far"].gas_multiple = 5.0
    transport.chains["home"].gas_multiple = 3.0
    transport.send("out", "letter", None, subject="a", cause=0, now=0)
    transport.chains["far"].gas_multiple = 9.0
    assert transport.transits[0].fee_usd == pytest.approx(2.0 * 5.0 * 0.5)
    assert transport.gas_usd("far") == pytest.approx(9.0 * 0.5)


@pytest.mark.parametrize("crowded", ["home", "far"])
def test_congestion_at_either_end_stretches_finality_and_attestation(
    make_transport: TransportMaker, crowded: str
) -> None:
    transport = make_transport(channel={"congestion_factor": 2.0})
    transport.chains[crowded].gas_multiple = 6.0
    transport.send("out", "letter", None, subject="a", cause=0, now=0)
    # 99.5 s twice is 199 s, and a microsecond of inclusion rounds it up.
    assert transport.transits[0].ready_second == 200


def test_congestion_elsewhere_stretches_nothing(post: Post) -> None:
    post.transport.chains["side"].gas_multiple = 6.0
    assert post.send("out").ready_second == 100


# --- streams


def rough_times(transport: Transport, channel: str, count: int) -> list[int]:
    return [
        transport.transits[
            transport.send(channel, "letter", None, subject="a", cause=0, now=0).id
        ].ready_second
        for _ in range(count)
    ]


def test_traffic_on_one_channel_shifts_no_draw_of_another(make_transport: TransportMaker) -> None:
    lane = {"finality_ln_sigma": 0.5, "attestation_ln_sigma": 0.5}
    alone, crowded = make_transport(channel=lane), make_transport(channel=lane)
    rough_times(crowded, "out", 25)
    expected = rough_times(alone, "back", 10)
    assert rough_times(crowded, "back", 10) == expected
    assert len(set(expected)) > 5


@pytest.mark.parametrize(("kind", "subject"), [("letter", "b"), ("parcel", "a")])
def test_more_messages_of_another_kind_or_subject_shift_no_draw(
    make_transport: TransportMaker, kind: str, subject: str
) -> None:
    lane = {"finality_ln_sigma": 0.5, "attestation_ln_sigma": 0.5}
    alone, crowded = make_transport(channel=lane), make_transport(channel=lane)
    for _ in range(7):
        crowded.send("out", kind, None, subject=subject, cause=0, now=0)
    assert rough_times(crowded, "out", 5) == rough_times(alone, "out", 5)


def test_a_message_and_the_next_of_its_kind_travel_differently(
    make_transport: TransportMaker,
) -> None:
    times = rough_times(make_transport(channel={"finality_ln_sigma": 0.5}), "out", 10)
    assert len(set(times)) > 5


def test_a_halt_shifts_no_draw_of_later_messages(make_transport: TransportMaker) -> None:
    lane = {"finality_ln_sigma": 0.5, "attestation_ln_sigma": 0.5}
    free, halted = make_transport(channel=lane), make_transport(channel=lane)
    halted.halt_channel("out", 0, 5_000)
    assert rough_times(halted, "out", 10) == rough_times(free, "out", 10)


# --- what is counted


def test_messages_without_an_end_are_in_flight(post: Post) -> None:
    carried, waiting, late = post.send(), post.send(), post.send("back", now=9_000)
    post.carry(carried, 100)
    assert [transit.message.id for transit in post.transport.in_flight()] == [0, 1, 2]
    post.delivered(200)
    post.transport.expire_and_repeat(10_000)
    assert list(post.transport.in_flight()) == [late]
    assert waiting.fate is Fate.EXPIRED


def test_the_backlog_is_what_waits_for_a_relayer(post: Post) -> None:
    carried = post.send()
    post.send()
    post.send("back")
    assert post.transport.backlog() == {"out": 2, "back": 1, "aside": 0}
    post.carry(carried, 100)
    assert post.transport.backlog() == {"out": 1, "back": 1, "aside": 0}


def test_a_second_end_is_refused(post: Post) -> None:
    transit = post.send()
    post.transport._end(transit, Fate.LOST, 10)
    with pytest.raises(ValueError, match="message 0 is lost already"):
        post.transport._end(transit, Fate.EXPIRED, 20)


def test_a_message_that_ended_without_an_end_is_found_once(post: Post) -> None:
    first, second = post.send(), post.send()
    for transit in (first, second):
        post.carry(transit, 100)
    post.delivered(105)
    first.end_second = None
    second.fate = Fate.IN_FLIGHT
    assert post.transport.breaches() == [
        "message 0 is delivered with end None",
        "message 1 is in_flight with end 105",
    ]
    assert post.transport.breaches() == []
