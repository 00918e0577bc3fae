from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from abm.analysis.figures import (
    FIGURES,
    Figure,
    chain_graph,
    loss_over_time,
    message_delay,
    waterfall,
)
from abm.recording.results import RunResults
from abm.units import format_usd

ResultsOf = Callable[[str], RunResults]

START = datetime(2024, 1, 1, tzinfo=UTC)

each_figure = pytest.mark.parametrize("make", FIGURES, ids=lambda make: make.__name__)


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
    assert len({make(crash).title for make in FIGURES}) == len(FIGURES) == 4


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


def test_the_graph_shows_every_chain_and_where_the_bad_debt_stands(crash: RunResults) -> None:
    losses = crash.table("liquidations").filter(outcome="bad_debt")
    bad = dict(losses.group_by(pl.col("chain").cast(pl.String)).agg("bad_debt_usd").iter_rows())
    chains = chain_labels(chain_graph(crash))
    assert set(chains) == {"venue", "far", "near"}
    assert "options venue" in chains["venue"]
    assert {name for name, text in chains.items() if "bad debt" in text} == set(bad)
    for name, losses_usd in bad.items():
        assert f"bad debt {format_usd(sum(losses_usd))}" in chains[name]


def test_the_graph_shows_the_traffic_of_every_channel_and_what_was_halted(
    crash: RunResults,
) -> None:
    sent = dict(
        crash.table("messages").group_by(pl.col("channel").cast(pl.String)).len().iter_rows()
    )
    hovers = [text for trace in chain_graph(crash).plot.data for text in trace.hovertext or ()]
    shown = {text.split(" ")[0]: text for text in hovers}
    assert set(shown) == {"to_far", "from_far", "to_near", "from_near"}
    for name, text in shown.items():
        assert f"{name} (relay)<br>{sent[name]} messages<br>" in text
    # 1.25 h, below an hour and a half, are told in minutes.
    assert {name for name, text in shown.items() if "halted 75.0 min" in text} == {"to_far"}


def test_the_graph_of_a_chain_halt_marks_the_chain(results_of: ResultsOf) -> None:
    # An hour is told in minutes.
    chains = chain_labels(chain_graph(results_of("chain_halt")))
    assert {name for name, text in chains.items() if "halted 60.0 min" in text} == {"near"}
    assert sum("halted" in text for text in chains.values()) == 1


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
    assert "0 messages were never delivered" in figure.caption
