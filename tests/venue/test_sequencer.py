"""The queue in front of the exchange, under every rule."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from abm.scenario.ordering import Ordering
from abm.venue.sequencer import Pending, Sequencer

if TYPE_CHECKING:
    from typing import Any

BLOCK_SECONDS = (2.0,)
RULES = {
    "first_come": Ordering(rule="first_come"),
    "priority_fee": Ordering(rule="priority_fee"),
    "batch_auction": Ordering(rule="batch_auction", batch_seconds=30),
    "encrypted": Ordering(rule="encrypted", decryption_delay_seconds=45),
}


class Queue(RuleBasedStateMachine):
    """Asks and takes in any order, beside a list of all that was asked."""

    @initialize(name=st.sampled_from(sorted(RULES)))
    def open(self, name: str) -> None:
        self.rule_name = name
        self.queue: Sequencer[int] = Sequencer(RULES[name], BLOCK_SECONDS)
        self.now = 0
        self.asked: list[Pending[int]] = []
        self.taken: list[tuple[int, Pending[int]]] = []

    @rule(
        account=st.integers(0, 3),
        delay=st.floats(0, 90),
        fee=st.sampled_from([0.0, 0.5, 2.0]),
        quote=st.booleans(),
    )
    def ask(self, account: int, delay: float, fee: float, *, quote: bool) -> None:
        self.asked.append(
            self.queue.add(
                len(self.asked),
                account=account,
                asked_second=self.now,
                arrival_second=self.now + delay,
                fee_usd=fee,
                is_quote=quote,
            )
        )

    @rule(seconds=st.sampled_from([1, 5, 60]))
    def take(self, seconds: int) -> None:
        self.now += seconds
        moments = self.queue.take(self.now)
        for moment in moments:
            assert len({pending.release_second for pending in moment}) == 1
            self._check_order(moment)
            self.taken += [(self.now, pending) for pending in moment]
        keys = [moment[0].release_second for moment in moments]
        assert keys == sorted(keys)

    def _check_order(self, moment: list[Pending[int]]) -> None:
        """Compare a moment with what its rule says, said anew."""
        if self.rule_name == "priority_fee":
            quotes = [pending for pending in moment if pending.is_quote]
            assert moment[: len(quotes)] == quotes
            fees = [pending.fee_usd for pending in moment[len(quotes) :]]
            assert fees == sorted(fees, reverse=True)
        else:
            arrivals = [pending.arrival_second for pending in moment]
            assert arrivals == sorted(arrivals)

    @invariant()
    def everything_asked_waits_or_was_taken_once(self) -> None:
        if not hasattr(self, "queue"):
            return
        numbers = [pending.number for _, pending in self.taken]
        assert len(set(numbers)) == len(numbers)
        assert len(numbers) + len(self.queue) == len(self.asked)

    @invariant()
    def nothing_comes_before_its_rule_lets_it_and_nothing_due_stays(self) -> None:
        if not hasattr(self, "queue"):
            return
        for second, pending in self.taken:
            assert pending.release_second <= second + 1e-6
            assert pending.release_second >= pending.arrival_second - 1e-6
        assert all(
            pending.release_second > self.now or pending.asked_second == self.now
            for pending in self.queue.waiting()
        )

    @invariant()
    def no_account_overtakes_itself_but_by_its_own_fee(self) -> None:
        if not hasattr(self, "queue"):
            return
        for account in range(4):
            own = [pending for _, pending in self.taken if pending.account == account]
            if self.rule_name != "priority_fee":
                assert [pending.number for pending in own] == sorted(p.number for p in own)
            arrivals = [p.arrival_second for p in self.asked if p.account == account]
            assert arrivals == sorted(arrivals)

    @invariant()
    def what_is_encrypted_is_not_read_before_it_is_decrypted(self) -> None:
        if not hasattr(self, "queue"):
            return
        readable = self.queue.readable(self.now)
        if self.rule_name == "encrypted":
            assert all(pending.release_second <= self.now for pending in readable)
        else:
            assert len(readable) == len(self.queue)


TestQueue = Queue.TestCase


def ask(queue: Sequencer[str], name: str, arrival: float, **more: Any) -> Pending[str]:  # noqa: ANN401
    """Ask as an account of its own."""
    return queue.add(name, account=ord(name), asked_second=0, arrival_second=arrival, **more)


def order_of(queue: Sequencer[str], now: int) -> list[list[str]]:
    return [[pending.content for pending in moment] for moment in queue.take(now)]


def test_first_come_goes_by_arrival_whoever_asked_first() -> None:
    queue: Sequencer[str] = Sequencer(RULES["first_come"], BLOCK_SECONDS)
    ask(queue, "a", 7.5)
    ask(queue, "b", 3.25)
    ask(queue, "c", 12.0)
    assert order_of(queue, 10) == [["b"], ["a"]]


def test_a_fee_counts_within_a_block_and_ladders_stand_at_its_head() -> None:
    queue: Sequencer[str] = Sequencer(RULES["priority_fee"], BLOCK_SECONDS)
    # Blocks of two seconds: c is in the second, the others in the third.
    ask(queue, "a", 4.5, fee_usd=1.0)
    ask(queue, "b", 5.5, fee_usd=3.0)
    ask(queue, "c", 3.5)
    ask(queue, "d", 5.9, is_quote=True)
    assert order_of(queue, 5) == [["c"]]
    assert order_of(queue, 6) == [["d", "b", "a"]]


def test_a_batch_takes_all_that_arrived_by_its_end_at_once() -> None:
    queue: Sequencer[str] = Sequencer(RULES["batch_auction"], BLOCK_SECONDS)
    ask(queue, "a", 30.0)
    ask(queue, "b", 30.5)
    ask(queue, "c", 1.0)
    assert order_of(queue, 29) == []
    assert order_of(queue, 30) == [["c", "a"]]
    assert order_of(queue, 60) == [["b"]]


def test_a_committed_order_is_settled_in_its_place_after_the_decryption_delay() -> None:
    queue: Sequencer[str] = Sequencer(RULES["encrypted"], BLOCK_SECONDS)
    ask(queue, "a", 6.0)
    ask(queue, "b", 5.0)
    assert order_of(queue, 49) == []
    assert queue.readable(49) == []
    assert [pending.content for pending in queue.readable(50)] == ["b"]
    assert order_of(queue, 60) == [["b"], ["a"]]


@pytest.mark.parametrize(
    ("name", "arrival", "ahead", "shares"),
    [
        ("first_come", 5.0, True, False),
        ("first_come", 7.0, False, False),
        ("priority_fee", 5.0, False, True),  # both in the block that ends at 6
        ("priority_fee", 4.0, True, False),
        ("batch_auction", 5.0, False, False),  # both in the batch that ends at 30
    ],
)
def test_what_gets_ahead_is_said_before_it_is_asked(
    name: str, arrival: float, *, ahead: bool, shares: bool
) -> None:
    queue: Sequencer[str] = Sequencer(RULES[name], BLOCK_SECONDS)
    victim = ask(queue, "a", 6.0)
    assert queue.goes_ahead(arrival, victim) is ahead
    assert queue.shares_block(arrival, victim) is shares


def test_blocks_of_a_fraction_of_a_second_end_on_whole_seconds_in_time() -> None:
    queue: Sequencer[str] = Sequencer(RULES["priority_fee"], [0.4])
    for second in range(1, 200):
        pending = queue.add(str(second), account=0, asked_second=0, arrival_second=float(second))
        assert pending.release_second < second + 0.4 + 1e-9
        assert pending.release_second == ceil(second / 0.4 - 1e-9) * 0.4


def test_what_is_for_a_closed_venue_waits_while_others_go_on() -> None:
    queue: Sequencer[str] = Sequencer(RULES["first_come"], (2.0, 2.0))
    ask(queue, "a", 5.0, place=1)
    ask(queue, "b", 6.0, place=0)
    assert [[p.content for p in moment] for moment in queue.take(10, closed=[1])] == [["b"]]
    assert order_of(queue, 10) == [["a"]]


def test_blocks_and_batches_are_those_of_one_venue() -> None:
    queue: Sequencer[str] = Sequencer(RULES["priority_fee"], (2.0, 5.0))
    ask(queue, "a", 9.0, place=1)
    ask(queue, "b", 9.0, place=0)
    assert order_of(queue, 10) == [["b"], ["a"]]
