from __future__ import annotations

from typing import TYPE_CHECKING

from abm.recording.events import ROOT, Event, EventLog

if TYPE_CHECKING:
    from abm.recording.results import RunResults


def test_a_log_opens_with_the_start_which_caused_itself() -> None:
    assert EventLog().events == [Event(id=0, second=0, kind="start", cause=0)]
    assert ROOT == 0


def test_events_are_numbered_in_order_and_keep_what_they_are_told() -> None:
    log = EventLog()
    first = log.add(60, "shock", place="bridge")
    second = log.add(120, "breach", first, account=3, place="far", value_usd=7.5)
    assert (first, second) == (1, 2)
    assert log.events[1:] == [
        Event(1, 60, "shock", ROOT, None, "bridge", 0.0),
        Event(2, 120, "breach", 1, 3, "far", 7.5),
    ]


def test_two_logs_share_nothing() -> None:
    first, second = EventLog(), EventLog()
    first.add(60, "shock")
    assert len(second.events) == 1


def test_every_event_of_a_run_has_an_earlier_cause(run: RunResults) -> None:
    events = run.table("events")
    assert events["event"].to_list() == list(range(len(events)))
    later = events.filter(events["event"] != ROOT)
    assert (later["cause"] < later["event"]).all()
    seconds = dict(events.select("event", "second").iter_rows())
    assert all(seconds[cause] <= second for cause, second in later["cause", "second"].iter_rows())


def test_every_message_and_liquidation_of_a_run_was_caused_by_an_event(run: RunResults) -> None:
    known = set(run.table("events")["event"])
    kinds = dict(run.table("events").select("event", "kind").iter_rows())
    assert set(run.table("messages")["cause"]) <= known
    assert {kinds[cause] for cause in run.table("liquidations")["cause"]} == {"breach"}
    seizures = run.table("messages").filter(run.table("messages")["kind"] == "seizure")
    assert {kinds[cause] for cause in seizures["cause"]} == {"seizure"}


def test_every_shock_of_a_run_is_an_event_at_its_start(run: RunResults) -> None:
    # Both shocks of the scenario start at 0.75 h.
    rows = run.table("events").select("kind", "place", "second").rows()
    assert [row for row in rows if row[0].startswith("shock")] == [
        ("shock_channel_halt", "far_halt", 2_700),
        ("shock_gas_spike", "gas", 2_700),
    ]
