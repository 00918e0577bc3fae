from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from abm.analysis.figures import REPORT, Figure
from abm.analysis.figures.contagion_map import contagion_map
from abm.analysis.figures.losses import loss_over_time, waterfall
from abm.analysis.figures.messages import message_delay
from abm.recording.results import RunResults
from abm.units import format_usd

ResultsOf = Callable[[str], RunResults]

START = datetime(2024, 1, 1, tzinfo=UTC)

each_figure = pytest.mark.parametrize("make", REPORT, ids=lambda make: make.__name__)


def traces(figure: Figure) -> dict[str, Any]:
    """Return the figure's traces by name."""
    return {trace.name: trace for trace in figure.plot.data if trace.name}


def shaded(figure: Figure) -> list[tuple[datetime, datetime]]:
    """Return the shaded spans of time."""
    return [(shape.x0, shape.x1) for shape in figure.plot.layout.shapes if shape.type == "rect"]


def named(figure: Figure) -> dict[str, datetime]:
    """Return the names written beside the spans, with the time at which each stands."""
    notes = figure.plot.layout.annotations
    return {name: note.x for note in notes for name in note.text.split("<br>")}


@each_figure
@pytest.mark.parametrize("name", ["crash", "no_shocks", "no_losses", "no_messages"])
def test_a_figure_can_be_made_of_any_run(
    results_of: ResultsOf, make: Callable[[RunResults], Figure], name: str
) -> None:
    figure = make(results_of(name))
    assert figure.title
    assert re.fullmatch(r"[A-Z].*\.", figure.caption)
    assert figure.plot.to_json()


def test_every_figure_has_a_title_of_its_own(crash: RunResults) -> None:
    assert len({make(crash).title for make in REPORT}) == len(REPORT)


def test_the_loss_is_drawn_at_every_step_beside_the_price(crash: RunResults) -> None:
    steps = crash.table("steps")
    drawn = traces(loss_over_time(crash))
    times = tuple(START + timedelta(seconds=second) for second in steps["second"])
    for name, column in [
        ("price (right)", "price_usd"),
        ("loss: bad debt and shortfall", "loss_usd"),
        ("of it, bad debt", "bad_debt_usd"),
    ]:
        assert tuple(drawn[name].x) == times
        assert list(drawn[name].y) == steps[column].to_list()
    assert drawn["price (right)"].yaxis == "y2"


def test_the_loss_without_the_shocks_is_drawn_where_it_was_run(
    crash: RunResults, results_of: ResultsOf
) -> None:
    assert crash.counterfactual is not None
    drawn = traces(loss_over_time(crash))["loss without the shocks"]
    assert list(drawn.y) == crash.counterfactual.table("steps")["loss_usd"].to_list()
    assert list(drawn.y) != crash.table("steps")["loss_usd"].to_list()
    alone = loss_over_time(results_of("no_shocks"))
    assert "loss without the shocks" not in traces(alone)
    assert "without its shocks" not in alone.caption


@pytest.mark.parametrize("make", [loss_over_time, message_delay])
def test_the_time_of_every_shock_is_shaded_and_named(
    crash: RunResults, results_of: ResultsOf, make: Callable[[RunResults], Figure]
) -> None:
    # Both start at 0.75 h; the halt lasts 1.25 h, the gas 1 h.
    begin = START + timedelta(hours=0.75)
    figure, alone = make(crash), make(results_of("no_shocks"))
    assert shaded(figure) == [
        (begin, START + timedelta(hours=2)),
        (begin, START + timedelta(hours=1.75)),
    ]
    assert named(figure) == {"far halt": begin, "gas": begin}
    assert shaded(alone) == []
    assert named(alone) == {}


def chain_labels(figure: Figure) -> dict[str, str]:
    """Return what is written at each chain, by its name."""
    texts = [text for trace in figure.plot.data for text in trace.text or ()]
    return {text.split("</b>")[0].removeprefix("<b>"): text for text in texts if "<b>" in text}


def test_the_map_shows_at_the_end_every_chain_and_where_the_bad_debt_stands(
    crash: RunResults,
) -> None:
    losses = crash.table("liquidations").filter(outcome="bad_debt")
    bad = dict(losses.group_by(pl.col("chain").cast(pl.String)).agg("bad_debt_usd").iter_rows())
    chains = chain_labels(contagion_map(crash, second=10**9))
    assert set(chains) == {"venue", "far", "near"}
    assert "options venue" in chains["venue"]
    assert {name for name, text in chains.items() if "bad debt" in text} == set(bad)
    for name, losses_usd in bad.items():
        assert f"bad debt {format_usd(sum(losses_usd))}" in chains[name]


def channel_words(figure: Figure) -> dict[str, str]:
    """Return what is said of each channel when it is pointed at, by its name."""
    hovers = [
        text for trace in figure.plot.data if trace.name == "channels" for text in trace.hovertext
    ]
    return {text.split(" ")[0]: text for text in hovers}


def test_the_map_shows_what_is_under_way_and_what_is_halted(crash: RunResults) -> None:
    # The halt of to_far lasts from 0.75 h to 2 h; the map is drawn at 1.5 h.
    at = 5_400
    messages = crash.table("messages").filter(
        pl.col("sent_second") <= at, pl.col("end_second").is_null() | (pl.col("end_second") > at)
    )
    count = dict(messages.group_by(pl.col("channel").cast(pl.String)).len().iter_rows())
    shown = channel_words(contagion_map(crash, second=at))
    assert set(shown) == {"to_far", "from_far", "to_near", "from_near"}
    for name, text in shown.items():
        assert f"{name} (relay)<br>{count.get(name, 0):,} under way" in text
    assert {name for name, text in shown.items() if text.endswith("halted")} == {"to_far"}
    after = channel_words(contagion_map(crash, second=7_800))
    assert not any(text.endswith("halted") for text in after.values())


def test_the_map_of_a_chain_halt_marks_the_chain_while_it_stands_still(
    results_of: ResultsOf,
) -> None:
    # From 0.5 h to 1.5 h.
    during = chain_labels(contagion_map(results_of("chain_halt"), second=3_600))
    after = chain_labels(contagion_map(results_of("chain_halt"), second=6_000))
    assert {name for name, text in during.items() if "halted" in text} == {"near"}
    assert not any("halted" in text for text in after.values())


def test_the_waterfall_draws_the_layers_of_both_runs(crash: RunResults) -> None:
    assert crash.counterfactual is not None
    drawn = list(waterfall(crash).plot.data)
    assert len(drawn) == 2
    for bars, results in zip(drawn, [crash, crash.counterfactual], strict=True):
        losses = results.table("waterfall")
        fund, socialised, uncovered = (
            float(losses[name].sum()) for name in ("fund_usd", "socialised_usd", "uncovered_usd")
        )
        total = fund + socialised + uncovered
        assert list(bars.x) == ["insurance fund", "socialised", "nobody", "bad debt"]
        assert list(bars.y) == pytest.approx([fund, socialised, uncovered, total])
        # Each layer stands on those before it, and the whole on the ground.
        assert list(bars.base) == pytest.approx([0.0, fund, fund + socialised, 0.0])


def test_the_waterfall_of_a_run_without_shocks_does_not_speak_of_them(
    results_of: ResultsOf,
) -> None:
    figure = waterfall(results_of("no_shocks"))
    assert [trace.name for trace in figure.plot.data if "shocks" in trace.name] == []


def test_the_delay_of_every_delivered_message_is_drawn(crash: RunResults) -> None:
    messages = crash.table("messages").filter(pl.col("fate") == "delivered", pl.col("applied"))
    drawn = traces(message_delay(crash))
    for name in ("to_far", "from_far", "to_near", "from_near"):
        part = messages.filter(channel=name)
        minutes = (part["end_second"] - part["sent_second"]) / 60
        sent = [START + timedelta(seconds=second) for second in part["sent_second"]]
        assert list(drawn[name].y) == pytest.approx(minutes.to_list())
        assert list(drawn[name].x) == sent
    assert set(drawn) == {"to_far", "from_far", "to_near", "from_near"}


def test_the_caption_of_the_delays_counts_what_never_arrived(crash: RunResults) -> None:
    outcome = crash.outcome
    never = outcome["messages_sent"] - outcome["messages_delivered"]
    assert f"{never} messages were never delivered" in message_delay(crash).caption


def test_no_delays_are_drawn_where_no_messages_were_sent(results_of: ResultsOf) -> None:
    figure = message_delay(results_of("no_messages"))
    assert traces(figure) == {}
    assert figure.empty == "No messages were delivered."
    assert "0 messages were never delivered" in figure.caption
