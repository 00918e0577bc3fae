"""What happens to messages when a chain, a verifier or a relayer fails them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from abm.network import Censorship, Fate, Transport, reorganise, stall_finality

if TYPE_CHECKING:
    from tests.network.conftest import Post, TransportMaker

# With the scenario of conftest.py: final 60.5 s and ready 100 s after sending, carried in 5 s.


def send(transport: Transport, now: int = 0, channel: str = "out", kind: str = "letter") -> int:
    return transport.send(channel, kind, None, subject="a", cause=0, now=now).id


# --- reorganisations


def test_what_is_not_final_yet_is_included_again(post: Post) -> None:
    transit = post.send(now=0)
    done = reorganise(post.transport, "home", 40, depth_seconds=60)
    assert (done.undone, done.unbacked, done.delayed) == ([], [], 1)
    # 40 seconds of waiting for finality were for nothing.
    assert transit.ready_second == 140
    assert transit.reorged
    assert transit.fate is Fate.IN_FLIGHT


def test_what_a_protocol_took_for_final_is_void_and_its_sender_is_told(post: Post) -> None:
    waiting, carried = post.send(now=0), post.send(now=0)
    post.carry(carried, 100)
    done = reorganise(post.transport, "home", 101, depth_seconds=120)
    assert done.undone == [waiting, carried]
    assert [item.fate for item in done.undone] == [Fate.VOID, Fate.VOID]
    assert [item.reason for item in done.undone] == ["reorg", "reorg"]
    assert waiting.end_second == carried.end_second == 101
    # Neither is delivered, offered to relayers, or expires later.
    assert post.delivered(1_000) == []
    assert post.transport.ready("out", 1_000) == []
    assert post.transport.expire_and_repeat(20_000) == []
    assert post.transport.breaches() == []


def test_what_was_delivered_already_is_told_as_unbacked(post: Post) -> None:
    transit = post.send(now=0)
    post.carry(transit, 100)
    post.delivered(105)
    done = reorganise(post.transport, "home", 110, depth_seconds=120)
    assert done.unbacked == [transit]
    assert (transit.fate, transit.reorged) == (Fate.DELIVERED, True)


def test_older_messages_and_those_of_other_chains_stand(post: Post) -> None:
    old, other = post.send(now=0), post.send("back", now=150)
    done = reorganise(post.transport, "home", 200, depth_seconds=150)
    assert (done.undone, done.unbacked, done.delayed) == ([], [], 0)
    assert not old.reorged
    assert not other.reorged


def test_a_void_message_with_a_copy_elsewhere_is_told_once(make_transport: TransportMaker) -> None:
    transport = make_transport(protocol={"duplicate_probability": 1.0})
    send(transport)
    done = reorganise(transport, "home", 101, depth_seconds=120)
    # The original ends first, while its twin is still under way; the twin's end is the last.
    assert [item.message.id for item in done.undone] == [1]
    assert [item.fate for item in transport.transits] == [Fate.VOID, Fate.VOID]


# --- finality


def test_without_finality_a_patient_protocol_waits_and_a_hasty_one_goes_on(
    make_transport: TransportMaker,
) -> None:
    for confidence, expected in (("final", 1_100), ("soft", 100)):
        transport = make_transport(protocol={"confidence": confidence})
        transit = transport.transits[send(transport)]
        stall_finality(transport, "home", 0, 1_000)
        assert transit.ready_second == expected


def test_what_is_sent_without_finality_waits_from_its_return_on(
    make_transport: TransportMaker,
) -> None:
    for confidence, expected in (("final", 1_100), ("soft", 300)):
        transport = make_transport(protocol={"confidence": confidence})
        stall_finality(transport, "home", 100, 1_000)
        transit = transport.transits[send(transport, now=200)]
        assert transit.ready_second == expected


def test_what_was_final_before_is_not_held(post: Post) -> None:
    transit = post.send(now=0)
    stall_finality(post.transport, "home", 61, 1_000)
    assert transit.ready_second == 100


def test_a_second_loss_of_finality_adds_only_what_is_new(post: Post) -> None:
    transit = post.send(now=0)
    stall_finality(post.transport, "home", 0, 1_000)
    stall_finality(post.transport, "home", 500, 1_200)
    assert transit.ready_second == 1_300


# --- a sequencer that is down


def test_forced_inclusion_bounds_the_wait_at_the_source(post: Post) -> None:
    post.transport.halt_chain("home", 0, 10_000, forced_after=600)
    assert post.transport.is_halted("home", 9_999)
    # Included at 600 by force, ready 100 later; near the end the sequencer itself is sooner.
    assert post.send(now=0).ready_second == 700
    assert post.send(now=9_900).ready_second == 10_100


def test_forced_inclusion_bounds_the_wait_at_the_destination(post: Post) -> None:
    transit = post.send(now=0)
    post.transport.halt_chain("far", 0, 10_000, forced_after=600)
    assert post.transport.ready("out", 101) == [transit]
    post.carry(transit, 100)
    assert post.delivered(704) == []
    assert post.delivered(705) == [0]
    assert transit.halted_seconds == 705


def test_a_halt_and_an_outage_of_the_same_time_count_once(post: Post) -> None:
    post.transport.halt_chain("far", 0, 10, forced_after=1)
    post.transport.halt_chain("far", 0, 10)
    assert post.transport.halted_seconds("far", 0, 100) == 10


def test_a_halt_is_no_outage(post: Post) -> None:
    transit = post.send(now=0)
    post.transport.halt_chain("far", 0, 10_000)
    assert post.transport.ready("out", 9_000) == []
    post.carry(transit, 100)
    assert post.delivered(9_999) == []


# --- freezes, stuck and held-back messages, order


def test_in_a_freeze_tokens_stand_still_and_news_goes_on(post: Post) -> None:
    post.transport.chains["far"].freezes.halt(0, 5_000)
    parcel = post.transport.transits[send(post.transport, kind="proceeds")]
    news = post.transport.transits[send(post.transport, kind="balance_report")]
    for transit in (parcel, news):
        post.carry(transit, 100)
    assert post.delivered(4_999) == [1]
    assert post.delivered(5_000) == [0]


def test_a_stuck_message_is_delivered_when_somebody_retries_it(
    make_transport: TransportMaker,
) -> None:
    transport = make_transport(protocol={"stuck_probability": 1.0})
    transit = transport.transits[send(transport)]
    transport.pick_up(transit, 0, 100, 0.0)
    assert transport.deliver_due(1_104) == []
    assert transport.deliver_due(1_105) == [transit]  # 105 and the 1,000 s of `retry_seconds`
    assert transit.stuck


def test_a_message_held_back_is_overtaken(make_transport: TransportMaker) -> None:
    transport = make_transport(
        protocol={"reorder_probability": 0.5, "reorder_seconds": 500.0}, seed=3
    )
    ready = [transport.transits[send(transport)].ready_second for _ in range(20)]
    assert set(ready) == {100, 600}
    assert ready != sorted(ready)


def carry_all(transport: Transport) -> list[int]:
    for transit in list(transport.channels["out"].awaiting.values()):
        transport.pick_up(transit, 0, transit.ready_second, 0.0)
    return [item.message.nonce for item in transport.deliver_due(100_000)]


def test_an_ordered_protocol_delivers_in_order_whatever_is_held_back(
    make_transport: TransportMaker,
) -> None:
    for ordered in (False, True):
        transport = make_transport(
            protocol={"reorder_probability": 0.5, "ordered": ordered}, seed=3
        )
        for _ in range(20):
            send(transport)
        nonces = carry_all(transport)
        assert (nonces == list(range(20))) is ordered
        seconds = [item.end_second or 0 for item in transport.transits]
        assert max(seconds) == 705  # nothing is later than the last that was held back


def test_a_lost_message_holds_up_an_ordered_channel_until_it_is_repeated(
    make_transport: TransportMaker,
) -> None:
    transport = make_transport(protocol={"ordered": True})
    transport.channels["out"].loss = 1.0
    send(transport)
    transport.channels["out"].loss = 0.0
    send(transport)
    assert carry_all(transport) == []
    transport.expire_and_repeat(1_000)
    assert carry_all(transport) == [0, 1]


def test_what_expires_holds_nobody_up(make_transport: TransportMaker) -> None:
    transport = make_transport(protocol={"ordered": True})
    send(transport)
    second = transport.transits[send(transport, now=9_900)]
    transport.pick_up(second, 0, 10_000, 0.0)
    assert transport.deliver_due(10_005) == []
    transport.expire_and_repeat(10_020)
    assert transport.deliver_due(10_080) == [second]
    assert second.end_second == 10_020


# --- a channel that fails


def test_a_slow_channel_stretches_finality_and_attestation(post: Post) -> None:
    post.transport.channels["out"].slowdown = 3.0
    assert post.send().ready_second == 299  # three times 99.5, and a microsecond
    assert post.send("back").ready_second == 100


def test_a_channel_that_loses_everything_repeats_until_it_works(post: Post) -> None:
    post.transport.channels["out"].loss = 1.0
    post.send()
    post.transport.expire_and_repeat(1_000)
    assert [item.fate for item in post.transport.transits] == [Fate.LOST, Fate.IN_FLIGHT]
    assert post.send("back").doomed is False


@pytest.mark.parametrize(
    ("by", "share", "kinds", "subjects", "offered"),
    [
        ("verifiers", 1.0, (), (), False),
        ("verifiers", 1.0, ("letter",), ("a",), False),
        ("verifiers", 1.0, ("parcel",), (), True),
        ("verifiers", 1.0, (), ("b",), True),
        # Two of five refuse: three are left, and three are enough.
        ("verifiers", 0.4, (), (), True),
        ("verifiers", 0.6, (), (), False),
        # Relayers refuse one by one, which is for them to do.
        ("relayers", 1.0, (), (), True),
    ],
)
def test_censors_leave_out_what_they_name_if_they_are_enough(
    make_transport: TransportMaker,
    by: str,
    share: float,
    kinds: tuple[str, ...],
    subjects: tuple[str, ...],
    offered: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    transport = make_transport(protocol={"verifiers": 5, "quorum": 3})
    rule = Censorship(kinds, subjects, until=500, by=by, share=share)
    transport.channels["out"].censorships.append(rule)
    send(transport)
    assert bool(transport.ready("out", 200)) is offered
    assert transport.ready("out", 501)


# --- forged messages


def test_a_forged_message_needs_no_relayer_and_no_finality(post: Post) -> None:
    forged = post.transport.forge("out", "theft", 1, cause=0, now=50, value_usd=9.0)
    assert post.delivered(54) == []
    assert post.delivered(60) == [0]
    assert (forged.applied, forged.relayer, forged.message.forged) == (True, None, True)


def test_a_forged_message_that_is_found_out_in_time_is_void(make_transport: TransportMaker) -> None:
    transport = make_transport(channel={"challenge_seconds": 600.0})
    forged = transport.forge("out", "theft", 1, cause=0, now=0, value_usd=9.0)
    assert transport.deliver_due(600) == []
    assert transport.void(forged, "forged", 600) is False  # it has no sender to tell
    assert transport.deliver_due(10_000) == []
    assert forged.fate is Fate.VOID


def test_rate_limits_hold_forged_messages_too(make_transport: TransportMaker) -> None:
    transport = make_transport(protocol={"bucket_usd": 100.0, "bucket_refill_usd_per_second": 1.0})
    first, second = (
        transport.forge("out", "theft", 1, cause=0, now=0, value_usd=80.0) for _ in range(2)
    )
    assert (first.limited_seconds, second.limited_seconds) == (0, 60)


@pytest.mark.parametrize(("proof", "keys"), [("attested", 3), ("optimistic", 5), ("zk", None)])
def test_the_proof_decides_how_many_keys_forge(
    make_transport: TransportMaker, proof: str, keys: int | None
) -> None:
    transport = make_transport(protocol={"verifiers": 5, "quorum": 3, "proof": proof})
    assert transport.lanes["out"].keys_to_forge == keys


def test_a_channel_may_be_configured_worse_than_its_protocol(
    make_transport: TransportMaker,
) -> None:
    transport = make_transport(
        protocol={"verifiers": 5, "quorum": 3}, channel={"verifiers": 1, "quorum": 1}
    )
    assert transport.lanes["out"].keys_to_forge == 1
