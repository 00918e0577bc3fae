"""Which shock held up a message, an auction, a liquidation, and for how long.

A wait is put down to a shock where the two overlap: this says what was late and where it stood, not
what would have happened without the shock.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from abm.units import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from abm.recording.results import RunResults

Row = dict[str, Any]

CRITICAL = ("margin_call", "seizure", "proceeds")
"""Kinds of message without which a liquidation does not go on."""


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds from ``start`` up to, without, ``end``."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Seconds in it, 0 where it ends before it starts."""
        return max(self.end - self.start, 0)

    def meet(self, other: Span) -> Span:
        """Return what both have in common."""
        return Span(max(self.start, other.start), min(self.end, other.end))

    def covered_by(self, others: Iterable[Span]) -> int:
        """Return how many of its seconds fall into others, overlapping ones once.

        >>> Span(0, 100).covered_by([Span(10, 30), Span(20, 40), Span(90, 120)])
        40
        """
        total, counted_to = 0, self.start
        for span in sorted(others, key=lambda span: span.start):
            first, last = max(span.start, counted_to), min(span.end, self.end)
            if last > first:
                total += last - first
                counted_to = last
        return total


@dataclass(frozen=True, slots=True)
class Delay:
    """A wait that fell into a shock.

    Attributes
    ----------
    shock : str
        Its name in the scenario.
    kind : str
        Its kind, such as ``channel_halt``.
    place : str
        The channel or chain that stood still, or on which the wait was.
    span : Span
        When, in seconds from the start of the run.
    """

    shock: str
    kind: str
    place: str
    span: Span

    @property
    def seconds(self) -> int:
        """How long."""
        return self.span.length


@dataclass(frozen=True, slots=True)
class HeldUp:
    """How long one shock held something up, in seconds."""

    shock: str
    seconds: int


@dataclass(frozen=True, slots=True)
class ShockSpan:
    """One time of a shock: its name and kind in the scenario, when, and where."""

    name: str
    kind: str
    span: Span
    places: tuple[str, ...]


STOPS_AUCTIONS = ("chain_halt", "sequencer_outage")


class Delays:
    """Puts the waits of a run down to its shocks, scheduled or drawn.

    Parameters
    ----------
    scenario : mapping
        The scenario of the run card.
    events : iterable of dict
        Rows of the table of events, for the times of drawn shocks.
    """

    def __init__(self, scenario: Mapping[str, Any], events: Iterable[Row] = ()) -> None:
        self.horizon = seconds(scenario["clock"]["hours"])
        self._step_seconds = int(scenario["clock"]["step_seconds"])
        self._channels: Mapping[str, Row] = scenario["channels"]
        self._shocks = shock_spans(scenario, events)

    def of_message(self, message: Row) -> Delay | None:
        """Return the shock that held a message up longest, or None.

        A halt of its channel or of either chain counts for the seconds of its way that the tables
        say were halted; a message without an end has none noted, and its way ends with the run. A
        gas spike on its destination or an exit of relayers counts where the message waited for a
        relayer, outside of halts, for more than the step that every relayer takes to look.

        Parameters
        ----------
        message : dict
            A row of the table of messages.
        """
        channel, end = message["channel"], message["end_second"]
        way = Span(message["sent_second"], self.horizon if end is None else end)
        halted = way.length if end is None else message["halted_seconds"]
        halts = [
            (shock, place) for shock in self._shocks if (place := self._halted(shock, channel))
        ]
        found = [
            Delay(shock.name, shock.kind, place, _last(way.meet(shock.span), halted))
            for shock, place in halts
        ]
        found += self._waits_for_relayers(message, way, [shock.span for shock, _ in halts])
        return _longest(found)

    def _halted(self, shock: ShockSpan, channel: str) -> str | None:
        """Return the part of a channel's way that a shock halts, or None."""
        rule = self._channels[channel]
        parts = {
            "channel_halt": (channel,),
            "chain_halt": (rule["source"], rule["destination"]),
            "sequencer_outage": (rule["source"], rule["destination"]),
        }.get(shock.kind, ())
        return next((part for part in parts if part in shock.places), None)

    def _waits_for_relayers(self, message: Row, way: Span, halts: list[Span]) -> list[Delay]:
        picked = message["picked_second"]
        waited = Span(message["ready_second"], way.end if picked is None else picked)
        if waited.length - waited.covered_by(halts) <= self._step_seconds:
            return []
        destination = self._channels[message["channel"]]["destination"]
        found = []
        for shock in self._shocks:
            dear = shock.kind == "gas_spike" and destination in shock.places
            struck = shock.kind == "relayer_strike" and message["channel"] in shock.places
            gone = shock.kind == "relayer_exit" or (shock.kind == "agent_outage" and shock.places)
            if dear or struck or gone:
                common = waited.meet(shock.span)
                idle = common.length - common.covered_by(halts)
                found.append(Delay(shock.name, shock.kind, destination, _last(common, idle)))
        return found

    def of_auction(self, auction: Row) -> Delay | None:
        """Return the shock that held an auction up longest, or None.

        A halt of its chain stops its clock. An exit of liquidators counts where it did not sell
        out, since what was not sold has to be seized again.

        Parameters
        ----------
        auction : dict
            A row of the table of auctions.
        """
        end = auction["ended_second"]
        open_ = Span(auction["opened_second"], self.horizon if end is None else end)
        unsold = auction["units_sold"] < auction["units"]
        return _longest(
            Delay(shock.name, shock.kind, auction["chain"], open_.meet(shock.span))
            for shock in self._shocks
            if (shock.kind in STOPS_AUCTIONS and auction["chain"] in shock.places)
            or (shock.kind == "liquidator_exit" and unsold)
        )


def shock_spans(scenario: Mapping[str, Any], events: Iterable[Row]) -> list[ShockSpan]:
    """Return every time of every shock, scheduled or drawn, in the order of the scenario.

    Parameters
    ----------
    scenario : mapping
        The scenario of the run card.
    events : iterable of dict
        Rows of the table of events, for the times of drawn shocks.
    """
    drawn = drawn_spans(events, seconds(scenario["clock"]["hours"]))
    return [
        ShockSpan(name, rule["kind"], span, _places(rule))
        for name, rule in scenario["shocks"].items()
        for span in (drawn.get(name, []) if rule["at_hours"] is None else [_span(rule)])
    ]


def _span(rule: Row) -> Span:
    """Return when a scheduled shock lasts; one of a moment has no length."""
    start = seconds(rule["at_hours"])
    return Span(start, start + seconds(rule.get("duration_hours") or 0.0))


def _places(rule: Row) -> tuple[str, ...]:
    relayers = [f"relayer {number}" for number in rule.get("relayers", ())]
    return tuple(rule.get("channels") or rule.get("chains") or relayers)


def drawn_spans(events: Iterable[Row], horizon: int) -> dict[str, list[Span]]:
    """Return when each drawn shock lasted, by its name, from its events' starts and ends."""
    begun: dict[int, tuple[str, int]] = {}
    ended: dict[int, int] = {}
    for event in events:
        if event["kind"].startswith("shock_"):
            if event["kind"].endswith("_over"):
                ended[event["cause"]] = event["second"]
            else:
                begun[event["event"]] = (event["place"], event["second"])
    spans: dict[str, list[Span]] = {}
    for number, (name, start) in begun.items():
        spans.setdefault(name, []).append(Span(start, ended.get(number, horizon)))
    return spans


def _last(span: Span, most: int) -> Span:
    """Return the last seconds of a span, at most so many."""
    return Span(span.end - min(span.length, most), span.end)


def _longest(delays: Iterable[Delay]) -> Delay | None:
    """Return the longest delay above zero (ties: the first in the order of the scenario)."""
    found = [delay for delay in delays if delay.seconds > 0]
    return max(found, key=lambda delay: delay.seconds, default=None)


def counted(messages: Iterable[Row]) -> list[Row]:
    """Leave out the copies that another copy of their nonce made needless."""
    messages = list(messages)
    arrived = {(row["channel"], row["nonce"]) for row in messages if row["applied"]}
    return [
        row for row in messages if row["applied"] or (row["channel"], row["nonce"]) not in arrived
    ]


def held_up(results: RunResults) -> dict[int, tuple[HeldUp, ...]]:
    """Return what held up each liquidation of a run.

    Counted are its calls, seizures and proceeds, and its auctions, up to its end; seconds in which
    one shock held up several of them count once.

    Returns
    -------
    dict of int to tuple of HeldUp
        By number of the liquidation, the longest first (ties: by name); empty where no shock held
        anything up.
    """
    delays = Delays(results.manifest.scenario, results.table("events").iter_rows(named=True))
    rows = results.table("liquidations").rows(named=True)
    liquidation_of = {row["cause"]: row["liquidation"] for row in rows}
    for event in results.table("events").filter(kind="seizure").rows(named=True):
        liquidation_of[event["event"]] = liquidation_of[event["cause"]]
    found: defaultdict[int, list[Delay | None]] = defaultdict(list)
    for message in counted(results.table("messages").iter_rows(named=True)):
        if message["kind"] in CRITICAL:
            found[liquidation_of[message["cause"]]].append(delays.of_message(message))
    for auction in results.table("auctions").iter_rows(named=True):
        found[auction["liquidation"]].append(delays.of_auction(auction))
    ends = {row["liquidation"]: row["ended_second"] for row in rows}
    return {
        number: _by_shock(found[number], delays.horizon if end is None else end)
        for number, end in ends.items()
    }


def _by_shock(delays: Iterable[Delay | None], end: int) -> tuple[HeldUp, ...]:
    """Add delays up by shock, as far as they fall before an end."""
    spans: defaultdict[str, list[Span]] = defaultdict(list)
    for delay in delays:
        if delay is not None:
            spans[delay.shock].append(delay.span)
    sums = [HeldUp(shock, Span(0, end).covered_by(parts)) for shock, parts in spans.items()]
    return in_order(item for item in sums if item.seconds)


def in_order(items: Iterable[HeldUp]) -> tuple[HeldUp, ...]:
    """Sort by length, the longest first (ties: by name)."""
    return tuple(sorted(items, key=lambda item: (-item.seconds, item.shock)))
