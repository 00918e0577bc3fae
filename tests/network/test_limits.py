"""Rate limits: token buckets, and rolling days as a governor keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.network.limits import DAY, RollingDay, TokenBucket

if TYPE_CHECKING:
    from tests.network.conftest import TransportMaker

ASKED = st.lists(st.tuples(st.floats(0.01, 150.0), st.integers(0, 40_000)), min_size=1, max_size=30)


def test_a_full_bucket_lets_its_capacity_pass_at_once() -> None:
    bucket = TokenBucket(100.0, 1.0)
    assert [bucket.admit(50.0, 7), bucket.admit(50.0, 7)] == [7, 7]


def test_what_exceeds_the_bucket_waits_for_the_refill() -> None:
    bucket = TokenBucket(100.0, 2.0)
    bucket.admit(100.0, 0)
    # 30 dollars at 2 a second.
    assert bucket.admit(30.0, 0) == 15.0
    # Nobody overtakes: the next of the same second waits behind, for 10 more dollars.
    assert bucket.admit(10.0, 0) == 20.0
    # By second 1,000 it is full again, and not more than full.
    assert bucket.admit(100.0, 1_000) == 1_000
    assert bucket.admit(2.0, 1_000) == 1_001


def test_what_is_worth_more_than_the_bucket_empties_it() -> None:
    bucket = TokenBucket(100.0, 1.0)
    assert bucket.admit(500.0, 0) == 0
    assert bucket.admit(1.0, 0) == 1.0


@given(ASKED)
def test_no_bucket_passes_more_than_its_capacity_and_refill(
    asked: list[tuple[float, int]],
) -> None:
    bucket = TokenBucket(100.0, 0.01)
    gone = [
        (bucket.admit(value, second), min(value, 100.0))
        for value, second in sorted(asked, key=lambda item: item[1])
    ]
    seconds = [second for second, _ in gone]
    assert seconds == sorted(seconds)
    for start, _ in gone:
        for end, _ in gone:
            passed = sum(value for second, value in gone if start <= second <= end)
            assert end < start or passed <= 100.0 + 0.01 * (end - start) + 1e-6


def test_a_large_value_waits_a_day_and_uses_no_allowance() -> None:
    day = RollingDay(100.0, 50.0, DAY)
    assert day.admit(50.0, 10) == DAY + 10
    assert day.admit(49.0, 10) == 10
    assert day.admit(49.0, 11) == 11


def test_small_values_pass_what_waits() -> None:
    day = RollingDay(100.0, None, DAY)
    assert day.admit(90.0, 0) == 0
    assert day.admit(20.0, 100) == DAY  # when the 90 are a day old
    assert day.admit(5.0, 200) == DAY  # 20 are promised: 90 + 20 leave no room for 5 until then
    assert day.admit(70.0, DAY + 1) == DAY + 1  # 20 + 5 + 70


@given(ASKED)
def test_in_no_day_passes_more_than_the_limit_but_for_what_waited_a_whole_one(
    asked: list[tuple[float, int]],
) -> None:
    day = RollingDay(120.0, None, DAY)
    gone = [
        (day.admit(value, second), value, second)
        for value, second in sorted(asked, key=lambda item: item[1])
    ]
    assert all(asked_at <= goes <= asked_at + DAY for goes, _, asked_at in gone)
    counted = [(goes, value) for goes, value, asked_at in gone if goes < asked_at + DAY]
    for end, _ in counted:
        assert sum(value for goes, value in counted if end - DAY < goes <= end) <= 120.0 + 1e-9


def test_a_message_over_the_limit_waits_and_says_how_long(make_transport: TransportMaker) -> None:
    transport = make_transport(
        protocol={"bucket_usd": 100.0, "bucket_refill_usd_per_second": 0.5, "expiry_seconds": 1e6}
    )
    for value in (80.0, 70.0, 0.0):
        transport.send("out", "parcel", None, subject="a", cause=0, now=0, value_usd=value)
    transport.send("back", "parcel", None, subject="a", cause=0, now=0, value_usd=90.0)
    # All are signed at 100; 50 dollars are missing for the second, 100 seconds of refill. The
    # third comes behind it. Another channel has a bucket of its own.
    assert [item.message.id for item in transport.ready("out", 101)] == [0]
    assert [item.message.id for item in transport.ready("back", 101)] == [3]
    assert [item.limited_seconds for item in transport.transits] == [0, 100, 100, 0]
    assert [item.message.id for item in transport.ready("out", 201)] == [0, 1, 2]


def test_messages_that_bring_no_tokens_pass_every_limit(make_transport: TransportMaker) -> None:
    transport = make_transport(channel={"daily_limit_usd": 10.0})
    transport.send("out", "seizure", None, subject="a", cause=0, now=0, value_usd=1e6)
    assert len(transport.ready("out", 101)) == 1


def test_channels_of_one_protocol_and_source_share_their_day(
    make_transport: TransportMaker,
) -> None:
    transport = make_transport(protocol={"expiry_seconds": 1e6}, channel={"daily_limit_usd": 100.0})
    for channel in ("out", "aside", "back"):
        transport.send(channel, "parcel", None, subject="a", cause=0, now=0, value_usd=60.0)
    ready = [len(transport.ready(channel, 101)) for channel in ("out", "aside", "back")]
    # `out` and `aside` leave the same chain, `back` another.
    assert ready == [1, 0, 1]
    assert transport.transits[1].limited_seconds == DAY


@pytest.mark.parametrize("value", [1.0, 1e9])
def test_an_expired_wait_ends_the_message(make_transport: TransportMaker, value: float) -> None:
    transport = make_transport(channel={"large_transfer_usd": 100.0})
    transport.send("out", "parcel", None, subject="a", cause=0, now=0, value_usd=value)
    transport.ready("out", 101)
    expired = transport.expire_and_repeat(10_000)
    assert len(expired) == 1
