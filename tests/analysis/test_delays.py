from __future__ import annotations

from typing import Any

import pytest

from abm.analysis.delays import Delays, Span, counted

HALT = {"kind": "channel_halt", "channels": ["to_far"], "at_hours": 1, "duration_hours": 1}
STALL = {"kind": "chain_halt", "chains": ["far"], "at_hours": 1.5, "duration_hours": 1}
GAS = {"kind": "gas_spike", "chains": ["far"], "at_hours": 1, "duration_hours": 1, "factor": 6}
EXIT = {"kind": "relayer_exit", "at_hours": 1, "duration_hours": 2, "fraction": 0.9}
BUYERS = {"kind": "liquidator_exit", "at_hours": 1, "duration_hours": 1, "fraction": 0.9}


SCENARIO: dict[str, Any] = {
    "channels": {
        "to_far": {"source": "venue", "destination": "far"},
        "from_far": {"source": "far", "destination": "venue"},
        "to_near": {"source": "venue", "destination": "near"},
    },
    "clock": {"hours": 4, "step_seconds": 60},
}


def delays(**shocks: dict[str, Any]) -> Delays:
    return Delays({**SCENARIO, "shocks": shocks})


def message(sent: int, end: int | None, halted: int = 0, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a message that was ready and picked up at once, unless changed."""
    return {
        "channel": "to_far",
        "sent_second": sent,
        "ready_second": sent,
        "picked_second": sent,
        "end_second": end,
        "halted_seconds": halted,
        **changes,
    }


def auction(opened: int, ended: int | None, sold: int) -> dict[str, Any]:
    return {
        "chain": "far",
        "opened_second": opened,
        "ended_second": ended,
        "units": 10,
        "units_sold": sold,
    }


def found(delay: Any) -> tuple[str, str, int, int] | None:  # noqa: ANN401
    return delay and (delay.shock, delay.place, delay.span.start, delay.span.end)


def test_a_message_that_nothing_held_has_no_delay() -> None:
    # The halt is from 3,600 to 7,200: this one arrived a second before it.
    assert delays(halt=HALT).of_message(message(3_000, 3_599)) is None
    # The tables say that nothing of its way was halted.
    assert delays(halt=HALT).of_message(message(3_000, 7_300, halted=0)) is None
    assert delays().of_message(message(0, 10_000)) is None


def test_a_halted_message_waited_in_the_halt_of_its_channel() -> None:
    delay = delays(halt=HALT).of_message(message(3_000, 7_300, halted=3_600))
    assert found(delay) == ("halt", "to_far", 3_600, 7_200)


def test_a_halt_of_another_channel_holds_nothing_up() -> None:
    other = message(3_000, 7_300, halted=3_600, channel="to_near")
    assert delays(halt=HALT).of_message(other) is None


@pytest.mark.parametrize("channel", ["to_far", "from_far"])
def test_a_stall_of_either_chain_holds_a_message_up(channel: str) -> None:
    # The stall is from 5,400 to 9,000.
    held = message(6_000, 9_060, halted=3_000, channel=channel)
    assert found(delays(stall=STALL).of_message(held)) == ("stall", "far", 6_000, 9_000)


def test_no_more_is_put_down_to_a_halt_than_the_tables_say() -> None:
    # A halt that begins between two steps stops messages from the next step on.
    delay = delays(halt=HALT).of_message(message(3_000, 7_300, halted=3_570))
    assert found(delay) == ("halt", "to_far", 3_630, 7_200)


def test_the_shock_that_overlaps_most_has_held_a_message_up() -> None:
    # Of the way from 5,000 to 9,060, 2,200 s fall into the halt and 3,600 s into the stall.
    both = delays(halt=HALT, stall=STALL).of_message(message(5_000, 9_060, halted=3_600))
    assert found(both) == ("stall", "far", 5_400, 9_000)
    # Of the way from 4,000 to 7,260, 3,200 s fall into the halt and 1,860 s into the stall.
    both = delays(halt=HALT, stall=STALL).of_message(message(4_000, 7_260, halted=3_200))
    assert found(both) == ("halt", "to_far", 4_000, 7_200)


def event(number: int, kind: str, second: int, cause: int = 0) -> dict[str, Any]:
    return {"event": number, "kind": kind, "second": second, "cause": cause, "place": "halt"}


def test_a_drawn_shock_lasted_as_long_as_its_events_say() -> None:
    rule = {**HALT, "at_hours": None, "duration_hours": None, "hazard_per_year": 1.0}
    events = [
        event(1, "shock_channel_halt", 1_000),
        event(2, "shock_channel_halt_over", 1_500, cause=1),
        event(3, "seizure", 1_600),
        event(4, "shock_channel_halt", 10_000),  # lasts until the run ends, at 14,400
    ]
    drawn = Delays({**SCENARIO, "shocks": {"halt": rule}}, events)
    assert found(drawn.of_message(message(900, 1_510, halted=500))) == (
        ("halt", "to_far", 1_000, 1_500)
    )
    assert found(drawn.of_message(message(9_000, None))) == ("halt", "to_far", 10_000, 14_400)
    assert drawn.of_message(message(2_000, 3_000)) is None


def test_an_outage_of_a_sequencer_holds_messages_and_auctions_up() -> None:
    outage = {**STALL, "kind": "sequencer_outage"}
    delay = delays(outage=outage).of_message(message(5_000, 9_060, halted=3_600))
    assert found(delay) == ("outage", "far", 5_400, 9_000)
    assert found(delays(outage=outage).of_auction(auction(5_000, 8_000, sold=10))) == (
        ("outage", "far", 5_400, 8_000)
    )


def test_a_strike_is_why_a_message_of_its_channel_waited_for_a_relayer() -> None:
    strike = {**HALT, "kind": "relayer_strike"}
    waiting = message(3_000, 8_000, ready_second=3_100, picked_second=7_990)
    assert found(delays(strike=strike).of_message(waiting)) == ("strike", "far", 3_600, 7_200)
    assert delays(strike=strike).of_message({**waiting, "channel": "to_near"}) is None


def test_a_message_without_an_end_waits_until_the_run_ends() -> None:
    # The tables note no halted seconds for it; 4 hours are 14,400 s.
    lasting = {**HALT, "duration_hours": 9}
    delay = delays(halt=lasting).of_message(message(10_000, None, picked_second=None))
    assert found(delay) == ("halt", "to_far", 10_000, 14_400)


def test_a_wait_for_a_relayer_is_put_down_to_dear_gas_at_its_destination() -> None:
    waiting = message(3_000, 8_000, ready_second=3_100, picked_second=7_990)
    assert found(delays(gas=GAS).of_message(waiting)) == ("gas", "far", 3_600, 7_200)
    assert delays(gas=GAS).of_message({**waiting, "channel": "from_far"}) is None


def test_a_wait_for_a_relayer_is_put_down_to_an_exit_of_relayers() -> None:
    waiting = message(3_000, 8_000, ready_second=3_100, picked_second=7_990)
    assert found(delays(exit=EXIT).of_message(waiting)) == ("exit", "far", 3_600, 7_990)


def test_the_step_that_every_relayer_takes_is_no_delay() -> None:
    waiting = message(4_000, 4_100, ready_second=4_030, picked_second=4_090)
    assert delays(exit=EXIT).of_message(waiting) is None
    assert delays(exit=EXIT).of_message({**waiting, "picked_second": 4_091}) is not None


def test_a_wait_in_a_halt_is_no_wait_for_a_relayer() -> None:
    # From 7,200 on the channel works again; 60 s later a relayer comes.
    held = message(3_700, 7_300, halted=3_500, ready_second=3_800, picked_second=7_260)
    assert found(delays(gas=GAS, halt=HALT).of_message(held)) == ("halt", "to_far", 3_700, 7_200)
    # Nobody comes until 11,200: of these 4,000 s, 3,600 s until 10,800 fall into the exit.
    late = message(7_100, 11_300, halted=100, ready_second=7_100, picked_second=11_200)
    assert found(delays(exit=EXIT, halt=HALT).of_message(late)) == ("exit", "far", 7_200, 10_800)


def test_a_stall_of_its_chain_holds_an_auction_up() -> None:
    assert found(delays(stall=STALL).of_auction(auction(5_000, 9_060, 10))) == (
        "stall",
        "far",
        5_400,
        9_000,
    )
    assert delays(stall=STALL).of_auction({**auction(5_000, 9_060, 10), "chain": "near"}) is None


def test_a_lack_of_liquidators_holds_up_what_does_not_sell_out() -> None:
    held = delays(buyers=BUYERS)
    assert found(held.of_auction(auction(7_000, None, 9))) == ("buyers", "far", 7_000, 7_200)
    assert held.of_auction(auction(7_000, 7_100, 10)) is None
    assert held.of_auction(auction(7_200, 9_000, 0)) is None


def test_gas_and_relayers_hold_no_auction_up() -> None:
    assert delays(gas=GAS, exit=EXIT).of_auction(auction(3_600, 9_000, 0)) is None


def test_seconds_that_spans_share_are_counted_once() -> None:
    assert Span(0, 10).covered_by([]) == 0
    assert Span(0, 10).covered_by([Span(8, 20), Span(-5, 2), Span(9, 11)]) == 4
    assert Span(5, 5).covered_by([Span(0, 10)]) == 0
    assert Span(0, 4).meet(Span(6, 9)).length == 0


def test_copies_that_another_made_needless_do_not_count() -> None:
    lost = {"channel": "to_far", "nonce": 1, "applied": False, "sent_second": 0}
    repeat = {**lost, "applied": True, "sent_second": 600}
    elsewhere = {**lost, "channel": "to_near"}
    expired = {**lost, "nonce": 2}
    assert counted([lost, repeat, elsewhere, expired]) == [repeat, elsewhere, expired]
